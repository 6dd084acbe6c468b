"""Plan of a launch (the turns of each case, what is known of it, its time), and its position."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

from ..plan.case import Case
from ..records.lines import YARDSTICK


@dataclass(frozen=True, kw_only=True, slots=True)
class LaunchPosition:
    """How far a launch has come: so many of the cases are built, or of the turns are taken."""

    phase: Literal["cases built", "turns taken"]
    done: int
    total: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LaunchPlan:
    """The turns of each case and the yardstick, by key, and the seconds that a launch may take.

    ``iterations`` are those of a sample of cases whose last launch was steady. Once ``seconds``
    have passed since its start, a launch builds no further case and begins no further turn, but
    each case that is built takes one.
    """

    turns: Mapping[str, int]
    iterations: Mapping[str, int] = field(default_factory=dict)
    seconds: float = math.inf

    @classmethod
    def of(cls, cases: Iterable[Case], turns: int, seconds: float = math.inf) -> Self:
        """The same number of turns for each of ``cases`` and the yardstick."""
        keys = [*(case.key for case in cases), YARDSTICK]
        return cls(turns=dict.fromkeys(keys, turns), seconds=seconds)
