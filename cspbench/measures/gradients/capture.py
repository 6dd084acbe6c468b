"""Capturing of gradients with respect to modules' outputs, by hooks."""

import contextlib
from collections import Counter
from collections.abc import Container, Iterator
from functools import partial

import torch
from torch import Tensor, nn

from .maps import BASE, MapKey


@contextlib.contextmanager
def captured_gradients(block: nn.Module, names: Container[str]) -> Iterator[dict[MapKey, Tensor]]:
    """Capture gradients with respect to the input of ``block`` and the outputs of named modules.

    The dictionary is filled when a backward pass has run; maps that it did not reach have zeros.
    Hooks are removed on exit.
    """
    gradients: dict[MapKey, Tensor] = {}
    calls: Counter[str] = Counter()

    def capture(key: MapKey, tensor: Tensor) -> None:
        def store(gradient: Tensor) -> None:
            gradients[key] = gradient.detach().clone()

        gradients[key] = torch.zeros_like(tensor)
        if tensor.requires_grad:
            tensor.register_hook(store)

    def capture_input(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        capture(BASE, inputs[0])

    def capture_output(name: str, _module: nn.Module, _inputs: object, output: Tensor) -> None:
        capture((name, calls[name]), output)
        calls[name] += 1

    handles = [block.register_forward_pre_hook(capture_input)]
    for path, child in block.named_modules():
        name = path or type(block).__name__
        if name in names:
            handles.append(child.register_forward_hook(partial(capture_output, name)))
    try:
        yield gradients
    finally:
        for handle in handles:
            handle.remove()
