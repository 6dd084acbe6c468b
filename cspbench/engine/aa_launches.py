"""The noise floor of a machine, from launches in which copies of one case take turns.

All differences between the copies are noise.
"""

import math
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import combinations
from statistics import fmean, median

import msgspec

from ..catalogue import find
from ..errors import CspbenchError
from ..plan.case import MODES, Case, Mode, make_case
from ..records.lines import YARDSTICK, Latency, Launch, Line
from ..records.machine import NoiseFloor
from ..records.run import Settings
from ..verdicts.launches import is_contended
from ..verdicts.matching import ratios_to_yardstick, spread
from ..verdicts.turns import log_ratio
from .launch import run_launch
from .launch_plan import LaunchPlan

_ENTRY = "dense"
_COPIES = 3
_FEWEST_LAUNCHES = 2  # that have a variance
_FEWEST_QUIET = 3  # launches, for contended ones to be left out
_MAX_TURNS = 200
_LAUNCHES_S = 45.0  # limit for all launches, so that `doctor` takes a minute with its other checks
_TURNS_SHARE = 0.8  # of that time; the rest is for loading torch and starting workers

_Samples = dict[tuple[str, int], tuple[float, ...]]  # seconds, by case and launch


def launch_copies(settings: Settings, say: Callable[[str], None]) -> list[Line]:
    """The lines of up to ``settings.launches`` launches of copies, as many as fit into 45 s.

    Each has an equal share of that time, in which its copies take up to 200 turns. At least one
    is made. Progress messages go to ``say``. Raises `CspbenchError` if a
    launch fails.
    """
    copies = tuple(case for mode in MODES for case in _copies(settings.device, mode))
    lines: list[Line] = []
    plan = LaunchPlan.of(copies, _MAX_TURNS, _TURNS_SHARE * _LAUNCHES_S / settings.launches)
    began, longest_s = time.monotonic(), 0.0
    say(f"noise floor: loading torch, then up to {_LAUNCHES_S:g} s of launches")
    for number in range(1, settings.launches + 1):
        launch_began = time.monotonic()
        if number > 1 and launch_began + longest_s > began + _LAUNCHES_S:
            say(f"the time is up after {number - 1} launch{'' if number == 2 else 'es'}")
            break
        say(f"noise floor, launch {number} of {settings.launches}: copies of {_ENTRY} take turns")
        result = run_launch(number, copies, settings, plan)
        if result.failure_reason is not None:
            raise CspbenchError(f"cannot measure the noise floor: {result.failure_reason}")
        lines += result.lines
        longest_s = max(longest_s, time.monotonic() - launch_began)
    return lines


def noise_floor(machine: str, settings: Settings, lines: Sequence[Line]) -> NoiseFloor | None:
    """The noise floor from ``lines`` of `launch_copies`, without contended ones if three remain.

    Launches that had no time to build every copy are left out; None if fewer than two remain.
    """
    copies = len(MODES) * _COPIES
    launches = [line for line in lines if isinstance(line, Launch) and len(line.cases) == copies]
    if len(launches) < _FEWEST_LAUNCHES:
        return None
    quiet = [launch for launch in launches if not is_contended(launch)]
    counting = quiet if len(quiet) >= _FEWEST_QUIET else launches
    numbers = sorted(launch.launch for launch in counting)
    samples_s = {
        (line.case, line.launch): line.samples_s for line in lines if isinstance(line, Latency)
    }
    keys = {mode: [case.key for case in _copies(settings.device, mode)] for mode in MODES}
    return NoiseFloor(
        machine=machine,
        device=settings.device,
        threads=settings.threads,
        allocator=settings.allocator,
        launches=len(numbers),
        turns=round(median(map(len, samples_s.values()))),
        in_turns={mode: _spread_in_turns(samples_s, keys[mode], numbers) for mode in MODES},
        between_runs={mode: _spread_between_runs(samples_s, keys[mode], numbers) for mode in MODES},
        measured=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _spread_in_turns(samples_s: _Samples, keys: Sequence[str], launches: Sequence[int]) -> float:
    """The root mean square of the log-ratios of all pairs of copies, over launches."""
    return math.sqrt(
        fmean(
            log_ratio(samples_s[first, launch], samples_s[second, launch]) ** 2
            for launch in launches
            for first, second in combinations(keys, 2)
        )
    )


def _spread_between_runs(
    samples_s: _Samples, keys: Sequence[str], launches: Sequence[int]
) -> float:
    """The standard deviation of a copy's log-ratio to the yardstick in a like state, pooled."""
    yardstick_s = {launch: samples_s[YARDSTICK, launch] for launch in launches}
    copies = [{launch: samples_s[key, launch] for launch in launches} for key in keys]
    deviations = (spread(ratios_to_yardstick(copy, yardstick_s)) for copy in copies)
    return math.sqrt(fmean(deviation**2 for deviation in deviations))


def _copies(device: str, mode: Mode) -> list[Case]:
    case = make_case(find(_ENTRY), {}, mode=mode, device=device)
    keys = [f"{case.key} copy {number}" for number in range(1, _COPIES + 1)]
    return [msgspec.structs.replace(case, key=key, label=key) for key in keys]
