"""The time that profiling adds to an event, and to the call of a module, in this process."""

import contextlib
from collections.abc import Callable
from time import perf_counter

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from ..execution.module_stack import calls_through
from .attribution import Cost
from .events import in_range, read_events

_CALLS = 500
_REPEATS = 5


def observing_cost(clock: Callable[[], float] = perf_counter) -> Cost:
    """The cost of an event and of a marked call, each by a loop of the smallest there are.

    The shortest of several loops counts, profiled and not.
    """
    tensor, module = torch.zeros(1), nn.Identity()
    event_s = _added_s(tensor.neg_, contextlib.nullcontext(), clock)
    call_s = _added_s(lambda: module(tensor), calls_through(module, in_range), clock)
    return Cost(event_s=event_s, call_s=call_s)


def _added_s(
    call: Callable[[], object],
    marking: contextlib.AbstractContextManager[None],
    clock: Callable[[], float],
) -> float:
    """Seconds that profiling adds to each event of ``call``, which is marked by ``marking``."""
    plain_s = _loop_s(call, clock)
    with profile(activities=[ProfilerActivity.CPU]) as profiler, marking:
        profiled_s = _loop_s(call, clock)
    events = len(read_events(profiler.events())) / _REPEATS
    return max(0.0, profiled_s - plain_s) / max(events, 1)


def _loop_s(call: Callable[[], object], clock: Callable[[], float]) -> float:
    """Seconds of `_CALLS` calls, the shortest of several loops."""
    loops = []
    for _ in range(_REPEATS):
        started = clock()
        for _ in range(_CALLS):
            call()
        loops.append(clock() - started)
    return min(loops)
