"""The command line on a real GPU: what cannot be made up. ``make test-gpu`` runs these alone.

What matters most comes first, and one run serves several tests: a GPU may be at hand for minutes.
"""

import time
from pathlib import Path

import pytest
from gpu_check import call_of, operator_workspaces
from test_cli import cspbench

from cspbench.records.base import Failure
from cspbench.records.folder import read
from cspbench.records.run import Record, Run
from cspbench.verdicts.energy import by_counter, by_power, call_energy, mean_power
from cspbench.verdicts.stats import Estimate

pytestmark = [pytest.mark.gpu, pytest.mark.slow]

QUICK = ("--launches", "2", "--turns", "5")


def measured(folder: Path, *words: str, suite: str = "blocks", code: int = 0) -> Run:
    """A quick run of ``suite`` on the GPU."""
    out = folder / "run"
    completed = cspbench(
        "run", suite, "--device", "cuda", *QUICK, *words, "--out", str(out), cwd=folder
    )
    assert completed.returncode == code, completed.stderr + completed.stdout
    return read(out)


def seconds(record: Record) -> float:
    """The shortest sample."""
    return min(sample_s for line in record.latencies for sample_s in line.samples_s)


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The default suite, with graphs."""
    return measured(tmp_path_factory.mktemp("blocks"), "--cuda-graph")


def test_the_default_suite_runs(blocks: Run) -> None:
    """No failure; the GPU's clocks, and no limit that cannot be read."""
    assert not any(record.failures for record in blocks.records)
    assert blocks.info.environment.gpus
    for launch in blocks.launches:
        assert launch.gpu is not None
        assert not isinstance(launch.gpu.after.sm_mhz, Failure), launch.gpu.after.sm_mhz.reason
        assert not isinstance(launch.gpu.after.limits, Failure), launch.gpu.after.limits.reason
        assert launch.gpu.others == 0
        assert 0 < launch.gpu.empty_region_s < 1e-4


def test_a_device_takes_no_longer_than_the_host_that_waits_for_it(blocks: Run) -> None:
    """The device's is never above the host's by more than ticks and noise."""
    for record in blocks.records:
        for line in record.latencies:
            assert line.host_samples_s
            assert line.issued_share is not None
            shortest = min(line.samples_s), min(line.host_samples_s)
            assert shortest[0] <= 1.05 * shortest[1] + 2e-6, record.case.key


def test_every_block_can_be_captured_and_replays_no_slower(blocks: Run) -> None:
    """Inference and training; a graph saves launches, and keeps memory."""
    for record in blocks.records:
        assert record.graph is not None
        assert isinstance(record.graph.graph_bytes, int), record.graph.graph_bytes
        for line in record.latencies:
            assert line.graph_samples_s is not None
            assert not isinstance(line.graph_samples_s, Failure), line.graph_samples_s.reason
            assert min(line.graph_samples_s) <= 1.05 * min(line.samples_s)


def beside_tensors(record: Record) -> float:
    """What was asked of the allocator at its peak beyond live tensors and standing workspaces.

    As a share of the tensor peak. Workspaces that are kept stand in the baseline, those that an
    operator asks for and gives back do not.
    """
    allocated, tensors = record.allocated, record.tensor_peak
    assert allocated is not None
    assert tensors is not None
    assert allocated.peak_requested_bytes is not None
    assert allocated.baseline_alloc_bytes is not None
    workspace_bytes = allocated.baseline_alloc_bytes - tensors.baseline_bytes
    return (allocated.peak_requested_bytes - workspace_bytes) / tensors.peak_tensor_bytes - 1


def test_no_live_tensor_escapes_the_allocators_count(blocks: Run) -> None:
    """What the allocator gave out during the call is at least what tensors needed."""
    for record in blocks.records:
        assert record.allocated is not None
        assert record.tensor_peak is not None
        peak, baseline = record.allocated.peak_alloc_bytes, record.allocated.baseline_alloc_bytes
        assert isinstance(peak, int)
        assert baseline is not None
        in_call = record.tensor_peak.peak_tensor_bytes - record.tensor_peak.baseline_bytes
        assert peak - baseline >= in_call
        assert (record.allocated.peak_reserved_bytes or 0) >= peak


def test_the_allocators_peak_is_the_tensors_within_two_percent(blocks: Run) -> None:
    """Where it is further away, an operator asked for a workspace at least as large."""
    for record in blocks.records:
        distance = beside_tensors(record)
        if abs(distance) > 0.02:
            assert record.tensor_peak is not None
            extra_bytes = distance * record.tensor_peak.peak_tensor_bytes
            workspaces = operator_workspaces(call_of(record.case), record.case.device)
            assert extra_bytes <= max(workspaces.values()), record.case.key


def test_the_tensor_peak_is_the_same_on_the_gpus_own_operators(blocks: Run) -> None:
    """On fake tensors of a CPU, and on real ones there."""
    for record in blocks.records:
        assert record.allocated is not None
        assert record.tensor_peak is not None
        assert record.allocated.peak_tensor_bytes == record.tensor_peak.peak_tensor_bytes


@pytest.mark.parametrize(
    "words",
    [
        ("--precision", "tf32"),
        ("--precision", "bf16", "--channels-last"),
        ("--precision", "fp16"),
        ("--precision", "amp"),
    ],
)
def test_every_precision_runs(tmp_path: Path, words: tuple[str, ...]) -> None:
    """No failure, and flags that fit the precision."""
    run = measured(tmp_path, *words, "--only", "csp*")
    assert not any(record.failures for record in run.records)
    for launch in run.launches:
        assert launch.gpu is not None
        assert launch.gpu.flags.matmul_tf32 == launch.gpu.flags.cudnn_tf32 == ("tf32" in words)
        assert not launch.gpu.flags.cudnn_benchmark


def test_a_cold_run_flushes_the_cache(tmp_path: Path) -> None:
    """No host time, and a command that repeats it."""
    run = measured(tmp_path, "--cold", "--only", "dense")
    assert all(not line.host_samples_s for line in run.records[0].latencies)
    assert "--cold" in run.info.command
    assert seconds(run.records[0]) > 0


def test_the_energy_of_a_call_is_alike_by_both_ways_and_above_that_of_idleness(
    tmp_path: Path,
) -> None:
    """With an interval; what the sensors were like stands in the record."""
    run = measured(tmp_path, "--energy", "--mode", "infer", "--batch-size", "32", suite="smoke")
    for record in run.records:
        energy = record.energy
        assert energy is not None
        assert not isinstance(energy.windows, Failure), energy.windows.reason
        counter, power = call_energy(energy, by_counter), call_energy(energy, by_power)
        assert isinstance(counter, Estimate), counter
        assert isinstance(power, Estimate), power
        assert counter.low is not None
        assert counter.value > 0
        assert abs(power.value / counter.value - 1) < 0.25, (counter, power)
        assert energy.idle is not None
        idle_w, busy_w = mean_power([energy.idle]), mean_power(energy.windows)
        assert isinstance(idle_w, float)
        assert isinstance(busy_w, float)
        assert 0 < idle_w < busy_w
        assert energy.power_sensor in {"instant", "average"}
        assert energy.counter_period_s is not None
        assert energy.counter_period_s < 1


def test_more_than_the_gpu_has_is_a_recorded_failure(tmp_path: Path) -> None:
    """With the size that was asked for in its first line."""
    run = measured(tmp_path, "--batch-size", "200000", "--only", "dense", "--mode", "train", code=3)
    (failure,) = run.records[0].failures
    assert failure.cause == "out_of_memory"
    assert "Tried to allocate" in failure.reason


def test_the_doctor_looks_at_the_gpu(tmp_path: Path) -> None:
    """One line on its state, or why there is none."""
    completed = cspbench("doctor", "--device", "cuda", cwd=tmp_path)
    assert completed.returncode == 0
    assert "GPU" in completed.stdout


def test_two_gpus_share_a_suite_out(tmp_path: Path) -> None:
    """Each record names its device, and both were used."""
    import torch

    if torch.cuda.device_count() < 2:
        pytest.skip("there is one GPU here")
    run = measured(tmp_path, "--device", "cuda:0,cuda:1")
    assert {record.case.device for record in run.records} == {"cuda:0", "cuda:1"}
    assert not any(record.failures for record in run.records)


def test_a_suite_of_sixteen_cases_takes_four_minutes_at_most(tmp_path: Path) -> None:
    """At the defaults, counts, memory and six launches, the start of every process included."""
    out = tmp_path / "run"
    began = time.monotonic()
    completed = cspbench("run", "--device", "cuda", "--out", str(out), cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr + completed.stdout
    assert len(read(out).records) == 16
    assert time.monotonic() - began < 240


def test_compiled_blocks_run(tmp_path: Path) -> None:
    """By inductor, with what compiling took."""
    run = measured(tmp_path, "--compile", "--only", "dense", "--mode", "infer")
    assert run.records[0].allocated is not None
    assert (run.records[0].allocated.compile_s or 0) > 0


def test_the_largest_batch_is_found_and_runs(tmp_path: Path) -> None:
    """Predicted, tried, and measured at it."""
    words = ("--batch-size", "auto", "--only", "dense", "--mode", "train")
    run = measured(tmp_path, *words)
    assert run.records[0].case.input_shape[0] > 1
    assert not run.records[0].failures
