"""The result of `doctor`: findings about the machine, its noise floor, and a grade."""

from typing import Literal, get_args

from ..plan.case import Mode
from .base import Frozen
from .ceilings import Ceilings
from .machine import NoiseFloor

Level = Literal["good", "unknown", "fair", "poor"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""Grades from best to worst."""


class Finding(Frozen, frozen=True, kw_only=True):
    """The result of one check of the machine.

    ``level`` grades it; ``remedy`` is the command or setting that fixes it, '' if none is needed.
    """

    name: str
    level: Level
    text: str
    remedy: str = ""


class Diagnosis(Frozen, frozen=True, kw_only=True):
    """The findings, their worst grade, and the noise floor, None if there was no time for it.

    ``in_turns`` and ``between_runs`` are half widths of 95% intervals by mode: how far identical
    code may seem to differ over ``launches`` launches. ``is_kept`` says whether later runs use the
    floor and the ceilings: not if most launches were contended, because they then reflect other
    processes. ``ceilings`` are None if they could not be measured.
    """

    grade: Level
    findings: tuple[Finding, ...]
    floor: NoiseFloor | None
    launches: int
    in_turns: dict[Mode, float]
    between_runs: dict[Mode, float]
    is_kept: bool
    ceilings: Ceilings | None = None
