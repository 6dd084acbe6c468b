"""The order of the trials: fixed and balanced, so that a cut-off measurement is balanced, too."""

from collections.abc import Iterator
from typing import Literal

import msgspec

from .sizes import CHANGES, SIZES_MS

CYCLES = 27
"""Of all repetitions: 216 `ab` of identical code, as many of planted changes, 108 runs."""

Kind = Literal["ab", "run", "tools"]

_PLANTED = {"first": (0,), "second": (0, 5, 5, 5), "third": (10, 10, 0, 10)}
"""Changes in the entries of a run, by its number among the runs of one size and circumstance.

Half of the comparisons are of identical code, all of them for the first entry; so are half of those
between runs that follow each other at once, and half of those between runs with others in between.
"""

_RUN_SIZES_MS = ((2.0, 50.0), (15.0, 0.5))


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
    def planted(self) -> dict[str, int]:
        """The changes in the entries of a run, in percent."""
        return {entry: changes[self.ordinal % len(changes)] for entry, changes in _PLANTED.items()}


def cells(cycles: int = CYCLES) -> Iterator[Cell]:
    """All trials, cycle by cycle.

    A cycle holds an `ab` of identical code and one of a planted change for every size, idle and
    busy, four runs, and the other tools. In five cycles, each size meets each change idle and busy.
    """
    number = 0
    for cycle in range(cycles):
        for cell in _cycle(cycle):
            yield msgspec.structs.replace(cell, number=number)
            number += 1


def _cycle(cycle: int) -> Iterator[Cell]:
    for half, run_size_ms in enumerate(_RUN_SIZES_MS[cycle % 2]):
        yield from _pairs(cycle, half)
        yield from _runs(cycle, run_size_ms)
        if not half:
            yield Cell(number=0, kind="tools", size_ms=SIZES_MS[(cycle + 1) % len(SIZES_MS)])


def _pairs(cycle: int, half: int) -> Iterator[Cell]:
    """An `ab` of identical code of each size, then one of a planted change."""
    for is_planted in (False, True):
        for place, size_ms in enumerate(SIZES_MS):
            change = CHANGES[(cycle + place + len(SIZES_MS) * half) % len(CHANGES)]
            yield Cell(
                number=0,
                kind="ab",
                size_ms=size_ms,
                change=change if is_planted else 0,
                busy=bool((half + place) % 2),
            )


def _runs(cycle: int, size_ms: float) -> Iterator[Cell]:
    """Two runs, one after the other; the next of this kind come four cycles later."""
    for ordinal in (cycle // 4 * 2, cycle // 4 * 2 + 1):
        yield Cell(
            number=0,
            kind="run",
            size_ms=size_ms,
            busy=bool(cycle // 2 % 2),
            ordinal=ordinal,
        )
