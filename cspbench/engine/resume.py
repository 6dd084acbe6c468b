"""Whether a run can be resumed: code, settings, suite and machine must be unchanged."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import msgspec

from ..errors import CspbenchError
from ..machine import environment
from ..measures.timing.yardstick import digest
from ..plan.case import Form
from ..plan.suite import Selection, Suite, built_in
from ..records.machine import Environment, Git
from ..records.run import RunInfo
from . import preflight
from .foreign_code import check_named
from .repeat import option_words, value_text
from .request import GradientsRequest, RunRequest
from .settings import DEFAULT_TRAINING, chosen_settings, chosen_training, stages, trains
from .suites import suite_of

_MAX_KEYS = 3  # in a message

ResumableRequest = RunRequest | GradientsRequest


def check_resumable(info: RunInfo, request: ResumableRequest) -> None:
    """Raise `CspbenchError`, listing all differences, unless ``request`` can resume the run.

    Models outside the catalogue are loaded, which runs their code, if the request names or trusts
    it (`check_named`).
    """
    if isinstance(request, RunRequest) and request.is_batch_fitted:
        raise CspbenchError(
            f"cannot resume {request.resume} with --batch-size auto: its batch sizes were found "
            "when it was started (leave the option out)"
        )
    if info.revisions:
        raise CspbenchError(
            f"cannot resume {request.resume}: it compares two revisions, whose checkouts are gone "
            "(run ab again)"
        )
    check_named(info, request)
    options = list(_option_differences(info, request))
    others = [*_model_differences(info, request), *_other_differences(info, request)]
    if not options and not others:
        return
    remedy = "start a new run without --resume"
    if options and not others:
        remedy = f"{_as_recorded(options)}, or {remedy}"
    differences = [_started_text(options)] if options else []
    text = "; ".join([*differences, *others])
    raise CspbenchError(f"cannot resume {request.resume}: {text} ({remedy})")


def _other_differences(info: RunInfo, request: ResumableRequest) -> Iterator[str]:
    training = (info.settings.training or DEFAULT_TRAINING) if trains(request) else None
    settings = msgspec.structs.replace(info.settings, training=training)
    requested = stages(request, settings, info.cases)
    if info.stages != requested:
        yield f"it measures {', '.join(info.stages)}, not {', '.join(requested)}"
    yield from _suite_differences(info, request)
    yield from _machine_differences(info)


def _model_differences(info: RunInfo, request: ResumableRequest) -> Iterator[str]:
    try:
        models = preflight.load(info.cases, info.settings)
    except CspbenchError as error:
        raise CspbenchError(
            f"cannot resume {request.resume}: {error} (continue in the folder in which it was "
            "started)"
        ) from error
    for name in sorted(info.models):
        if models.get(name) != info.models[name]:
            yield f"{name} has changed since it was started"


@dataclass(frozen=True, slots=True)
class _OptionDifference:
    """An option, by its field in a request, with the value of the run and that of the request."""

    name: str
    recorded: object
    requested: object

    @property
    def option(self) -> str:
        return option_words(self.name, self.requested)[0]

    @property
    def recorded_words(self) -> str:
        """The words that set the option as in the run; '' if it was left out."""
        if self.recorded is None or self.recorded is False:
            return ""
        return " ".join(option_words(self.name, self.recorded))


def _started_text(differences: Sequence[_OptionDifference]) -> str:
    """With which of these options the run was started, and with which not."""
    parts = [
        f"with {words}, not {value_text(difference.requested)}"
        if (words := difference.recorded_words)
        else f"without {difference.option}"
        for difference in differences
    ]
    return f"it was started {', and '.join(parts)}"


def _as_recorded(differences: Sequence[_OptionDifference]) -> str:
    """What to type to have these options as in the run."""
    used = [difference.recorded_words for difference in differences if difference.recorded_words]
    left_out = [difference.option for difference in differences if not difference.recorded_words]
    parts = [f"use {' '.join(used)}"] if used else []
    parts += [f"leave out {' '.join(left_out)}"] if left_out else []
    return " and ".join(parts)


def _option_differences(info: RunInfo, request: ResumableRequest) -> Iterator[_OptionDifference]:
    """The options that ``request`` chooses and that differ from the run's.

    An option that the request leaves out is taken from the run.
    """
    training = info.settings.training
    options = [
        _OptionDifference(name, getattr(training, name, None), value)
        for name, value in chosen_training(request).items()
    ]
    options += [
        _OptionDifference(name, getattr(info.settings, name), value)
        for name, value in chosen_settings(request).items()
    ]
    device = request.device if isinstance(request, RunRequest) else None
    if device not in {None, "auto"}:
        options.append(_OptionDifference("device", info.settings.device, device))
    yield from (option for option in options if option.recorded != option.requested)


def _suite_differences(info: RunInfo, request: ResumableRequest) -> Iterator[str]:
    if request.suite is None and not _has_selection(request):
        return
    if request.suite is None and info.suite not in built_in():
        raise CspbenchError(
            f"cannot resume {request.resume}: options that choose cases need its suite or "
            f"entries named, too (leave them out, or repeat the command: {info.command})"
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
    shared = recorded.keys() & requested.keys()
    changed = [key for key in recorded if key in shared and recorded[key] != requested[key]]
    if surplus := [key for key in recorded if key not in shared]:
        yield f"it has {_quoted(surplus)}, which this command does not measure"
    if missing := [key for key in requested if key not in shared]:
        yield f"it lacks {_quoted(missing)}"
    if changed:
        yield f"it measures {_quoted(changed)} with other arguments or inputs"


def _quoted(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _MAX_KEYS} more" if len(keys) > _MAX_KEYS else ""
    return ", ".join(map(repr, keys[:_MAX_KEYS])) + more


def _machine_differences(info: RunInfo) -> Iterator[str]:
    _, gpus = preflight.find_devices(info.settings.device)
    current = environment.describe([gpu.description for gpu in gpus])
    forms = [case.form for case in info.cases]
    yield from _environment_differences(info.environment, current, forms)
    yield from _git_differences(info.git, environment.git())
    if info.yardstick != digest(info.settings.device):
        yield "the yardstick of cspbench has changed since it was started"
    if info.source != environment.source():
        yield "the code of cspbench has changed since it was started"


def _environment_differences(
    recorded: Environment, current: Environment, forms: Sequence[Form]
) -> Iterator[str]:
    if recorded.gpus != current.gpus and recorded.device == current.device:
        yield "the memory, driver or libraries of its GPU differ from those here"
    old = recorded.packages | recorded.runtimes_of(forms)
    new = current.packages | current.runtimes_of(forms)
    for name, before, now in (
        ("processor or GPU", recorded.device, current.device),
        ("Python", recorded.python, current.python),
        ("cores", _numbers(recorded.affinity), _numbers(current.affinity)),
        *((name, old.get(name), new.get(name)) for name in sorted({*old, *new})),
    ):
        if before != now:
            yield f"it was started with {name} {before or 'absent'}, here: {now or 'absent'}"


def _numbers(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))


def _git_differences(recorded: Git | None, current: Git | None) -> Iterator[str]:
    if (recorded and recorded.commit) != (current and current.commit):
        yield (
            f"it was started at commit {recorded.commit[:12] if recorded else 'unknown'}, this is "
            f"{current.commit[:12] if current else 'unknown'}"
        )
