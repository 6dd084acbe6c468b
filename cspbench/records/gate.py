"""The gate of a comparison: the smallest changes that matter, by measure and entry."""

from fnmatch import fnmatchcase
from typing import Annotated

import msgspec

from .base import Frozen, Name

LATENCY = "latency"
THRESHOLD = 0.01
"""The smallest change of latency that matters, as a share, unless the noise floor is higher."""

THRESHOLD_BETWEEN_RUNS = 0.025
"""The same between runs, at least: identical code differs by up to it, beyond its launches.

From the trials of `bench/fidelity.py`.
"""

MAX_SHARE = 10.0


class Rule(Frozen, frozen=True, kw_only=False):
    """Changes of ``measure`` up to ``share`` count as the same, in entries matching ``glob``."""

    glob: Name
    measure: Name
    share: Annotated[float, msgspec.Meta(ge=0, le=MAX_SHARE)]


class Gate(Frozen, frozen=True, kw_only=False):
    """The rules of one comparison; if ``is_strict``, undecided cases fail it."""

    rules: tuple[Rule, ...] = ()
    is_strict: bool = False

    def threshold(self, entry: str, measure: str) -> float:
        """The smallest change that matters, as a share: by default 1% of latency, else 0."""
        for rule in reversed(self.rules):
            if rule.measure == measure and fnmatchcase(entry, rule.glob):
                return rule.share
        return THRESHOLD if measure == LATENCY else 0.0
