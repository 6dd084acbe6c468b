"""The arguments with which a case's module is called, made on a device."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...catalogue.inputs import Inputs, Items, Node, Table, TensorSpec
from ...plan.case import Case
from .copying import copy_with
from .trees import tensors


@dataclass(frozen=True, slots=True)
class Arguments:
    """Positional and keyword arguments of a call, which may be trees with tensors."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @property
    def tensors(self) -> list[Tensor]:
        """The tensors in the arguments, in order."""
        return tensors((self.args, self.kwargs))

    def converted(self, convert: Callable[[Tensor], Tensor]) -> "Arguments":
        """The arguments with each tensor replaced by ``convert(tensor)``."""
        args, kwargs = copy_with((self.args, self.kwargs), convert)
        return Arguments(args, kwargs)


def make_inputs(case: Case, device: str) -> Arguments:
    """The arguments of ``case`` on ``device``, of random values; fake ones in a fake mode."""
    inputs = case.inputs or Inputs(args=(TensorSpec(shape=case.input_shape),))
    return Arguments(
        tuple(_made(node, device) for node in inputs.args),
        {name: _made(node, device) for name, node in inputs.kwargs.items()},
    )


def _made(node: Node, device: str) -> Any:
    if isinstance(node, TensorSpec):
        return _tensor(node, device)
    if isinstance(node, Items):
        items = [_made(item, device) for item in node.items]
        return tuple(items) if node.is_tuple else items
    if isinstance(node, Table):
        return {name: _made(item, device) for name, item in node.items.items()}
    return node


def _tensor(spec: TensorSpec, device: str) -> Tensor:
    dtype = getattr(torch, spec.dtype)
    if dtype.is_floating_point or dtype.is_complex:
        return torch.randn(spec.shape, dtype=dtype, device=device)
    return torch.randint(spec.low, spec.high, spec.shape, dtype=dtype, device=device)
