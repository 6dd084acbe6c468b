"""Reading of the tables of a pasted ``report.txt``, with times rounded as they were printed."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from ..errors import CspbenchError
from ..plan.case import Mode
from ..plan.labels import REFERENCE_MARK
from ..records.base import MAX_NAME, Failure
from ..records.measurements import EXACT
from ..records.quantities import MISSING, QUANTITIES
from ..text import shortened
from .excerpt import CaseExcerpt, Excerpt

_MAX_COUNT = 2**63 - 1
_MODES: dict[str, Mode] = {"Inference": "infer", "Training": "train"}
_FIGURE = re.compile(r"[0-9]{1,3}(,[0-9]{3}){0,6}|[0-9]{1,19}", re.ASCII)
_TIME = re.compile(r"[0-9]{1,12}(,[0-9]{3}){0,4}(\.[0-9]{1,12})?", re.ASCII)
_KEYS = {quantity.title: quantity.key for quantity in QUANTITIES}
_INTERVAL = {"95%", "interval"}  # the words above an interval in the column of its figure

_Table = tuple[Mode, list[str], list[list[str]]]  # mode, headers, rows of cells


def read_tables(lines: Sequence[str]) -> Excerpt:
    """The excerpt of the tables among ``lines``; raises `CspbenchError` for a damaged table."""
    cases: dict[tuple[str, Mode], dict[str, str]] = {}
    for mode, headers, rows in _tables(lines):
        for cells in rows:
            name = cells[0].removesuffix(REFERENCE_MARK)
            figures = cases.setdefault((name, mode), {})
            for header, cell in zip(headers[1:], cells[1:], strict=True):
                figures.setdefault(header, cell)
    return Excerpt(
        made={},
        cases=tuple(_case(name, mode, figures) for (name, mode), figures in cases.items()),
    )


def refuse_repeated(identities: Sequence[tuple[str, str]]) -> None:
    """Raise `CspbenchError` if an identity occurs twice."""
    known: set[tuple[str, str]] = set()
    for identity in identities:
        if identity in known:
            raise CspbenchError(
                f"{shortened(identity[0], 80)!r} occurs twice: save one report by itself"
            )
        known.add(identity)


def _case(name: str, mode: Mode, figures: Mapping[str, str]) -> CaseExcerpt:
    exact: dict[str, int | Failure] = {}
    latency_s: float | None = None
    for header, cell in figures.items():
        key = _KEYS.get(header)
        if key is None or not cell:
            continue
        if key in EXACT:
            exact[key] = _figure(header, cell) if cell != MISSING else Failure(reason="not shown")
        elif key == "latency" and _TIME.fullmatch(figure := cell.partition(" ")[0]):
            latency_s = float(figure.replace(",", "")) / 1e3 or None
    return CaseExcerpt(
        key="",
        name=name,
        entry=name.split(" ", maxsplit=1)[0],
        mode=mode,
        input_shape=(),
        exact=exact,
        latency_s=latency_s,
        missing="the table has none",
    )


def _figure(header: str, cell: str) -> int:
    count = int(cell.replace(",", "")) if _FIGURE.fullmatch(cell) else -1
    if not 0 <= count <= _MAX_COUNT:
        raise CspbenchError(
            f"{shortened(cell, 40)!r} in the column {header!r} is not a count: copy the table again"
        )
    return count


def _tables(lines: Sequence[str]) -> Iterator[_Table]:
    """Every table below a title that names its mode, with the lines of wrapped cells joined."""
    mode: Mode | None = None
    drawing: list[str] = []
    for line in [*lines, ""]:
        if line.startswith(("+-", "|")):
            drawing.append(line)
            continue
        if drawing and mode is not None:
            yield from _table(mode, drawing)
        drawing = []
        titled = (title for title in _MODES if line.startswith(f"{title},"))
        mode = _MODES.get(next(titled, ""), mode)


def _cells(line: str, edges: Sequence[int]) -> list[str]:
    """The cells of a line between the ``edges`` of its table, as a name may hold a bar, too.

    Wide characters shift the edges: such a line is split at its bars.
    """
    if edges and len(line) == edges[-1] + 1 and all(line[edge] == "|" for edge in edges):
        return [line[left + 1 : right].strip() for left, right in pairwise(edges)]
    return [cell.strip() for cell in line.strip("|").split("|")]


def _header(cells: Sequence[str]) -> str:
    """The title of a column from the lines of its header, without an interval's."""
    words = " ".join(cells).split()
    return " ".join(word for word in words if word not in _INTERVAL)


def _table(mode: Mode, drawing: Sequence[str]) -> Iterator[_Table]:
    parts: list[list[list[str]]] = [[]]
    edges: list[int] = []
    for line in drawing:
        if line.startswith("+-"):
            edges = [index for index, mark in enumerate(line) if mark == "+"]
            parts.append([])
        else:
            parts[-1].append(_cells(line, edges))
    parts = [part for part in parts if part]
    if len(parts) != 2:
        return
    head, body = parts
    width = len(head[0])
    if any(len(cells) != width for cells in (*head, *body)):
        raise CspbenchError(
            "damaged table: its rows have different numbers of cells; copy it again from report.txt"
        )
    headers = [_header(cells) for cells in zip(*head, strict=True)]
    rows: list[list[str]] = []
    for cells in body:
        if rows and cells[0] and not any(cells[1:]):
            rows[-1][0] = f"{rows[-1][0]} {cells[0]}"  # the second line of a wrapped name
            if len(rows[-1][0]) > MAX_NAME:
                raise CspbenchError(
                    f"damaged table: a name of more than {MAX_NAME:,} characters; copy it again"
                )
        else:
            rows.append(cells)
    refuse_repeated([(row[0], mode) for row in rows])
    yield mode, headers, rows
