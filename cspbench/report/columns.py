"""Columns of tables: quantities with the text of their readings, and the choice of columns."""

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from ..errors import unknown
from ..plan.case import Case, takes_image
from ..records.base import Failure
from ..records.quantities import MISSING, QUANTITIES
from ..records.quantity import Form, Part, Quantity
from ..units import percent_text, ratio_text, significant_text, span_text
from ..verdicts.stats import Estimate
from .readings import Reading

__all__ = ["COLUMNS", "MISSING", "Column", "Part", "choose", "estimate_text"]


@dataclasses.dataclass(frozen=True, slots=True)
class Column(Quantity):
    """A quantity as a column of a table."""

    @property
    def text(self) -> Callable[[float], str]:
        """The function that formats a value in base units."""
        return _FORMS[self.form]

    @property
    def axis(self) -> str:
        """The label of an axis with `scaled` values: the title, with a unit."""
        return f"{self.title} [%]" if self.form == "percent" else self.title

    def scaled(self, value: float) -> float:
        """A value in base units in the unit of the title, a share in percent.

        A value without another unit is as it is.
        """
        return value * _SCALES[self.form] if self.form in _SCALES else value

    def is_shown(self, reading: Reading) -> bool:
        """Whether the reading is reason enough to show the column."""
        return not isinstance(reading, Failure | None) and not (self.nonzero and reading == 0)

    def cell(self, reading: Reading) -> str:
        """The reading as text: blank if it does not apply, a dash if it is missing."""
        if reading is None:
            return ""
        if isinstance(reading, Failure):
            return MISSING
        if isinstance(reading, str):
            return reading
        return self.text(reading.value if isinstance(reading, Estimate) else reading)

    def interval_cell(self, reading: Reading) -> str:
        """The interval of the reading as text: blank if it has none, a dash if it is missing."""
        if isinstance(reading, Failure):
            return MISSING
        if not isinstance(reading, Estimate):
            return ""
        return self.interval_text(reading) or MISSING

    def interval_text(self, estimate: Estimate) -> str:
        """``low–high`` of a reading; '' if there is no interval."""
        if self.part == "timed" and estimate.low is not None and estimate.high is not None:
            return span_text(estimate.low, estimate.high, self.text, estimate.launches)
        return interval_text(estimate, self.text)


def interval_text(estimate: Estimate, text: Callable[[float], str]) -> str:
    """``low–high``; '' if there is no interval."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"{text(estimate.low)}–{text(estimate.high)}"


def estimate_text(estimate: Estimate, text: Callable[[float], str]) -> str:
    """``value (low–high)``; the value alone if there is no interval."""
    interval = interval_text(estimate, text)
    return text(estimate.value) + (f" ({interval})" if interval else "")


def milliseconds(seconds: float) -> str:
    """Seconds as milliseconds with four significant digits."""
    return significant_text(seconds * _SCALES["milliseconds"])


def _billions(rate: float) -> str:
    return significant_text(rate * _SCALES["billions"])


def _millijoules(joules: float) -> str:
    return significant_text(joules * _SCALES["millijoules"])


def _whole_number(count: float) -> str:
    return f"{count:,.0f}" if isinstance(count, float) else f"{count:,}"


def _probability(p: float) -> str:
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}"


def _mebibytes(count: float) -> str:
    return significant_text(count * _SCALES["mebibytes"])


_SCALES: Mapping[Form, float] = {
    "billions": 1e-9,
    "mebibytes": 2.0**-20,
    "millijoules": 1e3,
    "milliseconds": 1e3,
    "percent": 100.0,
}
"""What a value in base units is multiplied by."""

_FORMS: Mapping[Form, Callable[[float], str]] = {
    "whole": _whole_number,
    "billions": _billions,
    "mebibytes": _mebibytes,
    "millijoules": _millijoules,
    "milliseconds": milliseconds,
    "percent": percent_text,
    "probability": _probability,
    "ratio": ratio_text,
    "significant": significant_text,
    "tenths": "{:.1f}".format,
    "thousandths": "{:.3f}".format,
    "word": str,
}

COLUMNS = tuple(
    Column(**{field.name: getattr(quantity, field.name) for field in dataclasses.fields(quantity)})
    for quantity in QUANTITIES
)


def for_cases(columns: Iterable[Column], cases: Iterable[Case]) -> tuple[Column, ...]:
    """The columns with headers for ``cases``: throughput is of images if each takes one."""
    header = f"{batch_noun(cases)}\n/s"
    return tuple(
        dataclasses.replace(column, header=header) if column.key == "images_per_s" else column
        for column in columns
    )


def batch_noun(cases: Iterable[Case]) -> str:
    """What the inputs of ``cases`` are along their first axis: images, or samples in general."""
    return "images" if all(map(takes_image, cases)) else "samples"


def choose(
    keys: Sequence[str] | None = None, kinds: Collection[str] = ("costs",)
) -> tuple[Column, ...]:
    """The columns of ``keys``, without repetition; the default ones of ``kinds`` of runs for None.

    Columns that are chosen are shown even if they hold nothing but 0.

    Raises `CspbenchError` for an unknown key.
    """
    if keys is None:
        return tuple(column for column in COLUMNS if column.default in {"always", *kinds})
    known = {column.key: column for column in COLUMNS}
    for key in keys:
        if key not in known:
            raise unknown("column", key, known, hint="python -m cspbench list shows all")
    return tuple(dataclasses.replace(known[key], nonzero=False) for key in dict.fromkeys(keys))
