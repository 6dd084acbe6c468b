"""Excerpts: the part of a run that a comparison needs, small enough for a pull request comment.

An excerpt is made from a run, or read from a saved report (`readers`). Latencies are ratios to the
yardstick, one a launch.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Annotated, Any, Literal

import msgspec

from ..catalogue.entry import Shape
from ..plan.case import Mode
from ..plan.labels import names, plain
from ..records.base import Detail, Elapsed, Failure, Frozen, Name, Share, Whole
from ..records.lines import Stage
from ..records.machine import Spread
from ..records.measurements import MEASUREMENTS, stage_of
from ..records.run import COSTS, Record, Run, RunInfo
from ..records.trainings import COMPARED
from ..verdicts.energy import by_counter, call_energy
from ..verdicts.launches import CaseLaunches, is_contended, launches_by_case
from ..verdicts.matching import ratios_to_yardstick
from ..verdicts.stats import Estimate, exp, latency_estimate

EXCERPT = 1
"""The version of the format in which excerpts are written."""

_ESCAPED = str.maketrans({mark: f"\\u{ord(mark):04x}" for mark in "<>&`"})
_DIGITS = 7  # significant digits of a ratio: rounding stays far below any noise
_STATE_DIGITS = 4  # of the yardstick's time, which is compared to half a percent

_LEAST, _MOST = 1e-12, 1e12

Ratio = Annotated[float, msgspec.Meta(ge=_LEAST, le=_MOST)]
"""A latency's ratio to the yardstick, or a time or an energy in base units."""

Ratios = Annotated[tuple[Ratio, ...], msgspec.Meta(max_length=1_000_000)]
Shares = Annotated[tuple[Share, ...], msgspec.Meta(max_length=1_000_000)]


class CaseExcerpt(Frozen, frozen=True, kw_only=True, omit_defaults=True):
    """One case: its exact figures, and its latency in every launch that counts.

    ``name`` is the label in tables; ``key`` is '' if only a table was saved. ``exact`` holds the
    figures that apply, a `Failure` for one that is missing. ``yardsticks`` are ratios to the
    yardstick, one a launch, and ``yardstick_s`` the yardstick's seconds there, empty if not known;
    ``latency_s`` and ``energy_j`` are shown but not compared. ``missing``
    says why there are no ratios. ``failed``: a stage failed. ``timed``: the run was to measure
    latency. ``trained`` holds one value for each of ``seeds``, by figure.
    """

    key: Name
    name: Name
    entry: Name
    mode: Mode
    input_shape: Shape
    exact: dict[Name, Whole | Failure]
    yardsticks: Ratios = ()
    yardstick_s: Ratios = ()
    latency_s: Ratio | None = None
    energy_j: Ratio | None = None
    missing: Detail = ""
    failed: bool = False
    timed: bool = True
    seeds: tuple[Whole, ...] = ()
    trained: dict[Name, Shares] = {}  # noqa: RUF012 -- msgspec copies it


class Excerpt(Frozen, frozen=True, kw_only=True):
    """The cases of a run, and the circumstances under which it was made (``made``, by name).

    ``between_runs`` is the machine's noise floor by mode, empty if not known. ``launch_s`` is the
    mean time of a launch in seconds, 0 if not known. ``contended`` counts contended launches.
    ``cspbench`` is the version of the format, `EXCERPT`. ``side`` is that of a revision in a run of
    two, else ''.
    """

    cspbench: Whole = EXCERPT
    made: dict[Name, Detail]
    between_runs: dict[Mode, Spread] = {}  # noqa: RUF012 -- msgspec copies it
    launches: Whole = 0
    launch_s: Elapsed = 0.0
    contended: Whole = 0
    side: Literal["", "baseline", "candidate"] = ""
    cases: tuple[CaseExcerpt, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As of any record, without a ``side`` that is ''."""
        plain_values = super().to_dict()
        if not self.side:
            del plain_values["side"]
        return plain_values


def excerpt(run: Run) -> Excerpt:
    """The excerpt of ``run``."""
    yardstick = {latency.launch: latency.samples_s for latency in run.yardstick}
    floor = run.info.noise_floor
    labels = names([record.case for record in run.records])
    launches = launches_by_case(run)
    seconds = [launch.seconds for launch in run.launches]
    return Excerpt(
        made=_circumstances(run),
        between_runs=floor.between_runs if floor else {},
        launches=len(run.launches),
        launch_s=_rounded(fmean(seconds)) if seconds else 0.0,
        contended=sum(map(is_contended, run.launches)),
        cases=tuple(
            case_excerpt(record, labels[key], launches[key], yardstick, run.info.stages)
            for record in run.records
            for key in [record.case.key]
        ),
    )


def write_down(run_excerpt: Excerpt) -> str:
    """An excerpt as lines of JSON: the circumstances, then one line for each case.

    The text is ASCII and contains no character that could end a code block or begin markup.
    """
    circumstances = run_excerpt.to_dict()
    cases = circumstances.pop("cases")
    lines = [json.dumps(line, separators=(",", ":")) for line in (circumstances, *cases)]
    return "\n".join(lines).translate(_ESCAPED)


def case_excerpt(
    record: Record,
    name: str,
    launches: CaseLaunches,
    yardstick: Mapping[int, tuple[float, ...]],
    stages: Sequence[Stage] = COSTS,
) -> CaseExcerpt:
    """The excerpt of one case; ``yardstick`` holds the yardstick's samples by launch.

    Figures of stages that are not among ``stages`` are left out.
    """
    case = record.case
    through = ratios_to_yardstick(launches.samples, yardstick)
    return CaseExcerpt(
        key=case.key,
        name=name,
        entry=case.entry,
        mode=case.mode,
        input_shape=case.input_shape,
        exact=dict(_exact(record, stages)),
        yardsticks=tuple(_ratio(exp(launch.log_ratio)) for launch in through),
        yardstick_s=tuple(_ratio(launch.yardstick_s, _STATE_DIGITS) for launch in through),
        latency_s=_latency_s(launches),
        energy_j=energy_j(record),
        missing="" if record.latencies else why_missing(record, "latency"),
        failed=bool(record.failures),
        timed="latency" in stages,
        seeds=tuple(training.seed for training in record.trainings),
        trained=dict(_trained(record)),
    )


def energy_j(record: Record) -> float | None:
    """The joules of a call by NVML's counter; None if they could not be read."""
    energy = call_energy(record.energy, by_counter) if record.energy else None
    return _ratio(energy.value) if isinstance(energy, Estimate) else None


def _exact(record: Record, stages: Sequence[Stage]) -> Iterator[tuple[str, int | Failure]]:
    for kind in MEASUREMENTS:
        measurement = record.get(kind)
        for name in kind.exact if stage_of(kind) in stages else ():
            if measurement is None:
                yield name, Failure(reason=why_missing(record, stage_of(kind)))
            elif (figure := getattr(measurement, name)) is not None:
                yield name, figure


def _trained(record: Record) -> Iterator[tuple[str, tuple[float, ...]]]:
    """The name and values, one a seed, of each figure that every training has."""
    readings = [training.readings[-1] for training in record.trainings]
    for name in COMPARED if readings else ():
        values = [getattr(reading, name) for reading in readings]
        if None not in values:
            yield name, tuple(map(_rounded, values))


def _latency_s(launches: CaseLaunches) -> float | None:
    samples = list(launches.samples.values())
    return _ratio(latency_estimate(samples).value) if samples else None


def why_missing(record: Record, stage: Stage) -> str:
    """The failure of ``stage``, or the first one after which the case was not measured further."""
    failures = [
        failure for failure in record.failures if failure.stage == stage or failure.is_fatal
    ]
    if failures:
        failure = failures[0]
        return f"failed at {failure.stage} ({failure.cause}): {failure.reason}"
    return "not measured"


def _ratio(value: float, digits: int = _DIGITS) -> float:
    """``value`` as it is saved, within the bounds of a `Ratio`."""
    return _rounded(min(max(value, _LEAST), _MOST), digits)


def _rounded(value: float, digits: int = _DIGITS) -> float:
    return float(f"{value:.{digits}g}")


def device_text(info: RunInfo) -> str:
    """The name of the processor or GPU, and of the device."""
    return f"{info.environment.device} ({info.settings.device})"


def _circumstances(run: Run) -> dict[str, str]:
    info, settings, environment = run.info, run.info.settings, run.info.environment
    circumstances = {
        "device": device_text(info),
        "cores": str(environment.physical_cores),
        "threads": str(settings.threads),
        "allocator": settings.allocator,
        "yardstick": info.yardstick,
        "torch": environment.packages.get("torch", "unknown"),
        "Python": environment.python,
        "system": environment.system,
        "suite": info.suite,
        "turns": "chosen" if settings.turns is None else str(settings.turns),
        "least sample": f"{settings.min_time_s:g} s",
        "cspbench": info.version,
        **environment.runtimes_of(case.form for case in info.cases),
    }
    if environment.gpus:
        gpu = environment.gpus[0]
        circumstances["cache"] = "cold" if settings.cold else "warm"
        circumstances["CUDA"] = f"{gpu.cuda}, cuDNN {gpu.cudnn}"
        if not isinstance(gpu.driver, Failure):
            circumstances["driver"] = gpu.driver
    if settings.training:
        circumstances["training"] = (
            f"{settings.training.steps} steps on {settings.training.data}, "
            f"head {settings.training.head}"
        )
    if info.models:
        models = [f"{plain(name)} {digest}" for name, digest in info.models.items()]
        circumstances["models"] = ", ".join(models)
    if info.repositories:
        commits = (
            f"{git.commit[:12]}{' with changes' if git.dirty else ''}"
            for git in info.repositories.values()
        )
        circumstances["commit of the models"] = ", ".join(dict.fromkeys(commits))
    if info.git:
        changes = " with changes" if info.git.dirty else ""
        circumstances["commit"] = info.git.commit[:12] + changes
    return circumstances
