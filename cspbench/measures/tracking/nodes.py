"""The module whose forward created the running autograd node."""

from bisect import bisect_right
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

# Private functions of torch; without them, a peak in the backward pass is ascribed to no module.
_next_node: Callable[[], int] | None = getattr(torch.autograd, "_get_sequence_nr", None)
_running_node: Callable[[], Any] | None = getattr(
    torch._C,  # noqa: SLF001
    "_current_autograd_node",
    None,
)
_UNNUMBERED = 2**64 - 1  # the number of every node that accumulates a gradient


class NodeOwners:
    """The module whose forward created each autograd node.

    torch numbers the nodes of a thread in order of creation, so it is enough to note the next
    number whenever the running module changes. A node that accumulates a parameter's gradient has
    no such number; it belongs to the first module that holds the parameter.
    """

    def __init__(self, module: nn.Module) -> None:
        self._starts: list[int] = []
        self._paths: list[str] = []
        self._holders: dict[int, str] = {}
        for path, child in module.named_modules():
            for parameter in child.parameters(recurse=False):
                self._holders.setdefault(id(parameter), path)

    def enter(self, path: str) -> None:
        """Ascribe nodes created from now on to the module ``path``."""
        if _next_node is not None:
            self._starts.append(_next_node())
            self._paths.append(path)

    def running_module(self) -> str:
        """The module of the running node; '' for the whole model, and if no node runs."""
        node = _running_node() if _running_node is not None else None
        if node is None:
            return ""
        number = node._sequence_nr()  # noqa: SLF001 -- there is no public number
        if number == _UNNUMBERED:
            return self._holders.get(id(getattr(node, "variable", None)), "")
        index = bisect_right(self._starts, number) - 1
        return self._paths[index] if index >= 0 else ""
