"""Requests: the options of each command that measures, as a frozen dataclass.

Each field holds one option, named in `OPTIONS`. An option that is left out is None, False or empty;
`engine.defaults` holds the defaults.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from typing import ClassVar

from ..choices import Allocator, ComparisonFormat, Head
from ..errors import CspbenchError
from ..plan.suite import Selection
from . import defaults


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """How the cases of a suite are timed, and with which resources."""

    threads: int | None = None
    launches: int | None = None
    turns: int | None = None
    min_time_s: float | None = None
    time_limit_s: float | None = None
    budget_s: float | None = None
    allocator: Allocator | None = None
    seed: int | None = None
    cold: bool = False
    cuda_graph: bool = False
    energy: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """How ``gradients`` trains each block."""

    seeds: int | None = None
    steps: int | None = None
    data: str | None = None
    head: Head | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Judging:
    """How a comparison is judged and printed."""

    format: ComparisonFormat = "table"
    thresholds: tuple[str, ...] = ()
    is_strict: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRequest:
    """``run``: measure a suite or entries.

    ``is_batch_fitted`` asks for the largest batch of each case, ``by_module`` for the measures of
    each module, too.
    """

    verb: ClassVar[str] = "run"
    default_suite: ClassVar[str] = defaults.SUITES["run"]

    suite: str | None = None
    overrides: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    device: str | None = None
    selection: Selection = field(default_factory=Selection)
    is_batch_fitted: bool = False
    by_module: bool = False
    sampling: Sampling = field(default_factory=Sampling)
    columns: tuple[str, ...] | None = None
    out: str | None = None
    resume: str | None = None
    trust: bool = False

    def __post_init__(self) -> None:
        """Raise `CspbenchError` for both a new and a resumed folder, or an empty name."""
        _check_folder(self.out, self.resume, trust=self.trust)


@dataclass(frozen=True, kw_only=True, slots=True)
class AbRequest:
    """``ab``: measure a suite or entries at two revisions of the repository at ``path``."""

    verb: ClassVar[str] = "ab"
    default_suite: ClassVar[str] = defaults.SUITES["ab"]

    baseline: str
    candidate: str
    suite: str | None = None
    overrides: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    path: str | None = None
    no_merge_base: bool = False
    device: str | None = None
    selection: Selection = field(default_factory=Selection)
    sampling: Sampling = field(default_factory=Sampling)
    judging: Judging = field(default_factory=Judging)
    out: str | None = None

    def __post_init__(self) -> None:
        """Raise `CspbenchError` if the name of the folder is empty."""
        _check_folder(self.out)


@dataclass(frozen=True, kw_only=True, slots=True)
class GradientsRequest:
    """``gradients``: trace a suite, or entries, and train their blocks."""

    verb: ClassVar[str] = "gradients"
    default_suite: ClassVar[str] = defaults.SUITES["gradients"]

    suite: str | None = None
    overrides: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    only: str | None = None
    no_training: bool = False
    training: Training = field(default_factory=Training)
    threads: int | None = None
    time_limit_s: float | None = None
    seed: int | None = None
    out: str | None = None
    resume: str | None = None
    trust: bool = False

    def __post_init__(self) -> None:
        """Raise `CspbenchError` for both a new and a resumed folder, or an empty name."""
        _check_folder(self.out, self.resume, trust=self.trust)


@dataclass(frozen=True, kw_only=True, slots=True)
class DoctorRequest:
    """``doctor``: check whether a machine is fit to measure on."""

    device: str | None = None
    threads: int | None = None
    allocator: Allocator | None = None
    as_json: bool = False


SuiteRequest = RunRequest | AbRequest | GradientsRequest
EngineRequest = SuiteRequest | DoctorRequest


def suite_name(request: SuiteRequest) -> str:
    """The name of the requested suite or entries, or of the command's default suite."""
    return request.default_suite if request.suite is None else request.suite


def chosen_options(request: EngineRequest) -> dict[str, object]:
    """The values of options that were not left out, by field, nested fields included."""
    return {
        name: value
        for name, value in _values(request)
        if not (value is None or value is False or value == ())
    }


def _values(part: object) -> Iterator[tuple[str, object]]:
    if not is_dataclass(part):
        return
    for member in fields(part):
        value: object = getattr(part, member.name)
        if is_dataclass(value):
            yield from _values(value)
        else:
            yield member.name, value


def _check_folder(out: str | None, resume: str | None = None, *, trust: bool = False) -> None:
    if trust and resume is None:
        raise CspbenchError(
            "--trust applies only to a run that is resumed; use it with --resume DIR"
        )
    if resume is not None and out is not None:
        raise CspbenchError("--resume continues in the folder of the run; leave out --out")
    if out is not None and not out:
        raise CspbenchError("--out: expected a folder, got ''")
