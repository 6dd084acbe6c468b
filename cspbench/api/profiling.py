"""`profile` a module or a catalogue entry from Python, and what it returns."""

import contextlib
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from statistics import median
from typing import TYPE_CHECKING

from ..catalogue import find
from ..catalogue.entry import Entry, Value
from ..errors import CspbenchError, NotMeasuredError, unknown
from ..machine.environment import physical_cores
from ..measures.registry import MEASURES
from ..plan.case import MODES, PRECISIONS, Mode, Precision, is_gpu, make_case
from ..records.lines import CaseFailure, Latency
from ..records.measurements import AnyMeasurement, Counts
from .records import Record

if TYPE_CHECKING:
    from torch import nn

    from ..measures.execution.subject import Subject
    from ..measures.timing.benchmark import Benchmark

_STAGES = tuple(stage for stage, measure in MEASURES.items() if measure.in_process)


class Profile(Record, frozen=True, kw_only=True):
    """A `Record` of one case, whose text is its summary: layers, totals and every figure.

    The figures that are wanted most are attributes; each raises `NotMeasuredError` if its measure
    was not asked for.
    """

    @property
    def params(self) -> int:
        """The number of all trainable parameters (``counts``)."""
        return self._counts("params").params

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions and fully connected layers (``counts``)."""
        return self._counts("macs").macs

    @property
    def matmul_macs(self) -> int:
        """Multiply-accumulates of all other products, as in attention (``counts``)."""
        return self._counts("matmul_macs").matmul_macs or 0

    @property
    def peak_tensor_bytes(self) -> int:
        """The highest sum of live tensor storages in one call, in bytes (``tensor_peak``)."""
        if self.tensor_peak is None:
            raise self._not_measured("peak_tensor_bytes", "tensor_peak")
        return self.tensor_peak.peak_tensor_bytes

    @property
    def latency(self) -> float:
        """The median time of a call in one launch, in seconds (``latency``)."""
        if not self.latencies:
            raise self._not_measured("latency", "latency")
        return median(self.latencies[0].samples_s)

    def _counts(self, figure: str) -> Counts:
        if self.counts is None:
            raise self._not_measured(figure, "counts")
        return self.counts

    def _not_measured(self, figure: str, stage: str) -> NotMeasuredError:
        for failure in self.failures:
            if failure.stage == stage:
                return NotMeasuredError(f"{figure} could not be measured: {failure.reason}")
        return NotMeasuredError(
            f"{figure} was not measured; ask for it: profile(…, measures=[{stage!r}])"
        )


def profile(
    module_or_entry: "nn.Module | Entry | str",
    input_shape: object = None,
    *,
    device: str = "cpu",
    measures: Iterable[str] = ("counts", "tensor_peak"),
    mode: Mode = "infer",
    precision: Precision = "fp32",
    arguments: dict[str, Value] | None = None,
    turns: int = 10,
) -> Profile:
    """The cost of a module or a catalogue entry for an input (N, C, H, W), or for other inputs.

    ``input_shape`` is a shape, a tensor, a tuple of positional arguments or a dict of keyword
    arguments, each a shape, a tensor or a tree of them; or one text, as ``--input`` takes it. A
    shape stands for random floating-point numbers; the values of tensors are those that are used.

    ``measures`` may name those that need no process of their own: ``counts``, ``tensor_peak`` and
    others that are exact and allocate nothing, and ``allocated`` and ``latency``, which run the
    module in this process. Latency is measured in one launch of ``turns`` samples and therefore has
    no interval; the command line uses several launches. ``arguments`` override an entry's defaults.
    A module is measured on copies and stays bit-identical. If it needs values to be counted, it is
    counted on real tensors, which the record says (``counted_on``).

    Raises `CspbenchError` for an unknown name, argument, shape or device, and lets exceptions of
    the module's forward through, with a note where there is a remedy. For a module that runs but
    cannot be measured, the record's ``failures`` say why.
    """
    stages = _checked_stages(measures)
    device = _checked_device(device)
    _check_options(mode, precision, turns, device)

    from ..engine.in_process import measure_in_process
    from ..machine.device import backend, check_device

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
    with (
        _with_hint(),
        backend(device=device, threads=physical_cores(), seed=0, precision=precision),
        subject.surroundings.running(),
    ):
        for stage, measure in MEASURES.items():
            if stage in stages and measure.place == "turns":
                latencies = (_latency(subject, turns),)
            elif stage in stages:
                line = measure_in_process(subject, stage)
                if isinstance(line, CaseFailure):
                    failures.append(line)
                else:
                    measurements[stage] = line
    return Profile(
        case=subject.case,
        measurements=measurements,
        latencies=latencies,
        alters=subject.surroundings.alters,
        failures=tuple(failures),
    )


def _subject(
    module_or_entry: "nn.Module | Entry | str",
    value: object,
    *,
    device: str,
    mode: Mode,
    precision: Precision,
    arguments: dict[str, Value],
) -> "Subject":
    """The subject to measure; raises `CspbenchError` for an unknown name or argument."""
    from torch import nn

    if not isinstance(module_or_entry, nn.Module | Entry | str):
        raise CspbenchError(_no_module(module_or_entry))

    from ..measures.execution.given import read_inputs
    from ..measures.execution.subject import BuiltSubject, ModuleSubject

    if isinstance(module_or_entry, nn.Module):
        if value is None:
            raise CspbenchError(
                "profile of a module needs an input; pass its shape: profile(model, (N, C, H, W))"
            )
        entry = _entry_of_module(module_or_entry)
    else:
        entry = find(module_or_entry) if isinstance(module_or_entry, str) else module_or_entry
    inputs, given = (None, None) if value is None else read_inputs(value)
    case = make_case(entry, arguments, inputs=inputs, device=device, precision=precision, mode=mode)
    if isinstance(module_or_entry, nn.Module):
        return ModuleSubject(case, module_or_entry, given)
    return BuiltSubject(case, given=given)


def _entry_of_module(module: "nn.Module") -> Entry:
    return Entry(
        name=type(module).__name__,
        build="",
        description="a user's module",
        source="",
        input_shape=(),
        input_gradient=False,
    )


def _checked_stages(measures: Iterable[str]) -> list[str]:
    """The names of ``measures``; raises `CspbenchError` for none, and for what is no name."""
    if isinstance(measures, str):
        raise CspbenchError(
            f"measures must be a list of names, got {measures!r}; pass [{measures!r}]"
        )
    stages = list(measures)
    for stage in stages:
        if stage in MEASURES and stage not in _STAGES:
            raise CspbenchError(
                f"measure {stage!r} needs processes of its own; use python -m cspbench run "
                "(profile "
                f"takes {', '.join(_STAGES)})"
            )
        if stage not in _STAGES:
            raise unknown("measure", stage, _STAGES)
    if not stages:
        raise CspbenchError(
            f"measures must name at least one of {', '.join(_STAGES)}, got {stages}"
        )
    return stages


def _checked_device(device: object) -> str:
    """The name of a device, which may be a `torch.device`."""
    name = str(device)
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise CspbenchError(f"no device {name!r}; allowed: 'cpu', 'cuda', 'cuda:0'")
    return name


def _check_options(mode: str, precision: str, turns: object, device: str) -> None:
    """Raise `CspbenchError` for a mode, a precision or a number of turns that there is not."""
    for kind, name, allowed in (("mode", mode, MODES), ("precision", precision, PRECISIONS)):
        if name not in allowed:
            raise unknown(kind, name, allowed)
    if precision == "tf32" and not is_gpu(device):
        raise CspbenchError(
            f"precision 'tf32' needs a CUDA device, got device {device!r}; use fp32, bf16, fp16 "
            "or amp"
        )
    if isinstance(turns, bool) or not isinstance(turns, int) or turns < 1:
        raise CspbenchError(f"turns must be an integer of at least 1, got {turns!r}")


def _no_module(value: object) -> str:
    """Why ``value`` cannot be profiled, and what to pass instead."""
    from torch import Tensor

    if isinstance(value, type):
        return f"profile takes a model, got the class {value.__name__}; pass {value.__name__}(…)"
    kind = "None" if value is None else type(value).__name__
    hint = "pass the model itself"
    if isinstance(value, Tensor):
        hint = "the model comes first: profile(model, input)"
    elif isinstance(value, Mapping):
        hint = "if these are weights, pass the model they belong to"
    elif isinstance(value, list | tuple):
        hint = "wrap modules that follow one another in nn.Sequential(…)"
    elif callable(value):
        kind = f"{kind} {getattr(value, '__name__', '')}".strip()
        hint = "call it if it makes a model, else make it the forward of a module"
    return f"profile takes an nn.Module, an Entry or an entry's name, got {kind}; {hint}"


@contextlib.contextmanager
def _with_hint() -> Iterator[None]:
    """Add a remedy to exceptions of a model; keep torch from logging what it raises anyway."""
    from ..engine.hints import hint

    logger = logging.getLogger("torch._subclasses.fake_tensor")
    is_disabled, logger.disabled = logger.disabled, True
    try:
        yield
    except Exception as error:
        if remedy := hint(str(error)):
            error.add_note(f"cspbench: {remedy}")
        raise
    finally:
        logger.disabled = is_disabled


def _latency(subject: "Subject", turns: int) -> Latency:
    from ..machine.device import gpu
    from ..measures.latency import latency
    from ..measures.timing.benchmark import take_turns
    from ..measures.timing.timer import Timer

    benchmark = latency(subject, Timer(min_time_s=0.001, gpu=gpu(subject.case.device)))
    take_turns([benchmark], turns={benchmark.key: turns}, seed=0, sample=_sample)
    return benchmark.latency(launch=1)


def _sample(benchmark: "Benchmark") -> bool:
    benchmark.sample()
    return True
