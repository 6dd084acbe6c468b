"""Suites: lists of cases, read from TOML files or made of entries."""

import difflib
import itertools
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from ..catalogue import ENTRIES, find
from ..errors import CspbenchError, unknown
from .case import Accuracy, Case, Compiler, Mode, Precision, make_case
from .references import added_tables, with_first_as_reference, with_references
from .tables import CaseTable, SuiteFile

_SUFFIX = ".toml"
_MAX_NAME = 80  # characters of the name of a suite of entries, which names a folder


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Which cases of a suite to measure and how; None, False and () keep the suite's setting."""

    only: str | None = None
    mode: tuple[Mode, ...] = ()
    precision: Precision | None = None
    batch_size: tuple[int, ...] = ()
    img_size: tuple[int, ...] = ()
    channels_last: bool = False
    compiler: Compiler | None = None


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """A name, a description, and the cases, reference cases included."""

    name: str
    description: str
    cases: tuple[Case, ...]


def built_in() -> dict[str, str]:
    """Name and description of each suite that ships with the package."""
    return {name: _read(name).description for name in _names()}


def _names() -> list[str]:
    folder = files(__package__) / "suites"
    file_names = (path.name for path in folder.iterdir())
    return sorted(name.removesuffix(_SUFFIX) for name in file_names if name.endswith(_SUFFIX))


def load(
    name: str,
    selection: Selection | None = None,
    device: str = "cpu",
    *,
    has_references: bool = True,
) -> Suite:
    """The suite ``name`` on ``device``; ``name`` is built in, or the path of a TOML file.

    ``selection.only`` keeps the cases that it matches and their references. Unless the suite
    ``has_references``, its cases have none, and none is added. Raises `CspbenchError` for an
    unknown name, key or value, and for an ``only`` that matches nothing.
    """
    selection = selection or Selection()
    suite = _read(name)
    tables = [*(CaseTable(entry=entry) for entry in suite.entries), *suite.case]
    if not tables:
        raise CspbenchError(f"suite {name}: it lists no entries and no [[case]]")
    reference = suite.reference if has_references else None
    added = [] if reference is None else added_tables(reference, tables)
    cases: list[Case] = []
    for form in _forms(suite, selection, device):
        listed = [
            case
            for number, table in enumerate(tables, start=1)
            for case in _cases(table, form, place=f"suite {name}, case {number}: ")
        ]
        references = {
            case.key: case
            for table in added
            for case in _cases(table, form, place=f"suite {name}, reference: ")
        }
        for case in listed:
            references.pop(case.key, None)
        at_point = [*references.values(), *listed]
        cases += at_point if reference is None else with_references(at_point, reference)
    return Suite(
        name=Path(name).stem,
        description=suite.description,
        cases=_selected(cases, selection.only, suite_name=name),
    )


def of_entries(
    entries: Sequence[str],
    selection: Selection | None = None,
    device: str = "cpu",
    *,
    overrides: Sequence[str] = (),
    inputs: Sequence[str] = (),
    has_references: bool = True,
) -> Suite:
    """A suite of ``entries``, of which the first is the reference of the others at any input.

    Each has the ``overrides`` (``name=value``) and, if there are any, the ``inputs``
    (`parse_words`). Raises `CspbenchError` like `load`.
    """
    selection = selection or Selection()
    tables = []
    for name in entries:
        arguments = dict(map(find(name).parse, overrides))
        tables.append(CaseTable(entry=name, set=arguments, input=list(inputs) or None))
    description = ", ".join(entries) if len(entries) > 1 else find(entries[0]).description
    suite = SuiteFile(description=description, case=tuple(tables))
    cases: list[Case] = []
    for form in _forms(suite, selection, device):
        at_point = [case for table in tables for case in _cases(table, form)]
        is_compared = has_references and len(entries) > 1
        cases += with_first_as_reference(at_point) if is_compared else at_point
    words = [re.sub(r"[^\w.-]+", "-", Path(entry).name).strip(".-") for entry in entries]
    return Suite(
        name="-".join(words)[:_MAX_NAME],
        description=description,
        cases=_selected(cases, selection.only, suite_name=",".join(entries)),
    )


def share_out(suites: Sequence[Suite]) -> Suite:
    """One suite that spreads its cases over devices; ``suites`` holds the same suite on each.

    Cases go to the devices in turn. A reference is measured on each device that has a case with a
    ratio to it, because a ratio needs both of its cases on the same one.
    """
    rows = list(zip(*(suite.cases for suite in suites), strict=True))
    needed = {case.reference for row in rows for case in row if case.reference != case.key}
    placed: dict[int, Case] = {}
    for index, copies in enumerate(rows):
        if not any(case.key in needed for case in copies):
            placed[index] = copies[len(placed) % len(copies)]
    needed = {case.reference for case in placed.values()}
    cases: list[Case] = []
    for index, copies in enumerate(rows):
        cases += [placed[index]] if index in placed else [c for c in copies if c.key in needed]
    return msgspec.structs.replace(suites[0], cases=tuple(cases))


def _read(name: str) -> SuiteFile:
    path = Path(name)
    if name.endswith(_SUFFIX) or len(path.parts) > 1:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise CspbenchError(f"cannot read suite {name}: {error.strerror}") from error
    else:
        if name not in _names():
            hint = "or the path of a .toml file"
            if difflib.get_close_matches(name, ENTRIES, cutoff=0.7):
                raise unknown("suite or entry", name, [*_names(), *ENTRIES], hint=hint)
            raise unknown("suite", name, _names(), hint=hint)
        content = (files(__package__) / "suites" / f"{name}{_SUFFIX}").read_bytes()
    try:
        return msgspec.convert(tomllib.loads(content.decode()), SuiteFile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise CspbenchError(f"suite {name}: {error}") from error
    except RecursionError as error:
        raise CspbenchError(f"suite {name}: nested too deeply") from error


def _forms(suite: SuiteFile, selection: Selection, device: str) -> Iterator[dict[str, Any]]:
    """The arguments of `make_case` that all cases at one point of a suite share, point by point."""
    points = itertools.product(
        selection.mode or suite.mode,
        [selection.precision] if selection.precision else suite.precision,
        selection.batch_size or suite.batch_size or [None],
        selection.img_size or suite.img_size or [None],
    )
    for mode, precision, batch_size, img_size in points:
        yield {
            "mode": mode,
            "precision": precision,
            "batch_size": batch_size,
            "img_size": img_size,
            "device": device,
            "channels_last": selection.channels_last or suite.channels_last,
            "compiler": selection.compiler or suite.compiler,
        }


def _cases(table: CaseTable, form: Mapping[str, Any], *, place: str = "") -> list[Case]:
    """The cases of ``table`` at one point; ``place`` comes before the text of an error."""
    try:
        entry = find(table.entry)
        cases = [
            make_case(entry, arguments, inputs=table.inputs, **form) for arguments in table.points()
        ]
    except CspbenchError as error:
        raise CspbenchError(f"{place}{error}") from error
    return [_with_accuracy(case, table.accuracy) for case in cases]


def _with_accuracy(case: Case, accuracy: Accuracy | None) -> Case:
    if accuracy is None or {accuracy.img_size} != set(case.input_shape[2:]):
        return case
    return msgspec.structs.replace(case, accuracy=accuracy)


def _selected(cases: Sequence[Case], only: str | None, *, suite_name: str) -> tuple[Case, ...]:
    """The ``cases`` of a suite that ``only`` matches, and their references; all for None."""
    (key, times), *_ = Counter(case.key for case in cases).most_common(1)
    if times > 1:
        raise CspbenchError(f"suite {suite_name}: the case {key!r} is asked for {times} times")
    return tuple(cases if only is None else _chosen(cases, only, suite_name=suite_name))


def _chosen(cases: Sequence[Case], only: str, *, suite_name: str) -> list[Case]:
    """The cases that the glob ``only`` matches, and their references."""

    def matches(case: Case) -> bool:
        return any(fnmatchcase(text, only) for text in (case.entry, case.label, case.key))

    chosen = {case.key for case in cases if matches(case)}
    if not chosen:
        names = sorted({case.entry for case in cases})
        raise CspbenchError(
            f"--only {only!r} matches nothing in suite {suite_name}; "
            f"its entries: {', '.join(names)}"
        )
    chosen |= {case.reference for case in cases if case.key in chosen and case.reference}
    return [case for case in cases if case.key in chosen]
