"""Figures by their labels and the data drawn, never by pixels."""

import msgspec
import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from synthetic import change, make_run

from cspbench.records import Run
from cspbench.report import plots
from cspbench.stats import latency_estimate

THREE = ("dense", "csp", "csp_fusion_first")


def drawn(figure: Figure | None) -> Figure:
    assert figure is not None
    return figure


def texts(figure: Figure) -> str:
    every = [text.get_text() for text in figure.texts]
    suptitle = figure.get_suptitle()
    return " ".join([suptitle, *every])


def markers(figure: Figure) -> list[tuple[float, float, float]]:
    """x, y and area of every marker in the first panel, drawn as scatter or as a line's points."""
    found = []
    for collection in figure.axes[0].collections:
        if isinstance(collection, PathCollection):
            points = np.asarray(collection.get_offsets(), dtype=float)
            areas = np.resize(np.asarray(collection.get_sizes(), dtype=float), len(points))
            found += [(x, y, area) for (x, y), area in zip(points, areas, strict=True)]
    for line in figure.axes[0].lines:
        xs = np.asarray(line.get_xdata(), dtype=float)
        ys = np.asarray(line.get_ydata(), dtype=float)
        found += [(x, y, 0.0) for x, y in zip(xs, ys, strict=True)]
    return [(float(x), float(y), float(area)) for x, y, area in found]


def without_latency(run: Run) -> Run:
    for index in range(len(run.records)):
        run = change(run, index, latencies=())
    return run


@pytest.mark.parametrize(
    ("name", "x_label", "y_label"),
    [
        ("latency", "latency [ms]", ""),
        ("latency_by_macs", "MACs (thop) [10⁹]", "latency [ms]"),
        ("peak_memory", "peak memory of one call [MiB]", ""),
        ("samples", "sample against the latency of its entry [%]", ""),
    ],
)
def test_axes_say_quantity_and_unit_and_the_caption_how_it_was_measured(
    name: str, x_label: str, y_label: str
) -> None:
    """Device, threads, precision, torch's version and the number of samples stand below."""
    figure = drawn(plots.draw(make_run(THREE))[name])
    panel = figure.axes[0]
    assert panel.get_xlabel() == x_label
    assert panel.get_ylabel() == y_label
    for word in ("Imaginary Xeon 8000", "2 threads", "fp32", "torch 2.13.0", "60 samples"):
        assert word in texts(figure)


def test_latency_shows_every_estimate_at_its_entrys_place() -> None:
    """A panel a mode; markers stand at the estimates in milliseconds, the reference named."""
    run = make_run(THREE)
    figure = drawn(plots.latency(run))
    assert [axes.get_title(loc="left") or axes.get_title() for axes in figure.axes] == [
        "Inference",
        "Training",
    ]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["dense (reference)", "csp", "csp_fusion_first"]
    expected = {
        round(latency_estimate([line.samples_s for line in record.latencies]).value * 1e3, 6)
        for record in run.records
        if record.case.mode == "infer"
    }
    found = {round(x, 6) for x, _, _ in markers(figure)}
    assert expected <= found


def test_memory_by_macs_draws_a_larger_marker_for_a_higher_peak() -> None:
    """Marker areas follow the tensor peak; a point stands at its MACs and its latency."""
    run = make_run(THREE, modes=("infer",))
    figure = drawn(plots.latency_by_macs(run))
    by_macs = {round(x, 9): area for x, _, area in markers(figure)}
    expected = {}
    for record in run.records:
        assert record.counts is not None
        assert isinstance(record.counts.thop_macs, int)
        expected[round(record.counts.thop_macs / 1e9, 9)] = record
    assert set(expected) <= set(by_macs)
    areas = [by_macs[macs] for macs in sorted(expected)]
    assert areas == sorted(areas)
    assert len(set(areas)) == 3


def test_an_entry_keeps_its_colour_and_marker_in_every_mode() -> None:
    """So that a reader finds it again."""
    from cspbench.report.plots.style import look
    from cspbench.report.rows import rows

    looks: dict[str, list[object]] = {}
    for row in rows(make_run()):
        looks.setdefault(row.name, []).append(look(row))
    assert all(first == second for first, second in looks.values())
    assert len({str(pair[0]) for pair in looks.values()}) == len(looks)


def test_a_run_without_latency_has_memory_alone() -> None:
    """Nothing is drawn from nothing."""
    figures = plots.draw(without_latency(make_run(THREE)))
    assert {name for name, figure in figures.items() if figure is not None} == {"peak_memory"}


@pytest.mark.parametrize("count", [1, 40])
def test_one_row_and_forty_are_drawn(count: int) -> None:
    """The figure grows with its rows."""
    run = make_run([f"entry_{index}" for index in range(count)], reference=None, launches=2)
    heights = [drawn(figure).get_figheight() for figure in plots.draw(run).values()]
    assert all(2 <= height <= 40 for height in heights)
    assert (heights[0] > 8) == (count == 40)


def test_labels_beside_markers_do_not_overlap() -> None:
    """Six entries of nearly the same cost: each name has room of its own."""
    run = make_run(modes=("infer",), noise=0.0)
    figure = drawn(plots.latency_by_macs(run))
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == 6
    for index, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[index + 1 :])


def test_mathematical_markup_in_a_label_is_drawn_as_text() -> None:
    """A dollar sign is no formula."""
    run = make_run(("dense", "csp"), modes=("infer",))
    case = msgspec.structs.replace(run.records[1].case, label="csp $\\frac{1$")
    for figure in plots.draw(change(run, 1, case=case)).values():
        assert plots.encode(drawn(figure), "svg")
