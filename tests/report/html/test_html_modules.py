"""What a page says of modules: their tree, memory over a call, the roofline."""

from typing import Any

import msgspec
import pytest
from factories import CEILINGS, make_times
from measured_series import MIB, make_series
from parsed_page import ParsedPage
from synthetic import change, make_run, render_report
from test_roofline_plot import measured

from cspbench.records.layers import Layer
from cspbench.records.memory_series import Changes
from cspbench.records.run import Run
from cspbench.report.html import modules


def data_of(run: Run) -> Any:
    return ParsedPage(render_report(run, "html")).data


def with_layers(run: Run, number: int = 4) -> Run:
    """The run with ``number`` equal convolutions of 10 MACs each in its first case, and a head."""
    record = run.records[0]
    assert record.counts is not None
    convs = [
        Layer(path=f"body.{i}", type="Conv2d", output_shape=(1, 8), params=3, macs=10, calls=1)
        for i in range(number)
    ]
    whole, body, head = (
        Layer(path=path, type=kind, output_shape=None, params=0, macs=macs, calls=1)
        for path, kind, macs in (("", "Net", 0), ("body", "Sequential", 0), ("head", "Linear", 10))
    )
    layers = (whole, body, *convs, head)
    return change(run, 0, msgspec.structs.replace(record.counts, layers=layers))


def test_repeated_modules_are_one_row_with_the_figures_of_all() -> None:
    """Each row has those of all rows below it."""
    (trees,) = data_of(with_layers(make_run(("dense",), modes=("infer",))))["trees"].values()
    rows = [(row[0], row[1], trees["types"][row[2]], *row[3:]) for row in trees["trees"][0]]
    assert rows == [
        (0, "model", "Net", "", "12", "50", "100.0%"),
        (1, "body", "Sequential", "", "12", "40", "80.0%"),
        (2, "0–3", "4 × Conv2d", "1x8", "12", "40", "80.0%"),
        (1, "head", "Linear", "", "", "10", "20.0%"),
    ]
    assert [column["isShare"] for column in trees["columns"]] == [False, False, False, True]


def test_of_too_many_rows_the_deepest_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a page of a hundred networks stays small."""
    run = with_layers(make_run(("dense",), modes=("infer",)))
    monkeypatch.setattr(modules, "MAX_ROWS", 3)
    monkeypatch.setattr("cspbench.report.modules.FITTING_ROWS", 3)
    (trees,) = data_of(run)["trees"].values()
    assert [row[1] for row in trees["trees"][0]] == ["model", "body", "head"]


def test_what_was_measured_by_module_stands_beside_the_counts() -> None:
    """In groups, of which the reader may choose one; a case without them has empty cells."""
    run = with_layers(make_run(("dense", "csp"), modes=("infer",)))
    times = make_times(run.records[0].case, 1, model=0.001, body=0.003, head=0.004)
    run = change(run, 0, make_series(run), module_times=(times,))
    page = ParsedPage(render_report(run, "html"))
    (trees,) = page.data["trees"].values()
    groups = [column["group"] for column in trees["columns"]]
    assert list(dict.fromkeys(groups)) == ["counts", "time", "memory"]
    head = [header for table in page.tables for header in table.headers if "self" in header]
    assert head == ["self [ms]"]
    first, second = (trees["trees"][trees["treeOf"][str(subject)]] for subject in (0, 1))
    total = groups.index("time") + 1
    assert [row[3 + total] for row in first] == ["8.000", "3.000", "", "4.000"]
    assert {cell for row in second for cell in row[3 + groups.index("time") :]} == {""}
    assert "50.0% in head (Linear)" in page.text


def test_memory_over_a_call_is_stacked_by_kind_with_its_peak() -> None:
    """Sizes in MiB at each operator; the peak with its operator and module."""
    run = with_layers(make_run(("dense", "csp"), modes=("infer",)))
    data = data_of(change(run, 0, make_series(run)))
    assert data["datasets"]["memory"]["rows"] == [
        [0, "weights", 0, "", [0.0, 1.0, 2.0, 3.0], [1.0] * 4],
        [0, "activations", 4, "", [0.0, 1.0, 2.0, 3.0], [0.0, 3.0, 2.0, 2.0]],
        [0, "peak", -1, "4.00 MiB: aten.conv in body.0", [1.0], [4.0]],
    ]
    (control,) = data["figures"]["memory"]["controls"]
    assert [option["label"] for option in control["options"]] == ["dense (inference)"]


def test_where_a_phase_begins_each_kind_stands_once() -> None:
    """First the highest sum, then that of the phase: at one place both would be stacked."""
    run = make_run(("dense",), modes=("train",))
    series = msgspec.structs.replace(
        make_series(run), begins=(0, 2), steps=(0, 1, 0, 1), operator=(0,) * 4, module=(0,) * 4
    )
    data = data_of(change(run, 0, series))
    weights, activations, _, phase = data["datasets"]["memory"]["rows"]
    assert weights[4] == activations[4] == [0.0, 1.0, 1.5, 2.0, 3.0]
    assert activations[5] == [0.0, 3.0, 2.0, 2.0, 2.0]
    assert phase[1:4] == ["phase", -1, "backward"]


def test_long_calls_are_thinned_but_keep_their_peak() -> None:
    """The figure is as wide as a screen, and a page has many cases."""
    run = make_run(("dense",), modes=("infer",))
    sizes = tuple((-1) ** index * MIB for index in range(900))
    series = msgspec.structs.replace(
        make_series(run),
        steps=(1,) * 1000,
        operator=(1,) * 1000,
        module=(1,) * 1000,
        changes={
            "other": Changes(steps=(50, *(1,) * 900), bytes=(7 * MIB, *(-size for size in sizes)))
        },
    )
    other, peak = data_of(change(run, 0, series))["datasets"]["memory"]["rows"]
    assert len(other[4]) < 300
    assert max(other[5]) == 7.0
    assert peak[5] == [7.0]


def test_the_roofline_has_calls_and_modules_below_their_roofs() -> None:
    """In FLOP/byte and GFLOP/s: no point above the roof at its intensity."""
    data = data_of(measured(CEILINGS))
    rows = data["datasets"]["roofline"]["rows"]
    of_first = [row for row in rows if row[0] == 0]
    names = [(row[1], row[2]) for row in of_first if row[1] != "roof"]
    assert names == [
        ("module", "stem.conv"),
        ("call", "the whole call"),
        ("peak", "fp32, 100 GFLOP/s"),
    ]
    roofs = {row[2] for row in of_first if row[1] == "roof"}
    assert roofs == {"L2, 100 GB/s", "memory, 10.0 GB/s"}
    module = next(row for row in of_first if row[1] == "module")
    assert module[3:5] == [200e6 / 2000, 25.0]
    assert "of its roof" in module[5]
    corners = [(row[3], row[4]) for row in of_first if row[1] == "roof"]
    assert (1.0, 100.0) in corners
    assert (10.0, 100.0) in corners
    assert max(y for _, y in corners) == 100.0


def test_without_measures_by_module_their_figures_are_left_out() -> None:
    """A run without --by-module has the tree of counts alone."""
    data = data_of(make_run(("dense",)))
    assert not {"memory", "roofline"} & (set(data["figures"]) | set(data["datasets"]))


def test_the_scatter_plot_has_the_unit_of_its_axis() -> None:
    """GFLOP/s and percent, as the header says, not FLOP/s and shares."""
    data = data_of(measured(CEILINGS))
    cases, roofline = data["datasets"]["cases"], data["datasets"]["roofline"]["rows"]
    first = dict(zip(cases["columns"], cases["rows"][0], strict=True))
    call = next(row for row in roofline if row[:2] == [0, "call"])
    assert first["flops_per_s"] == pytest.approx(call[4], rel=1e-3)
    assert call[5].startswith(f"{first['roof_share']:.0f}% of its roof")
    labels = [option["label"] for option in data["figures"]["trade-offs"]["controls"][1]["options"]]
    assert {"reached [GFLOP/s]", "share of the roof [%]"} <= set(labels)
