"""What is made sure of before a run begins, in another process: devices, models of yours, data."""

from collections.abc import Sequence

from ..errors import CspbenchError
from ..plan.case import Case
from ..records.machine import GpuFound
from ..records.run import Settings
from . import isolate


def devices_of(wanted: str) -> tuple[str, tuple[GpuFound, ...]]:
    """The device to use, or several GPUs, and what they are, found out in another process."""
    if wanted == "cpu":
        return wanted, ()
    answers: list[object] = []
    device = "cuda" if wanted == "auto" else wanted
    names = tuple(device.split(","))
    worker_exit = isolate.run(
        "cspbench.engine.worker:identify", names, time_limit_s=120, receive=answers.append
    )
    gpus = tuple(answer for answer in answers if isinstance(answer, GpuFound))
    if len(gpus) == len(names):
        return device, gpus
    if wanted == "auto":
        return "cpu", ()
    refusals = [answer for answer in answers if isinstance(answer, CspbenchError)]
    if refusals:
        raise refusals[0]
    raise CspbenchError(
        f"--device {wanted}: it cannot be used: "
        f"{worker_exit.reason if worker_exit else 'no answer'}"
    )


def load(cases: Sequence[Case], settings: Settings) -> dict[str, str]:
    """A hash of the files that name and define each model of yours, by the name of its builder.

    Raises `CspbenchError` where one of them, or data to train on, cannot be loaded, so that a wrong
    name is met before anything is measured. Their code runs, in a process of its own.
    """
    outside = dict.fromkeys(case.build for case in cases if not case.build.startswith("."))
    data = settings.training.data if settings.training else None
    if not outside and data is None:
        return {}
    answers: list[tuple[str, str]] = []
    refused: CspbenchError | None = None

    def receive(answer: tuple[str, str] | CspbenchError) -> None:
        nonlocal refused
        if isinstance(answer, CspbenchError):
            refused = answer
        else:
            answers.append(answer)

    worker_exit = isolate.run(
        "cspbench.engine.worker:load",
        tuple(outside),
        data,
        time_limit_s=settings.time_limit_s,
        receive=receive,
    )
    if refused is not None:
        raise refused
    if worker_exit is not None:
        names = ", ".join([*outside, *([data] if data else [])])
        raise CspbenchError(f"{names}: loading it failed: {worker_exit.reason}")
    own = {case.entry for case in cases}  # a library's model is not the file that makes it
    return {answer[0]: answer[1] for answer in answers if answer[0] in own}
