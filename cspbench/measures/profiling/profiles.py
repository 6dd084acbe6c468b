"""One profile of a call: its modules' times, beside the time of calls that nothing observes."""

import contextlib
import gc
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, median_low
from typing import TypeVar

from torch.profiler import ProfilerActivity, profile

from ...machine.device import Gpu
from ...records.module_times import ModuleTime, ModuleTimes
from ..execution.call import Call
from ..execution.module_stack import calls_through
from ..timing.clock import time_function, wall_time_s
from ..timing.warm_up import WarmUp
from .attribution import Part, PassTimes, attribute
from .cost import clock_cost_s, event_cost_s
from .events import in_range, pass_range, read_events
from .module_clock import ModuleClock

_ROUNDS = 5
_ROUND_S = 0.2  # of the calls of each kind in a round
_FEWEST_CALLS, _MOST_CALLS = 2, 10  # of each in a round

Forward = Mapping[str, float]
"""Self times of modules in one forward, in seconds by dotted names."""

_Value = TypeVar("_Value")


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """The calls of one round, in as many of each kind, or none that are clocked.

    ``unobserved_s`` are the seconds of calls that nothing observes, ``forwards`` are of calls of
    which the forward alone is timed, ``passes`` of profiled ones.
    """

    unobserved_s: Sequence[float]
    forwards: Sequence[Forward]
    passes: Sequence[PassTimes]

    @property
    def event_s(self) -> float:
        """The cost of an event, by the forward of profiled calls and of those that were clocked."""
        parts = [part for times in self.passes for part in times.forward.values()]
        return event_cost_s(
            sum(part.seconds for part in parts) / len(self.passes),
            fmean(sum(forward.values()) for forward in self.forwards),
            sum(part.events for part in parts) / len(self.passes),
        )


def profile_call(
    call: Call, number: int, *, gpu: Gpu | None, begin_round: Callable[[], object]
) -> ModuleTimes:
    """Profile ``number`` of ``call``, on ``gpu`` or on the CPU.

    Calls that nothing observes and those of which only the forward is timed take turns, and rounds
    of these with profiled ones, so that all share what drifts; ``begin_round`` is called before
    each round. Lets exceptions of the call through.
    """
    time = time_function(call, gpu)
    paths = [path for path, _ in call.module.named_modules()]
    begin_round()
    calls = _calls_in_round(_warm_up(call, gpu))
    clock_s = clock_cost_s() if gpu is None else 0.0
    rounds: list[Round] = []
    for _ in range(_ROUNDS):
        begin_round()
        unobserved_s: list[float] = []
        forwards: list[Forward] = []
        with _without_collection():
            call()  # for caches, which reading the last profile has taken
            for _ in range(calls):  # one after the other: a block of each would see its own drift
                unobserved_s.append(time(1, untimed=int(gpu is not None)).seconds)
                if gpu is None:
                    forwards.append(_clocked(call, clock_s))
            passes = _profiled(call, calls, gpu)
        rounds.append(Round(unobserved_s=unobserved_s, forwards=forwards, passes=passes))
    return summary(call.case.key, number, paths, rounds)


def summary(case: str, number: int, paths: Sequence[str], rounds: Sequence[Round]) -> ModuleTimes:
    """The typical times of the calls of ``rounds``, by module, in the order of ``paths``.

    The forward is that of the clocked calls, or of the profiled ones if there are none. All figures
    of one kind of call are means over the same ones, the half whose duration is nearest to the
    median. So they add up, as medians of each would not, and neither a rare interruption nor a
    lucky call counts. What an event costs is the median of the rounds' differences: of single long
    calls the difference is small beside what any two of them differ by.
    """
    passes = [times for each in rounds for times in each.passes]
    typical = _middle_half(passes, key=lambda times: times.duration_s)
    clocked = _middle_half(
        [forward for each in rounds for forward in each.forwards],
        key=lambda forward: sum(forward.values()),
    )
    event_s = median(each.event_s for each in rounds) if clocked else 0.0
    unobserved_s = [seconds for each in rounds for seconds in each.unobserved_s]

    def mean(parts: Iterable[Part | None]) -> float:
        seconds = fmean(part.seconds - event_s * part.events if part else 0.0 for part in parts)
        return max(0.0, seconds)

    def forward_s(path: str) -> float:
        if not clocked:
            return mean(times.forward.get(path) for times in typical)
        return max(0.0, fmean(forward.get(path, 0.0) for forward in clocked))

    took_part = {path for times in typical for path in (*times.forward, *times.backward)}
    renamed = sorted(took_part.difference(paths))  # by a call
    return ModuleTimes(
        case=case,
        number=number,
        passes=len(passes),
        latency_s=fmean(_middle_half(unobserved_s, key=float)),
        profiled_s=fmean(times.duration_s for times in typical),
        observing_s=event_s * fmean(times.events for times in typical),
        modules=tuple(
            ModuleTime(
                path=path,
                calls=median_low(times.calls[path] for times in typical),
                forward_s=forward_s(path),
                backward_s=mean(times.backward.get(path) for times in typical),
            )
            for path in (*paths, *renamed)
            if path in took_part
        ),
        other_s=mean(times.other for times in typical),
        operators_s=mean(times.operators for times in typical),
    )


def _warm_up(call: Call, gpu: Gpu | None) -> float:
    """Call until times are steady; return the seconds of the last calls."""
    warm_up = WarmUp() if gpu is None else WarmUp.for_gpu()
    call()
    while not warm_up.is_finished:
        warm_up.add(wall_time_s(call, gpu))
    return median(warm_up.seconds[-warm_up.window :])


def _calls_in_round(call_s: float) -> int:
    """The number of calls that take `_ROUND_S`, within bounds."""
    return min(_MOST_CALLS, max(_FEWEST_CALLS, math.ceil(_ROUND_S / max(call_s, 1e-9))))


def _clocked(call: Call, cost_s: float) -> Forward:
    """The seconds in each module's forward in one call."""
    clock = ModuleClock(cost_s)
    with calls_through(call.module, clock.run):
        call(clock.begin_phase)
    return clock.self_s


def _profiled(call: Call, calls: int, gpu: Gpu | None) -> list[PassTimes]:
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if gpu else [])]
    with calls_through(call.module, in_range), profile(activities=activities) as profiler:
        for _ in range(calls):
            with pass_range():
                call()
                if gpu is not None:
                    gpu.synchronise()
    passes = attribute(read_events(profiler.events()), of_kernels=gpu is not None)
    if len(passes) != calls:
        raise RuntimeError(
            f"of {calls} calls the profiler saw {len(passes)}: does the model use it itself?"
        )
    return passes


def _middle_half(values: Sequence[_Value], key: Callable[[_Value], float]) -> list[_Value]:
    """The values without a quarter at either end, by ``key``: at least half of them."""
    ends = len(values) // 4
    return sorted(values, key=key)[ends : len(values) - ends]


@contextlib.contextmanager
def _without_collection() -> Iterator[None]:
    """Collect garbage now, and not inside of the context, as in launches."""
    gc.collect()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
