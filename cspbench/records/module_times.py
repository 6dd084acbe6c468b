"""Times of a case's modules, from one process in which its calls were profiled."""

from typing import Annotated

import msgspec

from .base import Elapsed, Frozen, Name, Seconds, Whole
from .measurement import Measurement

PROFILES = 3
"""The profiles of a case, each in a process of its own."""

Positive = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]


class ModuleTime(Frozen, frozen=True, kw_only=True):
    """The self time of one module in a call: in it, and in no module that it calls.

    ``path`` is its dotted name ('' for the whole model). ``calls`` counts calls of its forward, in
    training also those that a checkpoint repeats. ``backward_s`` is the time of the autograd nodes
    that its forward created, and of what is repeated for them; 0 at inference.
    """

    path: Name
    calls: Whole
    forward_s: Elapsed
    backward_s: Elapsed

    @property
    def self_s(self) -> float:
        """Seconds in forward and backward."""
        return self.forward_s + self.backward_s


class ModuleTimes(Measurement, frozen=True, kw_only=True, tag="module_times", tag_field="kind"):
    """Self times of a case's modules in profile ``number``, a process of its own.

    They are typical of ``passes`` calls: means over the half of them whose duration is nearest to
    the median. On a CPU they are times of the calling thread: of the forward by a clock that is
    read where a module begins and ends, Python between operators included, in calls without a
    profiler; of the backward by `torch.profiler`, less what observing took. On a GPU, they are
    times of kernels. ``modules`` are in order of registration, without those that took no part in
    the call. ``other_s`` is the time in no module: the optimizer's step, and what precedes and
    follows the forward. ``operators_s`` is the time of operators in the forward by the profiler, a
    part of the modules' on a CPU, and all of it on a GPU.

    ``latency_s`` is the typical time of a call that nothing observed, in the same process;
    ``profiled_s`` that of a profiled one. ``observing_s`` is the part of it that the profiler took:
    the number of its events times the cost of one, which is taken off the backward and other times.
    That cost is what an event adds to the forward. It is 0 on a GPU, whose kernels the profiler
    does not slow down.
    """

    number: Positive
    passes: Positive
    latency_s: Seconds
    profiled_s: Seconds
    observing_s: Elapsed
    modules: tuple[ModuleTime, ...]
    other_s: Elapsed
    operators_s: Elapsed

    def __post_init__(self) -> None:
        """Raise ValueError for a module that is listed twice."""
        if len({module.path for module in self.modules}) < len(self.modules):
            raise ValueError("a module is listed twice")

    @property
    def total_s(self) -> float:
        """The sum of all self times and of the time in no module."""
        return sum(module.self_s for module in self.modules) + self.other_s
