"""The reference of each case: the case that ratios of its latency are taken to."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from ..catalogue import find
from ..catalogue.entry import Entry
from ..errors import CspbenchError
from .case import Case, Form, in_form, input_text, inputs_of, make_case
from .tables import CaseTable


def added_tables(name: str, tables: Sequence[CaseTable]) -> list[CaseTable]:
    """Tables of the reference entry ``name`` for inputs at which ``tables`` do not list it.

    Where only a grid lists it, it is added at the grid's input. Where nothing lists it, it is added
    at its default input, or if it has none, at those that ``tables`` name. An entry whose inputs
    can be checked is also added at every other input that ``tables`` name, if it takes it. Raises
    `CspbenchError` for an unknown entry.
    """
    entry = find(name)
    own = [table for table in tables if table.entry == name]
    listed = [table for table in own if not table.grid]
    named = [table.input for table in tables if table.input is not None]
    added: list[CaseTable] = []
    if not own and (entry.input_shape or not named):
        added = [CaseTable(entry=name)]
    elif not listed:
        added = [
            CaseTable(entry=name, input=table.input, set=table.set if table.input else {})
            for table in own
        ]
    if entry.knows_inputs or not (own or added):
        added += (CaseTable(entry=name, input=value) for value in named)
    return [*added[:1], *_at_new_sizes(entry, added[1:], [*listed, *added[:1]])]


def with_references(cases: Sequence[Case], entry: str) -> Iterator[Case]:
    """``cases``, each with the key of the case of ``entry`` that has the same size of input.

    Of several, it is the one with default arguments, or the first.
    """
    references: dict[object, Case] = {}
    candidates = [case for case in cases if case.entry == entry]
    for case in sorted(candidates, key=lambda case: "[" in case.key):  # stable
        references.setdefault(_size(case), case)
    for case in cases:
        reference = references.get(_size(case))
        yield msgspec.structs.replace(case, reference=reference.key) if reference else case


def with_first_as_reference(cases: Sequence[Case]) -> Iterator[Case]:
    """``cases``, each with the key of the first, whatever its input."""
    for case in cases:
        yield msgspec.structs.replace(case, reference=cases[0].key)


def with_forms(
    cases: Sequence[Case], forms: Sequence[Form], *, has_references: bool
) -> Iterator[Case]:
    """``cases``, and each again in every one of ``forms``, with the first as its reference."""
    yield from cases
    for form in forms:
        for case in cases:
            reference = case.key if has_references else None
            yield msgspec.structs.replace(in_form(case, form), reference=reference)


def with_all_references(keys: Iterable[str], cases: Iterable[Case]) -> set[str]:
    """``keys`` of some ``cases``, with those of their references and of these cases' own."""
    references = {case.key: case.reference for case in cases}
    complete: set[str] = set()
    pending = list(keys)
    while pending:
        key = pending.pop()
        if key not in complete:
            complete.add(key)
            if reference := references.get(key):
                pending.append(reference)
    return complete


def _at_new_sizes(
    entry: Entry, tables: Sequence[CaseTable], listed: Sequence[CaseTable]
) -> Iterator[CaseTable]:
    """The ``tables`` at sizes that none of ``listed`` has, once each, if the entry takes them."""
    sizes: set[object] = set()
    for number, table in enumerate((*listed, *tables)):
        with contextlib.suppress(CspbenchError):  # a listed table that fails is reported elsewhere
            size = _size(make_case(entry, table.set, inputs=table.inputs))
            if size not in sizes and number >= len(listed):
                yield table
            sizes.add(size)


def _size(case: Case) -> object:
    """What cases must share for a meaningful ratio: N, H and W of images, else all inputs."""
    shapes = inputs_of(case).only_shapes
    if shapes and all(len(shape) == 4 for shape in shapes):
        return tuple((batch, height, width) for batch, _, height, width in shapes)
    return input_text(case)
