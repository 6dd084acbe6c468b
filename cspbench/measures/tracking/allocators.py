"""Peaks of torch's allocators in one call, on a CPU and on a GPU."""

import json
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from ...machine import temporary
from ...records.base import Failure
from ...records.measurements import Allocated
from ...records.tensor_peak import TensorPeak
from ..execution.call import Call
from ..forms.compiled import is_compiled

# Where a torch built for CUDA finds no driver, its profiler logs an error, as if the model did.
os.environ.setdefault("KINETO_LOG_LEVEL", "5")


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


def allocated_on_cpu(call: Call, tracked: TensorPeak, operators: Counter[str]) -> Allocated:
    """The peak of torch's CPU allocator in the second call; ``tracked`` is its tensor peak.

    ``operators`` are the calls that were seen while that was taken.
    """
    events = _profiled(call)
    # In training, torch adds gradients out of place while they are observed.
    is_comparable = not call.training and not is_compiled(call.case.form)
    return Allocated(
        case=tracked.case,
        peak_tensor_bytes=tracked.peak_tensor_bytes,
        peak_alloc_bytes=_cpu_peak(events, tracked.baseline_bytes),
        observed_only=_observed_only(operators, events) if is_comparable else (),
    )


def _profiled(call: Call) -> list[dict[str, Any]]:
    """The events of torch's profiler in the second call.

    They are read from the exported trace, because the profiler's own list lacks allocations inside
    operators.
    """
    call()
    call.forget_gradients()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        call()
    with tempfile.TemporaryDirectory(dir=temporary.folder()) as folder:
        trace = Path(folder, "trace.json")
        profiler.export_chrome_trace(str(trace))
        events: list[dict[str, Any]] = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    return events


def _cpu_peak(events: list[dict[str, Any]], baseline: int) -> int | Failure:
    """``baseline`` plus the highest sum of the memory events of one call, in bytes."""
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


def _observed_only(operators: Counter[str], events: list[dict[str, Any]]) -> tuple[str, ...]:
    """The operators that were called more often while they were observed than otherwise.

    torch reshapes by ``view`` while it is observed and by ``_reshape_alias`` otherwise; both return
    the same view.
    """
    unobserved = Counter(event["name"] for event in events if event.get("cat") == "cpu_op")
    unobserved["aten::view"] += unobserved["aten::_reshape_alias"]
    return tuple(sorted(operators - unobserved))
