"""Published figures beside ours: equal, equal as they were rounded, or different, and why.

The figures are data (``catalogue/published.toml``), each with its source and convention.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from typing import Annotated, Any, Literal

import msgspec

from ..catalogue import find
from ..catalogue.entry import Shape, Value
from ..errors import CspbenchError, unknown
from ..measures.counts import count
from ..measures.execution.subject import BuiltSubject
from ..plan.case import make_case
from ..records.base import Frozen
from ..records.measurements import Counts

Convention = Literal["P", "W", "MACs", "BF", "act", "CIO"]
Answer = Literal["equal", "equal as rounded", "differs, as known", "differs"]
Text = Annotated[str, msgspec.Meta(min_length=1)]
Side = Annotated[int, msgspec.Meta(ge=1)]

CONVENTIONS: Mapping[Convention, Callable[[Counts], float]] = {
    "P": lambda counts: counts.params,
    "W": lambda counts: counts.weights,
    "MACs": lambda counts: counts.macs,
    "BF": lambda counts: 2 * counts.macs / 1e9,
    "act": lambda counts: counts.activations,
    "CIO": lambda counts: counts.cio,
}
"""What each convention counts, of ours."""

MEANINGS: Mapping[Convention, str] = {
    "P": "all trainable parameters",
    "W": "weights of convolutions and fully connected layers",
    "MACs": "multiply-accumulates of these layers",
    "BF": "2 × MACs / 10⁹",
    "act": "output elements of these layers",
    "CIO": "input + output elements of convolutions",
}

_SCALES = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9}
_VALUE = re.compile(r"(?P<number>[0-9,]*(?:\.(?P<decimals>[0-9]+))?)(?: (?P<unit>[KMG]))?")


class Figures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ``[[figure]]`` table: what a source says of an entry, by convention."""

    entry: str
    source: str
    input: tuple[Side, Side, Side, Side] | None = None
    set: dict[str, Value] = {}
    differs: dict[Convention, Text] = {}
    P: Text | None = None
    W: Text | None = None
    MACs: Text | None = None
    BF: Text | None = None
    act: Text | None = None
    CIO: Text | None = None

    def values(self) -> Iterator[tuple[Convention, str]]:
        """Convention and value as published, of those that it has."""
        for convention in CONVENTIONS:
            value = getattr(self, convention)
            if value is not None:
                yield convention, value


class Published(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file: sources by the word that a figure names, and what was derived by hand."""

    sources: dict[str, Text]
    by_hand: dict[str, Text] = {}
    figure: tuple[Figures, ...]


class Check(Frozen, frozen=True, kw_only=True):
    """One figure from a source beside ours; ``is_published``: else it was derived by hand.

    ``ours`` is in the convention's own unit, ``ours_text`` as the published one is written.
    ``difference`` is ours over the published one, minus 1. ``reason`` says why they differ, where
    that is known.
    """

    entry: str
    arguments: dict[str, Value]
    input_shape: Shape
    convention: Convention
    source: str
    is_published: bool
    published: str
    ours: float
    ours_text: str
    difference: float
    answer: Answer
    reason: str


def published() -> Published:
    """The figures that ship with the package."""
    content = (files("cspbench.catalogue") / "published.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(content), Published)


def verify(figures: Published | None = None) -> Iterator[Check]:
    """Each figure beside ours, as soon as it is counted; nothing is allocated.

    Raises `CspbenchError` for a figure of an entry or source that does not exist.
    """
    given = figures or published()
    counted: dict[str, Counts] = {}
    sources = {**given.sources, **given.by_hand}
    for one in given.figure:
        if one.source not in sources:
            raise unknown("source", one.source, sources)
        case = make_case(find(one.entry), one.set, shape=one.input)
        if case.key not in counted:
            counted[case.key] = count(BuiltSubject(case))
        for convention, value in one.values():
            answer = _beside(one, convention, value, CONVENTIONS[convention](counted[case.key]))
            yield Check(
                entry=one.entry,
                arguments=one.set,
                input_shape=case.input_shape,
                convention=convention,
                source=sources[one.source],
                is_published=one.source in given.sources,
                published=value,
                **answer,
            )


def _beside(figures: Figures, convention: Convention, value: str, ours: float) -> dict[str, Any]:
    """What ours is beside a published value."""
    match = _VALUE.fullmatch(value)
    if match is None or not match["number"].strip(",."):
        raise CspbenchError(f"{figures.entry}: {convention} is no figure: {value!r}")
    scale, decimals = _SCALES[match["unit"] or ""], len(match["decimals"] or "")
    number = float(match["number"].replace(",", ""))
    text = f"{ours / scale:,.{decimals}f}"
    same = float(text.replace(",", "")) == number
    is_whole = not decimals and scale == 1
    reason = figures.differs.get(convention, "")
    answer: Answer = "differs, as known" if reason else "differs"
    if same:
        answer = "equal" if is_whole else "equal as rounded"
    return {
        "ours": ours,
        "ours_text": f"{text} {match['unit']}" if match["unit"] else text,
        "difference": ours / (number * scale) - 1,
        "answer": answer,
        "reason": "" if same else reason,
    }
