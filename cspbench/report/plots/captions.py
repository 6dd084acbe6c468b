"""The lines below a figure: how to read it, what it leaves out, the circumstances."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ...plan.case import Case, batch_of, input_text
from ...plan.labels import case_name, plain
from ...records.run import Run
from ...text import listing, shortened
from ..results import Results
from ..rows import Row
from .panels import input_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MAX_NAME = 60  # characters of a name in a caption
_INPUTS, _NAMES = 3, 2  # inputs, and failed cases or devices, named in a caption


def caption(
    figure: "Figure", results: Results, table: Sequence[Row], note: str, selection_note: str = ""
) -> None:
    """Write lines below a figure: how to read it, the rows it shows, the circumstances.

    Cases that failed and so are not among the rows are named. The circumstances are inputs with
    their batch size, device, threads, precision, torch's version and the number of samples.
    """
    circumstances = _circumstances([results.run], [row.record.case for row in table])
    if timed := [row for row in table if row.latency]:
        launches = _span(len(row.samples) for row in timed)
        numbers = _span(sum(map(len, row.samples.values())) for row in timed)
        circumstances.append(f"{numbers} samples in {launches} launches a case")
    _write(figure, [note, selection_note, _failed(results, table), "; ".join(circumstances)])


def caption_of_runs(figure: "Figure", runs: Sequence[Run], note: str) -> None:
    """Write lines below a figure of many runs: how to read it, and all their circumstances."""
    cases = [case for run in runs for case in run.info.cases]
    _write(figure, [note, "; ".join(_circumstances(runs, cases))])


def _circumstances(runs: Sequence[Run], cases: Sequence[Case]) -> list[str]:
    """Inputs with their batch size, devices, threads, precisions and torch's versions."""
    inputs = list(dict.fromkeys(map(input_text, cases)))
    noun = "input" if len(inputs) == 1 else "inputs"
    batches = {batch for case in cases if (batch := batch_of(case)) is not None}
    infos = [run.info for run in runs]
    devices = [f"{_brief(i.environment.device)} ({_brief(i.settings.device)})" for i in infos]
    threads = {info.settings.threads for info in infos}
    versions = [_brief(info.environment.packages.get("torch", "unknown")) for info in infos]
    return [
        f"{noun} {listing(list(map(input_name, inputs)), _INPUTS)}"
        + (f", batch {_span(batches)}" if batches else ""),
        f"{_several(devices)}, {_span(threads)} thread{'' if threads == {1} else 's'}",
        _several(case.precision for case in cases),
        f"torch {_several(versions)}",
    ]


def _several(names: Iterable[str]) -> str:
    return listing(list(dict.fromkeys(names)), _NAMES)


def _write(figure: "Figure", lines: Iterable[str]) -> None:
    text = "\n".join(f"{line[:1].upper()}{line[1:]}." for line in lines if line)
    figure.supxlabel(text, x=0.01, ha="left", fontsize=8.5, color="#555555", wrap=True)


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
