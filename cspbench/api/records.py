"""A `Record` whose text is its summary, and which a notebook shows as a table."""

from typing import TYPE_CHECKING

from ..records import run

if TYPE_CHECKING:
    import pandas as pd


class Record(run.Record, frozen=True, kw_only=True):
    """Everything measured of one case; its text is its summary, of every figure there is.

    A notebook shows the figures as a table, with the summary folded below. A record knows of no
    other: ratios, verdicts, and which launches do not count, are its run's to say.
    """

    def __str__(self) -> str:
        from ..report import summary

        return summary.text([self])

    def __repr__(self) -> str:
        return str(self)

    def to_frame(self) -> "pd.DataFrame":
        """A pandas frame of one row in base units, with the columns of a run's ``report.csv``.

        ``pd.concat([profile.to_frame() for profile in profiles])`` is the table of several.
        """
        from ..report import frame

        return frame.record(self)

    def _repr_html_(self) -> str:
        from ..report import notebook

        return notebook.record(self)
