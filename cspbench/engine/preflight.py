"""Checks before a run begins, in another process: devices, models, data to train on."""

from collections.abc import Sequence

from ..catalogue.entry import is_own
from ..choices import RUNTIME_FORMS
from ..errors import CspbenchError
from ..plan.case import Case
from ..records.machine import AvailableGpu
from ..records.run import Settings
from . import attempts, defaults
from .request import EngineRequest, GradientsRequest

_TIME_LIMIT_S = 120  # for loading torch and initialising a driver


def devices_of(request: EngineRequest) -> tuple[str, tuple[AvailableGpu, ...]]:
    """The device or devices that ``request`` asks for, and the GPUs among them.

    Raises `CspbenchError` like `find_devices`.
    """
    if isinstance(request, GradientsRequest):
        return "cpu", ()
    return find_devices(request.device or defaults.DEVICE)


def find_devices(device: str) -> tuple[str, tuple[AvailableGpu, ...]]:
    """``device`` and the GPUs that it names; ``auto`` becomes a GPU if there is one, else the CPU.

    Raises `CspbenchError` if a GPU cannot be used.
    """
    if device == "cpu":
        return device, ()
    names = ("cuda",) if device == "auto" else tuple(device.split(","))
    answers, worker_exit = attempts.answers(
        "cspbench.engine.worker:identify", names, time_limit_s=_TIME_LIMIT_S
    )
    gpus = tuple(answer for answer in answers if isinstance(answer, AvailableGpu))
    if len(gpus) == len(names):
        return ",".join(names), gpus
    if device == "auto":
        return "cpu", ()
    refusals = [answer for answer in answers if isinstance(answer, CspbenchError)]
    if refusals:
        raise CspbenchError(f"--{refusals[0]}")  # which begins with the device
    raise CspbenchError(
        f"--device {device} cannot be used: "
        f"{worker_exit.reason if worker_exit else 'its process gave no answer'}"
    )


def load(cases: Sequence[Case], settings: Settings) -> dict[str, str]:
    """The hash (`model_hash`) of each model outside the catalogue, and of what makes its inputs.

    They are by the name of the callable. Their code is loaded in a worker. Raises `CspbenchError`
    like `check_forms`, and if a model, its inputs or the data to train on cannot be loaded, or a
    model does not take the arguments of its cases, so that a wrong name fails before anything is
    measured.
    """
    calls = dict.fromkeys(
        (case.build, tuple(case.arguments)) for case in cases if not is_own(case.build)
    )
    check_forms(cases)
    makers = {case.inputs.text: case.inputs for case in cases if case.inputs and case.inputs.maker}
    data = settings.training.data if settings.training else None
    if not calls and not makers and data is None:
        return {}
    answers, worker_exit = attempts.answers(
        "cspbench.engine.worker:load",
        tuple(calls),
        data,
        tuple(makers.values()),
        time_limit_s=settings.time_limit_s,
    )
    for answer in answers:
        if isinstance(answer, CspbenchError):
            raise answer
    if worker_exit is not None:
        builders = dict.fromkeys(builder for builder, _ in calls)
        names = ", ".join([*builders, *makers, *([data] if data else [])])
        raise CspbenchError(f"cannot load {names}: {worker_exit.reason}")
    named = {case.entry for case in cases}  # leaves out builders of a library's many models
    named |= {inputs.maker for inputs in makers.values()}
    return {builder: digest for builder, digest in answers if builder in named}


def check_forms(cases: Sequence[Case]) -> None:
    """Raise `CspbenchError` for a form whose packages are not installed, as a worker says."""
    forms = tuple(dict.fromkeys(case.form for case in cases if case.form in RUNTIME_FORMS))
    if not forms:
        return
    answers, _ = attempts.answers(
        "cspbench.engine.worker:check_forms", forms, time_limit_s=_TIME_LIMIT_S
    )
    for answer in answers:
        raise CspbenchError(f"--form: {answer}")
