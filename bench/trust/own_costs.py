"""What the harness adds to a call, and whether its memory figures are exact."""

import math
import time
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

import msgspec

from cspbench.catalogue import find
from cspbench.engine import isolate
from cspbench.engine.channel import Channel
from cspbench.plan.case import MODES, Case, make_case

from .lines import Overhead, Peaks

PROCESSES = 10


def answers_of(task: str, *arguments: object) -> list[Any]:
    """What ``task`` sends from a fresh process."""
    answers: list[Any] = []
    worker_exit = isolate.run(task, *arguments, time_limit_s=300, receive=answers.append)
    if worker_exit is not None:
        raise SystemExit(f"{task}: {worker_exit.reason}: {worker_exit.detail[-300:]}")
    return answers


def own_costs(threads: int) -> Iterator[Overhead | Peaks]:
    """The overhead once, and the peaks in `PROCESSES` processes."""
    (seconds,) = answers_of("trust.own_costs:measure_overhead")
    yield Overhead(seconds=seconds)
    for process in range(PROCESSES):
        ((real, fake),) = answers_of("trust.own_costs:measure_peaks", threads)
        yield Peaks(process=process, real=real, fake=fake)


def measure_overhead(channel: Channel) -> None:
    """What a sample of one iteration says of a call that does nothing, less a bare loop's share."""
    import torch
    from torch import nn

    from cspbench.measures.execution.call import Call
    from cspbench.measures.execution.inputs import make_inputs
    from cspbench.measures.timing.clock import time_function

    case = msgspec.structs.replace(make_case(find("dense"), {}), input_shape=(1, 1, 1, 1))
    nothing = nn.Identity().eval()
    time_iterations = time_function(Call(case, nothing, make_inputs(case, "cpu"), "cpu"))
    batch = torch.zeros(1, 1, 1, 1)
    harness, bare = [], []
    with torch.no_grad():
        for _ in range(2000):
            harness.append(time_iterations(1).seconds)
            began = time.perf_counter()
            for _ in range(100):
                nothing(batch)
            bare.append((time.perf_counter() - began) / 100)
    channel.send(max(0.0, median(harness) - median(bare)))


def measure_peaks(channel: Channel, threads: int) -> None:
    """The tensor peaks of the entries of `HAND_COUNTED` in both modes, on real and fake tensors."""
    from cspbench.machine.device import backend
    from cspbench.measures.allocated import allocated
    from cspbench.measures.execution.subject import BuiltSubject
    from cspbench.measures.tensor_peak import tensor_peak

    real, fake = {}, {}
    for name in HAND_COUNTED:
        for mode in MODES:
            case = make_case(find(name), {}, mode=mode)
            with backend(device="cpu", threads=threads, seed=0, precision="fp32"):
                real[case.key] = allocated(BuiltSubject(case)).peak_tensor_bytes
                fake[case.key] = tensor_peak(BuiltSubject(case)).peak_tensor_bytes
    channel.send((real, fake))


# Live sets at inference written out by hand, for the entries' defaults: what stands beside weights,
# buffers and input when the peak is reached, in channels of the feature map.
# Dense layer 6: five new features of 32, their concat with the block's input (a view of half the
# base in the CSP designs), the concat normalised, the 1x1 convolution's output.
# YOLO modules, at the last BatchNorm: the fusing convolution's input, its output, normalised.
_CSP_LIVE = 5 * 32 + (32 + 5 * 32) + (32 + 5 * 32) + 128
HAND_COUNTED = {
    "dense": 5 * 32 + (64 + 5 * 32) + (64 + 5 * 32) + 128,
    "csp": _CSP_LIVE,
    "csp_fusion_first": _CSP_LIVE,
    "csp_fusion_last": _CSP_LIVE,
    "csp_split_only": _CSP_LIVE,
    "csp_both_transitions": _CSP_LIVE,
    "bottleneck_csp": 128 + 128 + 128,
    "c3": 128 + 128 + 128,
}


def memory(peaks: Sequence[Peaks]) -> list[tuple[str, str]]:
    """The peak's spread over processes, and its distance from a live set counted by hand."""
    keys = list(peaks[0].real)
    spread = 0
    for key in keys:
        values = [
            peaks_by_case[key]
            for process in peaks
            for peaks_by_case in (process.real, process.fake)
        ]
        spread = max(spread, max(values) - min(values))
    distances = []
    for entry, channels in HAND_COUNTED.items():
        case = make_case(find(entry), {})
        height, width = case.input_shape[2:]
        live = _baseline_bytes(case) + channels * height * width * 4
        distances.append(abs(peaks[0].real[case.key] - live))
    over = f"{len(peaks)} processes, real and fake tensors, {len(keys)} cases"
    return [
        (f"largest spread of a tensor peak over {over}", f"{spread} bytes"),
        (
            f"largest distance from the live set counted by hand, {len(distances)} entries",
            f"{max(distances)} bytes",
        ),
    ]


def _baseline_bytes(case: Case) -> int:
    """Weights, buffers and the input: what stands before the call."""
    from cspbench.measures.execution.subject import BuiltSubject

    module = BuiltSubject(case).meta()
    tensors = [*module.parameters(), *module.buffers()]
    stored_bytes = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    return stored_bytes + 4 * math.prod(case.input_shape)
