"""`read` a run from Python, and what it returns."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ..records import folder, run
from .records import Record

if TYPE_CHECKING:
    import pandas as pd


class Run(run.Run, frozen=True, kw_only=True):
    """A run as read from its folder, whose text is its report; a notebook shows its tables.

    ``records`` are in the order of the suite.
    """

    records: tuple[Record, ...]

    def __str__(self) -> str:
        from .. import report

        return report.text(report.derive(self))

    def __repr__(self) -> str:
        return str(self)

    def to_frame(self) -> "pd.DataFrame":
        """A pandas frame with one row for each case in base units: the columns of ``report.csv``.

        A missing figure is NA, and the column ``missing`` says why.
        """
        from ..report import derive, frame

        return frame.cases(derive(self))

    def to_dict(self) -> dict[str, Any]:
        """The run as plain values, its records as those of `Record`."""
        records = [record.to_dict() for record in self.records]
        return {**super().to_dict(), "records": records}

    def _repr_html_(self) -> str:
        from ..report import derive, notebook

        return notebook.run(derive(self))


def read(path: Path | str) -> Run:
    """The run in the folder ``path``, which may also be one of its two files.

    Nothing in it is executed. Raises `CspbenchError` if it cannot be read.
    """
    fields = msgspec.structs.asdict(folder.read(Path(path)))
    records = tuple(Record(**msgspec.structs.asdict(record)) for record in fields.pop("records"))
    return Run(records=records, **fields)
