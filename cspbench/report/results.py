"""A run with all that its report derives from it, once, for every page and plot."""

from dataclasses import dataclass

from ..records.run import Run
from .ranking import Ranking, rankings
from .rows import Row, rows


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """A run, a row a case in suite order, and who is fastest in each mode."""

    run: Run
    rows: tuple[Row, ...]
    rankings: tuple[Ranking, ...]

    def launches(self) -> tuple[int, int]:
        """The fewest and the most launches of a case that was timed at all; 0 where none was."""
        counts = [row.latency.launches for row in self.rows if row.latency]
        return (min(counts), max(counts)) if counts else (0, 0)


def derive(run: Run) -> Results:
    """What a report shows of ``run``: all its cases are judged together, here and only here."""
    table = rows(run)
    return Results(run=run, rows=table, rankings=rankings(table))
