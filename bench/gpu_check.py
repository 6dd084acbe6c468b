"""What a real GPU is needed to know; `gpu_check.sh` runs these among its steps.

    python bench/gpu_check.py timers --device cuda --out timers.json
    python bench/gpu_check.py peaks blocks --device cuda --out peaks.json
    python bench/gpu_check.py ceilings --device cuda --out ceilings.json

``timers`` sets our seconds a call beside those of triton's ``do_bench``, of torch's ``Timer`` and
of the kernels in torch's profiler. ``peaks`` sets the exact tensor peak of a suite's cases beside
what the allocator gave out, and names the operators that asked for workspaces. ``ceilings`` are
the fastest matrix products and copies.
"""

import argparse
import json
import statistics
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.benchmark import Timer as TorchTimer

from cspbench.catalogue import find
from cspbench.machine.device import backend, gpu
from cspbench.machine.environment import physical_cores
from cspbench.measures.allocated import allocated
from cspbench.measures.execution.call import Call
from cspbench.measures.execution.subject import BuiltSubject
from cspbench.measures.tensor_peak import tensor_peak
from cspbench.measures.timing.timer import Timer
from cspbench.plan.case import Case, is_gpu, make_case
from cspbench.plan.suite import Selection, load
from cspbench.records.base import Failure
from cspbench.records.measurements import Allocated
from cspbench.records.tensor_peak import TensorPeak

ROUNDS = 5
CALLS = 20  # in one profile
Figures = dict[str, Any]


def timers(device: str) -> Figures:
    """Median seconds a call by each timer, in rounds in which all take turns."""
    large = 64 if is_gpu(device) else 2
    return {
        f"{entry} at batch {batch}": _timed(
            make_case(find(entry), {}, batch_size=batch, device=device)
        )
        for entry, batch in (("dense", large), ("csp", large), ("dense", 1))
    }


def _timed(case: Case) -> Figures:
    with backend(device=case.device, threads=physical_cores(), seed=0, precision=case.precision):
        call = call_of(case)
        ways: dict[str, Callable[[], float]] = {
            "cspbench": _ours(case, call, cold=False),
            "torch.utils.benchmark": lambda: _torch_timer(call),
        }
        if is_gpu(case.device):
            ways["cspbench, cold"] = _ours(case, call, cold=True)
            ways["triton do_bench (cold)"] = lambda: _do_bench(call)
            ways["kernels from first to last (profiler)"] = lambda: _kernels(call)["span_s"]
            ways["sum of kernels (profiler)"] = lambda: _kernels(call)["busy_s"]
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, way in ways.items():
                times[name].append(way())
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {
        name: {"s": median, "to ours": round(median / medians["cspbench"], 4), "all": times[name]}
        for name, median in medians.items()
    }


def call_of(case: Case) -> Call:
    """The call of a case on its device, built."""
    subject = BuiltSubject(case)
    return Call(case, subject.real(), subject.inputs(case.device), case.device)


def _ours(case: Case, call: Call, *, cold: bool) -> Callable[[], float]:
    timer = Timer(min_time_s=0.001, gpu=gpu(case.device), cold=cold)
    benchmark = timer.prepare(case.key, call)

    def median_s() -> float:
        before = len(benchmark.samples_s)
        for _ in range(10):
            benchmark.sample()
        return statistics.median(benchmark.samples_s[before:])

    return median_s


def _torch_timer(call: Call) -> float:
    timer = TorchTimer(stmt="call()", globals={"call": call}, num_threads=torch.get_num_threads())
    return float(timer.blocked_autorange(min_run_time=0.2).median)


def _do_bench(call: Call) -> float:
    from triton.testing import do_bench

    return float(do_bench(call, return_mode="median")) / 1e3


def _kernels(call: Call) -> dict[str, float]:
    """Seconds a call: of all kernels, and from the first kernel's start to the last one's end."""
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        for _ in range(CALLS):
            call()
        torch.cuda.synchronize()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "trace.json")
        profiler.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    work = [e for e in events if e.get("cat") in {"kernel", "gpu_memcpy", "gpu_memset"}]
    span = max(e["ts"] + e["dur"] for e in work) - min(e["ts"] for e in work)
    return {"busy_s": sum(e["dur"] for e in work) / 1e6 / CALLS, "span_s": span / 1e6 / CALLS}


class Workspaces(TorchDispatchMode):
    """Bytes that each operator asked of the allocator beyond what was live before or after it."""

    def __init__(self, device: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self._device = device
        self.largest: Counter[str] = Counter()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        torch.cuda.reset_peak_memory_stats(self._device)
        before = torch.cuda.memory_allocated(self._device)
        result: object = func(*args, **(kwargs or {}))
        standing = max(before, torch.cuda.memory_allocated(self._device))
        extra = torch.cuda.max_memory_allocated(self._device) - standing
        name = func.overloadpacket.__name__
        self.largest[name] = max(self.largest[name], extra)
        return result


def peaks(device: str, suite: str) -> Figures:
    """For each case of a suite: tensor peak, allocator's peaks, and workspaces by operator."""
    figures: Figures = {}
    for case in load(suite, Selection(), device).cases:
        subject = BuiltSubject(case)
        with backend(device="cpu", threads=physical_cores(), seed=0, precision=case.precision):
            tensors = tensor_peak(subject)
        with backend(device=device, threads=physical_cores(), seed=0, precision=case.precision):
            measured = allocated(subject)
            figures[case.key] = _distances(tensors, measured)
            if is_gpu(device):
                figures[case.key]["workspaces"] = operator_workspaces(call_of(case), device)
    return figures


def _distances(tensors: TensorPeak, measured: Allocated) -> Figures:
    if isinstance(measured.peak_alloc_bytes, Failure):
        return {"failure": measured.peak_alloc_bytes.reason}
    row: Figures = {
        "tensor peak": tensors.peak_tensor_bytes,
        "of real tensors": measured.peak_tensor_bytes,
        "allocated": measured.peak_alloc_bytes,
        "allocated / tensor peak": measured.peak_alloc_bytes / tensors.peak_tensor_bytes,
    }
    if measured.peak_requested_bytes is not None and measured.baseline_alloc_bytes is not None:
        row["rounding"] = measured.peak_alloc_bytes - measured.peak_requested_bytes
        row["standing beside tensors"] = measured.baseline_alloc_bytes - tensors.baseline_bytes
    return row


def operator_workspaces(call: Call, device: str) -> dict[str, int]:
    """The largest workspace in bytes of each operator in the second call, largest first."""
    call()
    call.forget_gradients()
    with Workspaces(device) as workspaces:
        call()
    return {name: size for name, size in workspaces.largest.most_common() if size}


def ceilings(device: str) -> Figures:
    """TFLOP/s of the fastest of some matrix products by type, GB/s of a copy (read and write)."""
    size, elements = (8192, 1 << 28) if is_gpu(device) else (1024, 1 << 22)
    figures: Figures = {}
    for name, dtype, tf32 in (
        ("fp32", torch.float32, False),
        ("tf32", torch.float32, True),
        ("bf16", torch.bfloat16, False),
    ):
        with backend(device=device, threads=physical_cores(), seed=0, precision="fp32"):
            torch.set_float32_matmul_precision("high" if tf32 else "highest")
            left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
            seconds = _seconds("left @ right", {"left": left, "right": right})
            figures[f"{name} matrix product, TFLOP/s"] = 2 * size**3 / seconds / 1e12
    source = torch.empty(elements, device=device)
    target = torch.empty_like(source)
    seconds = _seconds("target.copy_(source)", {"target": target, "source": source})
    figures["copy, GB/s"] = 2 * source.nbytes / seconds / 1e9
    return figures


def _seconds(statement: str, names: dict[str, Any]) -> float:
    timer = TorchTimer(stmt=statement, globals=names, num_threads=physical_cores())
    return float(timer.blocked_autorange(min_run_time=0.5).median)


def main() -> None:
    """Measure, print and keep what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("timers", "peaks", "ceilings"))
    parser.add_argument("suite", nargs="?", default="blocks", help="the cases of peaks (blocks)")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, required=True, help="the file of the figures")
    options = parser.parse_args()
    if options.what == "peaks":
        figures = peaks(options.device, options.suite)
    else:
        figures = {"timers": timers, "ceilings": ceilings}[options.what](options.device)
    text = json.dumps(figures, indent=1)
    options.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
