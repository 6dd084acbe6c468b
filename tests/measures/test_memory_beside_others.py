"""Our peaks beside torch's MemTracker, torch's profiler and the operating system, to the byte.

Where two of them differ, the test names the tensors or blocks that make the difference.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.profiler import ProfilerActivity, profile

from cspbench.catalogue import find
from cspbench.measures.allocated import allocated
from cspbench.measures.execution.call import Call
from cspbench.measures.execution.subject import BuiltSubject, ModuleSubject
from cspbench.measures.tensor_peak import tensor_peak
from cspbench.plan.case import Case, Mode, make_case
from cspbench.records.base import Failure
from cspbench.records.measurements import Resident

SHAPES = {"dense": (1, 64, 28, 28), "csp": (1, 64, 28, 28), "c3": (1, 128, 28, 28)}
MIB = 1 << 20


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def case_of(entry: str, mode: Mode) -> Case:
    return make_case(find(entry), {}, shape=SHAPES[entry], mode=mode)


def mem_tracker_peak(case: Case, kind: str) -> dict[str, int]:
    """MemTracker's peak of one call by its own categories, all of them, and their total."""
    tools = pytest.importorskip(
        "torch.distributed._tools.mem_tracker",
        reason="torch's MemTracker is private, and not in this build of torch",
        exc_type=ImportError,
    )
    built = BuiltSubject(case)
    fake = FakeTensorMode()
    with fake if kind == "fake" else contextlib.nullcontext():
        module = built.fake(fake) if kind == "fake" else built.real()
        call = Call(case, module, built.inputs("cpu"), "cpu")
        tracker = tools.MemTracker()
        if call.training:
            call()
            call.forget_gradients()
            tracker.track_external(call.optimizer)
        tracker.track_external(call.module, *call.arguments.tensors)
        with tracker:
            call()
    (snapshot,) = tracker.get_tracker_snapshot("peak").values()
    return {getattr(key, "value", key): size for key, size in snapshot.items()}


@pytest.mark.parametrize("kind", ["fake", "real"])
@pytest.mark.parametrize("mode", ["infer", "train"])
@pytest.mark.parametrize("entry", ["dense", "csp", "c3"])
def test_torchs_mem_tracker_finds_the_same_peak_and_names_one_tensor_otherwise(
    entry: str, mode: Mode, kind: str
) -> None:
    """The totals are equal, and so are the kinds but for one tensor.

    In training the gradient of ones, as large as the output (128 channels of 28x28), is made
    before autograd starts: MemTracker calls it an activation, and we a gradient. MemTracker's
    gradients are those of parameters; those of activations are its temporaries. It calls the
    input other.
    """
    case = case_of(entry, mode)
    ours = tensor_peak(BuiltSubject(case))
    theirs = mem_tracker_peak(case, kind)
    ones = 401_408 if mode == "train" else 0
    assert theirs["Total"] == ours.peak_tensor_bytes
    assert theirs["Parameter"] == ours.split.weights
    assert theirs["Buffer"] == ours.split.buffers
    assert theirs["Other"] == ours.split.inputs
    assert theirs["Optstate"] == ours.split.optimizer_state
    assert theirs["Activation"] == ours.split.activations + ones
    assert theirs["Gradient"] + theirs["Temp"] == ours.split.gradients - ones


def memory_events(call: Call) -> tuple[list[tuple[float, int, int]], list[tuple[float, float]]]:
    """The profiler's events of one call: (time, address, bytes), and each outermost operator."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        call()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "trace.json")
        profiler.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    changes = sorted(
        (event["ts"], event["args"]["Addr"], event["args"]["Bytes"])
        for event in events
        if event.get("name") == "[memory]" and event["args"]["Device Type"] == 0
    )
    spans = sorted(
        (event["ts"], event["ts"] + event["dur"])
        for event in events
        if event.get("cat") == "cpu_op" and event["name"].startswith("aten::")
    )
    outermost: list[tuple[float, float]] = []
    for start, end in spans:
        if not outermost or start >= outermost[-1][1]:
            outermost.append((start, end))
    return changes, outermost


def without_workspaces(
    changes: list[tuple[float, int, int]], operators: list[tuple[float, float]]
) -> list[tuple[float, int, int]]:
    """``changes`` less each block that is allocated and freed within one and the same operator."""

    def operator(time: float) -> int:
        indices = (i for i, (start, end) in enumerate(operators) if start <= time <= end)
        return next(indices, -1)

    starts: dict[int, int] = {}
    workspaces: set[int] = set()
    for index, (time, address, size) in enumerate(changes):
        if size > 0:
            starts[address] = index
        elif address in starts:
            begin = starts.pop(address)
            assert changes[begin][2] == -size
            if operator(time) == operator(changes[begin][0]) != -1:
                workspaces |= {begin, index}
    return [change for index, change in enumerate(changes) if index not in workspaces]


def highest(changes: list[tuple[float, int, int]]) -> int:
    total = peak = 0
    for _, _, size in changes:
        total += size
        peak = max(peak, total)
    return peak


@pytest.mark.parametrize("mode", ["infer", "train"])
@pytest.mark.parametrize("entry", ["dense", "csp", "c3", "bottleneck_csp"])
def test_what_the_profiler_finds_beyond_our_peak_are_workspaces_inside_operators(
    entry: str, mode: Mode
) -> None:
    """Without the blocks that live within a single operator, its peak is ours, to the byte.

    Which operators take workspaces depends on the CPU and on torch's build: those bytes are read
    off the trace itself, not written down here.
    """
    case = make_case(find(entry), {}, shape=SHAPES.get(entry, (1, 128, 28, 28)), mode=mode)
    built = BuiltSubject(case)
    ours = tensor_peak(built, "real")
    call = Call(case, built.real(), built.inputs("cpu"), "cpu")
    call()
    call.forget_gradients()
    changes, operators = memory_events(call)
    assert ours.baseline_bytes + highest(without_workspaces(changes, operators)) == (
        ours.peak_tensor_bytes
    )
    assert highest(changes) >= highest(without_workspaces(changes, operators))


@pytest.mark.parametrize("mode", ["infer", "train"])
@pytest.mark.parametrize("entry", ["dense", "csp", "c3"])
def test_allocated_says_the_same_tensor_peak_and_never_a_smaller_one(
    entry: str, mode: Mode
) -> None:
    """Its tensor peak is the exact one; its allocator's peak has the workspaces on top."""
    built = BuiltSubject(case_of(entry, mode))
    record = allocated(built)
    assert record.peak_tensor_bytes == tensor_peak(built).peak_tensor_bytes
    assert isinstance(record.peak_alloc_bytes, int)
    assert record.peak_alloc_bytes >= record.peak_tensor_bytes


@pytest.mark.parametrize(
    ("module", "mode", "beyond"),
    [
        pytest.param(nn.ReLU(), "infer", 0, id="ReLU has no workspace"),
        pytest.param(nn.BatchNorm2d(64), "infer", 2 * 64 * 4, id="BatchNorm, forward"),
        pytest.param(nn.BatchNorm2d(64), "train", 64 * 100 * 4, id="BatchNorm, training"),
    ],
)
def test_the_workspaces_of_batch_normalisation_by_hand(
    module: nn.Module, mode: Mode, beyond: int
) -> None:
    """On 64 channels of 10x10 (256 bytes for a value each, 25,600 for a tensor).

    The CPU's kernel makes a mean and a deviation for each channel even in eval mode, and empties
    them before it returns. Its backward makes the input's gradient twice, and hands out one (the
    other is never written to: see the next test).
    """
    case = make_case(find("dense"), {}, shape=(1, 64, 10, 10), mode=mode)
    assert case.input_gradient
    record = allocated(ModuleSubject(case, module))
    assert isinstance(record.peak_alloc_bytes, int)
    assert record.peak_alloc_bytes - record.peak_tensor_bytes == beyond


def of_32_mib(kind: str, mode: Mode) -> ModuleSubject:
    """Modules on an input of 32 MiB, whose gradient a training step computes, too."""
    layers: list[nn.Module] = [nn.BatchNorm2d(64)] if kind == "norm" else [nn.ReLU(), nn.ReLU()]
    case = make_case(find("dense"), {}, shape=(1, 64, 256, 512), mode=mode)
    return ModuleSubject(case, nn.Sequential(*layers, nn.ReLU()))


_RESIDENT = """
import sys, msgspec, torch
sys.path.insert(0, sys.argv[1])
from test_memory_beside_others import of_32_mib
from cspbench.measures.resident import resident
torch.set_num_threads(1)
sys.stdout.buffer.write(msgspec.json.encode(resident(of_32_mib(*sys.argv[2:]))))
"""


def resident_in_a_process_of_its_own(kind: str, mode: Mode) -> int | Failure:
    words = [sys.executable, "-c", _RESIDENT, str(Path(__file__).parent), kind, mode]
    completed = subprocess.run(words, check=True, capture_output=True, timeout=120)
    return msgspec.json.decode(completed.stdout, type=Resident).peak_rss_bytes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "mode", "tensors", "unwritten"),
    [
        ("relu", "infer", 3 * 32 * MIB, 0),
        ("norm", "infer", 3 * 32 * MIB + 1_032, 0),
        ("norm", "train", 5 * 32 * MIB + 2_568, 32 * MIB),
    ],
)
def test_the_operating_systems_high_water_mark_is_what_the_tensors_touch(
    kind: str, mode: Mode, tensors: int, unwritten: int
) -> None:
    """Tensors of 32 MiB: the mark is our tensor peak within 1 MiB, about 1%.

    Every such block is mapped by itself, so that at most two pages a block come on top. The kernel
    counts resident pages for each CPU apart, and adds them up in batches (32 pages or more): a
    reading may lag by some 100 KiB a CPU, to either side, and there are two. In training the
    allocator's peak has a tensor more, the second gradient that BatchNorm's backward allocates and
    never writes to: the mark has not, for a page is only there once it is written.
    """
    mark = resident_in_a_process_of_its_own(kind, mode)
    if isinstance(mark, Failure):
        pytest.skip(mark.reason)
    of_allocator = allocated(of_32_mib(kind, mode))
    assert of_allocator.peak_tensor_bytes == tensors
    assert of_allocator.peak_alloc_bytes == tensors + unwritten
    assert abs(mark - tensors) < MIB
