"""Profiles that never ran, written down as nested events."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from cspbench.measures.profiling.events import PASS, Event

UNNUMBERED = -1
_MODULE = "cspbench module "


class Trace:
    """Events of one thread that follow each other without a gap, in whole microseconds."""

    def __init__(self, thread: int = 1, *, now_us: float = 0.0) -> None:
        self.events: list[Event] = []
        self._thread = thread
        self._now_us = now_us
        self._open: list[int] = []

    def wait(self, us: float) -> None:
        """Let time pass in the innermost open event."""
        self._now_us += us

    @contextlib.contextmanager
    def event(
        self,
        name: str,
        own_us: float = 0.0,
        *,
        sequence: int = UNNUMBERED,
        is_node: bool = False,
        kernels_us: float = 0.0,
    ) -> Iterator[None]:
        """An event that contains those of its block, which come after its own time."""
        index, start_us = len(self.events), self._now_us
        event = Event(
            name=name,
            start_us=start_us,
            end_us=start_us,
            thread=self._thread,
            parent=self._open[-1] if self._open else None,
            sequence=sequence,
            is_node=is_node,
            forward_thread=1,
            kernels_us=kernels_us,
        )
        self.events.append(event)
        self._open.append(index)
        self._now_us += own_us
        yield
        self._open.pop()
        self.events[index] = replace(event, end_us=self._now_us)

    def operator(
        self, own_us: float, *, sequence: int = UNNUMBERED, kernels_us: float = 0.0
    ) -> None:
        """An operator that calls no other."""
        with self.event("aten::op", own_us, sequence=sequence, kernels_us=kernels_us):
            pass

    def call_of(self, module: str, own_us: float = 0.0) -> contextlib.AbstractContextManager[None]:
        """A call of ``module``, with time of its own."""
        return self.event(_MODULE + module, own_us)

    def one_pass(self, own_us: float = 0.0) -> contextlib.AbstractContextManager[None]:
        """A call of the whole model, with time of its own outside of the model."""
        return self.event(PASS, own_us)

    @contextlib.contextmanager
    def node(
        self, own_us: float, *, sequence: int = UNNUMBERED, engine_us: float = 0.0
    ) -> Iterator[None]:
        """A running node inside of the engine's event, each with time of its own."""
        with (
            self.event("autograd::engine::evaluate_function: Op", engine_us, sequence=sequence),
            self.event("OpBackward0", own_us, sequence=sequence, is_node=True),
        ):
            yield


def merged(*traces: Trace) -> list[Event]:
    """The events of several threads, ordered as those of a profile are: by their starts."""
    events = [(trace, index) for trace in traces for index in range(len(trace.events))]
    events.sort(key=lambda item: item[0].events[item[1]].start_us)
    places = {item: place for place, item in enumerate(events)}
    return [
        event if event.parent is None else replace(event, parent=places[trace, event.parent])
        for trace, event in ((trace, trace.events[index]) for trace, index in events)
    ]
