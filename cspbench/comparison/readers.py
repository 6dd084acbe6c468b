"""Reading of one side of a comparison into an excerpt; no code of the side is executed.

A side is a run folder or one of its two files, a Markdown report or a comment saved from a pull
request (which embed records), a pasted table (``report.txt``), or pytest-benchmark's JSON. A run
of two revisions (`ab`) and its comment hold a baseline and a candidate: each side takes its own.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from ..errors import CspbenchError
from ..files import read_file
from ..records import folder
from ..records.info_file import check_values, values_in
from ..records.measurements import EXACT
from ..records.run import SIDES, Run, Side
from ..records.trainings import COMPARED
from ..text import shortened
from .excerpt import EXCERPT, CaseExcerpt, Excerpt, excerpt
from .pasted_report import read_tables, refuse_repeated
from .pytest_benchmark import is_pytest_benchmark, read_benchmarks
from .sides import side_excerpt

_MAX_BYTES = 1 << 26
_MAX_LINES = 1_000_000
_MAX_VALUES = 4_000_000
_EXCERPT_START = '{"cspbench":'
_NO_WIDTH = "\u200b"
"""A space of no width: comment.yml puts them into texts, and records have none of their own."""

_excerpt_decoder = msgspec.json.Decoder(Excerpt)
_case_decoder = msgspec.json.Decoder(CaseExcerpt)


def read(path: Path, side: Side = "candidate") -> Excerpt:
    """The excerpt of the run at ``path``; of a run of two revisions, that of its ``side``.

    Raises `CspbenchError` for other files, and for damaged ones.
    """
    if path.is_dir() or not path.exists() or path.name in {folder.INFO, folder.RECORDS}:
        return of_run(folder.read(path), side)
    text = _text(path)
    try:
        parsed = _parse(text, side)
    except CspbenchError as error:
        raise CspbenchError(f"{path}: {error}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise CspbenchError(
            f"{path}: its records are damaged ({error}); save the whole file again"
        ) from error
    if not parsed.cases:
        raise CspbenchError(
            f"{path}: no results in it; give a run folder, a report.txt, pytest-benchmark's JSON, "
            "or Markdown that holds records: of 'report RUN --format markdown' or "
            "'ab … --format markdown'"
        )
    return parsed


def of_run(run: Run, side: Side) -> Excerpt:
    """The excerpt of ``run``; of a run of two revisions, that of its ``side``."""
    return side_excerpt(run, side) if run.info.revisions else excerpt(run)


def _text(path: Path) -> str:
    try:
        content = read_file(path, _MAX_BYTES)
        check_values(path, values_in(content), _MAX_VALUES)
        if (lines := content.count(b"\n")) > _MAX_LINES:
            raise CspbenchError(f"{path}: {lines:,} lines are too many; at most {_MAX_LINES:,}")
        return content.decode()
    except OSError as error:
        raise CspbenchError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CspbenchError(
            f"{path} is not a text file in UTF-8: give a run folder, a saved report or comment, "
            "or pytest-benchmark's JSON"
        ) from error


def _parse(text: str, side: Side) -> Excerpt:
    if is_pytest_benchmark(text):
        parsed = _of_this_version(read_benchmarks(text))
        return msgspec.structs.replace(parsed, cases=tuple(map(_checked, parsed.cases)))
    lines = [
        line.replace(_NO_WIDTH, "").strip().removeprefix("> ").strip() for line in text.split("\n")
    ]
    heads = {
        index: _of_this_version(_excerpt_decoder.decode(line))
        for index, line in enumerate(lines)
        if line.startswith(_EXCERPT_START)
    }
    if not heads:
        return read_tables(lines)
    start = _start(heads, side)
    _refuse_cut(lines, min(heads), max(heads))
    return _with_cases(heads[start], lines[start + 1 :])


def _start(heads: Mapping[int, Excerpt], side: Side) -> int:
    """The index of the line that begins the records of ``side``; `CspbenchError` without any."""
    starts = {head.side: index for index, head in heads.items()}
    if len(starts) == len(heads) and set(starts) == {*SIDES}:
        return starts[side]
    if len(heads) > 1:
        raise CspbenchError(
            f"records of {len(heads)} runs; one side of a comparison is one run: save one report "
            "or comment by itself"
        )
    (only,) = starts
    if only:
        raise CspbenchError(f"records of the {only} alone, those of the other side are missing")
    return starts[only]


def _refuse_cut(lines: Sequence[str], first: int, last: int) -> None:
    """Raise `CspbenchError` if the block of code that begins before ``first`` does not end."""
    if not (first and lines[first - 1].startswith("```")):
        return
    rest = (line for line in lines[last:] if not line.startswith("{"))
    if not next(rest, "").startswith("```"):
        raise CspbenchError("its records are cut off: save the whole report or comment")


def _with_cases(head: Excerpt, lines: Sequence[str]) -> Excerpt:
    """``head`` with the cases on the first of ``lines``, up to the end of its records."""
    cases: list[CaseExcerpt] = []
    for line in lines:
        if not line.startswith("{") or line.startswith(_EXCERPT_START):
            break
        cases.append(_checked(_case_decoder.decode(line)))
    refuse_repeated([(case.key, "") for case in cases])
    return msgspec.structs.replace(head, cases=tuple(cases))


def _of_this_version(head: Excerpt) -> Excerpt:
    """``head``; raises `CspbenchError` if another version of the format wrote it."""
    if head.cspbench != EXCERPT:
        raise CspbenchError(
            f"records of format {head.cspbench}; this version of cspbench reads format {EXCERPT}: "
            "compare with the version that wrote them"
        )
    return head


def _checked(case: CaseExcerpt) -> CaseExcerpt:
    """``case``; raises `CspbenchError` for an unknown figure, or too few or too many values.

    Trained figures have one for each seed, the yardstick's times one for each launch.
    """
    damaged = f"damaged record of {shortened(case.key, 80)!r}: "
    if case.yardstick_s and len(case.yardstick_s) != len(case.yardsticks):
        raise CspbenchError(
            f"{damaged}{len(case.yardstick_s)} times of the yardstick, {len(case.yardsticks)} "
            "launches"
        )
    for name in case.exact:
        if name not in EXACT:
            raise CspbenchError(f"{damaged}unknown figure {shortened(name, 80)!r}")
    for name, values in case.trained.items():
        if name not in COMPARED:
            raise CspbenchError(f"{damaged}unknown figure {shortened(name, 80)!r}")
        if len(values) != len(case.seeds):
            raise CspbenchError(
                f"{damaged}{len(values)} values of {name!r}, {len(case.seeds)} seeds"
            )
    return case
