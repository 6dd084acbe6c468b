"""``cspbench.profile``: one module or entry, measured in this process."""

from collections.abc import Iterable

from torch import nn

from .catalogue import find
from .catalogue.entry import Entry, Shape, Value
from .errors import CspbenchError, unknown
from .machine.device import backend, check, gpu
from .machine.environment import physical_cores
from .measures.base import BuiltSubject, Call, ModuleSubject, Subject
from .measures.latency import Benchmark, Timer, take_turns
from .measures.registry import MEASURES
from .plan.case import Mode, Precision, make_case
from .records.base import Frozen
from .records.lines import STAGES, Latency
from .records.run import Record


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
    found: dict[str, Frozen] = {}
    with backend(device=device, threads=physical_cores(), seed=0, precision=precision):
        for name, measure in MEASURES.items():
            if name in wanted:
                found[name] = measure(subject)
        latencies = (_latency(subject, turns),) if "latency" in wanted else ()
    return Profile(case=case, latencies=latencies, **found)  # type: ignore[arg-type]


def _latency(subject: Subject, turns: int) -> Latency:
    case = subject.case
    timer = Timer(minimum_s=0.001, gpu=gpu(case.device))
    benchmark = timer.prepare(case.key, Call(case, subject.real(), case.device))

    def sample(one: Benchmark) -> bool:
        one.sample()
        return True

    take_turns([benchmark], turns=turns, seed=0, sample=sample)
    return benchmark.latency(launch=1)
