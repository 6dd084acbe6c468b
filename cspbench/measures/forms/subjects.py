"""Subjects in forms that change the module, or that make a file of it."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from ...choices import RUNTIME_FORMS
from ...plan.case import Case
from ...records.deployment import Fusion, RuntimeOperator
from ..execution.call import Call
from ..execution.inputs import Arguments
from ..execution.subject import Subject
from ..execution.surroundings import Surroundings
from .base import Runtime, Session
from .fused import fuse
from .registry import runtime

_CALIBRATION = 8  # calls whose arguments tell a quantiser the ranges of numbers


def eager_subject(subject: Subject) -> Subject:
    """The subject that the form of ``subject`` is made of."""
    return subject.inner if isinstance(subject, _Wrapped) else subject


def formed(subject: Subject, folder: Path | None = None) -> Subject:
    """``subject`` in the form of its case; files of forms lie in ``folder``."""
    if subject.case.form == "fused":
        return FusedSubject(subject)
    if subject.case.form in RUNTIME_FORMS:
        return FileSubject(subject, folder)
    return subject


@dataclass(frozen=True, slots=True)
class _Wrapped:
    """The subject that a form is made of; what no form changes is its own."""

    inner: Subject

    @property
    def case(self) -> Case:
        return self.inner.case

    @property
    def surroundings(self) -> Surroundings:
        return self.inner.surroundings

    def meta(self) -> nn.Module:
        return self.inner.meta()

    def fake(self, mode: FakeTensorMode) -> nn.Module:
        return self.inner.fake(mode)

    def real(self) -> nn.Module:
        return self.inner.real()

    def inputs(self, device: str) -> Arguments:
        return self.inner.inputs(device)


@dataclass(frozen=True, slots=True)
class FusedSubject(_Wrapped):
    """A subject whose batch normalisations are folded and whose branches are merged (`fuse`)."""

    def meta(self) -> nn.Module:
        return self.fused(self.inner.meta())[0]

    def fake(self, mode: FakeTensorMode) -> nn.Module:
        return self.fused(self.inner.fake(mode))[0]

    def real(self) -> nn.Module:
        return self.fused(self.inner.real())[0]

    def fused(self, module: nn.Module) -> tuple[nn.Module, Fusion]:
        """``module``, one of the subject's, merged and folded, and what was."""
        with self.surroundings.running(generators=False):
            return fuse(module, self.inner.inputs)


@dataclass(frozen=True, slots=True)
class FileSubject(_Wrapped):
    """A subject that a runtime runs from a file in ``folder``, made when it is first needed.

    Without a folder, its module can be counted and tracked, and nothing can be run.
    """

    folder: Path | None
    runtime: Runtime = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "runtime", runtime(self.case.form))

    @property
    def path(self) -> Path:
        """The file, by a hash of the key of the case."""
        assert self.folder is not None
        digest = hashlib.sha256(self.case.key.encode()).hexdigest()[:32]
        return self.folder / f"{digest}{self.runtime.suffix}"

    @property
    def files(self) -> list[Path]:
        """The file, and those that the runtime reads with it."""
        return sorted(self.path.parent.glob(f"{self.path.stem}.*"))

    def prepare(self, module: nn.Module, arguments: Arguments) -> dict[str, float]:
        """Make the file of ``module``, one of the subject's; the seconds of each step."""
        calibration: list[Arguments] = []
        if self.case.form.endswith(":int8"):
            calibration = [self.inputs(self.case.device) for _ in range(_CALIBRATION)]
        call = Call(self.case, module, arguments, self.case.device)
        with Surroundings().running():  # what exporters and quantisers change
            return self.runtime.prepare(call, self.path, calibration)

    def session(self, arguments: Arguments | None = None) -> Session:
        """The loaded file with ``arguments`` bound, or else the subject's inputs."""
        arguments = arguments or self.inputs(self.case.device)
        if not self.path.exists():
            self.prepare(self.real(), arguments)
        with Surroundings().running():
            return self.runtime.load(self.path, arguments, torch.get_num_threads())

    def operators(self, arguments: Arguments) -> tuple[RuntimeOperator, ...]:
        """What runs in a call, by the runtime's profile."""
        return self.runtime.operators(self.path, arguments, torch.get_num_threads())
