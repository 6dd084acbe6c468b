"""What a report says of a run on a GPU, which a run on a CPU does not."""

import csv
import io
from collections.abc import Sequence
from itertools import takewhile

import msgspec
import pytest
from factories import make_energy, make_gpu, make_gpu_activity, with_measurements
from synthetic import make_run, render_report, report_text

from cspbench.records.base import Failure
from cspbench.records.lines import Latency
from cspbench.records.machine import GpuActivity
from cspbench.records.measurements import Allocated, Energy, Graph
from cspbench.records.run import Run


def on_gpu(
    *,
    graphs: bool = False,
    cold: bool = False,
    issued: float = 0.2,
    activity: Sequence[GpuActivity] = (),
) -> Run:
    """The run of the synthetic suite as if on a GPU: the host's clock 10% above, graphs a half."""

    def timed(line: Latency) -> Latency:
        return msgspec.structs.replace(
            line,
            host_samples_s=None if cold else tuple(1.1 * seconds for seconds in line.samples_s),
            issued_share=None if cold else issued,
            graph_samples_s=tuple(seconds / 2 for seconds in line.samples_s) if graphs else None,
        )

    run = make_run(("dense", "csp"), modes=("infer",), noise=1e-6)
    records = tuple(
        with_measurements(
            record,
            Allocated(
                case=record.case.key,
                peak_tensor_bytes=9 << 20,
                peak_alloc_bytes=12 << 20,
                baseline_alloc_bytes=3 << 20,
                peak_requested_bytes=11 << 20,
                peak_reserved_bytes=20 << 20,
            ),
            case=msgspec.structs.replace(record.case, device="cuda"),
            latencies=tuple(map(timed, record.latencies)),
        )
        for record in run.records
    )
    activities = [*activity, *[make_gpu_activity()] * (len(run.launches) - len(activity))]
    launches = tuple(
        msgspec.structs.replace(launch, gpu=gpu)
        for launch, gpu in zip(run.launches, activities, strict=True)
    )
    info = msgspec.structs.replace(
        run.info,
        settings=msgspec.structs.replace(run.info.settings, cold=cold, device="cuda"),
        environment=msgspec.structs.replace(
            run.info.environment, gpus=(make_gpu().description,), device="a GPU"
        ),
    )
    return msgspec.structs.replace(run, info=info, records=records, launches=launches)


def text(run: Run) -> str:
    return report_text(run)


def line(run: Run, label: str) -> str:
    """The circumstance of that label, its lines joined."""
    start, *rest = text(run).partition(f"\n{label} ")[2].splitlines()
    further = takewhile(lambda line: line.startswith("  "), rest)
    return " ".join(" ".join([start, *further]).split())


def test_the_report_says_what_drove_the_gpu_and_how_it_was_set() -> None:
    """Driver, libraries, memory; clocks, temperature; flags; what its events read of nothing."""
    run = on_gpu()
    assert line(run, "device") == "a GPU (cuda)"
    assert line(run, "libraries") == (
        "driver 570.1, CUDA 12.8, cuDNN 91002; 74.51 GiB of memory, 47.68 MiB of L2"
    )
    assert line(run, "GPU") == "1,980 MHz, 41 °C, an empty region reads 2 µs"
    assert line(run, "flags") == (
        "TF32 in matrix products off, in convolutions off, cuDNN's search off, deterministic off"
    )
    assert line(run, "cache").startswith("warm")
    assert line(on_gpu(cold=True), "cache").startswith("cold: L2 flushed before each call")
    assert line(run, "throttling") == "0 of 6 launches"


def test_columns_of_gpus_stand_where_there_is_something_in_them() -> None:
    """The host's latency and reserved memory; graphs only where they were asked for."""
    page = text(on_gpu())
    assert "latency, host" in page
    assert "22.00" in page  # 1.1 times the first entry's 20 ms
    assert "reserved" in page
    assert "as a graph" not in page
    with_graphs = text(on_gpu(graphs=True))
    assert "as a graph" in with_graphs
    assert "50%" in with_graphs
    for header in ("latency, host", "reserved", "overhead"):
        assert header not in text(make_run())


def test_a_graph_that_could_not_be_captured_is_a_dash_with_its_reason() -> None:
    """Of the one case that refused."""
    run = on_gpu(graphs=True)
    refused = Failure(reason="no graph could be captured: it waits")
    record = msgspec.structs.replace(
        run.records[0],
        latencies=tuple(
            msgspec.structs.replace(latency, graph_samples_s=refused)
            for latency in run.records[0].latencies
        ),
    )
    page = text(msgspec.structs.replace(run, records=(record, *run.records[1:])))
    assert "no graph could be captured: it waits" in " ".join(page.split())


def test_throttling_is_told_by_its_reason_and_what_became_of_the_launches() -> None:
    """One of six, by heat, is left out; of four of six all count, as too few others remain."""
    hot = make_gpu_activity(limits=("heat",))
    assert line(on_gpu(activity=[hot]), "throttling") == "1 of 6 launches, by heat; 1 left out"
    counted = "4 of 6 launches, by heat; 4 kept, as too few others remain"
    assert line(on_gpu(activity=[hot] * 4), "throttling") == counted


def test_other_processes_on_the_gpu_are_contention() -> None:
    """Though they took nothing of the host's processor."""
    run = on_gpu(activity=[make_gpu_activity(others=2)])
    assert "up to 2 processes beside it on the GPU" in " ".join(text(run).split())


def test_a_case_that_was_throttled_throughout_is_named() -> None:
    """All of its samples were; of the other, all but one."""
    run = on_gpu()

    def throttled(samples: int, index: int) -> tuple[Latency, ...]:
        return tuple(
            msgspec.structs.replace(latency, throttled=samples)
            for latency in run.records[index].latencies
        )

    records = (
        msgspec.structs.replace(run.records[0], latencies=throttled(10, 0)),
        msgspec.structs.replace(run.records[1], latencies=throttled(9, 1)),
    )
    page = text(msgspec.structs.replace(run, records=records))
    assert "every sample was throttled: dense (inference)" in page
    assert "no sample was free of throttling" not in text(run)


def test_the_csv_has_them_in_base_units() -> None:
    """Seconds and bytes; the share as it is."""
    (row, *_) = csv.DictReader(io.StringIO(render_report(on_gpu(graphs=True), "csv")))
    assert float(row["host_latency_s"]) / float(row["latency_s"]) == pytest.approx(1.1)
    assert float(row["launch_overhead"]) == pytest.approx(0.5)
    assert row["peak_reserved_bytes"] == str(20 << 20)


def test_a_gpu_that_waits_for_the_host_is_said_with_what_shows_its_own_work() -> None:
    """Where handing over lasts nearly as long as the calls; a busy GPU is not mentioned."""
    sentence = "the GPU waits for the host in dense (inference) and csp (inference)"
    assert sentence in " ".join(text(on_gpu(issued=0.95)).split())
    assert "waits for the host" not in text(on_gpu(issued=0.85))
    assert "waits for the host" not in text(on_gpu(cold=True))


def test_what_was_requested_and_what_a_graph_keeps_are_columns_on_demand() -> None:
    """A graph that could not be made has its reason under the table."""
    run = on_gpu(graphs=True)
    info = msgspec.structs.replace(run.info, stages=(*run.info.stages, "graph"))
    graph_bytes: tuple[int | Failure, ...] = (5 << 20, Failure(reason="no graph: it waits"))
    records = tuple(
        with_measurements(record, Graph(case=record.case.key, graph_bytes=bytes_))
        for record, bytes_ in zip(run.records, graph_bytes, strict=True)
    )
    run = msgspec.structs.replace(run, info=info, records=records)
    page = report_text(run, ("peak_requested_bytes", "graph_bytes"))
    (dense,) = (line for line in page.splitlines() if "dense (reference)" in line)
    assert dense.split() == ["|", "dense", "(reference)", "|", "11.00", "|", "5.000", "|"]
    assert "kept by a graph [MiB] missing for csp (inference): no graph: it waits" in page


def with_energy(*energies: Energy) -> Run:
    """The run on a GPU with an energy for each of its cases."""
    run = on_gpu()
    info = msgspec.structs.replace(run.info, stages=(*run.info.stages, "energy"))
    records = tuple(
        with_measurements(record, msgspec.structs.replace(energy, case=record.case.key))
        for record, energy in zip(run.records, energies, strict=True)
    )
    return msgspec.structs.replace(run, info=info, records=records)


def test_the_energy_of_a_call_has_both_ways_their_distance_and_powers() -> None:
    """400 J in 1,000 calls of 2 ms are 400 mJ and 200 W; by power it is a tenth more."""
    run = with_energy(make_energy("", 396.0, 400.0, 404.0), make_energy("", 800.0))
    columns = ("energy", "power_energy", "energy_distance", "power", "idle_power")
    page = report_text(run, columns)
    lines = [line for line in page.splitlines() if line.startswith("| dense (reference)")]
    cells = [cell.strip() for line in lines for cell in line.split("|")[2:-1]]
    assert cells == [
        *("400.0 390.2–410.0", "440.0 429.2–451.1", "10%", "200.0", "80.00"),
    ]
    (row, csp) = csv.DictReader(io.StringIO(render_report(run, "csv")))
    assert float(row["energy_j"]) == pytest.approx(0.4, rel=1e-3)
    assert (row["energy_windows"], csp["energy_low_j"]) == ("3", "")
    assert float(row["idle_power_w"]) == 80.0


def test_energies_come_with_what_their_sensors_are_like() -> None:
    """And with why there is no verdict on them; who else was on the device is named."""
    average = make_energy("", 400.0, counter_period_s=0.3, power_sensor="average", others=2)
    page = " ".join(report_text(with_energy(make_energy("", 400.0), average)).split())
    assert "energy is that of the whole device, idle power included, over windows of 2.0 s" in page
    assert "windows of one process says nothing of another: no verdict" in page
    assert "the counter changes every 0.2 s, the power changes every 0.1 s" in page
    assert "the power is an average over about a second" in page
    assert "energies include other processes on the GPU: csp (inference)" in page
    assert "energy" not in text(on_gpu())


def test_an_energy_that_could_not_be_read_is_a_dash_with_its_reason() -> None:
    """By one way, by the other, and by none."""
    refused = Failure(reason="NVML says: Not Supported")
    by_power = make_energy("", refused, refused)
    run = with_energy(by_power, make_energy("", 400.0, power=refused))
    page = report_text(run, ("energy", "power_energy", "energy_distance", "power"))
    assert "energy [mJ] missing for dense (inference): NVML says: Not Supported" in page
    (dense,) = (line for line in page.splitlines() if "dense (reference)" in line)
    assert "440.0" in dense
    assert "220.0" in dense
    absent = Energy(case="", windows=Failure(reason="NVIDIA's library is missing"))
    page = " ".join(report_text(with_energy(absent, absent)).split())
    assert "energy [mJ], energy by power [mJ]" in page
    assert "missing for all cases: NVIDIA's library is missing" in page
    assert "sensors of energy" not in page
