"""What every measure starts from: a subject that can be built anew, and one call of it."""

import contextlib
import copy
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils import _pytree as pytree

from ..catalogue.loading import build_from, resolve
from ..plan.case import Case

Phase = Literal["activations", "gradients", "other"]  # what arises in it counts as
_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Subject(Protocol):
    """A case and the means to build its module: on meta, on fake tensors, or for real.

    Each call gives a new module; the user's own is never touched.
    """

    @property
    def case(self) -> Case: ...

    def meta(self) -> nn.Module:
        """The module on the meta device: shapes without data."""

    def fake(self, mode: FakeTensorMode) -> nn.Module:
        """The module on fake tensors of ``mode``, which must be active."""

    def real(self) -> nn.Module:
        """The module on the case's device, weights from torch's current seed."""


@dataclass(frozen=True, slots=True)
class BuiltSubject:
    """A subject whose module its case's builder makes: of the tree ``root``, where there is one."""

    case: Case
    root: Path | None = None

    def meta(self) -> nn.Module:
        with torch.device("meta"):
            return self._build()

    def fake(self, mode: FakeTensorMode) -> nn.Module:  # noqa: ARG002 -- the mode is active
        return self._build()

    def real(self) -> nn.Module:
        with torch.device(self.case.device):
            return self._build()

    def _build(self) -> nn.Module:
        if self.root is None:
            module = resolve(self.case.build)(**self.case.arguments)
        else:
            module = build_from(self.root, self.case.entry, self.case.build, self.case.arguments)
        if not isinstance(module, nn.Module):
            raise TypeError(f"{self.case.build} returned {type(module).__name__}, not nn.Module")
        return module


@dataclass(frozen=True, slots=True)
class ModuleSubject:
    """A subject that is a user's module: every build is a copy, and the original stays as it is."""

    case: Case
    module: nn.Module

    def meta(self) -> nn.Module:
        return copy_with(self.module, lambda tensor: torch.empty_like(tensor, device="meta"))

    def fake(self, mode: FakeTensorMode) -> nn.Module:
        return copy_with(self.module, mode.from_tensor)

    def real(self) -> nn.Module:
        return copy.deepcopy(self.module).to(self.case.device)


def copy_with(module: nn.Module, convert: Callable[[Tensor], Tensor]) -> nn.Module:
    """A deep copy of ``module`` in which each tensor is ``convert``-ed, and no data is copied.

    Follows modules and tensors into lists, tuples and dictionaries, so that layers held in a plain
    list come along. Tensors that are shared stay shared.
    """
    memo: dict[int, Any] = {}
    seen: set[int] = set()
    queue: list[object] = [module]
    while queue:
        found = queue.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        if isinstance(found, Tensor):
            twin = convert(found)
            if isinstance(found, nn.Parameter):
                twin = nn.Parameter(twin.detach(), requires_grad=found.requires_grad)
            memo[id(found)] = twin
        elif isinstance(found, nn.Module):
            queue.extend(vars(found).values())
        elif isinstance(found, dict):
            queue.extend(found.values())
        elif isinstance(found, list | tuple | set):
            queue.extend(found)
    return copy.deepcopy(module, memo)


class Call:
    """One iteration of a case: a forward pass, or a training step.

    A training step is forward, backward from a gradient of ones (made anew each step, as a loss
    would make it; no loss is measured) and SGD with momentum. Its learning rate is 0, so that the
    work is the full work and the weights never drift.

    ``compiled``: as the case asks, by its compiler; else the module runs as it is, as counting and
    tracking need it.
    """

    def __init__(
        self, case: Case, module: nn.Module, device: str, *, compiled: bool = False
    ) -> None:
        batch_input = torch.randn(case.input_shape, device=device)
        dtype = _DTYPES.get(case.precision)
        layout = torch.channels_last if case.channels_last else None
        if dtype is not None or layout is not None:
            _convert(module, dtype, layout)
            batch_input = _converted(batch_input, dtype, layout)
        self.module = module.train(case.mode == "train")
        self._forward: Callable[[Tensor], object] = self.module
        self._compiler = case.compiler
        if compiled and case.compiler is not None:
            self._forward = _compiled(self.module, case.compiler)
        self.training = case.mode == "train"
        self.input = batch_input.requires_grad_(self.training and case.input_gradient)
        # Autocast knows no meta tensors, and would change none of their counts.
        self._precision: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
        if case.precision == "amp" and device != "meta":
            self._precision = torch.autocast(torch.device(device).type)
        trainable = [p for p in module.parameters() if p.requires_grad]
        self.optimizer = (
            torch.optim.SGD(trainable, lr=0.0, momentum=0.9)
            if self.training and trainable
            else None
        )

    def __call__(self, enter: Callable[[Phase], object] = lambda _: None) -> None:
        """Run one iteration; ``enter`` is told each phase as it begins."""
        enter("activations")
        if not self.training:
            with torch.no_grad(), self._precision:
                self._forward(self.input)
            return
        self.forget_gradients()
        with self._precision:
            outputs = [
                leaf
                for leaf in pytree.tree_leaves(self._forward(self.input))
                if isinstance(leaf, Tensor) and leaf.requires_grad
            ]
        if not outputs:
            raise ValueError("nothing to train: no output depends on a trainable parameter")
        enter("gradients")
        torch.autograd.backward(outputs, [torch.ones_like(output) for output in outputs])
        del outputs
        enter("other")
        if self.optimizer is not None:
            self.optimizer.step()

    def load_compiler(self) -> None:
        """Have the case's compiler make something trivial, so that all of it is loaded."""
        assert self._compiler is not None
        torch.compile(torch.neg, backend=self._compiler, dynamic=False)(self.input.detach())

    def forget_gradients(self) -> None:
        """Drop the gradients of the last step."""
        self.module.zero_grad(set_to_none=True)
        self.input.grad = None


def _compiled(module: nn.Module, backend: str) -> Callable[[Tensor], object]:
    """``module`` as `torch.compile` makes it for one shape of input.

    torch keeps what it compiled with the function's code, and after eight modules of one class it
    gives up and runs them as they are: so each has a function, and a code, of its own.
    """

    def forward(batch: Tensor) -> object:
        result: object = module(batch)
        return result

    own = FunctionType(forward.__code__.replace(), forward.__globals__, closure=forward.__closure__)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of old code that torch itself loads
        compiled: Callable[[Tensor], object] = torch.compile(own, backend=backend, dynamic=False)
    return compiled


def _convert(
    module: nn.Module, dtype: torch.dtype | None, layout: torch.memory_format | None
) -> None:
    """Put a module's tensors into ``dtype`` and ``layout``; `nn.Module.to` cannot on fake ones."""
    twins: dict[int, nn.Parameter] = {}  # what was shared stays shared
    for child in module.modules():
        for name, parameter in child.named_parameters(recurse=False):
            if id(parameter) not in twins:
                twin = _converted(parameter.detach(), dtype, layout)
                twins[id(parameter)] = nn.Parameter(twin, parameter.requires_grad)
            setattr(child, name, twins[id(parameter)])
        for name, buffer in child.named_buffers(recurse=False):
            setattr(child, name, _converted(buffer, dtype, layout))


def _converted(
    tensor: Tensor, dtype: torch.dtype | None, layout: torch.memory_format | None
) -> Tensor:
    if dtype is not None and tensor.is_floating_point():
        tensor = tensor.to(dtype)
    return tensor.contiguous(memory_format=layout) if layout and tensor.dim() == 4 else tensor


@contextlib.contextmanager
def module_stack(
    module: nn.Module,
    returned: Callable[[str, object], None] | None = None,
    moved: Callable[[str], None] | None = None,
) -> Iterator[list[str]]:
    """The dotted names of the modules whose forward is running, outermost ('') first.

    ``returned`` is told each module that ended, and its output; ``moved`` the innermost one that
    runs from here on ('' if none). ``module`` must be a copy: a forward that raises leaves the
    stack as it was then. Hooks are removed on the way out.
    """
    stack: list[str] = []

    def push(path: str, *_: object) -> None:
        stack.append(path)
        if moved is not None:
            moved(path)

    def pop(path: str, _module: object, _inputs: object, output: object) -> None:
        stack.pop()
        if moved is not None:
            moved(stack[-1] if stack else "")
        if returned is not None:
            returned(path, output)

    handles = []
    for path, child in module.named_modules():
        handles.append(child.register_forward_pre_hook(partial(push, path)))
        handles.append(child.register_forward_hook(partial(pop, path)))
    try:
        yield stack
    finally:
        for handle in handles:
            handle.remove()
