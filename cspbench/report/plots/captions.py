"""The lines below a figure: how to read it, what it leaves out, the circumstances."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ...plan.case import batch_of, input_text
from ...plan.labels import case_name, plain
from ...text import listing, shortened
from ..results import Results
from ..rows import Row
from ..words import plural
from .panels import input_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MAX_NAME = 60  # characters of a name in a caption
_INPUTS, _NAMES = 3, 2  # inputs and failed cases named in a caption


def caption(
    figure: "Figure", results: Results, table: Sequence[Row], note: str, selection_note: str = ""
) -> None:
    """Write lines below a figure: how to read it, the rows it shows, the circumstances.

    Cases that failed and so are not among the rows are named. The circumstances are inputs with
    their batch size, device, threads, precision, torch's version and the number of samples.
    """
    settings, environment = results.run.info.settings, results.run.info.environment
    device = f"{_brief(environment.device)} ({_brief(settings.device)})"
    circumstances = [
        _inputs(table),
        f"{device}, {plural(settings.threads, 'thread')}",
        ", ".join(dict.fromkeys(row.record.case.precision for row in table)),
        f"torch {_brief(environment.packages.get('torch', 'unknown'))}",
    ]
    if timed := [row for row in table if row.latency]:
        launches = _span(len(row.samples) for row in timed)
        numbers = _span(sum(map(len, row.samples.values())) for row in timed)
        circumstances.append(f"{numbers} samples in {launches} launches a case")
    lines = [note, selection_note, _failed(results, table), "; ".join(circumstances)]
    text = "\n".join(f"{line[:1].upper()}{line[1:]}." for line in lines if line)
    figure.supxlabel(text, x=0.01, ha="left", fontsize=8.5, color="#555555", wrap=True)


def _inputs(table: Sequence[Row]) -> str:
    """The inputs of rows with their batch size: ``input 1x64x56x56, batch 1``."""
    inputs = list(dict.fromkeys(input_text(row.record.case) for row in table))
    batches = {batch for row in table if (batch := batch_of(row.record.case)) is not None}
    noun = "input" if len(inputs) == 1 else "inputs"
    text = f"{noun} {listing(list(map(input_name, inputs)), _INPUTS)}"
    return f"{text}, batch {_span(batches)}" if batches else text


def _failed(results: Results, table: Sequence[Row]) -> str:
    """The cases that failed and are not drawn; '' for none."""
    drawn = {row.record.case.key for row in table}
    names = [
        case_name(shortened(row.name, _MAX_NAME), row.mode)
        for row in results.rows
        if row.record.failures and row.record.case.key not in drawn
    ]
    return f"failed: {listing(names, _NAMES)}" if names else ""


def _brief(text: str) -> str:
    return shortened(plain(text), _MAX_NAME)


def _span(numbers: Iterable[int]) -> str:
    ordered = sorted(numbers)
    return str(ordered[0]) if ordered[0] == ordered[-1] else f"{ordered[0]} to {ordered[-1]}"
