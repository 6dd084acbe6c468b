"""Suites: lists of cases, read from TOML files or made of entries."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path

import msgspec

from ..catalogue import ENTRIES, find
from ..errors import CspbenchError, unknown
from ..files import read_file
from ..toml import MAX_BYTES, parse_toml
from .case import Case, Form, Mode, Precision
from .points import Placed, Points, case_count, cases_at, check_count, limited
from .references import (
    added_tables,
    with_all_references,
    with_first_as_reference,
    with_forms,
    with_references,
)
from .tables import CaseTable, SuiteFile, fault_of

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
    form: tuple[Form, ...] = ()


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
        raise CspbenchError(f"suite {name}: no cases; add entries or a [[case]] table")
    reference = suite.reference if has_references else None
    points = _points(suite, selection, device)
    try:
        numbered = limited(
            [(f"case {number}: ", table) for number, table in enumerate(tables, start=1)],
            points,
            selection.only,
            reference,
        )
        cases = _cases_with_references(numbered, points, reference, has_references=has_references)
    except CspbenchError as error:
        raise CspbenchError(f"suite {name}: {error}") from error
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
    tables: list[Placed] = []
    for name in entries:
        arguments = dict(map(find(name).parse, overrides))
        tables.append(("", CaseTable(entry=name, set=arguments, input=list(inputs) or None)))
    description = ", ".join(entries) if len(entries) > 1 else find(entries[0]).description
    suite = SuiteFile(description=description)
    points = _points(suite, selection, device)
    check_count(case_count(tables, points))
    cases: list[Case] = []
    for point in points:
        at_point = cases_at(point, tables)
        is_compared = has_references and len(entries) > 1
        placed = [*with_first_as_reference(at_point)] if is_compared else at_point
        cases += with_forms(placed, points.forms_at(point), has_references=has_references)
    words = [re.sub(r"[^\w.-]+", "-", Path(entry).name).strip(".-") for entry in entries]
    return Suite(
        name="-".join(words)[:_MAX_NAME],
        description=description,
        cases=_selected(cases, selection.only, suite_name=",".join(entries)),
    )


def _cases_with_references(
    tables: Sequence[Placed], points: Points, reference: str | None, *, has_references: bool
) -> list[Case]:
    """The cases of ``tables`` at all ``points``, with cases of ``reference`` at their inputs."""
    new_tables = added_tables(reference, [table for _, table in tables]) if reference else []
    added = [("reference: ", table) for table in new_tables]
    check_count(case_count([*tables, *added], points))
    cases: list[Case] = []
    for point in points:
        listed = cases_at(point, tables)
        references = {case.key: case for case in cases_at(point, added)}
        for case in listed:
            references.pop(case.key, None)
        placed = [*references.values(), *listed]
        if reference is not None:
            placed = [*with_references(placed, reference)]
        cases += with_forms(placed, points.forms_at(point), has_references=has_references)
    return cases


def share_out(suites: Sequence[Suite]) -> Suite:
    """One suite that spreads its cases over devices; ``suites`` holds the same suite on each.

    Cases go to the devices in turn. A reference is measured on each device that has a case with a
    ratio to it, because a ratio needs both of its cases on the same one.
    """
    rows = list(zip(*(suite.cases for suite in suites), strict=True))
    needed = _references(case for row in rows for case in row)
    placed: dict[int, Case] = {}
    for index, copies in enumerate(rows):
        if not any(case.key in needed for case in copies):
            placed[index] = copies[len(placed) % len(copies)]
    needed = with_all_references(
        _references(placed.values()), [case for row in rows for case in row]
    )
    cases: list[Case] = []
    for index, copies in enumerate(rows):
        cases += [placed[index]] if index in placed else [c for c in copies if c.key in needed]
    return msgspec.structs.replace(suites[0], cases=tuple(cases))


def _references(cases: Iterable[Case]) -> set[str]:
    """The keys of cases that others have as their reference."""
    return {case.reference for case in cases if case.reference and case.reference != case.key}


def _read(name: str) -> SuiteFile:
    path = Path(name)
    if name.endswith(_SUFFIX) or len(path.parts) > 1:
        try:
            content = read_file(path, MAX_BYTES)
        except OSError as error:
            raise CspbenchError(f"cannot read suite or graph {name}: {error.strerror}") from error
    else:
        if name not in _names():
            hint = "python -m cspbench list shows all; your own: path/to/suite.toml"
            if difflib.get_close_matches(name, ENTRIES, cutoff=0.7):
                raise unknown("suite or entry", name, [*_names(), *ENTRIES], hint=hint)
            raise unknown("suite", name, _names(), hint=hint)
        content = (files(__package__) / "suites" / f"{name}{_SUFFIX}").read_bytes()
    try:
        return msgspec.convert(parse_toml(content.decode()), SuiteFile)
    except msgspec.ValidationError as error:
        raise CspbenchError(f"suite {name}: {fault_of(error)}") from error
    except UnicodeDecodeError as error:
        raise CspbenchError(f"suite {name}: not UTF-8 text: {error.reason}") from error
    except CspbenchError as error:
        raise CspbenchError(f"suite {name}: {error}") from error


def _points(suite: SuiteFile, selection: Selection, device: str) -> Points:
    return Points(
        axes={
            "mode": selection.mode or suite.mode,
            "precision": [selection.precision] if selection.precision else suite.precision,
            "batch_size": selection.batch_size or suite.batch_size or [None],
            "img_size": selection.img_size or suite.img_size or [None],
        },
        shared={
            "device": device,
            "channels_last": selection.channels_last or suite.channels_last,
        },
        forms=selection.form or suite.form,
    )


def _selected(cases: Sequence[Case], only: str | None, *, suite_name: str) -> tuple[Case, ...]:
    """The ``cases`` of a suite that ``only`` matches, and their references; all for None."""
    (key, times), *_ = Counter(case.key for case in cases).most_common(1)
    if times > 1:
        raise CspbenchError(
            f"suite {suite_name}: the case {key!r} is listed {times} times; list it once"
        )
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
    needed = with_all_references(chosen, cases)
    return [case for case in cases if case.key in needed]
