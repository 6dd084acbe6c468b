"""The catalogue's tables: entries with their arguments, suites, measures."""

from collections.abc import Iterable, Sequence

from markdown_text import code, plain, table

from cspbench.catalogue import detectors, figure3, necks, networks, yolo
from cspbench.catalogue.entry import Entry, Parameter
from cspbench.catalogue.graphs import MODULES
from cspbench.measures.registry import MEASURES
from cspbench.plan import suite
from cspbench.units import shape_text

_FAMILIES = {
    "Entries: designs of CSPNet": figure3.ENTRIES,
    "Entries: modules of the YOLO line": yolo.ENTRIES,
    "Entries: necks of detectors": necks.ENTRIES,
    "Entries: networks": networks.ENTRIES,
    "Entries: detectors": detectors.ENTRIES,
}


def catalogue() -> str:
    """Entries by family, with the arguments of each and the design of modules, and suites."""
    parts: list[str] = []
    header: Sequence[str]
    for title, entries in _FAMILIES.items():
        header = ("entry", "what it is", "source", "input", "arguments")
        parts.append(f"## {title}\n\n{table(header, map(_entry_row, entries))}")
        if designed := [entry for entry in entries if entry.bypass]:
            header = ("entry", "design of Figure 3", "what bypasses the blocks")
            parts.append(table(header, map(_design_row, designed)))
        header = ("argument", "meaning", "allowed")
        parts.append(table(header, map(_parameter_row, _parameters(entries))))
    header = ("suite", "what it measures", "cases", "reference", "entries")
    parts.append(
        f"## Suites and their entries\n\n{table(header, map(_suite_row, suite.built_in()))}"
    )
    return "\n\n".join(parts)


def measures() -> str:
    """All measures, in the order in which a case is measured."""
    rows = [
        (
            code(measure.stage),
            plain(measure.help),
            ", ".join(map(code, measure.commands)),
            "yes" if measure.in_process else "no",
        )
        for measure in MEASURES.values()
    ]
    return table(("measure", "what it reads", "commands", "in `profile`"), rows)


def allowed(parameter: Parameter) -> str:
    """The values that a parameter takes."""
    if isinstance(parameter.default, bool):
        return "`true`, `false`"
    if parameter.choices == tuple(MODULES):
        return "an entry of the YOLO line"
    if parameter.choices:
        return ", ".join(map(code, parameter.choices))
    kind = "whole number" if isinstance(parameter.default, int) else "number"
    bounds = (
        ("at least", parameter.minimum),
        ("at most", parameter.maximum),
        ("above", parameter.above),
        ("below", parameter.below),
    )
    limits = " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)
    return f"{kind}, {limits}" if limits else kind


def _entry_row(entry: Entry) -> tuple[str, str, str, str, str]:
    defaults = " ".join(f"{item.name}={item.default}" for item in entry.parameters)
    shapes = ", ".join(map(shape_text, entry.inputs(entry.arguments()).only_shapes))
    return code(entry.name), plain(entry.description), plain(entry.source), shapes, code(defaults)


def _design_row(entry: Entry) -> tuple[str, str, str]:
    return code(entry.name), f"({entry.design})" if entry.design else "none", plain(entry.bypass)


def _parameters(entries: Iterable[Entry]) -> list[Parameter]:
    """The parameters of ``entries``, those that differ in no more than the default once."""
    distinct: dict[tuple[str, str], Parameter] = {}
    for entry in entries:
        for parameter in entry.parameters:
            distinct.setdefault((parameter.name, parameter.help), parameter)
    return list(distinct.values())


def _parameter_row(parameter: Parameter) -> tuple[str, str, str]:
    return code(parameter.name), plain(parameter.help), allowed(parameter)


def _suite_row(name: str) -> tuple[str, str, str, str, str]:
    loaded = suite.load(name)
    by_key = {case.key: case.entry for case in loaded.cases}
    references = dict.fromkeys(by_key[case.reference] for case in loaded.cases if case.reference)
    entries = dict.fromkeys(by_key.values())
    return (
        code(name),
        plain(loaded.description),
        str(len(loaded.cases)),
        ", ".join(map(code, references)),
        ", ".join(map(code, entries)),
    )
