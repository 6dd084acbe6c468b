"""One profile of a call: its modules' times, beside the time of calls that nothing observes."""

import contextlib
import gc
import math
from collections.abc import Callable, Iterator, Sequence
from statistics import fmean, median, median_low
from typing import TypeVar

from torch.profiler import ProfilerActivity, profile

from ...machine.device import Gpu
from ...records.module_times import ModuleTime, ModuleTimes
from ..execution.call import Call
from ..execution.module_stack import calls_through
from ..timing.clock import time_function, wall_time_s
from ..timing.warm_up import WarmUp
from .attribution import Cost, PassTimes, attribute
from .cost import observing_cost
from .events import in_range, pass_range, read_events

_ROUNDS = 5
_ROUND_S = 0.2  # of profiled calls in a round, and of as many that nothing observes
_MOST_CALLS = 10  # of each in a round

_Value = TypeVar("_Value")


def profile_call(
    call: Call, number: int, *, gpu: Gpu | None, begin_round: Callable[[], object]
) -> ModuleTimes:
    """Profile ``number`` of ``call``, on ``gpu`` or on the CPU.

    Calls that nothing observes and profiled ones take turns in rounds, so that both share what
    drifts; ``begin_round`` is called before each. Lets exceptions of the call through.
    """
    time = time_function(call, gpu)
    begin_round()
    calls = _calls_in_round(_warm_up(call, gpu))
    cost = observing_cost() if gpu is None else Cost()
    unobserved_s: list[float] = []
    passes: list[PassTimes] = []
    for _ in range(_ROUNDS):
        begin_round()
        with _without_collection():
            if calls > 1:
                call()  # for caches, which reading the last profile has taken
            unobserved_s += [time(1, untimed=int(gpu is not None)).seconds for _ in range(calls)]
            passes += _profiled(call, calls, gpu, cost)
    paths = [path for path, _ in call.module.named_modules()]
    return summary(call.case.key, number, paths, passes, unobserved_s)


def summary(
    case: str,
    number: int,
    paths: Sequence[str],
    passes: Sequence[PassTimes],
    unobserved_s: Sequence[float],
) -> ModuleTimes:
    """The typical times of ``passes``, of the modules ``paths`` that took part.

    All are means over the same passes, the half whose duration is nearest to the median. So they
    add up, as medians of each would not, and neither a rare interruption nor a lucky pass counts.
    """
    typical = _middle_half(passes, key=lambda times: times.duration_s)
    took_part = {
        path for times in typical for path in (*times.calls, *times.forward_s, *times.backward_s)
    }
    return ModuleTimes(
        case=case,
        number=number,
        passes=len(passes),
        latency_s=fmean(_middle_half(unobserved_s, key=float)),
        profiled_s=fmean(times.duration_s for times in typical),
        observing_s=fmean(times.observing_s for times in typical),
        modules=tuple(
            ModuleTime(
                path=path,
                calls=median_low(times.calls[path] for times in typical),
                forward_s=max(0.0, fmean(times.forward_s[path] for times in typical)),
                backward_s=max(0.0, fmean(times.backward_s[path] for times in typical)),
            )
            for path in paths
            if path in took_part
        ),
        other_s=max(0.0, fmean(times.other_s for times in typical)),
    )


def _middle_half(values: Sequence[_Value], key: Callable[[_Value], float]) -> list[_Value]:
    """The values without a quarter at either end, by ``key``: at least half of them."""
    ends = len(values) // 4
    return sorted(values, key=key)[ends : len(values) - ends]


def _warm_up(call: Call, gpu: Gpu | None) -> float:
    """Call until times are steady; return the seconds of the last calls."""
    warm_up = WarmUp() if gpu is None else WarmUp.for_gpu()
    call()
    while not warm_up.is_finished:
        warm_up.add(wall_time_s(call, gpu))
    return median(warm_up.seconds[-warm_up.window :])


def _calls_in_round(call_s: float) -> int:
    """The number of calls that take `_ROUND_S`, from 1 to `_MOST_CALLS`."""
    return min(_MOST_CALLS, max(1, math.ceil(_ROUND_S / max(call_s, 1e-9))))


def _profiled(call: Call, calls: int, gpu: Gpu | None, cost: Cost) -> list[PassTimes]:
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if gpu else [])]
    with calls_through(call.module, in_range), profile(activities=activities) as profiler:
        for _ in range(calls):
            with pass_range():
                call()
                if gpu is not None:
                    gpu.synchronise()
    events = read_events(profiler.events())
    return attribute(events, cost=cost, of_kernels=gpu is not None)


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
