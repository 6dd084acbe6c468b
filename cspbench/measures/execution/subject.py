"""Subjects: a case with functions that build its module on meta, fake or real tensors."""

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from ...catalogue.loading import build, resolve
from ...catalogue.sources import locate
from ...errors import CspbenchError
from ...plan.case import Case
from .copying import copy_with
from .inputs import Arguments, make_inputs
from .surroundings import Surroundings


class Subject(Protocol):
    """A case with methods that build its module; each call returns a new one."""

    @property
    def case(self) -> Case: ...

    @property
    def surroundings(self) -> Surroundings:
        """The modules and settings of the case; in force while it is built."""

    def meta(self) -> nn.Module:
        """The module on the meta device, without data."""

    def fake(self, mode: FakeTensorMode) -> nn.Module:
        """The module on fake tensors of ``mode``, which must be active."""

    def real(self) -> nn.Module:
        """The module on the case's device, initialised from torch's current seed."""

    def inputs(self, device: str) -> Arguments:
        """The arguments of a call on ``device``; fake tensors if a fake mode is active."""


@dataclass(frozen=True, slots=True)
class BuiltSubject:
    """A subject built by the builder of its case, from the checkout at ``root`` if given."""

    case: Case
    root: Path | None = None
    surroundings: Surroundings = field(init=False)

    def __post_init__(self) -> None:
        codebase = None
        with contextlib.suppress(CspbenchError):  # which building it raises again
            codebase = locate(self.case.build, self.root).codebase
        object.__setattr__(self, "surroundings", Surroundings(codebase))

    def meta(self) -> nn.Module:
        with self._surrounded("meta"):
            return self._build()

    def fake(self, mode: FakeTensorMode) -> nn.Module:  # noqa: ARG002 -- the mode is active
        with self._surrounded(None):
            return self._build()

    def real(self) -> nn.Module:
        with self._surrounded(self.case.device):
            return self._build()

    def inputs(self, device: str) -> Arguments:
        return make_inputs(self.case, device)

    @contextlib.contextmanager
    def _surrounded(self, device: str | None) -> Iterator[None]:
        default = contextlib.nullcontext() if device is None else torch.device(device)
        with self.surroundings.running(generators=False), default:
            yield

    def _build(self) -> nn.Module:
        case = self.case
        if not case.build.startswith("."):
            with contextlib.suppress(CspbenchError):  # which `build` raises again
                self.surroundings.load(partial(resolve, case.build, self.root))
        module = build(case.entry, case.build, case.arguments, self.root)
        if not isinstance(module, nn.Module):
            raise TypeError(f"{case.build} returned {type(module).__name__}, not nn.Module")
        return module


@dataclass(frozen=True, slots=True)
class ModuleSubject:
    """A subject made of a user's module: each build is a copy, the original stays unchanged."""

    case: Case
    module: nn.Module
    surroundings: Surroundings = field(default_factory=Surroundings)

    def meta(self) -> nn.Module:
        return copy_with(self.module, lambda tensor: torch.empty_like(tensor, device="meta"))

    def fake(self, mode: FakeTensorMode) -> nn.Module:
        return copy_with(self.module, mode.from_tensor)

    def real(self) -> nn.Module:
        return copy.deepcopy(self.module).to(self.case.device)

    def inputs(self, device: str) -> Arguments:
        return make_inputs(self.case, device)
