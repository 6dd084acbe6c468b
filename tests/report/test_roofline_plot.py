"""The roofline plot: its roofs, its points, and what it says in words."""

import msgspec
import numpy as np
import pytest
from factories import CEILINGS, with_measurements
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from synthetic import make_run
from test_roofline_tables import CONV, COPY, times

from cspbench.records.ceilings import Ceilings
from cspbench.records.run import Run
from cspbench.records.traffic import ModuleTraffic, Traffic
from cspbench.report import derive, plots
from cspbench.report.plots import Plot

LABELS = ("dense", "csp")


def measured(*ceilings: Ceilings, profiled: bool = True) -> Run:
    """Two entries of 200 MFLOP and 20 MB each; the first takes 8 ms in its convolution."""
    run = make_run(LABELS, modes=("infer",))
    records = []
    for record in run.records:
        modules = (
            ModuleTraffic(path="stem", forward=(COPY,)),
            ModuleTraffic(path="stem.conv", forward=(CONV,)),
        )
        key = record.case.key
        profile = msgspec.structs.replace(times(1, conv_s=8e-3), case=key)
        records.append(
            with_measurements(
                record,
                Traffic(case=key, modules=modules),
                module_times=(profile,) if profiled else (),
            )
        )
    info = msgspec.structs.replace(
        run.info, ceilings=ceilings, stages=(*run.info.stages, "traffic", "module_times")
    )
    return msgspec.structs.replace(run, info=info, records=tuple(records))


def plot(run: Run) -> Plot:
    made = plots.roofline(derive(run))
    assert made is not None
    return made


def markers(axes: Axes) -> list[tuple[float, float, float]]:
    """Place and area of each marker, in the order in which they were drawn."""
    found = []
    for item in axes.collections:
        assert isinstance(item, PathCollection)
        ((x, y),) = np.asarray(item.get_offsets())
        found.append((float(x), float(y), float(item.get_sizes()[0])))
    return found


def ridges(axes: Axes) -> list[tuple[float, float]]:
    """The corner of each roof, where its slope meets the peak."""
    corners = (np.asarray(line.get_xydata())[1] for line in axes.lines)
    return [(float(x), float(y)) for x, y in corners]


def test_points_stand_at_intensity_and_rate_below_the_measured_roofs() -> None:
    """Entries and, smaller, the one module of the reference that computes."""
    run = measured(CEILINGS)
    (axes,) = plot(run).draw().axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert "FLOP/byte" in axes.get_xlabel()
    assert "GFLOP/s" in axes.get_ylabel()
    intensity = 200e6 / 20_002_000
    latencies = [row.latency.value for row in derive(run).rows if row.latency]
    module, *entries = markers(axes)
    assert module[:2] == pytest.approx((200e6 / 2000, 25.0))
    assert [x for x, _, _ in entries] == pytest.approx([intensity] * 2)
    assert [y for _, y, _ in entries] == pytest.approx([0.2 / seconds for seconds in latencies])
    assert all(module[2] < point[2] for point in entries)
    assert ridges(axes) == [pytest.approx((1.0, 100.0)), pytest.approx((10.0, 100.0))]


def test_every_point_and_roof_is_in_sight() -> None:
    """Also those far below, and the corners of all roofs."""
    (axes,) = plot(measured(CEILINGS)).draw().axes
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    points = [*((x, y) for x, y, _ in markers(axes)), *ridges(axes)]
    assert all(left < x < right and bottom < y < top for x, y in points)


def test_words_say_how_near_the_roof_the_entries_come() -> None:
    """Both extremes, by the mode."""
    words = plot(measured(CEILINGS)).alt
    assert words.startswith("Roofline of 2 entries: ")
    assert "At inference, dense is the farthest at" in words
    assert "csp the nearest at" in words
    assert "of its roof." in words


def test_without_profiles_there_are_entries_alone_and_without_ceilings_no_plot() -> None:
    """Nor without traffic."""
    (axes,) = plot(measured(CEILINGS, profiled=False)).draw().axes
    assert len(axes.collections) == len(LABELS)
    assert plots.roofline(derive(measured())) is None
    assert plots.roofline(derive(make_run(LABELS))) is None
