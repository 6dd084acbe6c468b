"""The time in each module's forward by the host's clock, without a profiler."""

from collections import defaultdict
from collections.abc import Callable
from threading import get_ident
from time import perf_counter
from typing import Any

from ..execution.call import Phase


class ModuleClock:
    """Reads ``clock`` where a module's forward begins and ends, on the thread that made it.

    ``self_s`` holds the seconds in each module and in none that it calls, by dotted names;
    ``cost_s``, what a reading adds to the caller of a module, is taken off. What a checkpoint runs
    again in the backward is not timed.
    """

    def __init__(self, cost_s: float = 0.0, clock: Callable[[], float] = perf_counter) -> None:
        self.self_s: defaultdict[str, float] = defaultdict(float)
        self._cost_s = cost_s
        self._clock = clock
        self._thread = get_ident()
        self._stack: list[str] = []
        self._read_s = 0.0
        self._is_forward = True

    def begin_phase(self, phase: Phase) -> None:
        """A phase of the call begins."""
        self._is_forward = phase == "activations"

    def run(self, path: str, call: Callable[[], Any]) -> Any:
        """What ``call``, one of the module ``path``, returns; its time is that of the module."""
        if not self._is_forward or get_ident() != self._thread:
            return call()
        now_s = self._clock()
        if self._stack:
            self.self_s[self._stack[-1]] += now_s - self._read_s - self._cost_s
        self._stack.append(path)
        self._read_s = now_s
        try:
            return call()
        finally:
            now_s = self._clock()
            self.self_s[self._stack.pop()] += now_s - self._read_s
            self._read_s = now_s
