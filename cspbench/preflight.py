"""What is made sure of before a run begins, in another process: devices, models of yours, data."""

from collections.abc import Sequence

from . import isolate
from .case import Case
from .errors import CspbenchError
from .records import GpuFound, Settings


def devices_of(wanted: str) -> tuple[str, tuple[GpuFound, ...]]:
    """The device to use, or several GPUs, and what they are, found out in another process."""
    if wanted == "cpu":
        return wanted, ()
    answers: list[object] = []
    device = "cuda" if wanted == "auto" else wanted
    names = tuple(device.split(","))
    died = isolate.run("cspbench.worker:identify", names, time_limit_s=120, receive=answers.append)
    gpus = tuple(answer for answer in answers if isinstance(answer, GpuFound))
    if len(gpus) == len(names):
        return device, gpus
    if wanted == "auto":
        return "cpu", ()
    refusals = [answer for answer in answers if isinstance(answer, CspbenchError)]
    if refusals:
        raise refusals[0]
    raise CspbenchError(
        f"--device {wanted}: it cannot be used: {died.reason if died else 'no answer'}"
    )


def check_loadable(cases: Sequence[Case], settings: Settings) -> None:
    """Raise `CspbenchError` where a model from outside, or data to train on, cannot be loaded.

    So that a wrong name is met before anything is measured. Their code runs, in a process of its
    own.
    """
    outside = dict.fromkeys(case.build for case in cases if not case.build.startswith("."))
    data = settings.training.data if settings.training else None
    if not outside and data is None:
        return
    refusals: list[CspbenchError] = []
    died = isolate.run(
        "cspbench.worker:load",
        tuple(outside),
        data,
        time_limit_s=settings.time_limit_s,
        receive=refusals.append,
    )
    if refusals:
        raise refusals[0]
    if died is not None:
        names = ", ".join([*outside, *([data] if data else [])])
        raise CspbenchError(f"{names}: loading it failed: {died.reason}")
