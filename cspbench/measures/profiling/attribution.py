"""Attribution of a profile's events to the modules that called them."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .events import PASS, Event

_US = 1e-6
_NODES = 2**62  # larger numbers are those of nodes that accumulate gradients, which have none


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Seconds that profiling adds to each event and to each call of a module, and a clock to one.

    The clock is `ModuleClock`.
    """

    event_s: float = 0.0
    call_s: float = 0.0
    clocked_call_s: float = 0.0


def _no_times() -> defaultdict[str, float]:
    return defaultdict(float)


@dataclass(kw_only=True, slots=True)
class PassTimes:
    """The times of one profiled call, by the dotted names of modules, in seconds.

    ``observing_s`` is the part of ``duration_s`` that observing took; the others are without it.
    They may fall below 0 by as much as it is uncertain. ``operators_s`` is the part of the forward
    in operators, without Python between them.
    """

    duration_s: float
    observing_s: float = 0.0
    other_s: float = 0.0
    operators_s: float = 0.0
    forward_s: defaultdict[str, float] = field(default_factory=_no_times)
    backward_s: defaultdict[str, float] = field(default_factory=_no_times)
    calls: Counter[str] = field(default_factory=Counter)


class _Owner(NamedTuple):
    """To whom an event belongs: the module ``path``, or None."""

    path: str | None = None
    is_backward: bool = False


def attribute(
    events: Sequence[Event], *, cost: Cost | None = None, of_kernels: bool = False
) -> list[PassTimes]:
    """The times of each pass among ``events``, which come after their parents.

    An event belongs to the innermost module call or autograd node that contains it; a node belongs
    to the module in whose forward it was created, by its number. A node that accumulates a gradient
    has no number: it runs directly after the one that computed the gradient, and belongs with it.

    Times are the events' own: without events inside of them. They are those of the thread that made
    the call, where nothing counts twice, or else ``of_kernels``: those that were launched on any
    thread. ``cost`` is taken off; that of a module's call is its caller's, where the most of it is.
    """
    roots = [event for event in events if event.name == PASS]
    starts = [root.start_us for root in roots]
    passes = [PassTimes(duration_s=root.duration_us * _US) for root in roots]
    cost = cost or Cost()
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
            _add(times, owner, event.kernels_us * _US)
            if owner.path is not None and not owner.is_backward:
                times.operators_s += event.kernels_us * _US
        elif event.thread == roots[number].thread:
            own_s = (event.duration_us - children_us[index]) * _US
            _add(times, owner, own_s)
            if event.parent is not None:
                is_call = event.module is not None
                observer = owners[event.parent] if is_call else owner
                observing_s = cost.call_s if is_call else cost.event_s
                _add(times, observer, -observing_s)
                times.observing_s += observing_s
            if owner.path is not None and not owner.is_backward and not event.is_range:
                times.operators_s += own_s - cost.event_s
    return passes


def _add(times: PassTimes, owner: _Owner, seconds: float) -> None:
    if owner.path is None:
        times.other_s += seconds
    elif owner.is_backward:
        times.backward_s[owner.path] += seconds
    else:
        times.forward_s[owner.path] += seconds


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
