"""What the plots of a run share: looks of entries, panels by input, scales, intervals, captions."""

import io
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import cast
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle
from matplotlib.patches import Rectangle
from PIL import Image
from plotted_runs import (
    RUNS,
    SHAPES,
    forms_of,
    named,
    spread_over,
    sweep_of,
    with_accuracies,
    with_contended,
    with_energies,
    with_failures,
    with_inputs,
    with_throttled,
)
from synthetic import make_run
from trained_runs import DENSE, make_trained_run

from cspbench.records.run import Run
from cspbench.report import plots
from cspbench.report.plots.style import PALE, Look, looks
from cspbench.report.results import derive

Drawn = tuple[str, str]
"""A colour as #rrggbb and a marker."""


def draw(run: Run, name: str) -> Figure:
    plot = plots.PLOTS[name](derive(run))
    assert plot is not None
    return plot.draw()


def shown(look: Look) -> Drawn:
    return look.colour, look.marker


def marker_of(collection: PathCollection) -> str:
    """The marker of a scatter, by its outline."""
    vertices = np.asarray(collection.get_paths()[0].vertices)
    for marker in "osD^vPX<>|d":
        style = MarkerStyle(marker)
        outline = style.get_path().transformed(style.get_transform())
        if np.array_equal(np.asarray(outline.vertices), vertices):
            return marker
    raise AssertionError(vertices)


def scattered(axes: Axes) -> set[Drawn]:
    """The colours and markers of all filled points of a panel but grey ones."""
    looks_drawn = set()
    for collection in axes.collections:
        faces = np.asarray(collection.get_facecolor())
        if isinstance(collection, PathCollection) and len(faces) and collection.get_zorder() >= 2.5:
            looks_drawn.add((to_hex(faces[0]), marker_of(collection)))
    return looks_drawn


def lined(axes: Axes) -> set[Drawn]:
    """The colours and markers of the lines of a panel that join points."""
    joined = [line for line in axes.lines if line.get_marker() in set("osD^vPX<>")]
    return {(to_hex(line.get_color()), str(line.get_marker())) for line in joined}


def intervals(axes: Axes) -> list[tuple[float, ...]]:
    """The ends of all intervals that a panel shows."""
    bars = [line for line in axes.lines if line.get_marker() in {"|", "_"}]
    return [
        tuple(float(end) for end in cast("Sequence[float]", data))
        for bar in bars
        for data in [bar.get_xdata() if bar.get_marker() == "|" else bar.get_ydata()]
    ]


@pytest.mark.parametrize("name", ["latency", "latency_by_macs", "peak_memory", "energy"])
def test_an_entry_has_one_colour_and_marker_in_all_plots(name: str) -> None:
    """Those that `looks` gives it, of eleven entries in both modes; no two look alike."""
    run = RUNS["eleven entries"]()
    expected = {shown(look) for look in looks(derive(run).rows).values()}
    assert len(expected) == 11
    for axes in draw(run, name).axes:
        assert expected <= scattered(axes)


def test_samples_have_the_look_of_their_entry() -> None:
    """Whatever launch they are of."""
    run = make_run(named(3), modes=("infer",), launches=2, turns=2)
    (axes,) = draw(run, "samples").axes
    dots = [one for one in axes.collections if isinstance(one, PathCollection)]
    looks_drawn = [(to_hex(np.asarray(one.get_facecolor())[0]), marker_of(one)) for one in dots]
    expected = list(map(shown, looks(derive(run).rows).values()))
    assert looks_drawn == list(expected)


def test_the_lines_of_a_sweep_and_of_a_training_have_the_looks_of_their_entries() -> None:
    """A line of a sweep that of its first variant; the reference, which does not vary, has none."""
    run = sweep_of(("csp", "c3"), gamma=[0.25, 0.5, 0.75])
    of_place = looks(derive(run).rows)
    assert lined(draw(run, "sweep").axes[0]) == {shown(of_place[1]), shown(of_place[4])}
    trained = make_trained_run({"dense": DENSE, "csp": DENSE})
    expected = {shown(look) for look in looks(derive(trained).rows).values()}
    assert lined(draw(trained, "gradient_course").axes[0]) == expected


def test_variants_of_an_entry_share_its_colour() -> None:
    """And have markers of their own, or else another shade."""
    run = sweep_of(("csp", "c3"), gamma=[round(0.05 * step, 2) for step in range(1, 12)])
    of_place = looks(derive(run).rows)
    assert len(set(map(shown, of_place.values()))) == 23
    few = [of_place[place] for place in (1, 2, 3, 12, 13, 14)]
    assert [look.colour for look in few] == [few[0].colour] * 3 + [few[3].colour] * 3
    assert few[0].colour != few[3].colour
    assert len({look.marker for look in few[:3]}) == 3


def test_a_form_has_one_marker_and_an_entry_one_colour_in_all_forms() -> None:
    """The legend of the plot of forms names the markers, in grey."""
    run = forms_of(("csp", "c3"), "fused", "openvino")
    figure = draw(run, "forms")
    of_place = looks(derive(run).rows)
    table = [[of_place[form * 2 + entry] for entry in range(2)] for form in range(3)]
    assert len({row[0].marker for row in table}) == 3
    assert all(row[0].marker == row[1].marker for row in table)
    assert all([look.colour for look in row] == [table[0][0].colour, table[0][1].colour]
               for row in table)  # fmt: skip
    assert scattered(figure.axes[0]) == {shown(look) for row in table[1:] for look in row}
    (legend,) = figure.legends
    handles = [handle for handle in legend.legend_handles if isinstance(handle, Line2D)]
    assert [handle.get_marker() for handle in handles] == [row[0].marker for row in table[1:]]
    assert {handle.get_color() for handle in handles} == {PALE}


@pytest.mark.parametrize("name", ["latency", "latency_by_macs", "peak_memory", "energy", "samples"])
def test_entries_with_other_inputs_have_panels_of_their_own(name: str) -> None:
    """A row of panels for each input, named in their titles."""
    figure = draw(RUNS["two inputs"](), name)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == [
        "Inference, input 1x64x56x56",
        "Training, input 1x64x56x56",
        "Inference, input 1x128x32x32",
        "Training, input 1x128x32x32",
    ]


def test_a_panel_has_its_own_scale_and_names_its_own_entries() -> None:
    """Every second entry takes a thousandth of the time, and has another input."""
    run = with_inputs(spread_over(make_run(named(2), modes=("infer",)), 1000.0), *SHAPES)
    first, second = draw(run, "latency").axes
    assert first.get_xlim()[1] < second.get_xlim()[0]
    names = [[text.get_text() for text in axes.get_yticklabels()] for axes in (first, second)]
    assert names == [["entry_0"], ["entry_1"]]
    assert first.get_xlabel() == second.get_xlabel() == "latency [ms]"


def test_more_inputs_than_can_be_small_multiples_share_their_panels() -> None:
    """Eight batch sizes; those of a swept size always do."""
    run = RUNS["eight inputs"]()
    assert [axes.get_title(loc="left") for axes in draw(run, "latency").axes] == ["Inference"]
    swept = RUNS["a sweep of batch sizes"]()
    assert [axes.get_title(loc="left") for axes in draw(swept, "sweep").axes] == ["Inference"]


@pytest.mark.parametrize(("factor", "is_logarithmic"), [(5.0, False), (100.0, True)])
def test_an_axis_is_logarithmic_where_values_differ_tenfold_and_says_so(
    factor: float, is_logarithmic: bool
) -> None:
    """Bars, whose length would mean nothing, are then left out."""
    run = spread_over(make_run(named(3), modes=("infer",), noise=0.001), factor)
    ending = ", logarithmic" if is_logarithmic else ""
    scale = "log" if is_logarithmic else "linear"
    (latency,), (macs,), (memory,) = (
        draw(run, name).axes for name in ("latency", "latency_by_macs", "peak_memory")
    )
    assert (latency.get_xscale(), latency.get_xlabel()) == (scale, f"latency [ms]{ending}")
    assert (macs.get_yscale(), macs.get_ylabel()) == (scale, f"latency [ms]{ending}")
    assert (macs.get_xscale(), macs.get_xlabel()) == ("linear", "MACs [10⁹]")
    assert memory.get_xlabel() == f"peak memory of one call [MiB]{ending}"
    bars = [patch for patch in memory.patches if isinstance(patch, Rectangle)]
    assert len(bars) == (0 if is_logarithmic else 3)


@pytest.mark.parametrize("name", ["latency", "latency_by_macs", "top1_by_latency"])
def test_each_latency_has_its_interval(name: str) -> None:
    """In milliseconds, from end to end."""
    run = with_accuracies(make_run(named(3), modes=("infer",)))
    expected = [
        (1e3 * row.latency.low, 1e3 * row.latency.high)
        for row in derive(run).rows
        if row.latency and row.latency.low and row.latency.high
    ]
    assert len(expected) == 3
    (axes,) = draw(run, name).axes
    assert np.asarray(sorted(intervals(axes))) == pytest.approx(np.asarray(sorted(expected)))


@pytest.mark.parametrize(
    ("name", "run"),
    [
        ("sweep", sweep_of(("csp", "c3"), gamma=[0.25, 0.5, 0.75])),
        ("forms", forms_of(("csp", "c3"), "fused", "openvino")),
    ],
)
def test_each_ratio_has_its_interval(name: str, run: Run) -> None:
    """Of six points of a sweep, and of two forms of two entries."""
    expected = [
        (row.ratio.low, row.ratio.high)
        for row in derive(run).rows
        if row.ratio and row.ratio.low and row.ratio.high and (name == "sweep" or row.is_form)
    ]
    (axes,) = draw(run, name).axes
    assert len(expected) in {4, 6}
    assert np.asarray(sorted(intervals(axes))) == pytest.approx(np.asarray(sorted(expected)))


def test_a_legend_says_what_the_size_of_a_marker_means() -> None:
    """The areas of the lowest, the middle and the highest peak, of 7.46 to 9.25 MiB."""
    figure = draw(make_run(named(3), modes=("train",)), "latency_by_macs")
    (legend,) = figure.legends
    heading, *peaks = [text.get_text() for text in legend.get_texts()]
    assert heading == "peak tensor memory:"
    assert [peaks[0], peaks[-1]] == ["7.84 MiB", "9.25 MiB"]
    sizes = [
        float(handle.get_markersize())
        for handle in legend.legend_handles[1:]
        if isinstance(handle, Line2D)
    ]
    areas = sorted(
        float(np.asarray(one.get_sizes())[0])
        for one in figure.axes[0].collections
        if isinstance(one, PathCollection)
    )
    assert [(sizes[0] / 2) ** 2 * 3.14, (sizes[-1] / 2) ** 2 * 3.14] == pytest.approx(
        [areas[0], areas[-1]]
    )


def hollow(axes: Axes) -> int:
    """The number of points without a filling."""
    return sum(
        0 if len(np.asarray(one.get_facecolor())) else len(np.asarray(one.get_offsets()))
        for one in axes.collections
        if isinstance(one, PathCollection)
    )


def test_launches_left_out_are_hollow_and_named() -> None:
    """Three of six launches of ten turns of four entries, one for heat."""
    run = with_throttled(with_contended(make_run(named(4), modes=("infer",)), 1, 4), 2)
    figure = draw(run, "samples")
    assert hollow(figure.axes[0]) == 4 * 3 * 10
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "undisturbed launch",
        "contended, left out: launches 1 and 4",
        "throttled, left out: launch 2",
    ]
    plot = plots.sample_spread(derive(run))
    assert plot is not None
    assert plot.alt.endswith(
        "Disturbed: launches 1 and 4 contended, left out; launch 2 throttled, left out."
    )


def test_contended_launches_that_count_have_an_edge_and_are_named() -> None:
    """Four of six: too few would remain."""
    run = with_contended(make_run(named(2), modes=("infer",)), 0, 1, 2, 3)
    figure = draw(run, "samples")
    assert hollow(figure.axes[0]) == 0
    edged = sum(
        len(np.asarray(one.get_offsets()))
        for one in figure.axes[0].collections
        if isinstance(one, PathCollection) and np.asarray(one.get_linewidth())[0] > 0
    )
    assert edged == 2 * 4 * 10
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "undisturbed launch",
        "contended, counts all the same: launches 0, 1, 2 and 3",
    ]


def test_quiet_launches_need_no_legend() -> None:
    """The caption says that none was disturbed."""
    figure = draw(make_run(named(2), modes=("infer",)), "samples")
    assert not figure.legends
    assert "no launch was contended or throttled" in figure.get_supxlabel()


def test_every_caption_names_inputs_and_failed_cases() -> None:
    """With the batch size."""
    run = with_failures(with_energies(RUNS["two inputs"]()), 11)
    for name, plot in plots.plots_of(derive(run)).items():
        caption = plot.draw().get_supxlabel()
        assert "Inputs 1x64x56x56 and 1x128x32x32, batch 1; Imaginary Xeon" in caption, name
        assert "Failed: entry_5 (training)." in caption, name
    trained = make_trained_run({"dense": DENSE})
    for name, plot in plots.plots_of(derive(trained)).items():
        assert "Input 1x4x8x8, batch 1; " in plot.draw().get_supxlabel(), name


ALTS = {
    "latency": (
        "Latency of 3 entries with 95% intervals and samples. At inference, entry_2 is the fastest "
        "at 16.7 ms, dense the slowest at 20 ms. In training, entry_2 is the fastest at 50 ms, "
        "dense the slowest at 60 ms."
    ),
    "peak_memory": (
        "Peak memory of one call of 3 entries, by live tensors. At inference, entry_2 is the "
        "lowest at 4,387,173 bytes, dense the highest at 5,103,840 bytes. In training, entry_2 is "
        "the lowest at 8,220,506 bytes, dense the highest at 9,703,840 bytes."
    ),
    "latency_by_macs": (
        "Latency against multiply-accumulates of 3 entries with 95% intervals of latency. At "
        "inference, all are at 86.5 ms per billion MACs. In training, all are at 260 ms per "
        "billion MACs."
    ),
}


@pytest.mark.parametrize("name", ALTS)
def test_a_plot_says_in_words_what_it_shows(name: str) -> None:
    """Entry i takes 20 ms / (1 + i / 10) for as much of 231.2 million MACs; training 60 ms."""
    plot = plots.PLOTS[name](derive(make_run(("dense", "entry_1", "entry_2"), noise=0.0)))
    assert plot is not None
    assert plot.alt == ALTS[name]


def test_words_say_which_of_many_entries_a_plot_shows() -> None:
    """As the caption does."""
    plot = plots.latency(derive(make_run(named(41), modes=("infer",), launches=2, turns=2)))
    assert plot is not None
    assert plot.alt.startswith("Latency of 40 of 41 entries (the slowest) with 95% intervals")


def test_words_on_forms_compare_with_the_first() -> None:
    """Entry i of four takes 1 / (1 + i / 10) of the first's time: 1 / 1.2 and 1.1 / 1.3."""
    plot = plots.forms(derive(forms_of(("csp", "c3"), "fused")))
    assert plot is not None
    assert re.fullmatch(
        r"Latency over that in the first form, with 95% intervals\. At inference, of 2 entries in "
        r"2 forms, csp fused is the lowest at 0\.8[23]\d, c3 fused the highest at 0\.8[45]\d of "
        r"eager's\.",
        plot.alt,
    )


@pytest.mark.parametrize("run", RUNS)
def test_every_plot_has_a_title_and_one_line_of_words(run: str) -> None:
    """However many panels it has and whatever its names are."""
    described = plots.plots_of(derive(RUNS[run]()))
    assert described
    for plot in described.values():
        assert plot.title
        assert plot.alt.isprintable()
        assert plot.alt.endswith(".")
        assert 60 < len(plot.alt) < 1500
    titles = [plot.title for plot in described.values()]
    assert len(set(titles)) == len(titles)


def test_plots_are_described_without_matplotlib() -> None:
    """A page names its pictures without drawing them."""
    program = (
        "import sys; sys.path[:0] = ['tests', 'tests/report']\n"
        "from synthetic import make_run\n"
        "from cspbench.report import derive, plots\n"
        "assert plots.plots_of(derive(make_run(turns=2)))\n"
        "assert not {'matplotlib', 'seaborn'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_picture_holds_its_title_and_its_words() -> None:
    """As metadata of the PNG and of the SVG."""
    plot = plots.latency(derive(make_run(("dense", "b & <c> é日"), launches=2, turns=2)))
    assert plot is not None
    figure = plot.draw()
    with Image.open(io.BytesIO(plots.encode(figure, "png", plot.alt))) as picture:
        texts = picture.text  # type: ignore[attr-defined]
    assert (texts["Title"], texts["Description"]) == ("Latency by entry", plot.alt)
    root = ET.fromstring(plots.encode(figure, "svg", plot.alt))
    words = {element.tag.rpartition("}")[2]: element.text for element in root.iter()}
    assert (words["title"], words["description"]) == ("Latency by entry", plot.alt)


def test_equal_runs_have_equal_pictures() -> None:
    """Each drawn anew, as by two processes."""
    run = RUNS["contended launches"]()
    pictures = [
        [plots.encode(plot.draw(), suffix, plot.alt) for suffix in plots.FORMATS]
        for _ in range(2)
        for plot in [plots.sample_spread(derive(run))]
        if plot is not None
    ]
    assert pictures[0] == pictures[1]
