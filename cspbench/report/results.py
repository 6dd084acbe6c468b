"""The results of a run: rows and rankings, derived once for every page and plot."""

from dataclasses import dataclass

from ..records.run import Run
from .ranking import Ranking, rankings
from .rows import Row, rows


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """A run, its rows in suite order, and its rankings."""

    run: Run
    rows: tuple[Row, ...]
    rankings: tuple[Ranking, ...]

    def launches(self) -> tuple[int, int]:
        """The smallest and the largest number of launches of timed cases; 0 if there are none."""
        counts = [row.latency.launches for row in self.rows if row.latency]
        return (min(counts), max(counts)) if counts else (0, 0)


def derive(run: Run) -> Results:
    """The results of ``run``, with all cases judged together."""
    table = rows(run)
    return Results(run=run, rows=table, rankings=rankings(table))
