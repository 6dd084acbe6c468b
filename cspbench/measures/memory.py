"""Peak memory of one call: live tensor storages (exact), and what the allocator gave out."""

import json
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.profiler import ProfilerActivity, profile
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from ..records import Allocated, Failure, Split, TensorPeak
from .base import Call, Phase, Subject, module_stack

_KINDS = Split.__struct_fields__


class StorageTracker(TorchDispatchMode):
    """Follows the storages of live tensors, and keeps the split at the highest sum.

    Storages, not tensors: views and in-place results add nothing. A storage's end is seen by a
    weak reference, so that the sum is exact at every operator, whatever the thread count.
    """

    def __init__(self, stack: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self._stack = stack
        self._sizes: dict[int, tuple[weakref.ref[Any], str, int]] = {}
        self.kind: str = "activations"
        self.live = dict.fromkeys(_KINDS, 0)
        self.peak = dict(self.live)
        self.operator = ""
        self.module = ""

    def follow(self, tensor: Tensor, kind: str) -> None:
        """Count the storage of ``tensor`` as ``kind`` until it is freed, if it is not yet known."""
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()  # noqa: SLF001 -- torch's only identity
        known = self._sizes.get(key)
        if known is not None and known[0]() is not None:
            if known[2] != size:  # resized in place
                self.live[known[1]] += size - known[2]
                self._sizes[key] = (known[0], known[1], size)
            return

        def freed(reference: weakref.ref[Any]) -> None:
            gone = self._sizes.get(key)
            if gone is not None and gone[0] is reference:
                del self._sizes[key]
                self.live[gone[1]] -= gone[2]

        self._sizes[key] = (weakref.ref(storage, freed), kind, size)
        self.live[kind] += size

    def begin(self) -> int:
        """Forget the peak so far; the bytes that stand now."""
        self.peak = dict(self.live)
        self.operator = self.module = ""
        return sum(self.live.values())

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        result: object = func(*args, **(kwargs or {}))
        for leaf in pytree.tree_leaves(result):
            if isinstance(leaf, Tensor):
                self.follow(leaf, self.kind)
        if sum(self.live.values()) > sum(self.peak.values()):
            self.peak = dict(self.live)
            self.operator = func.overloadpacket.__name__
            self.module = self._stack[-1] if self._stack else ""
        return result


def tensor_peak(subject: Subject) -> TensorPeak:
    """The exact tensor peak of one call, on fake tensors: nothing is allocated."""
    mode = FakeTensorMode()
    with mode:
        module = subject.fake(mode)
        return _track(subject, module, "cpu")


def allocated(subject: Subject) -> Allocated:
    """Tensor peak and allocator's peak of one call on real tensors."""
    device = subject.case.device
    module = subject.real()
    tracked = _track(subject, module, device)
    call = Call(subject.case, module, device)
    if device.startswith("cuda"):
        peak: int | Failure = _cuda_peak(call, device)
    else:
        peak = _cpu_peak(call, tracked.baseline_bytes)
    return Allocated(
        case=subject.case.key,
        peak_tensor_bytes=tracked.peak_tensor_bytes,
        peak_alloc_bytes=peak,
    )


def _track(subject: Subject, module: nn.Module, device: str) -> TensorPeak:
    call = Call(subject.case, module, device)
    module = call.module
    if call.training:
        call()  # makes the optimizer's state, which stands in every later step
        call.forget_gradients()
    with module_stack(module) as stack:
        tracker = StorageTracker(stack)
        for parameter in module.parameters():
            tracker.follow(parameter, "weights")
        for buffer in module.buffers():
            tracker.follow(buffer, "buffers")
        tracker.follow(call.input, "inputs")
        if call.optimizer is not None:
            for leaf in pytree.tree_leaves(list(call.optimizer.state.values())):
                if isinstance(leaf, Tensor):
                    tracker.follow(leaf, "optimizer_state")
        baseline = tracker.begin()

        def enter(phase: Phase) -> None:
            tracker.kind = phase

        with tracker:
            call(enter)
    return TensorPeak(
        case=subject.case.key,
        peak_tensor_bytes=sum(tracker.peak.values()),
        baseline_bytes=baseline,
        split=Split(**tracker.peak),
        operator=tracker.operator,
        module=tracker.module,
    )


def _cuda_peak(call: Call, device: str) -> int:
    call()
    call.forget_gradients()
    torch.cuda.synchronize(device)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    call()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device)


def _cpu_peak(call: Call, baseline: int) -> int | Failure:
    """``baseline`` plus the highest sum of the profiler's memory events in one call.

    They are read from the exported trace: the events in memory miss what operators allocate inside.
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
