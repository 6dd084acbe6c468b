"""Peak memory of one call: live tensor storages (exact), and what the allocator gave out."""

import contextlib
import json
import os
import tempfile
import warnings
import weakref
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.profiler import ProfilerActivity, profile
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from ..machine.device import gpu
from ..plan.case import is_gpu
from ..records.base import Failure
from ..records.measurements import Allocated, Split, TensorPeak
from .base import Call, Phase, Subject, module_stack
from .latency import waited_s

_KINDS = Split.__struct_fields__
# Private to torch: without them a peak in the backward pass has no module's name.
_next_node: Callable[[], int] | None = getattr(torch.autograd, "_get_sequence_nr", None)
_running_node: Callable[[], Any] | None = getattr(
    torch._C,  # noqa: SLF001
    "_current_autograd_node",
    None,
)
_UNNUMBERED = 2**64 - 1  # the number of every node that accumulates a gradient


class NodeOwners:
    """The module in whose forward each autograd node was made, so that the backward can be placed.

    torch numbers a thread's nodes in the order in which they are made: it is enough to know the
    next number wherever the running module changes. A node that accumulates a parameter's gradient
    has no such number; it belongs to the (first) module that holds the parameter.
    """

    def __init__(self, module: nn.Module) -> None:
        self._starts: list[int] = []
        self._paths: list[str] = []
        self._holders: dict[int, str] = {}
        for path, child in module.named_modules():
            for parameter in child.parameters(recurse=False):
                self._holders.setdefault(id(parameter), path)

    def moved(self, path: str) -> None:
        """``path`` runs from here on: the nodes made next are its own."""
        if _next_node is not None:
            self._starts.append(_next_node())
            self._paths.append(path)

    def running(self) -> str:
        """The owner of the node that runs now; '' if none runs, or the outermost module made it."""
        node = _running_node() if _running_node is not None else None
        if node is None:
            return ""
        number = node._sequence_nr()  # noqa: SLF001 -- no public one
        if number == _UNNUMBERED:
            return self._holders.get(id(getattr(node, "variable", None)), "")
        index = bisect_right(self._starts, number) - 1
        return self._paths[index] if index >= 0 else ""


class StorageTracker(TorchDispatchMode):
    """Follows the storages of live tensors, and keeps the split at the highest sum.

    Storages, not tensors: views and in-place results add nothing. A storage's end is seen by a
    weak reference, so that the sum is exact at every operator, whatever the thread count.

    ``stack`` holds the modules whose forward is running; ``owners`` places the backward's nodes.
    What arises counts as the current ``kind``.
    """

    def __init__(self, stack: list[str], owners: NodeOwners | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self._stack = stack
        self._owners = owners
        self._sizes: dict[int, tuple[weakref.ref[Any], str, int]] = {}
        self.kind: Phase = "activations"
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
            self.module = self._place()
        return result

    def _place(self) -> str:
        if self.kind == "activations":
            return self._stack[-1] if self._stack else ""
        return self._owners.running() if self._owners is not None else ""


def tensor_peak(subject: Subject) -> TensorPeak:
    """The exact tensor peak of one call, on fake tensors: nothing is allocated."""
    mode = FakeTensorMode()
    with mode:
        module = subject.fake(mode)
        return _track(subject, module, "cpu")


def allocated(subject: Subject) -> Allocated:
    """Tensor peak and allocator's peak of one call on real tensors, and what compiling took.

    The tensor peak is of the module as it is: a compiled one allocates out of sight.
    """
    case, device = subject.case, subject.case.device
    module = subject.real()
    tracked = _track(subject, module, device)
    call = Call(case, module, device, compiled=True)
    compile_s, is_one_graph = _compile(call, device) if case.compiler else (None, None)
    found = _on_gpu(call, tracked, device) if is_gpu(device) else _on_cpu(call, tracked)
    return msgspec.structs.replace(found, compile_s=compile_s, is_one_graph=is_one_graph)


def _compile(call: Call, device: str) -> tuple[float, bool]:
    """Seconds of two calls beyond two later ones', nothing taken from an earlier compilation.

    The second is where CUDA graphs are recorded. And whether torch made one graph of it: else it
    tried more than the one frame of the call. The compiler itself is loaded before, which takes
    seconds once a process.
    """
    from torch._dynamo.utils import counters

    on_gpu = gpu(device)
    with _no_compiled_code():
        call.load_compiler()
        counters.clear()
        first, second, third = (waited_s(call, on_gpu) for _ in range(3))
    frames = counters["frames"]
    return max(first + second - 2 * third, 1e-9), frames["ok"] == frames["total"] == 1


@contextlib.contextmanager
def _no_compiled_code() -> Iterator[None]:
    """Torch's compiler finds nothing of an earlier compilation inside, and leaves nothing."""
    name = "TORCHINDUCTOR_CACHE_DIR"
    before = os.environ.get(name)
    emptied = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)  # its processes may write yet
    with warnings.catch_warnings(), emptied as folder:
        warnings.simplefilter("ignore")  # of caches that are off, and of torch's own old code
        from torch._inductor import config

        os.environ[name] = folder
        try:
            with config.patch(force_disable_caches=True):
                yield
        finally:
            del os.environ[name]
            if before is not None:
                os.environ[name] = before


def _track(subject: Subject, module: nn.Module, device: str) -> TensorPeak:
    call = Call(subject.case, module, device)
    module = call.module
    if call.training:
        call()  # makes the optimizer's state, which stands in every later step
        call.forget_gradients()
    owners = NodeOwners(module)
    with module_stack(module, moved=owners.moved) as stack:
        tracker = StorageTracker(stack, owners)
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


def _on_gpu(call: Call, tracked: TensorPeak, device: str) -> Allocated:
    """What torch's allocator of GPU memory counts in one call after another."""
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


def _on_cpu(call: Call, tracked: TensorPeak) -> Allocated:
    return Allocated(
        case=tracked.case,
        peak_tensor_bytes=tracked.peak_tensor_bytes,
        peak_alloc_bytes=_cpu_peak(call, tracked.baseline_bytes),
    )


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
