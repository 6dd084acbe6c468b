"""What ``import cspbench`` gives: `profile` a module or an entry, `compare` two runs."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
from torch import nn

from .catalogue import find
from .catalogue.entry import Entry, Shape, Value
from .comparison import result
from .comparison.compare import compare as compare_runs
from .comparison.thresholds import Gate
from .errors import CspbenchError, unknown
from .machine.device import backend, check, gpu
from .machine.environment import physical_cores
from .measures.base import BuiltSubject, Call, ModuleSubject, Subject
from .measures.latency import Benchmark, Timer, take_turns
from .measures.registry import MEASURES
from .plan.case import Mode, Precision, make_case
from .records.lines import STAGES, Latency
from .records.measurements import AnyMeasurement
from .records.run import Record, Run


class Comparison(result.Comparison, frozen=True, kw_only=True):
    """A comparison of two runs whose text is the tables."""

    def __str__(self) -> str:
        from .report import comparison

        return comparison.text(self)


class Profile(Record, frozen=True, kw_only=True):
    """A `Record` whose text is the layer-by-layer table."""

    def __str__(self) -> str:
        from .report import summary

        return summary.text([self])


_APART = ("resident", "graph")  # these set the allocator, and may leave torch unable to capture
_IN_PROCESS = tuple(stage for stage in STAGES if stage not in _APART)


def profile(
    module_or_entry: nn.Module | Entry | str,
    input_shape: Shape | None = None,
    *,
    device: str = "cpu",
    measures: Iterable[str] = ("counts", "tensor_peak"),
    mode: Mode = "infer",
    precision: Precision = "fp32",
    arguments: dict[str, Value] | None = None,
    turns: int = 10,
) -> Profile:
    """What a module, or a catalogue entry, costs for an input (N, C, H, W).

    ``measures`` are of ``counts`` and ``tensor_peak`` (exact, nothing is allocated), ``allocated``
    and ``latency`` (run for real, in this process: one launch, so that no interval can be given;
    the command line measures in several). ``arguments`` are laid over an entry's defaults. A
    module is measured on copies and stays bit-identical.

    Raises `CspbenchError` for an unknown name, argument, shape or device, and whatever the module's
    own forward raises.
    """
    wanted = list(measures)
    for name in wanted:
        if name not in _IN_PROCESS:
            raise unknown("measure", name, _IN_PROCESS)
    check(device)
    if isinstance(module_or_entry, nn.Module):
        if input_shape is None:
            raise CspbenchError("profile needs the input_shape N,C,H,W of a module")
        entry = Entry(
            name=type(module_or_entry).__name__,
            build="",
            description="a user's module",
            source="",
            input_shape=input_shape,
            input_gradient=False,
        )
    else:
        entry = find(module_or_entry) if isinstance(module_or_entry, str) else module_or_entry
    case = make_case(
        entry, arguments or {}, shape=input_shape, device=device, precision=precision, mode=mode
    )
    subject: Subject = (
        ModuleSubject(case, module_or_entry)
        if isinstance(module_or_entry, nn.Module)
        else BuiltSubject(case)
    )
    measurements: dict[str, AnyMeasurement] = {}
    with backend(device=device, threads=physical_cores(), seed=0, precision=precision):
        for name, measure in MEASURES.items():
            if name in wanted:
                measurements[name] = measure(subject)
        latencies = (_latency(subject, turns),) if "latency" in wanted else ()
    return Profile(case=case, measurements=measurements, latencies=latencies)


def _latency(subject: Subject, turns: int) -> Latency:
    case = subject.case
    timer = Timer(minimum_s=0.001, gpu=gpu(case.device))
    benchmark = timer.prepare(case.key, Call(case, subject.real(), case.device))

    def sample(one: Benchmark) -> bool:
        one.sample()
        return True

    take_turns([benchmark], turns=turns, seed=0, sample=sample)
    return benchmark.latency(launch=1)


def compare(
    baseline: Run | Path | str, candidate: Run | Path | str, *, gate: Gate | None = None
) -> Comparison:
    """What changed from ``baseline`` to ``candidate``, beyond the thresholds of ``gate``.

    Each is a run, its folder or one of the folder's files, a report or a comment that was saved of
    one, or results of pytest-benchmark. Raises `CspbenchError` for what cannot be read.
    """
    changes = compare_runs(baseline, candidate, gate=gate)
    return Comparison(**msgspec.structs.asdict(changes))
