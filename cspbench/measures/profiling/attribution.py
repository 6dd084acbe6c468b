"""Attribution of a profile's events to the modules that called them."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .events import PASS, Event

_US = 1e-6
_NODES = 2**62  # larger numbers are those of nodes that accumulate gradients, which have none


@dataclass(kw_only=True, slots=True)
class Part:
    """Seconds of a part of a profiled call, and the number of its events."""

    seconds: float = 0.0
    events: int = 0


@dataclass(kw_only=True, slots=True)
class PassTimes:
    """The parts of one profiled call: of each module, by its dotted name, and of none.

    ``operators`` is the part of the forward in operators, without Python between them. An event
    that marks the call of a module is one of its caller, where the most of what it costs is.
    """

    duration_s: float
    other: Part = field(default_factory=Part)
    operators: Part = field(default_factory=Part)
    forward: dict[str, Part] = field(default_factory=dict)
    backward: dict[str, Part] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)

    @property
    def events(self) -> int:
        """The number of all events."""
        parts = (self.other, *self.forward.values(), *self.backward.values())
        return sum(part.events for part in parts)


class _Owner(NamedTuple):
    """To whom an event belongs: the module ``path``, or None."""

    path: str | None = None
    is_backward: bool = False


def attribute(events: Sequence[Event], *, of_kernels: bool = False) -> list[PassTimes]:
    """The times of each pass among ``events``, which come after their parents.

    An event belongs to the innermost module call or autograd node that contains it; a node belongs
    to the module in whose forward it was created, by its number. A node that accumulates a gradient
    has no number: it runs directly after the one that computed the gradient, and belongs with it.

    Times are the events' own: without events inside of them. They are those of the thread that made
    the call, where nothing counts twice, or else ``of_kernels``: those that were launched on any
    thread.
    """
    roots = [event for event in events if event.name == PASS]
    starts = [root.start_us for root in roots]
    passes = [PassTimes(duration_s=root.duration_us * _US) for root in roots]
    children_us = _children_us(events)
    owners = _owners(events)
    for index, event in enumerate(events):
        number = bisect_right(starts, event.start_us) - 1
        if number < 0 or event.start_us >= roots[number].end_us:
            continue
        times, owner = passes[number], owners[index]
        if event.module is not None:
            times.calls[event.module] += 1
        if of_kernels:
            seconds = event.kernels_us * _US
        elif event.thread == roots[number].thread:
            seconds = (event.duration_us - children_us[index]) * _US
        else:
            continue
        _part(times, owner).seconds += seconds
        if event.parent is not None:
            observed = owners[event.parent] if event.module is not None else owner
            _part(times, observed).events += 1
        if owner.path is not None and not owner.is_backward and not event.is_range:
            times.operators.seconds += seconds
            times.operators.events += 1
    return passes


def _part(times: PassTimes, owner: _Owner) -> Part:
    if owner.path is None:
        return times.other
    parts = times.backward if owner.is_backward else times.forward
    return parts.setdefault(owner.path, Part())


def _children_us(events: Sequence[Event]) -> list[float]:
    """The time of the events directly inside of each."""
    children_us = [0.0] * len(events)
    for event in events:
        if event.parent is not None:
            children_us[event.parent] += event.duration_us
    return children_us


def _owners(events: Sequence[Event]) -> list[_Owner]:
    """The owner of each event."""
    owners: list[_Owner] = []
    nodes = _nodes(events)
    creators: dict[tuple[int, int], str | None] = {}
    last: defaultdict[int, str | None] = defaultdict(lambda: None)  # by thread
    for index, event in enumerate(events):
        owner = _Owner() if event.parent is None else owners[event.parent]
        if event.module is not None:
            owner = owner._replace(path=event.module)
        elif (node := nodes.get(index)) is not None:
            if 0 <= node.sequence < _NODES:
                last[node.thread] = creators.get((node.forward_thread, node.sequence))
            owner = _Owner(last[node.thread], is_backward=True)
        elif event.sequence >= 0:
            # The last event with a number, as events that create no node have that of the next.
            creators[event.thread, event.sequence] = owner.path
        owners.append(owner)
    return owners


def _nodes(events: Sequence[Event]) -> dict[int, Event]:
    """The running node of each event that is one, and of the engine's event around it."""
    nodes: dict[int, Event] = {}
    for index, event in enumerate(events):
        if event.is_node:
            nodes[index] = event
            if event.parent is not None:
                parent = events[event.parent]
                if not parent.is_range and parent.sequence == event.sequence:
                    nodes[event.parent] = event
    return nodes
