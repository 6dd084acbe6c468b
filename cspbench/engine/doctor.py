"""Diagnosis of a machine: its settings, and how far identical code seems to differ on it."""

import math
from collections.abc import Callable, Mapping, Sequence

from ..errors import CspbenchError
from ..machine import ceilings as stored_ceilings
from ..machine import environment, health
from ..machine import noise_floor as stored_floors
from ..plan.case import MODES, Mode
from ..records.ceilings import Ceilings
from ..records.diagnosis import Diagnosis, Finding, Level
from ..records.lines import Launch
from ..records.machine import AvailableGpu, Environment
from ..records.run import Settings
from ..units import percent_text
from ..verdicts.launches import is_contended
from ..verdicts.stats import half_width, t_quantile
from .aa_launches import launch_copies, noise_floor
from .ceilings import measure_ceilings

_IN_TURNS: tuple[tuple[float, Level], ...] = ((0.01, "good"), (0.03, "fair"))
_BETWEEN_RUNS: tuple[tuple[float, Level], ...] = ((0.02, "good"), (0.05, "fair"))
"""The largest half width of each level; anything wider is poor."""

_TITLES: dict[Mode, str] = {"infer": "inference", "train": "training"}


def diagnose(
    settings: Settings,
    gpus: Sequence[AvailableGpu],
    say: Callable[[str], None],
    report: Callable[[Finding], None],
) -> Diagnosis:
    """Check the machine, and measure its noise floor and its ceilings.

    Both are stored for later runs unless most launches were contended. Progress messages go to
    ``say``, and each finding to ``report`` as it is made. Raises `CspbenchError` if a launch fails
    or, before anything is measured, if the floor cannot be stored.
    """
    stored_floors.STORE.check_writable()
    say("checking the machine")
    findings: list[Finding] = []

    def add(finding: Finding) -> None:
        findings.append(finding)
        report(finding)

    for finding in health.findings(threads=settings.threads, gpus=gpus):
        add(finding)
    lines = launch_copies(settings, say)
    current = environment.describe([gpu.description for gpu in gpus])
    machine = environment.machine(current)
    launches = [line for line in lines if isinstance(line, Launch)]
    floor = noise_floor(machine, settings, lines)
    contended = sum(is_contended(launch) for launch in launches)
    is_kept = floor is not None and 2 * contended <= len(launches)
    if floor and is_kept:
        stored_floors.STORE.save(floor)
    count = settings.launches  # the widths are those of a run, even if fewer launches were made
    in_turns: dict[Mode, float] = {}
    between_runs: dict[Mode, float] = {}
    if floor:
        in_turns = {mode: _width_in_turns(floor.in_turns[mode], count) for mode in MODES}
        between_runs = {
            mode: _width_between_runs(floor.between_runs[mode], count) for mode in MODES
        }
    ceilings = _ceilings(settings, current, say)
    if ceilings and is_kept:
        stored_ceilings.STORE.save(ceilings)
    add(_contention(launches))
    add(_noise("noise, in turns", in_turns, _IN_TURNS, "two cases of one run"))
    add(_noise("noise, between runs", between_runs, _BETWEEN_RUNS, "one case of two runs"))
    return Diagnosis(
        grade=health.worst(findings),
        findings=tuple(findings),
        floor=floor,
        launches=count,
        in_turns=in_turns,
        between_runs=between_runs,
        is_kept=is_kept,
        ceilings=ceilings,
    )


def _ceilings(
    settings: Settings, current: Environment, say: Callable[[str], None]
) -> Ceilings | None:
    """The ceilings of the device; None, with a message, if they cannot be measured."""
    try:
        return measure_ceilings(settings, current, say)
    except CspbenchError as error:
        say(str(error))
        return None


def _width_in_turns(spread: float, launches: int) -> float:
    """Half the width of the interval of two cases' ratio if they take turns."""
    return half_width(spread, launches) or math.inf


def _width_between_runs(spread: float, launches: int) -> float:
    """Half the width of the interval of two runs' ratio.

    A difference of two runs has twice the variance and twice the degrees of freedom.
    """
    error = spread * math.sqrt(2 / launches)
    return math.expm1(t_quantile(0.975, 2 * launches - 2) * error)


def _contention(launches: Sequence[Launch]) -> Finding:
    contended = sum(is_contended(launch) for launch in launches)
    level: Level = "fair" if contended else "good"
    if 2 * contended > len(launches):
        level = "poor"
    largest_share = max(launch.activity.taken_share for launch in launches)
    return Finding(
        name="contention",
        level=level,
        text=f"{contended} of {len(launches)} launches contended; "
        f"others took up to {largest_share:.1%} of the processor time",
        remedy="stop other processes, or measure when the machine is idle" if contended else "",
    )


def _noise(
    name: str,
    widths: Mapping[Mode, float],
    limits: Sequence[tuple[float, Level]],
    compared: str,
) -> Finding:
    """The finding on half widths by mode; ``compared`` names the two figures compared."""
    if not widths:
        return Finding(
            name=name,
            level="poor",
            text="not measured: too few launches could build their cases in time",
            remedy="stop other processes, then run doctor again",
        )
    widest = max(widths.values())
    level: Level = next((level for limit, level in limits if widest <= limit), "poor")
    by_mode = ", ".join(
        f"{percent_text(width)} in {_TITLES[mode]}" for mode, width in widths.items()
    )
    return Finding(
        name=name,
        level=level,
        text=f"identical code, {compared}: {by_mode} (95%, default settings)",
        remedy=""
        if level == "good"
        else "fix the findings above; then more --launches, --turns or --budget narrow it",
    )
