"""Events of `torch.profiler`: what ran on a thread of the host, and the kernels it launched."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch.autograd.profiler_util import FunctionEvent

PASS = "cspbench pass"  # noqa: S105 -- no password
"""The name of the range of one profiled call of the model."""

_MODULE = "cspbench module "
_BACKWARD_SCOPE = 1  # of at::RecordScope: the running of an autograd node
_USER_SCOPE = 7  # of a model's own ranges, to which the time of all kernels within is linked

_range: Callable[[str], AbstractContextManager[object]] = getattr(
    torch._C._profiler,  # noqa: SLF001 -- takes a tenth of the time of the public one
    "_RecordFunctionFast",
    torch.profiler.record_function,
)


def pass_range() -> AbstractContextManager[object]:
    """A context in which one call of the whole model is profiled."""
    return _range(PASS)


def in_range(path: str, call: Callable[[], object]) -> object:
    """What ``call``, one of the module ``path``, returns; it is marked in the profile."""
    with _range(_MODULE + path):
        return call()


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One event on a thread of the host, in microseconds.

    ``parent`` is the index of the innermost event that contains it on its thread. ``sequence`` is
    -1, or the number of an autograd node: of the running one if ``is_node``, and otherwise of the
    next that ``thread`` creates. ``forward_thread`` is the thread that created a running node.
    ``kernels_us`` is the time of the kernels that it launched itself.
    """

    name: str
    start_us: float
    end_us: float
    thread: int
    parent: int | None = None
    sequence: int = -1
    is_node: bool = False
    forward_thread: int = 0
    kernels_us: float = 0.0

    @property
    def duration_us(self) -> float:
        """Microseconds from its start to its end."""
        return self.end_us - self.start_us

    @property
    def module(self) -> str | None:
        """The dotted name of the module whose call it marks; None for any other event."""
        return self.name.removeprefix(_MODULE) if self.name.startswith(_MODULE) else None

    @property
    def is_range(self) -> bool:
        """Whether it marks the call of a module or of the whole model."""
        return _is_range(self.name)


def read_events(events: Iterable[FunctionEvent]) -> list[Event]:
    """The events of a profile on the host, each after its parent.

    Asynchronous ones, which end on another thread than they began on, are left out.
    """
    ordered = [event for event in events if event.device_type.name == "CPU"]
    ordered = [event for event in ordered if not event.is_async]
    ordered.sort(key=lambda event: (event.time_range.start, -event.time_range.end))
    indices = {id(event): index for index, event in enumerate(ordered)}
    return [
        Event(
            name=event.name,
            start_us=event.time_range.start,
            end_us=event.time_range.end,
            thread=event.thread,
            parent=indices.get(id(event.cpu_parent)),
            sequence=event.sequence_nr,
            is_node=event.scope == _BACKWARD_SCOPE,
            forward_thread=event.fwd_thread or 0,
            kernels_us=_kernels_us(event),
        )
        for event in ordered
    ]


def _is_range(name: str) -> bool:
    return name == PASS or name.startswith(_MODULE)


def _kernels_us(event: FunctionEvent) -> float:
    """The time of kernels launched by ``event``; a range has the sum of all within, which is 0."""
    if event.scope == _USER_SCOPE or _is_range(event.name):
        return 0.0
    return float(sum(kernel.duration for kernel in event.kernels))
