"""The roofline in reports: readings of a case, positions of its modules, ceilings in one line."""

import msgspec
import pytest
from factories import CEILINGS, SETTINGS, make_case, make_info, make_latency, make_launch

from cspbench.records.assembly import assemble
from cspbench.records.base import Failure
from cspbench.records.layers import Layer
from cspbench.records.lines import Line
from cspbench.records.measurements import Counts
from cspbench.records.module_times import ModuleTime, ModuleTimes
from cspbench.records.run import Run
from cspbench.records.traffic import ModuleTraffic, Operator, Traffic
from cspbench.report.ceilings import brief
from cspbench.report.notes import run_notes
from cspbench.report.quoting import verbatim
from cspbench.report.readings import Reading
from cspbench.report.results import derive
from cspbench.report.roofline import text
from cspbench.verdicts.roofline import Roofline

LOW = "above the roof, whose ceilings were measured too low, as on a busy machine"
CASE = make_case("Plain")
STAGES = ("traffic", "latency", "module_times")
CONV = Operator(name="convolution", calls=1, read_bytes=1000, written_bytes=1000, flops=200_000_000)
COPY = Operator(name="copy", calls=1, read_bytes=10_000_000, written_bytes=10_000_000, flops=0)
TRAFFIC = Traffic(
    case=CASE.key,
    modules=(
        ModuleTraffic(path="stem", forward=(COPY,)),
        ModuleTraffic(path="stem.conv", forward=(CONV,), backward=(CONV,)),
    ),
)


def times(number: int, *, conv_s: float) -> ModuleTimes:
    return ModuleTimes(
        case=CASE.key,
        number=number,
        passes=1,
        latency_s=0.02,
        profiled_s=0.02,
        observing_s=0.0,
        operators_s=0.0,
        modules=(
            ModuleTime(path="", calls=1, forward_s=1e-3, backward_s=0.0),
            ModuleTime(path="stem", calls=1, forward_s=4e-3, backward_s=0.0),
            ModuleTime(path="stem.conv", calls=1, forward_s=conv_s / 2, backward_s=conv_s / 2),
            ModuleTime(path="stem_of_another", calls=1, forward_s=1e-3, backward_s=0.0),
        ),
        other_s=0.0,
    )


def run(*lines: Line, **changes: object) -> Run:
    info = make_info(
        CASE,
        settings=msgspec.structs.replace(SETTINGS, by_module=True),
        **{"stages": STAGES, "ceilings": (CEILINGS,), **changes},
    )
    return assemble(info, [*lines, make_latency(CASE, 1, 0.02, 0.02), make_launch(1, CASE)])


def readings(made: Run) -> dict[str, Reading]:
    (row,) = derive(made).rows
    names = ("traffic_bytes", "intensity", "flops_per_s", "roof_share", "roof")
    return {name: row.readings[name] for name in names}


def test_a_case_has_an_intensity_and_a_share_of_its_roof() -> None:
    """400 MFLOP at 100 GFLOP/s and 20 MB at 10 GB/s take 6 ms at least; the call took 20 ms."""
    assert readings(run(TRAFFIC)) == {
        "traffic_bytes": 20_004_000,
        "intensity": pytest.approx(400e6 / 20_004_000),
        "flops_per_s": pytest.approx(20e9),
        "roof_share": pytest.approx(0.3),
        "roof": "compute",
    }


def test_above_the_roof_it_is_said_that_the_ceilings_are_too_low() -> None:
    """6 ms at least, and the call took 5 ms; of a call of 5.9 ms an error of measurement may be."""
    advice = "python -m cspbench doctor measures them anew"
    for latency_s, is_said in ((5e-3, True), (5.9e-3, False), (20e-3, False)):
        lines: list[Line] = [
            TRAFFIC,
            make_latency(CASE, 1, latency_s, latency_s),
            make_launch(1, CASE),
        ]
        made = derive(assemble(run().info, lines))
        notes = [note for note in run_notes(made, verbatim) if advice in note]
        assert notes == ([f"Plain (inference): {LOW}: {advice}."] if is_said else [])
        profile = msgspec.structs.replace(times(1, conv_s=8e-3), latency_s=latency_s)
        (record,) = run(TRAFFIC, profile).records
        page = " ".join(text(record, COUNTS, CEILINGS).split())
        assert (advice in page) == is_said


def test_without_ceilings_the_roof_says_so() -> None:
    """The intensity, which needs none, is there all the same."""
    found = readings(run(TRAFFIC, ceilings=()))
    assert found["intensity"] == pytest.approx(400e6 / 20_004_000)
    missing = Failure(reason="no ceilings of the device were measured")
    assert (found["roof_share"], found["roof"]) == (missing, missing)


def test_a_run_that_measures_no_traffic_has_no_roofline() -> None:
    """A run that measures it, and has none of a case, says so."""
    assert set(readings(run(stages=("latency",))).values()) == {None}
    assert set(readings(run()).values()) == {Failure(reason="not measured")}


def roofline(*profiles: ModuleTimes) -> Roofline:
    found = Roofline.of(run(TRAFFIC, *profiles).records[0], [CEILINGS])
    assert found is not None
    return found


def test_a_module_stands_by_what_ran_directly_in_it() -> None:
    """8 ms of the convolution, the mean of both profiles, and 4 ms of the copy."""
    own = roofline(times(1, conv_s=6e-3), times(2, conv_s=10e-3)).each_module()
    assert list(own) == ["stem", "stem.conv"]  # the others moved nothing
    assert [at.roof for at in own.values()] == ["memory", "compute"]
    assert [at.share for at in own.values()] == pytest.approx([0.5, 0.5])
    assert own["stem.conv"].flops_per_s == pytest.approx(50e9)


def test_several_modules_have_their_time_and_traffic_together() -> None:
    """2 ms and 4 ms at least, of 12 ms."""
    total = roofline(times(1, conv_s=8e-3)).modules(["stem", "stem.conv"])
    assert total is not None
    assert [total.seconds, total.share] == pytest.approx([12e-3, 0.5])


def test_a_module_without_operators_or_time_has_no_position() -> None:
    """Nor has any without profiles."""
    profiled = roofline(times(1, conv_s=0.0))
    assert profiled.modules(["stem_of_another"]) is None
    assert profiled.modules(["stem.conv"]) is None
    assert roofline().each_module() == {}


def test_a_case_without_traffic_or_ceilings_has_no_roofline() -> None:
    """Ceilings of another device are none."""
    assert Roofline.of(run().records[0], [CEILINGS]) is None
    other = msgspec.structs.replace(CEILINGS, device="cuda")
    assert Roofline.of(run(TRAFFIC).records[0], [other]) is None


LAYERS = tuple(
    Layer(path=path, type=kind, output_shape=(1, 4, 8, 8), params=0, macs=0, calls=1)
    for path, kind in (("", "Plain"), ("stem", "Sequential"), ("stem.conv", "Conv2d"))
)
COUNTS = Counts(
    case=CASE.key,
    params=0,
    weights=0,
    macs=0,
    thop_macs=0,
    flops=0,
    backward_flops=None,
    activations=0,
    cio=0,
    uncounted=(),
    disagreements=(),
    layers=LAYERS,
)


def test_the_table_of_modules_has_rates_and_roofs() -> None:
    """A row includes those below it; what computes nothing has no FLOPs."""
    (record,) = run(TRAFFIC, times(1, conv_s=8e-3)).records
    assert (
        text(record, COUNTS, CEILINGS)
        == """\
Inference: roofline by module
+---------------------+---------+---------+-------+----------+------+---------+
|                     | traffic |   FLOP/ | GFLOP |          |   of |         |
| layer (type)        |   [MiB] |    byte |    /s |     GB/s | roof | roof    |
+---------------------+---------+---------+-------+----------+------+---------+
| model (Plain)       |   19.08 |    20.0 |  30.8 |     1.54 |  46% | compute |
|   stem (Sequential) |   19.08 |    20.0 |  33.3 |     1.67 |  50% | compute |
|     conv (Conv2d)   | 0.00381 | 100,000 |  50.0 | 0.000500 |  50% | compute |
+---------------------+---------+---------+-------+----------+------+---------+
A call that nothing observes takes 20.00 ms: 20.0 GFLOP/s at 20.0 FLOP/byte, 30%
of its roof (compute).
Roofs: 100 GFLOP/s in fp32, 400 GFLOP/s in bf16, 10.0 GB/s from memory, 100 GB/s
in L2."""
    )


def test_ceilings_in_one_line() -> None:
    """The peak by precision, and the bandwidth from memory and in each cache."""
    assert brief(CEILINGS) == (
        "100 GFLOP/s in fp32, 400 GFLOP/s in bf16, 10.0 GB/s from memory, 100 GB/s in L2"
    )
