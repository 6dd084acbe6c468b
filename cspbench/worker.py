"""What happens inside one process: the tasks that the runner hands to a fresh one.

This module is what the fork server loads ahead: torch, thop and what the measures need of them.
"""

import gc
import os
import time
import traceback
import warnings
from collections.abc import Callable
from functools import partial

import torch
import torch._dynamo  # an optimizer and fake tensors load it on first use, which takes seconds

from . import allocator
from .case import Case
from .device import backend, check
from .errors import CspbenchError
from .isolate import Announcer
from .measures.base import BuiltSubject, Call
from .measures.latency import Contestant, stopwatch, take_turns
from .measures.registry import MEASURES
from .measures.yardstick import yardstick
from .records import (
    YARDSTICK,
    CaseFailure,
    Cause,
    Launch,
    Settings,
    Stage,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import thop  # noqa: F401 -- loaded ahead, so that a fresh process has it


def identify(announcer: Announcer, device: str) -> None:
    """Send the name of a CUDA device, or the `CspbenchError` that says why it cannot be used."""
    try:
        check(device)
    except CspbenchError as error:
        announcer.send(error)
    else:
        announcer.send(torch.cuda.get_device_name(device))


def measure(
    announcer: Announcer, case: Case, stages: tuple[Stage, ...], settings: Settings
) -> None:
    """Send one record a stage of a case; a stage that raises sends a failure and ends the task."""
    subject = BuiltSubject(case)
    for index, stage in enumerate(stages):
        announcer.step(index)
        try:
            with backend(threads=settings.threads, seed=settings.seed, precision=case.precision):
                announcer.send(MEASURES[stage](subject))
        except Exception as error:  # noqa: BLE001 -- whatever a case raises is its record
            announcer.send(failure(case.key, stage, error))
            return


def launch(announcer: Announcer, number: int, cases: tuple[Case, ...], settings: Settings) -> None:
    """Let ``cases`` and the yardstick take turns; send what was read, and the launch last.

    The step announced is the index of the case whose turn it is; the yardstick's is one past.
    """
    pinned = allocator.pin() if settings.allocator == "pinned" else "system"
    seed = settings.seed * 1_000_003 + number  # another order each launch, the same each repetition
    steps = {case.key: index for index, case in enumerate(cases)} | {YARDSTICK: len(cases)}

    def attempt(key: str, task: Callable[[], object]) -> bool:
        announcer.step(steps[key])
        try:
            task()
        except Exception as error:  # noqa: BLE001 -- whatever a case raises is its record
            announcer.send(failure(key, "latency", error, number))
            return False
        return True

    contestants: list[Contestant] = []

    def enter(key: str, call: Callable[[], object]) -> None:
        contestant = Contestant(key=key, timed=stopwatch(call, settings.device))
        contestant.prepare(minimum_s=settings.min_time_s)
        contestants.append(contestant)

    def enter_case(case: Case) -> None:
        enter(case.key, Call(case, BuiltSubject(case).real(), case.device))

    precision = cases[0].precision  # a group shares the backend's flags
    with backend(threads=settings.threads, seed=settings.seed, precision=precision):
        threads = torch.get_num_threads()
        announcer.step(len(cases))
        enter(YARDSTICK, yardstick(settings.device))
        for case in cases:
            attempt(case.key, partial(enter_case, case))
        gc.collect()
        gc.disable()
        load_before, wall, processor = os.getloadavg()[0], time.perf_counter(), time.process_time()
        stayed = take_turns(
            contestants,
            turns=settings.turns,
            seed=seed,
            sample=lambda one: attempt(one.key, one.sample),
        )
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
    for one in stayed:
        announcer.send(one.latency(launch=number))
    announcer.send(
        Launch(
            launch=number,
            cases=tuple(one.key for one in stayed if one.key != YARDSTICK),
            seed=seed,
            threads=threads,
            allocator=pinned,
            wall_s=wall,
            cpu_s=processor,
            load_before=load_before,
            load_after=os.getloadavg()[0],
        )
    )


def failure(key: str, stage: Stage, error: Exception, number: int | None = None) -> CaseFailure:
    """What ``error`` says, as a record: its cause, its first line, and its traceback."""
    text = str(error)
    cause: Cause = "raised"
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in text:
        cause = "out_of_memory"
    first = next(iter(text.strip().splitlines()), "")
    return CaseFailure(
        case=key,
        stage=stage,
        cause=cause,
        reason=f"{type(error).__name__}: {first}" if first else type(error).__name__,
        launch=number,
        detail="".join(traceback.format_exception(error)),
    )
