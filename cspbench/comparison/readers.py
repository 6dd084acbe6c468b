"""Whatever can stand on one side of a comparison, read into an excerpt; nothing is ever executed.

A run folder or one of its files; a Markdown report, or a comment saved from a pull request, by the
records that it carries; a pasted table (``report.txt``), by what it shows; pytest-benchmark's JSON.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from ..errors import CspbenchError
from ..plan.case import Mode
from ..records import folder as store
from ..records.lines import EXACT, OF_TRAININGS, Failure
from .pasted_report import EXCERPT, CaseExcerpt, Excerpt, excerpt

_MOST_BYTES = 1 << 26
_MOST_COUNT = 2**63 - 1
_EXCERPT_START = '{"cspbench":'
_MODES: dict[str, Mode] = {"Inference": "infer", "Training": "train"}
_FIGURE = re.compile(r"[0-9]{1,3}(,[0-9]{3}){0,6}|[0-9]{1,19}", re.ASCII)
_TIME = re.compile(r"[0-9]{1,12}(,[0-9]{3})*(\.[0-9]{1,12})?", re.ASCII)

_excerpt_decoder = msgspec.json.Decoder(Excerpt)
_case_decoder = msgspec.json.Decoder(CaseExcerpt)


class _Stats(msgspec.Struct):
    median: float


class _Benchmark(msgspec.Struct):
    name: str
    fullname: str
    stats: _Stats


class _Benchmarks(msgspec.Struct):
    benchmarks: tuple[_Benchmark, ...]


_benchmarks_decoder = msgspec.json.Decoder(_Benchmarks)


def read(path: Path) -> Excerpt:
    """One side of a comparison; raises `CspbenchError` for what is none, or is damaged."""
    if path.is_dir() or not path.exists() or path.name in {store.INFO, store.RECORDS}:
        return excerpt(store.read(path))
    text = _text(path)
    try:
        found = _parse(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CspbenchError(f"{path}: {error}") from error
    except CspbenchError as error:
        raise CspbenchError(f"{path}: {error}") from error
    if not found.cases:
        raise CspbenchError(
            f"{path} is no run folder, and holds neither the records of a report nor a table; "
            "a report is saved by: python -m cspbench report RUN --format markdown"
        )
    return found


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise CspbenchError(f"{path} is larger than any report ({_MOST_BYTES >> 20} MiB)")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CspbenchError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CspbenchError(f"{path} is not text: {error}") from error


def _parse(text: str) -> Excerpt:
    if '"benchmarks"' in text and text.lstrip().startswith("{"):
        return _of_pytest(text)
    lines = [line.strip().removeprefix("> ").strip() for line in text.splitlines()]
    starts = [index for index, line in enumerate(lines) if line.startswith(_EXCERPT_START)]
    if len(starts) > 1:
        raise CspbenchError(f"it holds the records of {len(starts)} runs; save one of them")
    return _of_records(lines[starts[0] :]) if starts else _of_table(lines)


def _of_records(lines: Sequence[str]) -> Excerpt:
    """The records that a Markdown report carries, up to the end of their fence."""
    head = _excerpt_decoder.decode(lines[0])
    if head.cspbench != EXCERPT:
        raise CspbenchError(
            f"its records are of version {head.cspbench}, this reads {EXCERPT}; "
            "read them with the version that wrote them"
        )
    cases: list[CaseExcerpt] = []
    for line in lines[1:]:
        if not line.startswith("{"):
            break
        cases.append(_case_decoder.decode(line))
        for name in cases[-1].exact:
            if name not in EXACT:
                raise CspbenchError(f"{cases[-1].key!r} has a figure {name!r} that is not known")
        for name, values in cases[-1].trained.items():
            if name not in OF_TRAININGS or len(values) != len(cases[-1].seeds):
                raise CspbenchError(f"{cases[-1].key!r}: {name!r} is not one value a seed")
    _refuse_repeated([(case.key, "") for case in cases])
    return msgspec.structs.replace(head, cases=tuple(cases))


def _of_pytest(text: str) -> Excerpt:
    """pytest-benchmark's results: its medians are shown and decide nothing."""
    found = _benchmarks_decoder.decode(text).benchmarks
    for one in found:
        if not 0 < one.stats.median < 1e9:
            raise CspbenchError(f"{one.fullname!r} has a median of {one.stats.median!r} s")
    _refuse_repeated([(one.fullname, "") for one in found])
    return Excerpt(
        made={},
        cases=tuple(
            CaseExcerpt(
                key=one.fullname,
                name=one.name,
                entry=one.name,
                mode="infer",
                input_shape=(),
                exact={},
                latency_s=one.stats.median,
            )
            for one in found
        ),
    )


def _of_table(lines: Sequence[str]) -> Excerpt:
    """The tables of a pasted report: exact figures as they stand, times as they were rounded."""
    cases: dict[tuple[str, Mode], dict[str, str]] = {}
    for mode, headers, rows in _tables(lines):
        for cells in rows:
            name = cells[0].removesuffix(" (reference)")
            figures = cases.setdefault((name, mode), {})
            for header, cell in zip(headers[1:], cells[1:], strict=True):
                figures.setdefault(header, cell)
    return Excerpt(
        made={},
        cases=tuple(_of_row(name, mode, figures) for (name, mode), figures in cases.items()),
    )


def _of_row(name: str, mode: Mode, figures: dict[str, str]) -> CaseExcerpt:
    from ..report.columns import COLUMNS, MISSING

    headers = {" ".join(column.header.split()): column for column in COLUMNS}
    exact: dict[str, int | Failure] = {}
    shown: float | None = None
    for header, cell in figures.items():
        column = headers.get(header)
        if column is None or not cell:
            continue
        if column.key in EXACT:
            exact[column.key] = _figure(cell) if cell != MISSING else Failure(reason="not shown")
        elif column.key == "latency" and _TIME.fullmatch(cell):
            shown = float(cell.replace(",", "")) / 1e3 or None
    return CaseExcerpt(
        key="",
        name=name,
        entry=name.split(" ", maxsplit=1)[0],
        mode=mode,
        input_shape=(),
        exact=exact,
        latency_s=shown,
        missing="the table shows none",
    )


def _figure(cell: str) -> int:
    count = int(cell.replace(",", "")) if _FIGURE.fullmatch(cell) else -1
    if not 0 <= count <= _MOST_COUNT:
        shown = cell if len(cell) <= 40 else f"{cell[:40]}…"
        raise CspbenchError(f"its table has {shown!r} where a count belongs")
    return count


Table = tuple[Mode, list[str], list[list[str]]]


def _tables(lines: Sequence[str]) -> Iterator[Table]:
    """Every drawn table below a title that names its mode; cells that were wrapped are joined."""
    mode: Mode | None = None
    block: list[str] = []
    for line in [*lines, ""]:
        if line.startswith(("+-", "|")):
            block.append(line)
            continue
        if block and mode is not None:
            yield from _table(mode, block)
        block = []
        mode = next((one for word, one in _MODES.items() if line.startswith(f"{word},")), mode)


def _table(mode: Mode, block: Sequence[str]) -> Iterator[Table]:
    parts: list[list[list[str]]] = [[]]
    for line in block:
        if line.startswith("+-"):
            parts.append([])
        else:
            parts[-1].append([cell.strip() for cell in line.strip("|").split("|")])
    parts = [part for part in parts if part]
    if len(parts) != 2:
        return
    head, body = parts
    width = len(head[0])
    if any(len(cells) != width for cells in (*head, *body)):
        raise CspbenchError("its table is torn: the rows differ in their number of cells")
    headers = [" ".join(" ".join(cells).split()) for cells in zip(*head, strict=True)]
    rows: list[list[str]] = []
    for cells in body:
        if rows and cells[0] and not any(cells[1:]):
            rows[-1][0] = f"{rows[-1][0]} {cells[0]}"  # a name that was wrapped goes on
        else:
            rows.append(cells)
    names = [row[0] for row in rows]
    _refuse_repeated([(name, mode) for name in names])
    yield mode, headers, rows


def _refuse_repeated(identities: Sequence[tuple[str, str]]) -> None:
    seen: set[tuple[str, str]] = set()
    for one in identities:
        if one in seen:
            shown = one[0] if len(one[0]) <= 80 else f"{one[0][:80]}…"
            raise CspbenchError(f"it holds {shown!r} twice")
        seen.add(one)
