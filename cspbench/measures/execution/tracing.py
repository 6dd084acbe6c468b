"""The graph of a call, traced by TorchScript, as an event file that TensorBoard reads."""

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .call import Call
from .inputs import Arguments
from .trees import tensors


def write_graph(call: Call, folder: Path) -> None:
    """Trace one forward pass of ``call``, and write its graph into an event file in ``folder``.

    Lets exceptions of the module's forward and of the tracer through.
    """
    from torch.utils.tensorboard import SummaryWriter

    arguments, model = call.arguments, call.module
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's, on what its graph leaves out
        if not _is_traceable(arguments, call.forward()):
            model = _OnTensors(model, arguments)
        with SummaryWriter(str(folder)) as writer:
            writer.add_graph(model, tuple(arguments.tensors), use_strict_trace=False)


class _OnTensors(nn.Module):
    """``model`` as a module that takes the tensors of its arguments and returns tensors."""

    def __init__(self, model: nn.Module, arguments: Arguments) -> None:
        super().__init__()
        self.model = model
        self._arguments = arguments

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        by_identity = dict(zip(map(id, self._arguments.tensors), given, strict=True))
        arguments = self._arguments.converted(lambda tensor: by_identity[id(tensor)])
        return tuple(tensors(self.model(*arguments.args, **arguments.kwargs)))


def _is_traceable(arguments: Arguments, output: Any) -> bool:
    """Whether the tracer takes such arguments, tensors by position, and such an output."""
    if arguments.kwargs or not all(isinstance(value, Tensor) for value in arguments.args):
        return False
    outputs = output if isinstance(output, tuple | list) else [output]
    return all(isinstance(value, Tensor) for value in outputs)
