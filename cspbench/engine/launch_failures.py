"""Launches that fail through no case's fault: which cases to launch apart, and when to stop."""

from collections import Counter

from ..errors import CspbenchError
from ..plan.case import Case
from ..records.lines import LaunchFailure

_MAX_IN_A_ROW = 12
_MAX_APART = 2  # launches of one case apart
_MAX_TOGETHER = 1


class LaunchFailures:
    """Counts failed launches of each case. Cases on several devices may be added in threads.

    After a second failure beside others, a case is to be launched ``apart``, alone with its
    reference, so that one that disturbs the yardstick costs only its own figures; after two more it
    is ``given_up``. ``in_a_row`` counts the failures since the last launch that was completed.
    """

    def __init__(self) -> None:
        self.apart: set[str] = set()
        self.given_up: set[str] = set()
        self.in_a_row = 0
        self._together: Counter[str] = Counter()
        self._alone: Counter[str] = Counter()

    def add(self, cases: tuple[Case, ...], failure: LaunchFailure) -> None:
        """Count a failed launch of ``cases``; raises `CspbenchError` after too many in a row."""
        self.in_a_row += 1
        if self.in_a_row >= _MAX_IN_A_ROW:
            raise CspbenchError(
                f"{self.in_a_row} launches in a row failed, the last with: {failure.reason}; "
                "results "
                "so far are kept (fix the cause, then continue with --resume)"
            )
        for key in _keys_of(cases):
            if key in self.apart:
                self._alone[key] += 1
                if self._alone[key] >= _MAX_APART:
                    self.given_up.add(key)
            else:
                self._together[key] += 1
                if self._together[key] > _MAX_TOGETHER:
                    self.apart.add(key)

    def forget(self, cases: tuple[Case, ...]) -> None:
        """A launch of ``cases`` was completed: they may share launches again."""
        self.in_a_row = 0
        for key in _keys_of(cases):
            self.apart.discard(key)
            del self._together[key], self._alone[key]


def _keys_of(cases: tuple[Case, ...]) -> set[str]:
    """The cases that were launched for their own sake, not as a reference alone."""
    keys = {case.key for case in cases}
    references = {case.reference for case in cases if case.reference != case.key}
    return keys - references or keys
