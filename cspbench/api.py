"""The Python interface: `profile` a module or a catalogue entry, `compare` two runs.

Only `profile` imports torch, so that runs can be compared where it is not installed.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from .catalogue import find
from .catalogue.entry import Entry, Shape, Value
from .comparison import result
from .comparison.compare import compare as compare_runs
from .comparison.thresholds import Gate
from .errors import CspbenchError, unknown
from .machine.environment import memory_budget_bytes, physical_cores
from .measures.base import Measure
from .measures.execution.fallback import count_statically
from .measures.registry import MEASURES
from .plan.case import Mode, Precision, make_case
from .records.lines import CaseFailure, Latency, Stage
from .records.measurements import AnyMeasurement
from .records.run import Record, Run

if TYPE_CHECKING:
    from torch import nn

    from .measures.execution.subject import Subject
    from .measures.timing.benchmark import Benchmark

_STAGES = tuple(stage for stage, measure in MEASURES.items() if measure.in_process)


class Profile(Record, frozen=True, kw_only=True):
    """A `Record` whose ``str`` is the layer-by-layer table."""

    def __str__(self) -> str:
        from .report import summary

        return summary.text([self])


class Comparison(result.Comparison, frozen=True, kw_only=True):
    """A comparison of two runs whose ``str`` is its tables."""

    def __str__(self) -> str:
        from .report import comparison

        return comparison.text(self)


def compare(
    baseline: Run | Path | str, candidate: Run | Path | str, *, gate: Gate | None = None
) -> Comparison:
    """The changes from ``baseline`` to ``candidate`` that exceed the thresholds of ``gate``.

    Each side is a run, a run folder or one of its two files, a saved report or pull request
    comment, or pytest-benchmark's JSON. Raises `CspbenchError` for a side that cannot be read.
    """
    comparison = compare_runs(baseline, candidate, gate=gate)
    return Comparison(**msgspec.structs.asdict(comparison))


def profile(
    module_or_entry: "nn.Module | Entry | str",
    input_shape: Shape | None = None,
    *,
    device: str = "cpu",
    measures: Iterable[str] = ("counts", "tensor_peak"),
    mode: Mode = "infer",
    precision: Precision = "fp32",
    arguments: dict[str, Value] | None = None,
    turns: int = 10,
) -> Profile:
    """The cost of a module or a catalogue entry for an input (N, C, H, W).

    ``measures`` may name those that need no process of their own: ``counts``, ``tensor_peak`` and
    others that are exact and allocate nothing, and ``allocated`` and ``latency``, which run the
    module in this process. Latency is measured in one launch of ``turns`` samples and therefore has
    no interval; the command line uses several launches. ``arguments`` override an entry's defaults.
    A module is measured on copies and stays bit-identical. What needs values, or operators that
    only real tensors have, is counted on real tensors, which the record says.

    Raises `CspbenchError` for an unknown name, argument, shape or device, and lets exceptions of
    the module's forward through. If the module runs but cannot be counted, the reason is among the
    record's failures.
    """
    asked = list(measures)
    for stage in asked:
        if stage not in _STAGES:
            raise unknown("measure", stage, _STAGES)
    stages = [stage for stage in _STAGES if stage in asked]

    from .machine.device import backend, check_device

    check_device(device)
    subject = _subject(
        module_or_entry,
        input_shape,
        device=device,
        mode=mode,
        precision=precision,
        arguments=arguments or {},
    )
    measurements: dict[str, AnyMeasurement] = {}
    latencies: tuple[Latency, ...] = ()
    failures: list[CaseFailure] = []
    with backend(device=device, threads=physical_cores(), seed=0, precision=precision):
        for stage in stages:
            measure = MEASURES[stage]
            if measure.place == "turns":
                latencies = (_latency(subject, turns),)
                continue
            try:
                measurements[stage] = _measured(measure, subject)
            except Exception as error:  # noqa: BLE001 -- raised again if the module does not run
                failures.append(_failure(stage, subject, error))
    return Profile(
        case=subject.case,
        measurements=measurements,
        latencies=latencies,
        failures=tuple(failures),
    )


def _measured(measure: Measure, subject: "Subject") -> AnyMeasurement:
    from .measures.execution.basis import limited_memory

    if measure.place == "static":
        budget_bytes = memory_budget_bytes()
        return count_statically(
            measure, subject, lambda basis: limited_memory(basis, subject.case, budget_bytes)
        )
    measurement: AnyMeasurement = measure.measure(subject)
    return measurement


def _failure(stage: Stage, subject: "Subject", error: Exception) -> CaseFailure:
    """The failure of one measure of a subject that runs; raises ``error`` if it does not run."""
    from .engine.failures import case_failure, is_out_of_memory
    from .measures.execution.basis import runs

    if isinstance(error, CspbenchError) or is_out_of_memory(error) or not runs(subject):
        raise error
    return case_failure(subject.case.key, stage, error, is_fatal=False)


def _subject(
    module_or_entry: "nn.Module | Entry | str",
    input_shape: Shape | None,
    *,
    device: str,
    mode: Mode,
    precision: Precision,
    arguments: dict[str, Value],
) -> "Subject":
    """The subject to measure; raises `CspbenchError` for an unknown name or argument."""
    from torch import nn

    from .measures.execution.subject import BuiltSubject, ModuleSubject

    if isinstance(module_or_entry, nn.Module):
        entry = _entry_of_module(module_or_entry, input_shape)
    else:
        entry = find(module_or_entry) if isinstance(module_or_entry, str) else module_or_entry
    case = make_case(
        entry, arguments, shape=input_shape, device=device, precision=precision, mode=mode
    )
    if isinstance(module_or_entry, nn.Module):
        return ModuleSubject(case, module_or_entry)
    return BuiltSubject(case)


def _entry_of_module(module: "nn.Module", input_shape: Shape | None) -> Entry:
    if input_shape is None:
        raise CspbenchError("profile needs the input_shape N,C,H,W of a module")
    return Entry(
        name=type(module).__name__,
        build="",
        description="a user's module",
        source="",
        input_shape=input_shape,
        input_gradient=False,
    )


def _latency(subject: "Subject", turns: int) -> Latency:
    from .machine.device import gpu
    from .measures.latency import latency
    from .measures.timing.benchmark import take_turns
    from .measures.timing.timer import Timer

    benchmark = latency(subject, Timer(min_time_s=0.001, gpu=gpu(subject.case.device)))
    take_turns([benchmark], turns=turns, seed=0, sample=_sample)
    return benchmark.latency(launch=1)


def _sample(benchmark: "Benchmark") -> bool:
    benchmark.sample()
    return True
