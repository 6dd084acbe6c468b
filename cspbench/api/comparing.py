"""`compare` two runs from Python, and what it returns."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ..comparison import result
from ..comparison.compare import compare as compare_runs
from ..records.gate import Gate
from ..records.run import Run

if TYPE_CHECKING:
    import pandas as pd


class Comparison(result.Comparison, frozen=True, kw_only=True):
    """A comparison of two runs whose text is its tables; a notebook shows its changes."""

    def __str__(self) -> str:
        from ..report import comparison

        return comparison.text(self)

    def __repr__(self) -> str:
        return str(self)

    def to_frame(self) -> "pd.DataFrame":
        """A pandas frame with one row for each case and measure.

        ``baseline`` and ``candidate`` are in ``unit`` (bytes, ``s``, or ``yardstick``: the ratio to
        the yardstick, the frozen workload that ties runs together); counts have none. ``ratio`` is
        candidate over baseline, ``ratio_low`` to ``ratio_high`` its 95% interval.
        """
        from ..report import frame

        return frame.changes(self)

    def _repr_html_(self) -> str:
        from ..report import notebook

        return notebook.comparison(self)


def compare(
    baseline: Run | Path | str, candidate: Run | Path | str, *, gate: Gate | None = None
) -> Comparison:
    """The changes from ``baseline`` to ``candidate`` that exceed the thresholds of ``gate``.

    Each side is a run, a run folder or one of its two files, a saved report or pull request
    comment, or pytest-benchmark's JSON. A run of two revisions, or its comment, stands for its
    baseline as ``baseline`` and for its candidate as ``candidate``. Raises `CspbenchError` for a
    side that cannot be read.
    """
    comparison = compare_runs(baseline, candidate, gate=gate)
    return Comparison(**msgspec.structs.asdict(comparison))
