"""Checks of our figures against published ones.

Published figures are read from ``catalogue/published.toml``, each with its source and convention.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Self

import msgspec

from ..catalogue import find
from ..catalogue.entry import Value
from ..errors import CspbenchError, unknown
from ..measures.counts import count
from ..measures.execution.subject import BuiltSubject
from ..plan.case import Case, make_case
from ..records.measurements import Counts
from ..records.verification import CONVENTIONS, Answer, Check, Convention

Text = Annotated[str, msgspec.Meta(min_length=1)]
Length = Annotated[int, msgspec.Meta(ge=1)]

_OURS: Mapping[Convention, Callable[[Counts], float]] = {
    "P": lambda counts: counts.params,
    "P_all": lambda counts: counts.params + counts.frozen_params,
    "W": lambda counts: counts.weights,
    "MACs": lambda counts: counts.macs,
    "products": lambda counts: counts.matmul_macs or 0,
    "fvcore": lambda counts: counts.fvcore_macs or 0,
    "BF": lambda counts: 2 * counts.macs / 1e9,
    "BF_products": lambda counts: 2 * (counts.macs + (counts.matmul_macs or 0)) / 1e9,
    "act": lambda counts: counts.activations,
    "CIO": lambda counts: counts.cio,
}
_SCALES = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9}
_VALUE = re.compile(r"(?P<number>[0-9,]*(?:\.(?P<decimals>[0-9]+))?)(?: (?P<unit>[KMG]))?")


class Figures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ``[[figure]]`` table: the figures that a source gives for an entry, by convention."""

    entry: str
    source: str
    input: tuple[Length, Length, Length, Length] | None = None
    set: dict[str, Value] = {}
    differs: dict[Convention, Text] = {}
    P: Text | None = None
    P_all: Text | None = None
    W: Text | None = None
    MACs: Text | None = None
    products: Text | None = None
    fvcore: Text | None = None
    BF: Text | None = None
    BF_products: Text | None = None
    act: Text | None = None
    CIO: Text | None = None

    def values(self) -> Iterator[tuple[Convention, str]]:
        """The convention and published text of each figure."""
        for convention in CONVENTIONS:
            value = getattr(self, convention)
            if value is not None:
                yield convention, value


class Published(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file: its figures, and the sources that they name, published or derived by hand."""

    sources: dict[str, Text]
    by_hand: dict[str, Text] = {}
    figure: tuple[Figures, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Value:
    """A published figure: its number, decimals and unit."""

    number: float
    decimals: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The value of ``text``; None if it is not a number above 0."""
        match = _VALUE.fullmatch(text)
        if match is None or not match["number"].strip(",.0"):
            return None
        return cls(
            number=float(match["number"].replace(",", "")),
            decimals=len(match["decimals"] or ""),
            unit=match["unit"] or "",
        )

    @property
    def is_whole(self) -> bool:
        return not self.decimals and not self.unit

    def ratio(self, ours: float) -> float:
        """``ours`` divided by this value."""
        return ours / (self.number * _SCALES[self.unit])

    def rounded(self, ours: float) -> str:
        """``ours`` in this value's unit and decimals, without the unit."""
        return f"{ours / _SCALES[self.unit]:,.{self.decimals}f}"


def published() -> Published:
    """The figures that ship with the package."""
    content = (files("cspbench.catalogue") / "published.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(content), Published)


def verify(figures: Published | None = None) -> Iterator[Check]:
    """Check each figure against ours, yielding results as they are counted; allocates nothing.

    ``figures`` defaults to those that ship with the package. Raises `CspbenchError` for an unknown
    entry or source, and for a figure that is not a number above 0.
    """
    figures = figures or published()
    counts: dict[str, Counts] = {}
    sources = {**figures.sources, **figures.by_hand}
    for table in figures.figure:
        if table.source not in sources:
            raise unknown("source", table.source, sources)
        case = make_case(find(table.entry), table.set, shape=table.input)
        if case.key not in counts:
            counts[case.key] = count(BuiltSubject(case))
        for convention, text in table.values():
            yield _check(
                table,
                convention,
                text,
                case=case,
                counts=counts[case.key],
                source=sources[table.source],
                is_published=table.source in figures.sources,
            )


def _check(
    table: Figures,
    convention: Convention,
    text: str,
    *,
    case: Case,
    counts: Counts,
    source: str,
    is_published: bool,
) -> Check:
    """The check of one figure of ``table``, whose published form is ``text``."""
    value = _Value.parse(text)
    if value is None:
        raise CspbenchError(f"{table.entry}: {convention} is no figure: {text!r}")
    ours = _OURS[convention](counts)
    rounded = value.rounded(ours)
    is_equal = float(rounded.replace(",", "")) == value.number
    reason = table.differs.get(convention, "")
    answer: Answer = "differs, as known" if reason else "differs"
    if is_equal:
        answer = "equal" if value.is_whole else "equal as rounded"
    return Check(
        entry=table.entry,
        arguments=table.set,
        input_shape=case.input_shape,
        convention=convention,
        source=source,
        is_published=is_published,
        published=text,
        ours=ours,
        ours_text=f"{rounded} {value.unit}".rstrip(),
        difference=value.ratio(ours) - 1,
        answer=answer,
        reason="" if is_equal else reason,
    )
