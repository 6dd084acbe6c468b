"""Whether a run can be resumed: code, settings, suite and machine must be unchanged."""

from collections.abc import Iterator
from dataclasses import replace

import msgspec

from ..errors import CspbenchError
from ..machine import environment
from ..measures.timing.yardstick import digest
from ..plan.suite import Selection, Suite, built_in
from ..records.machine import Environment, Git
from ..records.run import RunInfo
from . import preflight
from .foreign_code import check_named
from .repeat import option_words, value_text
from .request import GradientsRequest, RunRequest
from .settings import DEFAULT_TRAINING, chosen_settings, chosen_training, stages, trains
from .suites import suite_of

ResumableRequest = RunRequest | GradientsRequest


def check_resumable(info: RunInfo, request: ResumableRequest) -> None:
    """Raise `CspbenchError`, listing all differences, unless ``request`` can resume the run.

    Models outside the catalogue are loaded, which runs their code, if the request names or trusts
    it (`check_named`).
    """
    if isinstance(request, RunRequest) and request.is_batch_fitted:
        raise CspbenchError(
            f"--resume {request.resume}: its batches were found when it began: leave out "
            "--batch-size auto"
        )
    if info.revisions:
        raise CspbenchError(
            f"--resume {request.resume}: it holds two revisions, whose checkouts are gone; "
            "compare them anew (ab)"
        )
    check_named(info, request)
    differences = [*_model_differences(info, request), *_differences(info, request)]
    if differences:
        raise CspbenchError(
            f"cannot resume {request.resume}: {'; '.join(differences)}. "
            "Ask for the same, or begin anew (--out)"
        )


def _differences(info: RunInfo, request: ResumableRequest) -> Iterator[str]:
    options = list(_option_differences(info, request))
    if options:
        yield f"it was started {', and '.join(options)}"
    training = (info.settings.training or DEFAULT_TRAINING) if trains(request) else None
    settings = msgspec.structs.replace(info.settings, training=training)
    requested = stages(request, settings)
    if info.stages != requested:
        yield f"it measures {', '.join(info.stages)}, not {', '.join(requested)}"
    yield from _suite_differences(info, request)
    yield from _machine_differences(info)


def _model_differences(info: RunInfo, request: ResumableRequest) -> Iterator[str]:
    try:
        models = preflight.load(info.cases, info.settings)
    except CspbenchError as error:
        raise CspbenchError(
            f"--resume {request.resume}: {error}; go on from where it was begun"
        ) from error
    for name in sorted(info.models):
        if models.get(name) != info.models[name]:
            yield f"{name} has changed since"


def _option_differences(info: RunInfo, request: ResumableRequest) -> Iterator[str]:
    """The options that ``request`` chooses and that differ from the run's.

    An option that the request leaves out is taken from the run.
    """
    for name, value in chosen_training(request).items():
        yield from _difference(name, getattr(info.settings.training, name, None), value)
    for name, value in chosen_settings(request).items():
        yield from _difference(name, getattr(info.settings, name), value)
    device = request.device if isinstance(request, RunRequest) else None
    if device not in {None, "auto"}:
        yield from _difference("device", info.settings.device, device)


def _difference(name: str, recorded: object, requested: object) -> Iterator[str]:
    if recorded is None or recorded is False:
        yield f"without {option_words(name, requested)[0]}"
    elif recorded != requested:
        yield f"with {' '.join(option_words(name, recorded))}, not {value_text(requested)}"


def _suite_differences(info: RunInfo, request: ResumableRequest) -> Iterator[str]:
    if request.suite is None and not _has_selection(request):
        return
    if request.suite is None and info.suite not in built_in():
        raise CspbenchError(
            f"--resume {request.resume}: to choose cases of its suite {info.suite!r} anew, "
            "name the suite's file, too"
        )
    name = info.suite if request.suite is None else request.suite
    yield from _case_differences(info, suite_of(replace(request, suite=name), info.settings.device))


def _has_selection(request: ResumableRequest) -> bool:
    if request.overrides or request.inputs:
        return True
    if isinstance(request, GradientsRequest):
        return bool(request.only)
    return request.selection != Selection()


def _case_differences(info: RunInfo, suite: Suite) -> Iterator[str]:
    recorded = {case.key: case for case in info.cases}
    requested = {case.key: case for case in suite.cases}
    for key, case in recorded.items():
        if key not in requested:
            yield f"only its suite has {key!r}"
        elif case != requested[key]:
            yield f"{key!r} means something else there"
    for key in requested:
        if key not in recorded:
            yield f"its suite lacks {key!r}"


def _machine_differences(info: RunInfo) -> Iterator[str]:
    _, gpus = preflight.find_devices(info.settings.device)
    current = environment.describe([gpu.description for gpu in gpus])
    yield from _environment_differences(info.environment, current)
    yield from _git_differences(info.git, environment.git())
    if info.yardstick != digest(info.settings.device):
        yield "the yardstick is another"
    if info.source != environment.source():
        yield "the code of cspbench has changed since"


def _environment_differences(recorded: Environment, current: Environment) -> Iterator[str]:
    for name in ("device", "gpus", "python", "packages", "affinity"):
        before, now = getattr(recorded, name), getattr(current, name)
        if before != now:
            yield f"{name} was {before}, is {now}"


def _git_differences(recorded: Git | None, current: Git | None) -> Iterator[str]:
    if (recorded and recorded.commit) != (current and current.commit):
        yield (
            f"its commit is {recorded.commit[:12] if recorded else 'unknown'}, "
            f"this one is {current.commit[:12] if current else 'unknown'}"
        )
