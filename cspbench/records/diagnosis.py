"""What `doctor` finds: findings about the machine, its noise floor, and a grade."""

from typing import Literal, get_args

from ..plan.case import Mode
from .base import Frozen
from .machine import NoiseFloor

Level = Literal["good", "unknown", "fair", "poor"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""From the best to the worst."""


class Finding(Frozen, frozen=True, kw_only=True):
    """One check of the machine: its result, how good that is, and how to fix it.

    ``remedy`` is the command or the setting, '' where nothing needs fixing.
    """

    name: str
    level: Level
    text: str
    remedy: str = ""


class Diagnosis(Frozen, frozen=True, kw_only=True):
    """The findings, their worst grade, the noise floor, and its widths.

    ``in_turns`` and ``between_runs`` are half widths of 95% intervals by mode: how far identical
    code may seem to differ over ``launches`` launches. ``is_kept`` says whether later runs use the
    floor: one of mostly contended launches says more of what else ran than of the machine.
    """

    grade: Level
    findings: tuple[Finding, ...]
    floor: NoiseFloor
    launches: int
    in_turns: dict[Mode, float]
    between_runs: dict[Mode, float]
    is_kept: bool
