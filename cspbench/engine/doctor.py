"""Is this machine fit to measure on: how it is set, and what identical code looks like on it.

The noise floor is an A/A measurement at default settings: copies of one case take turns in
launches, as the cases of a suite do. Whatever tells them apart is noise.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from statistics import fmean, variance

import msgspec

from ..catalogue import find
from ..errors import CspbenchError
from ..machine import environment, health
from ..machine import noise_floor as noise
from ..machine.health import Finding, Level
from ..plan.case import MODES, Case, Mode, make_case
from ..records.lines import YARDSTICK, CaseFailure, Latency, Launch, Line
from ..records.machine import GpuFound, NoiseFloor
from ..records.run import Settings
from ..units import percent_text
from ..verdicts.launches import is_contended
from ..verdicts.stats import half_width, log_median, log_ratio, t_quantile
from . import isolate

_ENTRY = "dense"
_COPIES = 3
_LEAST_LAUNCHES = 3
_SECONDS = 45.0  # for all launches; the rest of a minute is for starting and looking around

_IN_TURNS: tuple[tuple[float, Level], ...] = ((0.01, "good"), (0.03, "fair"))
_BETWEEN: tuple[tuple[float, Level], ...] = ((0.02, "good"), (0.05, "fair"))

_TITLES: dict[Mode, str] = {"infer": "inference", "train": "training"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnosis:
    """What was found, worst grade first of all: findings, the noise floor, and its widths.

    ``in_turns`` and ``between_runs`` are half widths of 95% intervals by mode: how far identical
    code may seem to differ at default settings. A floor of mostly contended launches says more of
    what else ran than of the machine: it is not kept (``is_kept``).
    """

    grade: Level
    findings: tuple[Finding, ...]
    floor: NoiseFloor
    launches: int
    in_turns: dict[Mode, float]
    between_runs: dict[Mode, float]
    is_kept: bool


def diagnose(settings: Settings, gpus: Sequence[GpuFound], say: Callable[[str], None]) -> Diagnosis:
    """Look at the machine, measure its noise floor and keep it for later runs if it was quiet.

    ``say`` is told what goes on. Raises `CspbenchError` where the launches fail, or the floor
    cannot be kept.
    """
    say("looking at the machine")
    found = health.findings(threads=settings.threads, gpus=gpus)
    lines = _launches(settings, say)
    machine = environment.machine(environment.describe([gpu.description for gpu in gpus]))
    launches = [line for line in lines if isinstance(line, Launch)]
    floor = floor_of(machine, settings, lines)
    contended = sum(is_contended(launch) for launch in launches)
    is_kept = 2 * contended <= len(launches)
    if is_kept:
        noise.save(floor)
    asked = settings.launches  # of a run; the time here may have sufficed for fewer
    in_turns = {mode: _width(spread, asked) for mode, spread in floor.in_turns.items()}
    between = {mode: _between_width(spread, asked) for mode, spread in floor.between_runs.items()}
    findings = (
        *found,
        _contention(launches),
        _floor_finding("noise, in turns", in_turns, _IN_TURNS, "two cases of one run"),
        _floor_finding("noise, between runs", between, _BETWEEN, "one case of two runs"),
    )
    return Diagnosis(
        grade=health.worst(findings),
        findings=findings,
        floor=floor,
        launches=asked,
        in_turns=in_turns,
        between_runs=between,
        is_kept=is_kept,
    )


def floor_of(machine: str, settings: Settings, lines: Sequence[Line]) -> NoiseFloor:
    """The floor that A/A launches show, contended ones left out where enough others remain."""
    quiet = {line.launch for line in lines if isinstance(line, Launch) and not is_contended(line)}
    every = {line.launch for line in lines if isinstance(line, Launch)}
    used = sorted(quiet if len(quiet) >= _LEAST_LAUNCHES else every)
    samples = {
        (line.case, line.launch): line.samples_s for line in lines if isinstance(line, Latency)
    }
    in_turns, between = {}, {}
    for mode in MODES:
        keys = [case.key for case in _copies(settings.device, mode)]
        in_turns[mode] = math.sqrt(
            fmean(
                log_ratio(samples[one, launch], samples[other, launch]) ** 2
                for launch in used
                for one, other in combinations(keys, 2)
            )
        )
        through_yardstick = [
            [
                log_median(samples[key, launch]) - log_median(samples[YARDSTICK, launch])
                for launch in used
            ]
            for key in keys
        ]
        between[mode] = math.sqrt(fmean(variance(logs) for logs in through_yardstick))
    return NoiseFloor(
        machine=machine,
        device=settings.device,
        threads=settings.threads,
        allocator=settings.allocator,
        launches=len(used),
        turns=settings.turns,
        in_turns=in_turns,
        between_runs=between,
        measured=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _launches(settings: Settings, say: Callable[[str], None]) -> list[Line]:
    cases = [case for mode in MODES for case in _copies(settings.device, mode)]
    lines: list[Line] = []
    began, longest = time.monotonic(), 0.0
    for number in range(1, settings.launches + 1):
        start = time.monotonic()
        if number > _LEAST_LAUNCHES and start + longest > began + _SECONDS:
            say(f"the time is up after {number - 1} launches")
            break
        say(f"noise floor, launch {number} of {settings.launches}: copies of {_ENTRY} take turns")
        worker_exit = isolate.run(
            "cspbench.engine.worker:launch",
            number,
            tuple(cases),
            settings,
            time_limit_s=settings.time_limit_s,
            receive=lines.append,
        )
        reason = worker_exit.reason if worker_exit else next(_failures(lines), None)
        if reason is not None:
            raise CspbenchError(f"the noise floor cannot be measured: {reason}")
        longest = max(longest, time.monotonic() - start)
    return lines


def _failures(lines: Iterable[Line]) -> Iterator[str]:
    return (line.reason for line in lines if isinstance(line, CaseFailure))


def _copies(device: str, mode: Mode) -> list[Case]:
    case = make_case(find(_ENTRY), {}, mode=mode, device=device)
    keys = [f"{case.key} copy {number}" for number in range(1, _COPIES + 1)]
    return [msgspec.structs.replace(case, key=key, label=key) for key in keys]


def _width(spread: float, launches: int) -> float:
    return half_width(spread, launches) or math.inf


def _between_width(spread: float, launches: int) -> float:
    """Half the interval of two runs' ratio: twice the launches' variance, and their degrees."""
    error = spread * math.sqrt(2 / launches)
    return math.expm1(t_quantile(0.975, 2 * launches - 2) * error)


def _contention(launches: Sequence[Launch]) -> Finding:
    contended = sum(is_contended(launch) for launch in launches)
    level: Level = "fair" if contended else "good"
    if 2 * contended > len(launches):
        level = "poor"
    most = max(launch.activity.taken_share for launch in launches)
    return Finding(
        name="contention",
        level=level,
        text=f"{contended} of {len(launches)} launches contended; "
        f"others took up to {most:.1%} of the processor time",
        remedy="stop what else runs, or measure when the machine is idle" if contended else "",
    )


def _floor_finding(
    name: str, widths: dict[Mode, float], limits: Sequence[tuple[float, Level]], what: str
) -> Finding:
    level: Level = next((level for limit, level in limits if max(widths.values()) <= limit), "poor")
    shown = ", ".join(f"{percent_text(width)} in {_TITLES[mode]}" for mode, width in widths.items())
    return Finding(
        name=name,
        level=level,
        text=f"identical code, {what}: up to {shown} (95%, default settings)",
        remedy=""
        if level == "good"
        else "more launches or turns, or --budget S, narrow it; mend the findings above first",
    )
