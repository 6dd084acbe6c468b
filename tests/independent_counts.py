"""Counts of a module that owe nothing to the package's own: parameters, torch's FLOPs, hooks."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


def count(
    build: Callable[..., nn.Module], shape: tuple[int, int, int, int], **arguments: Any
) -> tuple[int, int, int]:
    """Parameters, MACs and CIO of one forward pass on the meta device: nothing is computed."""
    parameters, macs, products, touched = count_apart(build, shape, **arguments)
    return parameters, macs + products, touched


def count_apart(
    build: Callable[..., nn.Module], shape: tuple[int, int, int, int], **arguments: Any
) -> tuple[int, int, int, int]:
    """`count`, with the MACs of batched products apart: attention's, as no layer's weights are."""
    with torch.device("meta"):
        module = build(**arguments).eval()
        x = torch.empty(shape)
    touched = 0

    def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal touched
        touched += inputs[0].numel() + output.numel()

    for child in module.modules():
        if isinstance(child, nn.Conv2d):
            child.register_forward_hook(hook)
    with FlopCounterMode(display=False) as flops, torch.no_grad():
        module(x)
    parameters = sum(parameter.numel() for parameter in module.parameters())
    macs = {str(name): flop // 2 for name, flop in flops.get_flop_counts()["Global"].items()}
    products = sum(number for name, number in macs.items() if "bmm" in name)
    return parameters, sum(macs.values()) - products, products, touched
