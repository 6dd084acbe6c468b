"""Subjects: a case with functions that build its module on meta, fake or real tensors."""

import contextlib
import os
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily
from torch.nn.parameter import is_lazy

from ...catalogue.entry import is_own
from ...catalogue.loading import build, resolve
from ...catalogue.sources import locate
from ...errors import CspbenchError
from ...plan.case import Case
from .copying import copy_with
from .inputs import Arguments, make_inputs
from .placement import Placement, place_on_meta
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
    """A subject built by the builder of its case, from the checkout at ``root`` if given.

    It is built on meta once, and on real tensors if the builder reads a value; meta and fake
    modules are copies of that. Its inputs are those of the case, or made of the ``given`` ones
    (`make_inputs`). Module and inputs are made in the working directory of the subject's creation.
    """

    case: Case
    root: Path | None = None
    given: Arguments | None = None
    surroundings: Surroundings = field(init=False, compare=False, repr=False)
    _templates: list[nn.Module] = field(default_factory=list, compare=False, repr=False)
    _folder: str = field(default_factory=os.getcwd, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        codebase = None
        with contextlib.suppress(CspbenchError):  # which building it raises again
            codebase = locate(self.case.build, self.root).codebase
        object.__setattr__(self, "surroundings", Surroundings(codebase))

    def meta(self) -> nn.Module:
        return copy_with(self._template(), place_on_meta())

    def fake(self, mode: FakeTensorMode) -> nn.Module:  # noqa: ARG002 -- the mode is active
        return copy_with(self._template(), Placement("cpu", with_data=False))

    def real(self) -> nn.Module:
        module = self._built_on(self.case.device)
        with self.surroundings.running(generators=False):
            return _initialised(self, module, self.case.device)

    def inputs(self, device: str) -> Arguments:
        with contextlib.chdir(self._folder):
            return make_inputs(self.case, device, root=self.root, given=self.given)

    def _template(self) -> nn.Module:
        """The module on the meta device, of which meta and fake modules are copies."""
        if not self._templates:
            with unset_fake_temporarily():
                module = copy_with(self._built_on_meta(), place_on_meta())
                self._templates.append(_initialised(self, module, "meta"))
        return self._templates[0]

    def _built_on_meta(self) -> nn.Module:
        try:
            return self._built_on("meta")
        except CspbenchError:
            raise
        except Exception:  # noqa: BLE001 -- of a builder that needs values
            return self._built_on("cpu")

    def _built_on(self, device: str) -> nn.Module:
        with self.surroundings.running(generators=False), _default_device(device):
            return self._build()

    def _build(self) -> nn.Module:
        case = self.case
        if not is_own(case.build):
            with contextlib.chdir(self._folder), contextlib.suppress(CspbenchError):
                self.surroundings.load(case.build, partial(resolve, case.build, self.root))
        os.chdir(self._folder)  # which an earlier build may have left, and this one may, too
        module = build(case.entry, case.build, case.arguments, self.root)
        if not isinstance(module, nn.Module):
            raise TypeError(f"{case.build} returned {type(module).__name__}, not an nn.Module")
        return module


@dataclass(frozen=True, slots=True)
class ModuleSubject:
    """A subject made of a user's module: each build is a copy, the original stays unchanged."""

    case: Case
    module: nn.Module
    given: Arguments | None = None
    surroundings: Surroundings = field(default_factory=Surroundings, compare=False, repr=False)

    def meta(self) -> nn.Module:
        return _initialised(self, copy_with(self.module, place_on_meta()), "meta")

    def fake(self, mode: FakeTensorMode) -> nn.Module:  # noqa: ARG002 -- the mode is active
        module = self.module
        if _is_lazy(module):
            with unset_fake_temporarily():
                module = self.meta()
        return copy_with(module, Placement("cpu", with_data=False))

    def real(self) -> nn.Module:
        device = self.case.device
        return _initialised(self, copy_with(self.module, Placement(device, with_data=True)), device)

    def inputs(self, device: str) -> Arguments:
        return make_inputs(self.case, device, given=self.given)


def _default_device(device: str) -> contextlib.AbstractContextManager[object]:
    """A context that creates tensors on ``device``.

    No context where they are anyway: within one, torch lets a model set its default device once.
    """
    if torch.get_default_device() == torch.device(device):
        return contextlib.nullcontext()
    return torch.device(device)


def _initialised(subject: Subject, module: nn.Module, device: str) -> nn.Module:
    """``module``, called once on ``device`` if it has lazy layers, which that initialises."""
    if _is_lazy(module):
        arguments = subject.inputs(device)
        with torch.no_grad():
            module(*arguments.args, **arguments.kwargs)
    return module


def _is_lazy(module: nn.Module) -> bool:
    return any(map(is_lazy, [*module.parameters(), *module.buffers()]))
