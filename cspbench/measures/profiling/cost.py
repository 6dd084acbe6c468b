"""What observing adds to a call, so that it can be taken off."""

from collections.abc import Callable
from time import perf_counter

import torch
from torch import nn

from ..execution.module_stack import calls_through
from .module_clock import ModuleClock

_CALLS = 500
_REPEATS = 5
_MOST_EVENT_S = 5e-6  # of an event; where it seems to cost more, other processes took the time


def clock_cost_s(clock: Callable[[], float] = perf_counter) -> float:
    """The seconds that a `ModuleClock` adds to a module's call, by loops of the smallest one."""
    tensor, module = torch.zeros(1), nn.Identity()

    def loop_s() -> float:
        started = clock()
        for _ in range(_CALLS):
            module(tensor)
        return clock() - started

    plain_s = min(loop_s() for _ in range(_REPEATS))
    with calls_through(module, ModuleClock(clock=clock).run):
        clocked_s = min(loop_s() for _ in range(_REPEATS))
    return max(0.0, clocked_s - plain_s) / _CALLS


def event_cost_s(profiled_s: float, clocked_s: float, events: float) -> float:
    """The seconds that the profiler adds to an event, by a forward with it and one without.

    They are measured where they occur, since an operator's data and the profiler's own compete for
    the caches: a loop of one small operator shows less than half.
    """
    return min(_MOST_EVENT_S, max(0.0, profiled_s - clocked_s) / max(events, 1))
