"""A call of a module as a function of tensors alone, as exporters need it."""

import torch
from torch import Tensor, nn

from ...errors import message_of
from ..execution.inputs import Arguments
from ..execution.trees import tensors
from .quiet import quiet


class Flat(nn.Module):
    """``module`` on the tensors of ``arguments``, in order; returns those of its output, in order.

    What is no tensor in the arguments is constant. Exporters see neither trees nor keyword
    arguments, so that inputs and outputs of a file are in the order of `Arguments.tensors` and of
    `trees.tensors`, each once, and none is left out because it is not used.
    """

    def __init__(self, module: nn.Module, arguments: Arguments) -> None:
        super().__init__()
        self.module = module
        self.training = module.training
        self.given = tuple(arguments.tensors)
        self._arguments = arguments
        self._places = {id(tensor): place for place, tensor in enumerate(self.given)}

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        arguments = self._arguments.converted(lambda tensor: given[self._places[id(tensor)]])
        return tuple(tensors(self.module(*arguments.args, **arguments.kwargs)))


def exported(flat: Flat) -> torch.export.ExportedProgram:
    """The program of a module, by `torch.export`: a function of tensors that returns tensors.

    Raises ValueError with the reason in its first line if the module cannot be exported, or if its
    output has no tensor, which no runtime would compute.
    """
    try:
        with torch.no_grad(), quiet():
            program = torch.export.export(flat, flat.given, strict=False)
    except Exception as error:
        raise ValueError(f"torch.export: {reason_of(error)}") from error
    if not program.graph_signature.user_outputs:
        raise ValueError("the module's output has no tensor")
    return program


def reason_of(error: BaseException) -> str:
    """The message of the first cause of ``error``, which exporters wrap in advice of many lines."""
    while error.__cause__ is not None:
        error = error.__cause__
    message = message_of(error).strip()
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
