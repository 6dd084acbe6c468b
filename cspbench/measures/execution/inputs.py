"""The arguments with which a case's module is called, made on a device."""

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

from ...catalogue.inputs import Inputs, Items, Table, TensorSpec
from ...catalogue.loading import build, resolve
from ...errors import CspbenchError
from ...plan.case import Case, inputs_of
from .copying import copy_with
from .placement import Placement
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


def make_inputs(
    case: Case, device: str, *, root: Path | None = None, given: Arguments | None = None
) -> Arguments:
    """The arguments of ``case`` on ``device``; fake tensors if a fake mode is active.

    They are made of ``given``, in which a `TensorSpec` stands for a tensor of random values, or
    else of the case's inputs. What makes them is imported from the checkout at ``root``, if given.
    Raises `CspbenchError` if it returns no arguments.
    """
    inputs = inputs_of(case)
    if given is None and inputs.maker:
        given = _from_maker(inputs, device, root)
    source = inputs if given is None else given.converted(lambda tensor: _placed(tensor, device))
    return Arguments(
        tuple(_made(node, device) for node in source.args),
        {name: _made(node, device) for name, node in source.kwargs.items()},
    )


def check_maker(inputs: Inputs) -> None:
    """Raise `CspbenchError` unless what makes ``inputs`` can be loaded and takes their sizes."""
    try:
        inspect.signature(resolve(inputs.maker)).bind(**inputs.sizes)
    except ValueError:  # a callable written in C has no signature
        return
    except TypeError as error:
        raise CspbenchError(
            f"{inputs.text} cannot make inputs: {error} (--batch-size and --img-size pass it "
            "batch_size and img_size)"
        ) from error


def _from_maker(inputs: Inputs, device: str, root: Path | None) -> Arguments:
    with torch.device(device):
        made = build(inputs.maker, inputs.maker, inputs.sizes, root)
    arguments = as_arguments(made)
    if arguments is None:
        raise TypeError(
            f"{inputs.maker} returned {type(made).__name__}; expected a tensor, a tuple or list of "
            "arguments, or a dict of keyword arguments"
        )
    return arguments


def as_arguments(value: object) -> Arguments | None:
    """The arguments that ``value`` stands for; None if it is none of these.

    A tensor is one argument, a tuple or list holds arguments by position, a mapping by name.
    """
    if isinstance(value, Tensor):
        return Arguments((value,), {})
    if isinstance(value, Mapping):
        return Arguments((), {str(name): item for name, item in value.items()})
    return Arguments(tuple(value), {}) if isinstance(value, tuple | list) else None


def _made(node: Any, device: str) -> Any:
    """The argument on ``device`` that ``node`` describes, or is."""
    if isinstance(node, TensorSpec):
        return _random(node, device)
    if isinstance(node, Items):
        items = [_made(item, device) for item in node.items]
        return tuple(items) if node.is_tuple else items
    if isinstance(node, Table):
        node = node.items
    if isinstance(node, dict):
        copied = copy.copy(node)  # of the same class
        copied.update({name: _made(item, device) for name, item in node.items()})
        return copied
    if type(node) in {list, tuple}:
        return type(node)(_made(item, device) for item in node)
    return node


def _random(spec: TensorSpec, device: str) -> Tensor:
    dtype = getattr(torch, spec.dtype)
    if dtype.is_floating_point or dtype.is_complex:
        return torch.randn(spec.shape, dtype=dtype, device=device)
    return torch.randint(spec.low, spec.high, spec.shape, dtype=dtype, device=device)


def _placed(tensor: Tensor, device: str) -> Tensor:
    """A copy of ``tensor`` on ``device``, without data on the meta device and in a fake mode."""
    has_data = device != "meta" and not isinstance(torch.empty(0), FakeTensor)
    if tensor.layout != torch.strided or tensor.is_nested or tensor.is_quantized:
        return Placement(device, with_data=has_data)(tensor)
    if has_data:
        placed = tensor.detach().to(device, copy=True)
    else:
        placed = torch.empty_strided(
            tensor.shape, tensor.stride(), dtype=tensor.dtype, device=device
        )
    return placed.requires_grad_(tensor.requires_grad)
