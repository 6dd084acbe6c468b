"""The table of columns: every quantity that a report can show, with its unit."""

import re

from markdown_text import code, plain, table

from cspbench.records.quantities import QUANTITIES
from cspbench.records.quantity import Part, Quantity, Shown

_PARTS: dict[Part, str] = {
    "exact": "Exact: the same in every run of the same code",
    "trained": "Trained: means over seeds, of `gradients`",
    "timed": "Timed: different in every run",
}

_SHOWN: dict[Shown, str] = {
    "always": "every report",
    "costs": "`run`, `ab`",
    "batches": "batches above 1",
    "gradients": "`gradients`",
    "never": "only if named",
}

_UNITS = {
    "percent": "%",
    "ratio": "1",
    "probability": "1",
    "thousandths": "1",
    "word": "word",
    "whole": "count",
}


def columns() -> str:
    """A table for each part of a report."""
    parts = []
    for part, title in _PARTS.items():
        rows = [_row(quantity) for quantity in QUANTITIES if quantity.part == part]
        header = ("name", "header", "unit", "meaning", "shown by")
        parts.append(f"## {title}\n\n{table(header, rows)}")
    return "\n\n".join(parts)


def unit(quantity: Quantity) -> str:
    """The unit of a quantity: what its header states in brackets, else by its form."""
    stated = re.search(r"\[(.+)\]", quantity.title)
    if stated:
        return stated[1]
    return "1/s" if quantity.title.endswith("/s") else _UNITS[quantity.form]


def _row(quantity: Quantity) -> tuple[str, str, str, str, str]:
    title = re.sub(r"- (?=[a-z])", "", re.sub(r" *\[.*\]", "", quantity.title))
    help_text = plain(quantity.help) + (", with a 95% interval" if quantity.interval else "")
    return code(quantity.key), plain(title), unit(quantity), help_text, _SHOWN[quantity.default]
