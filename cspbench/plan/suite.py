"""Suites: lists of cases, read from TOML files."""

import itertools
import math
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import msgspec

from ..catalogue import find
from ..catalogue.entry import Shape, Value
from ..errors import CspbenchError, unknown
from .case import MODES, Accuracy, Case, Compiler, Mode, Precision, make_case

Positive = Annotated[int, msgspec.Meta(ge=1)]
_SUFFIX = ".toml"
_MAX_GRID_CASES = 10_000


class CaseTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ``[[case]]`` table: an entry, its arguments (``set``), and arguments to vary (``grid``).

    ``accuracy`` is a published figure, attached to the cases that have its image size.
    """

    entry: str
    input: tuple[Positive, Positive, Positive, Positive] | None = None
    set: dict[str, Value] = {}
    grid: dict[str, Annotated[tuple[Value, ...], msgspec.Meta(min_length=1)]] = {}
    accuracy: Accuracy | None = None


class SuiteFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of a suite's TOML file; ``entries`` lists cases that need only an entry."""

    description: str
    reference: str | None = None
    mode: Annotated[tuple[Mode, ...], msgspec.Meta(min_length=1)] = MODES
    precision: Annotated[tuple[Precision, ...], msgspec.Meta(min_length=1)] = ("fp32",)
    batch_size: tuple[Positive, ...] = ()
    img_size: tuple[Positive, ...] = ()
    channels_last: bool = False
    compiler: Compiler | None = None
    entries: tuple[str, ...] = ()
    case: tuple[CaseTable, ...] = ()


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


def load(name: str, selection: Selection | None = None, device: str = "cpu") -> Suite:
    """The suite ``name`` on ``device``; ``name`` is built in, or the path of a TOML file.

    ``selection.only`` keeps the cases that it matches and their references. Raises `CspbenchError`
    for an unknown name, key or value, and for an ``only`` that matches nothing.
    """
    selection = selection or Selection()
    suite = _read(name)
    cases = list(_cases(suite, selection, device, suite_name=name))
    (key, times), *_ = Counter(case.key for case in cases).most_common(1)
    if times > 1:
        raise CspbenchError(f"suite {name}: the case {key!r} is asked for {times} times")
    if selection.only is not None:
        cases = _chosen(cases, selection.only, suite_name=name)
    return Suite(name=Path(name).stem, description=suite.description, cases=tuple(cases))


def share_out(suites: Sequence[Suite]) -> Suite:
    """One suite that spreads its cases over devices; ``suites`` holds the same suite on each.

    Cases go to the devices in turn. References are measured on every device, because a ratio needs
    both of its cases on the same one.
    """
    references = {case.reference for suite in suites for case in suite.cases}
    cases: list[Case] = []
    placed = 0
    for copies in zip(*(suite.cases for suite in suites), strict=True):
        if any(case.key in references for case in copies):
            cases += copies
        else:
            cases.append(copies[placed % len(copies)])
            placed += 1
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
            raise unknown("suite", name, _names(), hint="or the path of a .toml file")
        content = (files(__package__) / "suites" / f"{name}{_SUFFIX}").read_bytes()
    try:
        return msgspec.convert(tomllib.loads(content.decode()), SuiteFile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise CspbenchError(f"suite {name}: {error}") from error
    except RecursionError as error:
        raise CspbenchError(f"suite {name}: nested too deeply") from error


def _cases(
    suite: SuiteFile, selection: Selection, device: str, *, suite_name: str
) -> Iterator[Case]:
    """Every case, mode by mode, each with the key of its reference if that has the same N, H, W."""
    tables = [*(CaseTable(entry=name) for name in suite.entries), *suite.case]
    if not tables:
        raise CspbenchError(f"suite {suite_name}: it lists no entries and no [[case]]")
    if suite.reference is not None:
        find(suite.reference)
        if all(table.entry != suite.reference or table.grid for table in tables):
            tables.insert(0, CaseTable(entry=suite.reference))
    points = itertools.product(
        selection.mode or suite.mode,
        [selection.precision] if selection.precision else suite.precision,
        selection.batch_size or suite.batch_size or [None],
        selection.img_size or suite.img_size or [None],
    )
    for mode, precision, batch_size, img_size in points:
        at_point: list[Case] = []
        for number, table in enumerate(tables, start=1):
            try:
                entry = find(table.entry)
                cases = [
                    make_case(
                        entry,
                        overrides,
                        shape=table.input,
                        batch_size=batch_size,
                        img_size=img_size,
                        device=device,
                        precision=precision,
                        channels_last=selection.channels_last or suite.channels_last,
                        compiler=selection.compiler or suite.compiler,
                        mode=mode,
                    )
                    for overrides in _grid(table)
                ]
            except CspbenchError as error:
                raise CspbenchError(f"suite {suite_name}, case {number}: {error}") from error
            at_point += (_with_accuracy(case, table.accuracy) for case in cases)
        reference = _reference(at_point, suite.reference)
        for case in at_point:
            if reference is not None and _size(case) == _size(reference):
                yield msgspec.structs.replace(case, reference=reference.key)
            else:
                yield case


def _grid(table: CaseTable) -> Iterator[dict[str, Value]]:
    if table.grid and table.accuracy:
        raise CspbenchError("an accuracy is of one case: it cannot stand beside a grid")
    repeated = table.set.keys() & table.grid.keys()
    if repeated:
        raise CspbenchError(f"{min(repeated)!r} stands in set and in grid: give it once")
    size = math.prod(map(len, table.grid.values()))
    if size > _MAX_GRID_CASES:
        raise CspbenchError(f"a grid of {size} cases; at most {_MAX_GRID_CASES} are allowed")
    for values in itertools.product(*table.grid.values()):
        yield {**table.set, **dict(zip(table.grid, values, strict=True))}


def _with_accuracy(case: Case, accuracy: Accuracy | None) -> Case:
    if accuracy is None or {accuracy.img_size} != set(case.input_shape[2:]):
        return case
    return msgspec.structs.replace(case, accuracy=accuracy)


def _reference(cases: Sequence[Case], entry: str | None) -> Case | None:
    """The case of ``entry`` with default arguments, else its first; None where it has none."""
    candidates = [case for case in cases if case.entry == entry]
    first = candidates[0] if candidates else None
    return next((case for case in candidates if "[" not in case.key), first)


def _size(case: Case) -> Shape:
    """N, H and W of the input; only cases that share them have a meaningful latency ratio."""
    batch, _, height, width = case.input_shape
    return batch, height, width


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
