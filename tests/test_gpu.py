"""The command line on a real GPU: what cannot be made up. ``make test-gpu`` runs these alone."""

from pathlib import Path

import pytest
from test_cli import cspbench

from cspbench import store
from cspbench.records import Failure, Record, Run

pytestmark = [pytest.mark.gpu, pytest.mark.slow]

QUICK = ("--launches", "2", "--turns", "5")


def measured(folder: Path, *words: str, suite: str = "blocks", code: int = 0) -> Run:
    """A quick run of ``suite`` on the GPU."""
    out = folder / "run"
    done = cspbench("run", suite, "--device", "cuda", *QUICK, *words, "--out", str(out), cwd=folder)
    assert done.returncode == code, done.stderr + done.stdout
    return store.read(out)


def seconds(record: Record) -> float:
    """The shortest sample."""
    return min(one for line in record.latencies for one in line.samples_s)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--precision", "tf32"),
        ("--precision", "bf16", "--channels-last"),
        ("--precision", "fp16"),
        ("--precision", "amp"),
    ],
)
def test_the_default_suite_runs_in_every_precision(tmp_path: Path, words: tuple[str, ...]) -> None:
    """No failure; both clocks, the GPU's state, and flags that fit the precision."""
    run = measured(tmp_path, *words)
    assert not any(record.failures for record in run.records)
    for launch in run.launches:
        assert launch.gpu is not None
        assert launch.gpu.flags.matmul_tf32 == launch.gpu.flags.cudnn_tf32 == ("tf32" in words)
        assert not launch.gpu.flags.cudnn_benchmark
    for record in run.records:
        assert all(line.host_samples_s for line in record.latencies)
    assert run.info.environment.gpus


def test_no_live_tensor_escapes_the_allocators_count(tmp_path: Path) -> None:
    """What the allocator gave out during the call is at least what tensors needed."""
    run = measured(tmp_path)
    for record in run.records:
        assert record.allocated is not None
        assert record.tensor_peak is not None
        peak, baseline = record.allocated.peak_alloc_bytes, record.allocated.baseline_alloc_bytes
        assert isinstance(peak, int)
        assert baseline is not None
        assert record.allocated.peak_tensor_bytes == record.tensor_peak.peak_tensor_bytes
        in_call = record.tensor_peak.peak_tensor_bytes - record.tensor_peak.baseline_bytes
        assert peak - baseline >= in_call
        assert (record.allocated.peak_reserved_bytes or 0) >= peak


def test_every_block_can_be_captured_and_replays_no_slower(tmp_path: Path) -> None:
    """Inference and training; a graph saves launches."""
    run = measured(tmp_path, "--cuda-graph")
    for record in run.records:
        for line in record.latencies:
            assert line.graph_samples_s is not None
            assert not isinstance(line.graph_samples_s, Failure), line.graph_samples_s.reason
            assert min(line.graph_samples_s) <= 1.05 * min(line.samples_s)


def test_a_cold_run_flushes_the_cache(tmp_path: Path) -> None:
    """No host time, and a command that repeats it."""
    run = measured(tmp_path, "--cold", "--only", "dense")
    assert all(not line.host_samples_s for line in run.records[0].latencies)
    assert "--cold" in run.info.command
    assert seconds(run.records[0]) > 0


def test_more_than_the_gpu_has_is_a_recorded_failure(tmp_path: Path) -> None:
    """With the size that was asked for in its first line."""
    run = measured(tmp_path, "--batch-size", "200000", "--only", "dense", "--mode", "train", code=3)
    (failure,) = run.records[0].failures
    assert failure.cause == "out_of_memory"
    assert "Tried to allocate" in failure.reason


def test_the_doctor_looks_at_the_gpu(tmp_path: Path) -> None:
    """One line on its state, or why there is none."""
    done = cspbench("doctor", "--device", "cuda", cwd=tmp_path)
    assert done.returncode == 0
    assert "GPU" in done.stdout


def test_two_gpus_share_a_suite_out(tmp_path: Path) -> None:
    """Each record names its device, and both were used."""
    import torch

    if torch.cuda.device_count() < 2:
        pytest.skip("there is one GPU here")
    run = measured(tmp_path, "--device", "cuda:0,cuda:1")
    assert {record.case.device for record in run.records} == {"cuda:0", "cuda:1"}
    assert not any(record.failures for record in run.records)
