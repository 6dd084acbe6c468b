"""Memory over a call on pages: golden text, sentences, notes, and the plot by its drawn data."""

import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from factories import make_info
from matplotlib.figure import Figure
from torch import Tensor, nn

import cspbench
from cspbench.catalogue import find
from cspbench.plan.case import MODES, make_case
from cspbench.records.assembly import assemble
from cspbench.records.base import Failure
from cspbench.records.run import Record, Run
from cspbench.report import memory, plots
from cspbench.report.layout import Layout
from cspbench.report.notes import run_notes
from cspbench.report.quoting import verbatim
from cspbench.report.results import derive
from cspbench.verdicts.checkpoints import Checkpoint

GOLDEN = Path(__file__).parent.parent / "golden"
MEASURES = ("counts", "tensor_peak", "memory_series")


class Stage(nn.Module):
    """Two convolutions with a SiLU after each, which saves its input."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)
        self.act = nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.act(self.second(self.act(self.first(x))))
        return result


def records() -> list[Record]:
    return [
        cspbench.profile(
            nn.Sequential(*(Stage() for _ in range(3))),
            (2, 8, 32, 32),
            measures=MEASURES,
            mode=mode,
        )
        for mode in MODES
    ]


def entries_run(*names: str) -> Run:
    cases = [
        make_case(find(name), {}, shape=(1, 64, 8, 8), mode=mode)
        for name in names
        for mode in MODES
    ]
    lines = [
        msgspec.structs.replace(line, case=case.key)
        for case in cases
        for line in cspbench.profile(
            case.entry, (1, 64, 8, 8), measures=MEASURES, mode=case.mode
        ).measurements.values()
    ]
    return assemble(make_info(*cases), lines)


def test_memory_by_module_meets_its_golden_text() -> None:
    """Both modes: tables, the peak, and what to checkpoint."""
    golden = (GOLDEN / "memory.txt").read_text(encoding="utf-8")
    assert "\n\n".join(map(memory.text, records())) + "\n" == golden


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_page(width: int) -> None:
    """Of an entry that nests deep: columns that do not fit stand in a further table."""
    for mode in MODES:
        text = memory.text(
            cspbench.profile("csp", measures=MEASURES, mode=mode), Layout(width=width)
        )
        assert max(map(len, text.splitlines())) <= width


def test_there_is_no_answer_without_what_it_needs() -> None:
    """At inference, where hooks were refused, and without counts."""
    inference, training = records()
    assert memory.checkpoint_sentence(inference, []) == ""
    series = training.memory_series
    assert series is not None
    refused = msgspec.structs.replace(
        series, saved=None, saved_failure=Failure(reason="no hooks here")
    )
    without = msgspec.structs.replace(
        training, measurements={**training.measurements, "memory_series": refused}
    )
    assert memory.offered_checkpoints(without) == []
    assert memory.checkpoint_sentence(without, []) == (
        "What to checkpoint is not known: no hooks here."
    )
    uncounted = msgspec.structs.replace(training, measurements={"memory_series": series})
    assert memory.offered_checkpoints(uncounted) == []
    assert memory.checkpoint_sentence(uncounted, []) == ""
    assert "| model " in memory.text(uncounted)


def test_modules_of_several_parents_are_named_by_their_type() -> None:
    """As those between the first and the last may be of other types."""
    _, training = records()
    several = ("enter", "bottlenecks.0.conv", "fuse")
    for paths, words in (
        (several, "the 3 outermost modules of type Conv"),
        (several[::2], "the 2 modules enter … fuse (Conv)"),
        (several[1:2], "bottlenecks.0.conv"),
    ):
        offered = Checkpoint(paths=paths, type="Conv", freed_bytes=1, highest_bytes=1, macs=0)
        sentence = memory.checkpoint_sentence(training, [offered])
        assert sentence.startswith(f"Checkpointing {words} frees ")


def test_a_report_says_what_to_checkpoint_in_training() -> None:
    """One note for each case that has an answer, with a warning where a list changes."""
    notes = [
        note for note in run_notes(derive(entries_run("csp")), verbatim) if "checkpointing" in note
    ]
    assert len(notes) == 1
    assert notes[0].startswith(
        "csp (training): checkpointing the 6 modules block.layers.0 … 5 (Dense"
    )
    assert "a copy of its list of inputs" in notes[0]


def figure_of(run: Run) -> tuple[plots.Plot, Figure]:
    plot = plots.memory_series(derive(run))
    assert plot is not None
    return plot, plot.draw()


def test_the_plot_stacks_the_kinds_up_to_the_total() -> None:
    """A panel a mode; the last area ends at the total, whose highest point is named."""
    run = entries_run("csp")
    plot, figure = figure_of(run)
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title("left") for axes in panels] == ["csp, inference", "csp, training"]
    for axes, record in zip(panels, run.records, strict=True):
        series = record.memory_series
        assert series is not None
        tops = [
            np.asarray(area.get_paths()[0].vertices)[:, 1].max() for area in axes.collections[:-1]
        ]
        assert max(tops) == pytest.approx(series.peak_tensor_bytes / 2**20)
        texts = [text.get_text() for text in axes.texts]
        assert series.peak.operator in texts[-1]
        assert axes.get_ylabel() == "live tensors [MiB]"
        assert axes.get_xlim() == (0, series.numbers[-1] + 1)  # the last operator has a width
    assert [text.get_text() for text in panels[1].texts[:2]] == ["backward", "optimizer"]
    assert "The peak of csp stands in the backward pass with " in plot.alt


def test_only_the_first_entries_are_drawn_and_the_caption_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two are in the run, and one has room."""
    monkeypatch.setattr(sys.modules["cspbench.report.plots.memory_series"], "_MOST_ENTRIES", 1)
    plot, figure = figure_of(entries_run("dense", "csp_fusion_last"))
    note = "1 of 2 entries"
    assert f"{note} (the first of the suite)" in plot.alt
    assert note in figure.get_supxlabel()
    assert {axes.get_title("left") for axes in figure.axes} == {
        "dense, inference",
        "dense, training",
    }


def test_there_is_no_plot_without_a_series() -> None:
    """As in a run without --by-module."""
    case = make_case(find("csp"), {})
    assert plots.memory_series(derive(assemble(make_info(case), []))) is None
