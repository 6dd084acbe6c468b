"""Time by module in reports: figures of a row, tables, and how times add up."""

import msgspec
import pytest
from factories import make_case, make_times
from synthetic import change, make_counts, make_run, render_report, report_text

from cspbench.plan.case import Mode
from cspbench.records.layers import Layer
from cspbench.records.module_times import PROFILES, ModuleTime, ModuleTimes
from cspbench.records.run import Record, Run
from cspbench.report import module_times
from cspbench.report.module_table import macs_share_column
from cspbench.report.module_times import Times
from cspbench.report.modules import module_rows

LAYERS = tuple(
    Layer(path=path, type=kind, output_shape=(1, 8), params=0, macs=macs, calls=1)
    for path, kind, macs in [
        ("", "Net", 0),
        ("block", "Block", 0),
        ("block.conv", "Conv2d", 6_000_000_000),
        ("block.act", "ReLU", 0),
        ("head", "Linear", 2_000_000_000),
    ]
)


def make_record(*profiles: ModuleTimes, mode: Mode = "infer", key: str = "Good") -> Record:
    case = make_case(key, mode=mode)
    counts = msgspec.structs.replace(
        make_counts(case), layers=LAYERS, macs=8_000_000_000, matmul_macs=0
    )
    return Record(case=case, measurements={"counts": counts}, module_times=profiles)


def profile(number: int, conv_s: float = 2.0, *, mode: Mode = "infer") -> ModuleTimes:
    backward_s = 1.0 if mode == "train" else 0.0
    return make_times(
        make_case("Good", mode=mode),
        number,
        other_s=0.5,
        model=0.25,
        block=0.25,
        block__conv=(conv_s, backward_s),
        head=(1.0, 0.0),
    )


def figures(record: Record, path: str) -> dict[str, object]:
    times = Times(record)
    row = next(row for row in module_rows(LAYERS) if row.path == path)
    speed = times.macs_per_s(row)
    return {
        "own": times.own(row).value,
        "total": times.total(row).value,
        "share": times.share(row).value,
        "of MACs": macs_share_column(record.counts).cell(row) if record.counts else "",
        "GMAC/s": speed and speed.value / 1e9,
    }


def test_a_row_has_the_time_of_its_modules_and_of_all_below() -> None:
    """Shares are of all times, those in no module included; MACs are by second of forward."""
    record = make_record(profile(1), profile(2))
    assert figures(record, "block") == pytest.approx(
        {
            "own": 0.25,
            "total": 2.25,
            "share": 2.25 / 4.0,
            "of MACs": "75.0%",
            "GMAC/s": 6 / 2.25,
        }
    )
    assert figures(record, "block.act") == {
        "own": 0.0,
        "total": 0.0,
        "share": 0.0,
        "of MACs": "",
        "GMAC/s": None,
    }


def test_backward_counts_as_time_and_not_for_the_speed_of_the_forward() -> None:
    """A training step computes more than the counted MACs."""
    record = make_record(profile(1, mode="train"), mode="train")
    assert figures(record, "block.conv") == pytest.approx(
        {"own": 3.0, "total": 3.0, "share": 3 / 5, "of MACs": "75.0%", "GMAC/s": 3.0}
    )


def test_values_of_profiles_are_averaged_with_an_interval() -> None:
    """So that parts add up; there is no interval where a value is 0, nor of one profile."""
    times = Times(make_record(profile(1, 1.0), profile(2, 4.0)))
    _, _, conv, act, _ = module_rows(LAYERS)
    own = times.own(conv)
    assert own.value == pytest.approx(2.5)
    assert own.low is not None
    assert own.high is not None
    assert own.low < 1.0
    assert own.high > 4.0
    assert times.share(conv).high == 1.0
    assert times.own(act).low is None
    assert Times(make_record(profile(1))).own(conv).low is None
    rows = module_rows(LAYERS)
    assert times.total(rows[0]).value == pytest.approx(sum(times.own(row).value for row in rows))


@pytest.mark.parametrize(("latency_s", "is_said"), [(3.8, False), (3.0, True), (9.0, True)])
def test_a_sum_far_from_the_latency_is_said(latency_s: float, is_said: bool) -> None:
    """All times of the profile sum to 4 s."""
    times = msgspec.structs.replace(profile(1), latency_s=latency_s)
    said = " ".join(module_times.text(make_record(times)).split())
    assert ("A sum so far off" in said) == is_said


def test_on_a_gpu_the_sum_may_be_far_from_the_latency() -> None:
    """Kernels take a part of a call that waits for the host."""
    record = make_record(msgspec.structs.replace(profile(1), latency_s=9.0))
    on_gpu = msgspec.structs.replace(
        record, case=msgspec.structs.replace(record.case, device="cuda")
    )
    assert "A sum so far off" not in module_times.text(on_gpu)


def test_the_text_has_a_table_and_says_how_the_times_add_up() -> None:
    """The sum stands beside an unobserved call, with what observing took between them."""
    text = module_times.text(make_record(profile(1), profile(2)))
    title, *lines = text.splitlines()
    table = [line for line in lines if line[0] in "+|"]
    assert title == "Inference: time by module"
    assert [cell.strip() for cell in table[2].strip("|").split("|")] == [
        *("layer (type)", "[ms]", "[ms]", "share", "GMAC/s"),
    ]
    assert [cell.strip() for cell in table[6].strip("|").split("|")] == [
        *("conv (Conv2d)", "2,000", "2,000", "50.0% ±0.0%", "3.00"),
    ]
    assert max(map(len, table)) <= 80
    assert " ".join(lines[len(table) :]) == (
        "All times sum to 4 s (500 ms of it in no module), +0.0% beside the 4 s of a call that "
        "nothing observes in the same 2 processes. "
        "A profiled call takes 5 s (10 profiled calls), of which 1 s are the profiler's by "
        "calibration; operators take 2 s of its forward, and Python the rest."
    )


def test_a_gpus_times_are_said_to_be_those_of_kernels() -> None:
    """Where it waits for the host, their sum is less than the latency."""
    record = make_record(profile(1))
    case = msgspec.structs.replace(record.case, device="cuda")
    *_, means = module_times.sums(msgspec.structs.replace(record, case=case))
    assert means == (
        "Times are those of kernels, in 5 profiled calls of 5 s each; while the GPU waits, no "
        "module has time."
    )


def test_the_table_of_training_also_has_the_time_of_the_forward() -> None:
    """The rest of the total is the backward's."""
    header = module_times.text(make_record(profile(1, mode="train"), mode="train")).splitlines()[2]
    assert "| forward |" in header
    assert "| forward |" not in module_times.text(make_record(profile(1)))


def with_profiles(run: Run) -> Run:
    """``run`` with a profile of its first case, whose modules are those of its counts."""
    record = run.records[0]
    assert record.counts is not None
    modules = [
        ModuleTime(path=layer.path, calls=1, forward_s=2.0**-index, backward_s=0.0)
        for index, layer in enumerate(record.counts.layers)
    ]
    times = ModuleTimes(
        case=record.case.key,
        number=1,
        passes=5,
        latency_s=2.0,
        profiled_s=3.0,
        observing_s=0.5,
        modules=tuple(modules),
        other_s=0.0,
        operators_s=1.0,
    )
    first = msgspec.structs.replace(record, module_times=(times,))
    return msgspec.structs.replace(run, records=(first, *run.records[1:]))


def test_a_report_names_the_modules_that_take_the_most_time() -> None:
    """Only of cases that were profiled; the Markdown page also has a table of each, folded."""
    run = with_profiles(make_run())
    heading = "Time by module: where the most of a call is spent\n"
    _, _, listed = report_text(run).partition(heading)
    item, *_ = listed.replace("\n  ", " ").splitlines()
    assert item == (
        "- dense (inference): 53.3% in itself (Block), 26.7% in conv (Conv2d), 13.3% in bn "
        "(BatchNorm2d) (1 of 3 profiles measured)"
    )
    record = run.records[0]
    (first,) = record.module_times
    again = [msgspec.structs.replace(first, number=number) for number in range(1, PROFILES + 1)]
    assert "profiles measured" not in report_text(change(run, 0, module_times=tuple(again)))
    assert heading not in report_text(make_run())
    page = render_report(run, "markdown")
    assert page.count("<details><summary>Time by module: ") == 1
    assert "| · `conv` | `Conv2d` | 500.0 | 500.0 | 26.7% | 0.462 | 100.0% |" in page
