"""Figures by their labels and the data drawn, never by pixels."""

import re
from html import unescape
from itertools import product
from xml.etree import ElementTree as ET

import msgspec
import numpy as np
import pytest
from factories import make_energy
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from synthetic import change, make_run

from cspbench.plan.case import Accuracy, Mode
from cspbench.records.base import Failure
from cspbench.records.measurements import Energy
from cspbench.records.run import Run
from cspbench.report import plots
from cspbench.report.plots.style import looks
from cspbench.report.results import derive
from cspbench.units import percent_text
from cspbench.verdicts.stats import latency_estimate

THREE = ("dense", "csp", "csp_fusion_first")


def draw_all(run: Run) -> dict[str, Figure]:
    return {name: plot.draw() for name, plot in plots.plots_of(derive(run)).items()}


def drawn(plot: plots.Plot | None) -> Figure:
    assert plot is not None
    return plot.draw()


def texts(figure: Figure) -> str:
    figure_texts = [text.get_text() for text in figure.texts]
    suptitle = figure.get_suptitle()
    return " ".join([suptitle, *figure_texts])


def markers(figure: Figure) -> list[tuple[float, float, float]]:
    """x, y and area of every marker in the first panel, drawn as scatter or as a line's points."""
    marks = []
    for collection in figure.axes[0].collections:
        if isinstance(collection, PathCollection):
            points = np.asarray(collection.get_offsets(), dtype=float)
            areas = np.resize(np.asarray(collection.get_sizes(), dtype=float), len(points))
            marks += [(x, y, area) for (x, y), area in zip(points, areas, strict=True)]
    for line in figure.axes[0].lines:
        xs = np.asarray(line.get_xdata(), dtype=float)
        ys = np.asarray(line.get_ydata(), dtype=float)
        marks += [(x, y, 0.0) for x, y in zip(xs, ys, strict=True)]
    return [(float(x), float(y), float(area)) for x, y, area in marks]


def without_latency(run: Run) -> Run:
    for index in range(len(run.records)):
        run = change(run, index, latencies=())
    return run


@pytest.mark.parametrize(
    ("name", "x_label", "y_label"),
    [
        ("latency", "latency [ms]", ""),
        ("latency_by_macs", "MACs [10⁹]", "latency [ms]"),
        ("peak_memory", "peak memory of one call [MiB]", ""),
        ("samples", "sample against the latency of its entry [%]", ""),
    ],
)
def test_axes_say_quantity_and_unit_and_the_caption_how_it_was_measured(
    name: str, x_label: str, y_label: str
) -> None:
    """Device, threads, precision, torch's version and the number of samples stand below."""
    figure = draw_all(make_run(THREE))[name]
    panel = figure.axes[0]
    assert panel.get_xlabel() == x_label
    assert panel.get_ylabel() == y_label
    for word in ("Imaginary Xeon 8000", "2 threads", "fp32", "torch 2.13.0", "60 samples"):
        assert word in texts(figure)


@pytest.mark.parametrize("modes", [("infer",), ("infer", "train")])
def test_captions_end_within_their_figures(modes: tuple[Mode, ...]) -> None:
    """Their lines are broken where the figure ends, also that of a single narrow panel."""
    run = make_run(THREE, modes=modes)
    device = "Imaginary(R) Xeon(R) Platinum 8000 CPU @ 2.10GHz"
    environment = msgspec.structs.replace(run.info.environment, device=device)
    info = msgspec.structs.replace(run.info, environment=environment)
    figures = draw_all(msgspec.structs.replace(run, info=info)).values()
    assert len(figures) > 3
    for figure in figures:
        figure.draw_without_rendering()
        for text in figure.texts:
            assert text.get_window_extent().x1 <= figure.bbox.x1


def test_latency_shows_every_estimate_at_its_entrys_place() -> None:
    """A panel a mode; markers stand at the estimates in milliseconds, the reference named."""
    run = make_run(THREE)
    figure = drawn(plots.latency(derive(run)))
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
    positions = {round(x, 6) for x, _, _ in markers(figure)}
    assert expected <= positions


def test_an_interval_that_is_noise_has_no_bar_and_does_not_stretch_the_axis() -> None:
    """Launches that differ by a factor of 900: Student's t would end at ten times the largest."""
    run = make_run(THREE, modes=("infer",))
    wild = tuple(
        msgspec.structs.replace(
            old, samples_s=tuple(s * 30.0 ** (-1) ** old.launch for s in old.samples_s)
        )
        for old in run.records[1].latencies
    )
    largest_ms = 1e3 * max(max(line.samples_s) for line in wild)
    figure = drawn(plots.latency(derive(change(run, 1, latencies=wild))))
    assert figure.axes[0].get_xlim()[1] < 1.2 * largest_ms
    bars = [line for line in figure.axes[0].lines if line.get_marker() == "|"]
    assert len(bars) == 2


def test_memory_by_macs_draws_a_larger_marker_for_a_higher_peak() -> None:
    """Marker areas follow the tensor peak; a point stands at its MACs and its latency."""
    run = make_run(THREE, modes=("infer",))
    figure = drawn(plots.latency_by_macs(derive(run)))
    by_macs = {round(x, 9): area for x, _, area in markers(figure) if area}
    expected = {}
    for record in run.records:
        assert record.counts is not None
        expected[round(record.counts.macs / 1e9, 9)] = record
    assert set(expected) <= set(by_macs)
    areas = [by_macs[macs] for macs in sorted(expected)]
    assert areas == sorted(areas)
    assert len(set(areas)) == 3


def test_a_run_without_latency_has_memory_alone() -> None:
    """Nothing is drawn from nothing."""
    assert set(draw_all(without_latency(make_run(THREE)))) == {"peak_memory"}


@pytest.mark.parametrize("count", [1, 40])
def test_one_row_and_forty_are_drawn(count: int) -> None:
    """The figure grows with its rows."""
    run = make_run([f"entry_{index}" for index in range(count)], reference=None, launches=2)
    figures = list(draw_all(run).values())
    heights = [figure.get_figheight() for figure in figures]
    assert len(heights) == 4
    assert all(2 <= height <= 40 for height in heights)
    assert (heights[0] > 8) == (count == 40)


def shown_entries(figure: Figure) -> list[str]:
    """Names beside the first panel's axis, from top to bottom."""
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def test_of_more_than_forty_entries_those_are_drawn_that_differ_most() -> None:
    """Entry i costs 1 / (1 + i / 10) of the first: the last 39, in suite order, and the first."""
    run = make_run([f"entry_{index}" for index in range(60)], reference="entry_0", noise=0.001)
    figure = drawn(plots.latency(derive(run)))
    names = [f"entry_{index}" for index in range(21, 60)]
    assert shown_entries(figure) == ["entry_0 (reference)", *names]
    assert "40 of 60 entries: the reference and those whose latency differs most" in texts(figure)
    assert shown_entries(drawn(plots.sample_spread(derive(run)))) == shown_entries(figure)


def test_of_more_than_forty_entries_the_heaviest_have_a_bar() -> None:
    """The made-up run's entries need less memory the later they stand; its reference is last."""
    run = make_run([f"entry_{index}" for index in range(60)], reference="entry_59", launches=2)
    figure = drawn(plots.peak_memory(derive(run)))
    assert shown_entries(figure) == [
        *(f"entry_{index}" for index in range(39)),
        "entry_59 (reference)",
    ]
    assert "40 of 60 entries: the reference and those with the highest peaks" in texts(figure)


def test_energy_has_a_bar_by_the_counter_its_interval_and_a_mark_by_power() -> None:
    """In millijoules; a case whose counter could not be read has the mark alone."""
    run = make_run(THREE, modes=("infer",))
    refused = Failure(reason="not supported")
    energies: list[tuple[float | Failure, ...]] = [
        (396.0, 400.0, 404.0),
        (refused, refused),
        (200.0,),
    ]
    for index, windows in enumerate(energies):
        run = change(run, index, make_energy(run.records[index].case.key, *windows))
    figure = draw_all(run)["energy"]
    (panel,) = figure.axes
    assert panel.get_xlabel() == "energy of one call [mJ]"
    bars = [bar.get_width() for bar in panel.patches if isinstance(bar, Rectangle)]
    assert bars == pytest.approx([400.0, 200.0], rel=1e-3)
    marks = sorted(x for x, _, area in markers(figure) if area)
    assert marks == pytest.approx([200.0, 220.0, 400.0, 440.0, 440.0], rel=1e-3)
    (whisker,) = panel.lines
    assert np.asarray(whisker.get_xdata(), dtype=float) == pytest.approx([390.1, 410.1], rel=1e-3)
    assert "over the windows of one process" in texts(figure)


def test_of_more_than_forty_entries_those_that_take_the_most_energy_have_a_bar() -> None:
    """The later an entry stands, the more it takes; one that could not be read is last."""
    labels = [f"entry_{index}" for index in range(60)]
    run = make_run(labels, modes=("infer",), launches=2, reference="entry_0")
    for index in range(59):
        run = change(run, index, make_energy(run.records[index].case.key, 100.0 + index))
    figure = drawn(plots.energy(derive(run)))
    assert "40 of 59 entries: the reference and those whose call takes the most energy" in texts(
        figure
    )
    assert shown_entries(figure) == [
        "entry_0 (reference)",
        *(f"entry_{index}" for index in range(20, 59)),
    ]


def test_without_energies_there_is_no_plot_of_them() -> None:
    """Nor where none could be read."""
    run = make_run(("dense",), modes=("infer",))
    assert plots.energy(derive(run)) is None
    absent = Energy(case=run.records[0].case.key, windows=Failure(reason="no counter"))
    assert plots.energy(derive(change(run, 0, absent))) is None


def test_without_a_reference_the_slowest_of_many_are_drawn() -> None:
    """Whatever differs by noise alone, the first is the slowest."""
    run = make_run([f"entry_{index}" for index in range(60)], reference=None, noise=0.001)
    figure = drawn(plots.latency(derive(run)))
    assert shown_entries(figure) == [f"entry_{index}" for index in range(40)]
    assert "40 of 60 entries: the slowest." in texts(figure)


def test_a_scatter_of_many_entries_has_a_dot_for_each_and_names_forty() -> None:
    """The numbers are those of the suite, and an entry's colour is that of every other figure."""
    run = make_run([f"entry_{index}" for index in range(60)], reference="entry_0", launches=2)
    derived = derive(run)
    figure = drawn(plots.latency_by_macs(derived))
    numbers = [text.get_text() for text in figure.axes[0].texts]
    assert len(numbers) == 40
    assert "1" in numbers
    xs = {round(x, 9) for x, _, area in markers(figure) if area}
    assert len(xs) == 60
    legend = dict(
        zip(
            (t.get_text() for t in figure.legends[0].texts),
            figure.legends[0].get_lines(),
            strict=True,
        )
    )
    of_place = looks(derived.rows)
    for row in derived.rows:
        if handle := legend.get(f"{row.place + 1}  {row.name}"):
            assert handle.get_color() == of_place[row.place].colour
    assert "40 of 60 entries" in texts(figure)
    assert "grey: entries without a number" in texts(figure)


def test_labels_beside_markers_do_not_overlap() -> None:
    """Six entries of nearly the same cost: each name has room of its own."""
    run = make_run(modes=("infer",), noise=0.0)
    figure = drawn(plots.latency_by_macs(derive(run)))
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == 6
    for index, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[index + 1 :])


HOSTILE = (
    "_net.py:Net",
    "__init__.py:_Net",
    "a$\\frac{1$.py:Net",
    "p$x$_y.py:Net",
    "a|b 'c' \"d\" <i>&amp;.py:Net",
    "[bold]x[/bold].py:Net",
)
"""Names that matplotlib, Markdown, HTML or rich would take for markup."""


def drawn_texts(figure: Figure) -> list[str]:
    """All texts of a figure as its SVG states them, in comments before the outlines."""
    svg = plots.encode(figure, "svg").decode()
    return [
        unescape(text.replace("- -", "--"))
        for text in re.findall(r"<!-- (.*?) -->", svg, re.DOTALL)
    ]


@pytest.mark.parametrize("name", HOSTILE)
def test_markup_in_a_name_is_drawn_as_text(name: str) -> None:
    """A dollar sign is no formula, an underscore no reason to be left out of a legend."""
    run = make_run(("dense", "csp"), modes=("infer",))
    case = msgspec.structs.replace(run.records[1].case, label=name, entry=name)
    run = with_accuracy(change(run, 1, case=case), 1, 75.0)
    for file_name, figure in draw_all(run).items():
        if file_name != "sweep":
            assert name in " ".join(" ".join(drawn_texts(figure)).split()), file_name


def test_a_name_is_no_element_of_an_svg() -> None:
    """Its comments and outlines hold the name, escaped."""
    run = make_run(("dense", "--><script>alert(1)</script><!--"), launches=2, turns=2)
    figure = drawn(plots.latency(derive(run)))
    elements = ET.fromstring(plots.encode(figure, "svg")).iter()
    assert not [element for element in elements if element.tag.endswith("}script")]


def test_long_names_leave_room_for_the_axes() -> None:
    """301 entries whose names differ at their end alone: the legend shows that end."""
    labels = [f"{'a_long_name_of_a_package.' * 4}{index} gamma=0.{index}" for index in range(301)]
    run = make_run(labels, modes=("infer",), reference=None, launches=2, turns=2)
    figure = drawn(plots.latency_by_macs(derive(run)))
    assert figure.axes[0].get_window_extent().width / figure.dpi > 4
    names = [text.get_text() for text in figure.legends[0].texts]
    assert len({name.partition("  ")[2] for name in names}) == 40


@pytest.mark.parametrize("name", ["x" * 1_000_000, "\u65e5 " * 500_000])
def test_an_endless_name_is_cut_before_it_is_drawn(name: str) -> None:
    """Of an entry, an argument, a device or a version alike; no text has over 250 characters."""
    run = make_run((name, "csp"), reference=None, launches=2, turns=2)
    packages = {"torch": name}
    environment = msgspec.structs.replace(run.info.environment, device=name, packages=packages)
    info = msgspec.structs.replace(run.info, environment=environment)
    swept_run = swept(**{name: [1.0, 2.0, 3.0]})
    for changed in (msgspec.structs.replace(run, info=info), swept_run):
        for file_name, figure in draw_all(changed).items():
            assert max(map(len, drawn_texts(figure))) < 250, file_name


@pytest.mark.parametrize("values", [{"k": [1, 2, 3]}, {"k": [1, 2, 3], "value": [1, 2, 9]}])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_sweep_names_entries_and_arguments_as_they_are(
    name: str, values: dict[str, list[float]]
) -> None:
    """In the legend of its lines, or above its heat maps."""
    run = swept(**values)
    for index, record in enumerate(run.records):
        if record.case.entry == "csp":
            run = change(run, index, case=msgspec.structs.replace(record.case, entry=name))
    figure = drawn(plots.sweep(derive(run)))
    words = " ".join(" ".join(drawn_texts(figure)).split())
    assert name in words
    assert "c3" in words
    assert set(values) <= set(words.replace(",", "").split())


def test_an_argument_may_have_the_name_of_what_is_plotted() -> None:
    """The values of an argument ``value`` are not taken for latencies."""
    figures = [
        drawn(plots.sweep(derive(swept(**{name: [1.0, 2.0, 3.0]}))))
        for name in ("width", "value", "entry", "low")
    ]
    lines = [
        [np.asarray(line.get_xydata()).tolist() for line in figure.axes[0].lines]
        for figure in figures
    ]
    assert lines[1:] == lines[:1] * 3


def test_ticks_of_a_logarithmic_axis_are_plain_numbers() -> None:
    """Without mathematical markup, which is switched off for names."""
    run = swept(channels=[1, 16, 256])
    assert not [text for text in drawn_texts(drawn(plots.sweep(derive(run)))) if "$" in text]


def with_accuracy(run: Run, index: int, top1: float) -> Run:
    accuracy = Accuracy(top1=top1, img_size=56, source="a paper")
    case = msgspec.structs.replace(run.records[index].case, accuracy=accuracy)
    return change(run, index, case=case)


def test_published_accuracy_stands_against_measured_latency() -> None:
    """Of the entries that state one; without any there is no such figure."""
    run = make_run(THREE, modes=("infer",))
    assert plots.top1_by_latency(derive(run)) is None
    run = with_accuracy(with_accuracy(run, 0, 75.5), 2, 76.0)
    figure = drawn(plots.top1_by_latency(derive(run)))
    latencies = [
        latency_estimate([line.samples_s for line in run.records[index].latencies]).value * 1e3
        for index in (0, 2)
    ]
    points = {(round(x, 9), y) for x, y, area in markers(figure) if area}
    assert points == {(round(latencies[0], 9), 75.5), (round(latencies[1], 9), 76.0)}
    assert figure.axes[0].get_ylabel() == "top-1, as published [%]"


def swept(**values: list[float]) -> Run:
    """Two entries, each with every combination of the arguments' values; a reference beside."""
    grid = [dict(zip(values, point, strict=True)) for point in product(*values.values())]
    settings: list[tuple[str, dict[str, float]]] = [("dense", {})]
    settings += [(name, point) for name in ("csp", "c3") for point in grid]
    labels = [" ".join([name, *(f"{k}={v}" for k, v in point.items())]) for name, point in settings]
    run = make_run(labels, modes=("infer",), launches=3, turns=3)
    for index, (_, point) in enumerate(settings):
        case = msgspec.structs.replace(run.records[index].case, arguments={"layers": 6, **point})
        run = change(run, index, case=case)
    return run


def test_one_swept_argument_is_a_line_for_each_entry() -> None:
    """The lines join each entry's estimates in the order of the values; a reference is no line."""
    run = swept(gamma=[0.75, 0.25, 0.5])
    figure = drawn(plots.sweep(derive(run)))
    (axes,) = figure.axes
    lines = {
        tuple(np.asarray(line.get_xdata(), dtype=float)): np.asarray(line.get_ydata(), dtype=float)
        for line in axes.lines
        if len(np.asarray(line.get_xdata())) == 3
    }
    assert list(lines) == [(0.25, 0.5, 0.75)]
    ratios = {row.name: row.ratio.value for row in derive(run).rows if row.ratio}
    expected = {
        tuple(ratios[f"{name} gamma={gamma}"] for gamma in (0.25, 0.5, 0.75))
        for name in ("csp", "c3")
    }
    assert axes.get_ylabel() == "latency over dense's"
    ratios_drawn = {
        tuple(np.asarray(line.get_ydata(), dtype=float))
        for line in axes.lines
        if len(np.asarray(line.get_xdata())) == 3
    }
    assert ratios_drawn == expected
    assert axes.get_xlabel() == "gamma"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["csp", "c3"]


def test_two_swept_arguments_are_a_heat_map_for_each_entry() -> None:
    """Each cell holds the estimate of its two values; the first argument runs across."""
    run = swept(channels=[16, 32, 64], growth=[8, 16, 24])
    figure = drawn(plots.sweep(derive(run)))
    panel = figure.axes[0]
    assert panel.get_title(loc="left").startswith("csp")
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("channels", "growth")
    assert [label.get_text() for label in panel.get_yticklabels()] == ["24", "16", "8"]
    cells = [text.get_text() for text in panel.texts]
    assert len(cells) == 9
    ratio = next(row.ratio for row in derive(run).rows if row.name == "csp channels=16 growth=24")
    assert ratio is not None
    estimate, interval = cells[0].splitlines()
    assert estimate == f"{ratio.value:.3g}"
    assert interval == f"±{percent_text(ratio.relative_half_width or 0)}"


def test_a_map_too_fine_for_its_labels_is_drawn_without_figures() -> None:
    """Sixty values across: not all labels have room, and each stands below its own column."""
    run = swept(channels=[16, 32, 64], layers=list(range(1, 61)))
    panel = drawn(plots.sweep(derive(run))).axes[0]
    assert len(panel.texts) == 0
    labels = [int(label.get_text()) for label in panel.get_xticklabels()]
    assert 2 <= len(labels) < 60
    assert [1 + int(tick) for tick in panel.get_xticks()] == labels


def test_of_many_maps_the_first_are_drawn() -> None:
    """Twelve maps of one mode beside each other."""
    entries = [f"entry_{index}" for index in range(14)]
    points = [{"a": a, "b": b} for a in (1, 2, 3) for b in (1, 2, 3)]
    arguments = {f"{entry} {point}": point for entry in entries for point in points}
    run = make_run(list(arguments), modes=("infer",), launches=2, turns=2, arguments=arguments)
    figure = drawn(plots.sweep(derive(run)))
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]
    assert titles == [f"{entry}, inference" for entry in entries[:12]]
    assert "12 of 14 entries: the first of the suite" in texts(figure)


def test_a_swept_size_is_an_axis_too() -> None:
    """The batch size of the input, by its own name."""
    run = make_run([f"dense {n}" for n in (1, 2, 4)], modes=("infer",), launches=2, reference=None)
    for index, batch in enumerate((1, 2, 4)):
        shape = (batch, 64, 56, 56)
        case = msgspec.structs.replace(run.records[index].case, input_shape=shape)
        run = change(run, index, case=case)
    assert drawn(plots.sweep(derive(run))).axes[0].get_xlabel() == "batch size"


def test_nothing_swept_is_no_figure() -> None:
    """Nor are two values, nor three arguments at once."""
    assert plots.sweep(derive(make_run())) is None
    assert plots.sweep(derive(swept(gamma=[0.25, 0.5]))) is None
    assert plots.sweep(derive(swept(gamma=[0.25, 0.5], growth=[8, 16], layers=[2, 3]))) is None
