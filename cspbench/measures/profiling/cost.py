"""The time that profiling adds to an event, and to the call of a module, in this process."""

from collections.abc import Callable
from time import perf_counter

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from ..execution.module_stack import calls_through
from .attribution import Cost
from .events import in_range
from .module_clock import ModuleClock

_CALLS = 500
_REPEATS = 5


def observing_cost(clock: Callable[[], float] = perf_counter) -> Cost:
    """The cost of an event, of a marked call and of a timed one, each by a loop of the smallest.

    The shortest of several loops counts, profiled and not.
    """
    tensor, module = torch.zeros(1), nn.Identity()

    def call() -> object:
        return module(tensor)

    plain_operator_s, plain_call_s = _loop_s(tensor.neg_, clock), _loop_s(call, clock)
    with profile(activities=[ProfilerActivity.CPU]):
        operator_s = _loop_s(tensor.neg_, clock)
        with calls_through(module, in_range):
            marked_s = _loop_s(call, clock)
    with calls_through(module, ModuleClock(clock=clock).run):
        clocked_s = _loop_s(call, clock)
    return Cost(
        event_s=max(0.0, operator_s - plain_operator_s),
        call_s=max(0.0, marked_s - plain_call_s),
        clocked_call_s=max(0.0, clocked_s - plain_call_s),
    )


def _loop_s(call: Callable[[], object], clock: Callable[[], float]) -> float:
    """Seconds of a call of a loop of `_CALLS`, the shortest of several."""
    loops = []
    for _ in range(_REPEATS):
        started = clock()
        for _ in range(_CALLS):
            call()
        loops.append(clock() - started)
    return min(loops) / _CALLS
