"""The order of the trials: fixed and balanced, so that a cut-off measurement is balanced, too."""

from collections import Counter
from collections.abc import Iterator
from typing import Literal

import msgspec

from .sizes import CHANGES, SIZES_MS

CYCLES = 54
"""Of all repetitions: 216 `ab` of identical code, as many of planted changes, 108 runs."""

COMPARED = 3
"""The runs before it of the same size and circumstance that a run is compared with, at most."""

Kind = Literal["ab", "run", "tools"]
PURPOSES = ("identical", "planted", "run", "tools")
"""What trials are for: `ab` of identical code and of planted changes, and the other kinds."""

_BUSY_EVERY = 3  # cycles
_PLANTED = {"first": (0,), "second": (0, 5, 5, 5), "third": (10, 10, 0, 10)}
"""Changes in the entries of a run, by its number among the runs of one size and circumstance.

All comparisons of the first entry are of identical code, and half of those of the others.
"""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One trial: its number, its kind, and the circumstances.

    ``change`` is that of an `ab`, in percent; ``ordinal`` numbers the runs of one size and
    circumstance. ``busy``: another process keeps one core busy.
    """

    number: int
    kind: Kind
    size_ms: float
    change: int = 0
    busy: bool = False
    ordinal: int = 0

    @property
    def purpose(self) -> str:
        """Which of `PURPOSES` it serves."""
        if self.kind == "ab":
            return "planted" if self.change else "identical"
        return self.kind

    @property
    def planted(self) -> dict[str, int]:
        """The changes in the entries of a run, in percent."""
        return {entry: changes[self.ordinal % len(changes)] for entry, changes in _PLANTED.items()}


def cells(cycles: int = CYCLES) -> Iterator[Cell]:
    """All trials, cycle by cycle.

    A cycle holds an `ab` of identical code and one of a planted change for every size, two runs of
    one size, and every other time the other tools. Each third cycle is beside a busy process.
    """
    number, runs = 0, Counter[tuple[float, bool]]()
    for cycle in range(cycles):
        for cell in _cycle(cycle):
            kind = cell.size_ms, cell.busy
            yield msgspec.structs.replace(cell, number=number, ordinal=runs[kind])
            number += 1
            runs[kind] += cell.kind == "run"


def _cycle(cycle: int) -> Iterator[Cell]:
    busy = cycle % _BUSY_EVERY == _BUSY_EVERY - 1
    for is_planted in (False, True):
        for place, size_ms in enumerate(SIZES_MS):
            change = CHANGES[(cycle + place) % len(CHANGES)] if is_planted else 0
            yield Cell(number=0, kind="ab", size_ms=size_ms, change=change, busy=busy)
    for _ in range(2):
        size_ms = SIZES_MS[(cycle + 1) % len(SIZES_MS)]
        yield Cell(number=0, kind="run", size_ms=size_ms, busy=busy)
    if not cycle % 2:
        yield Cell(number=0, kind="tools", size_ms=SIZES_MS[(cycle // 2 + 1) % len(SIZES_MS)])
