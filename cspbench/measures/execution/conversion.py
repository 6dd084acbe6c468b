"""Conversion of a module's tensors to another precision and memory format."""

import torch
from torch import Tensor, nn

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
"""The precisions that a module is converted to; for others it stays unchanged."""


def convert_module(
    module: nn.Module, dtype: torch.dtype | None, layout: torch.memory_format | None
) -> None:
    """Convert a module's tensors to ``dtype`` and ``layout``; shared parameters stay shared.

    `nn.Module.to` cannot convert fake tensors.
    """
    parameters: dict[int, nn.Parameter] = {}
    buffers: dict[int, Tensor] = {}
    for child in module.modules():
        for name, parameter in list(child.named_parameters(recurse=False)):
            if id(parameter) not in parameters:
                tensor = convert_tensor(parameter.detach(), dtype, layout)
                parameters[id(parameter)] = nn.Parameter(tensor, parameter.requires_grad)
            setattr(child, name, parameters[id(parameter)])
        for name, buffer in list(child.named_buffers(recurse=False)):
            if id(buffer) not in buffers:
                buffers[id(buffer)] = convert_tensor(buffer, dtype, layout)
            setattr(child, name, buffers[id(buffer)])


def convert_tensor(
    tensor: Tensor, dtype: torch.dtype | None, layout: torch.memory_format | None
) -> Tensor:
    """``tensor`` in ``dtype``, if it is floating-point, and in ``layout``, if dense and 4-D."""
    if dtype is not None and tensor.is_floating_point():
        tensor = tensor.to(dtype)
    if layout is None or tensor.dim() != 4 or tensor.layout != torch.strided:
        return tensor
    return tensor.contiguous(memory_format=layout)
