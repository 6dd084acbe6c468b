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
    converted: dict[int, nn.Parameter] = {}
    for child in module.modules():
        for name, parameter in child.named_parameters(recurse=False):
            if id(parameter) not in converted:
                tensor = convert_tensor(parameter.detach(), dtype, layout)
                converted[id(parameter)] = nn.Parameter(tensor, parameter.requires_grad)
            setattr(child, name, converted[id(parameter)])
        for name, buffer in child.named_buffers(recurse=False):
            setattr(child, name, convert_tensor(buffer, dtype, layout))


def convert_tensor(
    tensor: Tensor, dtype: torch.dtype | None, layout: torch.memory_format | None
) -> Tensor:
    """``tensor`` in ``dtype``, if it holds floating-point numbers, and in ``layout``, if 4-D."""
    if dtype is not None and tensor.is_floating_point():
        tensor = tensor.to(dtype)
    return tensor.contiguous(memory_format=layout) if layout and tensor.dim() == 4 else tensor
