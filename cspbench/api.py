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
from .machine.environment import physical_cores
from .measures.registry import MEASURES
from .plan.case import Mode, Precision, make_case
from .records.lines import Latency
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
    A module is measured on copies and stays bit-identical.

    Raises `CspbenchError` for an unknown name, argument, shape or device, and lets exceptions of
    the module's forward through.
    """
    stages = list(measures)
    for stage in stages:
        if stage not in _STAGES:
            raise unknown("measure", stage, _STAGES)

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
    flags = backend(device=device, threads=physical_cores(), seed=0, precision=precision)
    with flags, subject.surroundings.running():
        for stage, measure in MEASURES.items():
            if stage in stages and measure.place == "turns":
                latencies = (_latency(subject, turns),)
            elif stage in stages:
                measurements[stage] = measure.measure(subject)
    return Profile(
        case=subject.case,
        measurements=measurements,
        latencies=latencies,
        alters=subject.surroundings.alters,
    )


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
