"""One iteration of a case: a forward pass, or a training step."""

import contextlib
from collections.abc import Callable
from os import _exit, register_at_fork  # bound here: a model may replace them
from typing import Literal

import torch
from torch import Tensor, nn

from ...plan.case import Case
from .conversion import DTYPES, convert_module, convert_tensor
from .inputs import Arguments
from .trees import tensors

Phase = Literal["activations", "gradients", "other"]
"""A phase of an iteration, named as the kind of `Split` that its new storages count as."""

_PRECISIONS = frozenset({torch.float64, torch.bfloat16, torch.float16})  # not those of weights


class _Process:
    """This process: ``forks`` lie between it and the one that loaded this module."""

    forks = 0


def _count_fork() -> None:
    _Process.forks += 1


register_at_fork(after_in_child=_count_fork)


class Call:
    """One iteration of a case on ``device``, as a callable.

    ``module`` is converted in place to the case's precision and memory format. A training step is
    forward, backward from a gradient of ones (created in each step, as a loss would; no loss is
    measured) and SGD with momentum. The learning rate is 0: all work is done, and the weights never
    change; the optimizer is made in the first step, for the parameters that exist by then.
    ``arguments`` are on ``device`` and are converted, too: also those in single precision, if the
    module is in another that no conversion was asked for.

    ``wrap`` makes what is called of the module, such as a compiled function. Counting and tracking
    need the module itself.
    """

    def __init__(
        self,
        case: Case,
        module: nn.Module,
        arguments: Arguments,
        device: str,
        *,
        wrap: Callable[[nn.Module], Callable[..., object]] = lambda module: module,
    ) -> None:
        dtype = DTYPES.get(case.precision)
        layout = torch.channels_last if case.channels_last else None
        if dtype is not None or layout is not None:
            convert_module(module, dtype, layout)
            arguments = arguments.converted(lambda tensor: convert_tensor(tensor, dtype, layout))
        arguments = _in_precision_of(module, arguments)
        if case.mode == "train":
            module.train()
        else:
            switch_to_eval(module)
        self.module = module  # train() and eval() of some models return nothing
        self._forward = wrap(self.module)
        self.case = case
        self.training = case.mode == "train"
        self.arguments = arguments
        if self.training and case.input_gradient:
            for tensor in arguments.tensors:
                tensor.requires_grad_(tensor.is_floating_point() or tensor.is_complex())
        self._leaves = [tensor for tensor in arguments.tensors if tensor.requires_grad]
        # Autocast does not support meta tensors, and would not change counts.
        self._precision: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
        if case.precision == "amp" and device != "meta":
            self._precision = torch.autocast(torch.device(device).type)
        self.optimizer: torch.optim.Optimizer | None = None
        self._forks = _Process.forks

    def __call__(self, begin_phase: Callable[[Phase], object] = lambda _: None) -> None:
        """Run one iteration, calling ``begin_phase`` at the start of each phase.

        A copy of the process, which a model has forked, ends here: it would take part in all calls
        that follow, each of which may fork again. Raises ValueError for a training step if no
        output requires a gradient.
        """
        if _Process.forks != self._forks:
            _exit(0)
        begin_phase("activations")
        if not self.training:
            with torch.no_grad(), self._precision:
                self.forward()
            return
        outputs = self.trained_outputs()
        begin_phase("gradients")
        torch.autograd.backward(outputs, [torch.ones_like(output) for output in outputs])
        del outputs
        begin_phase("other")
        if self.optimizer is None:
            self.optimizer = _optimizer(self.module)
        if self.optimizer is not None:
            self.optimizer.step()

    def trained_outputs(self) -> list[Tensor]:
        """The outputs of the forward pass of a training step that require a gradient.

        Raises ValueError if there are none.
        """
        self.forget_gradients()
        with self._precision:
            result = self.forward()
        outputs = [tensor for tensor in tensors(result) if tensor.requires_grad]
        if not outputs:
            raise ValueError(_untrainable(result))
        return outputs

    def forward(self) -> object:
        """The output of one forward pass."""
        return self._forward(*self.arguments.args, **self.arguments.kwargs)

    def forget_gradients(self) -> None:
        """Drop the gradients of the last step."""
        self.module.zero_grad(set_to_none=True)
        for tensor in self._leaves:
            tensor.grad = None


def switch_to_eval(module: nn.Module) -> None:
    """Set ``module`` to eval mode, unless it is an exported program, which has one mode."""
    with contextlib.suppress(NotImplementedError):
        module.eval()


def _in_precision_of(module: nn.Module, arguments: Arguments) -> Arguments:
    """``arguments`` with tensors in single precision in that of the module's first parameter."""
    dtypes = (p.dtype for p in module.parameters() if p.is_floating_point())
    dtype = next(dtypes, torch.float32)
    if dtype == torch.float32 or dtype not in _PRECISIONS:
        return arguments
    return arguments.converted(
        lambda tensor: tensor.to(dtype) if tensor.dtype == torch.float32 else tensor
    )


def _optimizer(module: nn.Module) -> torch.optim.Optimizer | None:
    """An optimizer of the module's trainable parameters; None if there are none."""
    trainable = [p for p in module.parameters() if p.requires_grad]
    return torch.optim.SGD(trainable, lr=0.0, momentum=0.9) if trainable else None


def _untrainable(output: object) -> str:
    """Why a training step with this ``output`` has no gradients."""
    name = type(output).__name__
    if not tensors(output):
        return f"nothing to train: no tensor was found in its output of type {name}"
    return f"nothing to train: no tensor in its output of type {name} depends on what is trained"
