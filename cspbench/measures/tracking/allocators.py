"""Peaks of torch's allocators in one call, on a CPU and on a GPU."""

import json
import tempfile
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from ...records.base import Failure
from ...records.measurements import Allocated, TensorPeak
from ..execution.call import Call


def allocated_on_gpu(call: Call, tracked: TensorPeak, device: str) -> Allocated:
    """Peaks of torch's GPU allocator in the second call; ``tracked`` is its tensor peak."""
    call()
    call.forget_gradients()
    torch.cuda.synchronize(device)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    baseline = torch.cuda.memory_allocated(device)
    call()
    torch.cuda.synchronize(device)
    return Allocated(
        case=tracked.case,
        peak_tensor_bytes=tracked.peak_tensor_bytes,
        peak_alloc_bytes=torch.cuda.max_memory_allocated(device),
        baseline_alloc_bytes=baseline,
        peak_requested_bytes=torch.cuda.memory_stats(device)["requested_bytes.all.peak"],
        peak_reserved_bytes=torch.cuda.max_memory_reserved(device),
    )


def allocated_on_cpu(call: Call, tracked: TensorPeak) -> Allocated:
    """The peak of torch's CPU allocator in the second call; ``tracked`` is its tensor peak."""
    return Allocated(
        case=tracked.case,
        peak_tensor_bytes=tracked.peak_tensor_bytes,
        peak_alloc_bytes=_cpu_peak(call, tracked.baseline_bytes),
    )


def _cpu_peak(call: Call, baseline: int) -> int | Failure:
    """``baseline`` plus the highest sum of the profiler's memory events in one call, in bytes.

    Events are read from the exported trace, because the profiler's own list lacks allocations
    inside operators.
    """
    call()
    call.forget_gradients()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        call()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "trace.json")
        profiler.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    changes = sorted(
        (event["ts"], event["args"]["Bytes"])
        for event in events
        if event.get("name") == "[memory]" and event["args"].get("Device Type") == 0
    )
    if not changes:
        return Failure(reason="torch's profiler recorded no memory events")
    highest = total = 0
    for _, change in changes:
        total += change
        highest = max(highest, total)
    return baseline + highest
