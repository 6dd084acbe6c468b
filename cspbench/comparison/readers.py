"""Reading of one side of a comparison into an excerpt; no code of the side is executed.

A side is a run folder or one of its two files, a Markdown report or a comment saved from a pull
request (which embed an excerpt), a pasted table (``report.txt``), or pytest-benchmark's JSON.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from ..errors import CspbenchError
from ..files import read_file
from ..records import folder
from ..records.info_file import check_values, values_in
from ..records.measurements import EXACT
from ..records.trainings import COMPARED
from .excerpt import EXCERPT, CaseExcerpt, Excerpt, excerpt
from .pasted_report import read_tables, refuse_repeated
from .pytest_benchmark import is_pytest_benchmark, read_benchmarks

_MAX_BYTES = 1 << 26
_MAX_LINES = 1_000_000
_MAX_VALUES = 4_000_000
_EXCERPT_START = '{"cspbench":'

_excerpt_decoder = msgspec.json.Decoder(Excerpt)
_case_decoder = msgspec.json.Decoder(CaseExcerpt)


def read(path: Path) -> Excerpt:
    """The excerpt of the side at ``path``; raises `CspbenchError` for other or damaged files."""
    if path.is_dir() or not path.exists() or path.name in {folder.INFO, folder.RECORDS}:
        return excerpt(folder.read(path))
    text = _text(path)
    try:
        side = _parse(text)
    except (msgspec.DecodeError, RecursionError, CspbenchError) as error:
        raise CspbenchError(f"{path}: {error}") from error
    if not side.cases:
        raise CspbenchError(
            f"{path} is no run folder, and holds neither the records of a report nor a table; "
            "a report is saved by: python -m cspbench report RUN --format markdown"
        )
    return side


def _text(path: Path) -> str:
    try:
        content = read_file(path, _MAX_BYTES)
        check_values(path, values_in(content), _MAX_VALUES)
        if content.count(b"\n") > _MAX_LINES:
            raise CspbenchError(f"{path} has more lines than any report ({_MAX_LINES:,})")
        return content.decode()
    except OSError as error:
        raise CspbenchError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CspbenchError(f"{path} is not text: {error}") from error


def _parse(text: str) -> Excerpt:
    if is_pytest_benchmark(text):
        side = _of_this_version(read_benchmarks(text))
        return msgspec.structs.replace(side, cases=tuple(map(_checked, side.cases)))
    lines = [line.strip().removeprefix("> ").strip() for line in text.split("\n")]
    starts = [index for index, line in enumerate(lines) if line.startswith(_EXCERPT_START)]
    if len(starts) > 1:
        raise CspbenchError(f"it holds the records of {len(starts)} runs; save one of them")
    return _parse_records(lines[starts[0] :]) if starts else read_tables(lines)


def _parse_records(lines: Sequence[str]) -> Excerpt:
    """The excerpt that a Markdown report embeds, up to the end of its code block."""
    head = _of_this_version(_excerpt_decoder.decode(lines[0]))
    cases: list[CaseExcerpt] = []
    for line in lines[1:]:
        if not line.startswith("{"):
            break
        cases.append(_checked(_case_decoder.decode(line)))
    refuse_repeated([(case.key, "") for case in cases])
    return msgspec.structs.replace(head, cases=tuple(cases))


def _of_this_version(head: Excerpt) -> Excerpt:
    """``head``; raises `CspbenchError` if another version of the format wrote it."""
    if head.cspbench != EXCERPT:
        raise CspbenchError(
            f"its records are of version {head.cspbench}, this reads {EXCERPT}; "
            "read them with the version that wrote them"
        )
    return head


def _checked(case: CaseExcerpt) -> CaseExcerpt:
    """``case``; raises `CspbenchError` for an unknown figure, or values that are not one each.

    Trained figures have one a seed, the yardstick's times one a launch.
    """
    if case.yardstick_s and len(case.yardstick_s) != len(case.yardsticks):
        raise CspbenchError(f"{case.key!r}: the yardstick's times are not one a launch")
    for name in case.exact:
        if name not in EXACT:
            raise CspbenchError(f"{case.key!r} has a figure {name!r} that is not known")
    for name, values in case.trained.items():
        if name not in COMPARED or len(values) != len(case.seeds):
            raise CspbenchError(f"{case.key!r}: {name!r} is not one value a seed")
    return case
