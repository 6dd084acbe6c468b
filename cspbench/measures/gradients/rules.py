"""Rules for the label of an operator's result, one for each kind of operator.

A rule returns the label of the result, a `WeightRead` if a weight starts a new source, or None if
the operator cannot be followed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor
from torch.nn import functional

from .labels import Labels, Terms, collapsed
from .operation import (
    ALONG_ONE_AXIS,
    CREATIONS,
    ELEMENTWISE,
    FACTORS,
    REARRANGEMENTS,
    SPATIAL,
    Operation,
)

OwnerOf = Callable[[Tensor], str | None]
"""Returns the name of the module that holds a weight; None for a tensor that is no weight."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightRead:
    """The terms that a weight reads; its output's channels lie along ``axis``, ``copies`` times."""

    name: str
    reads: Terms
    axis: int
    copies: int = 1


def result_of(
    operation: Operation, labels: Labels, owner_of: OwnerOf
) -> Tensor | WeightRead | None:
    """The label of the result, or the `WeightRead`; None if the operator cannot be followed."""
    weight_rule = _WEIGHT_RULES.get(operation.name)
    if weight_rule is not None:
        return weight_rule(labels, operation, owner_of)
    rule = _rule(operation)
    return None if rule is None else rule(labels, operation)


def _no_terms(_labels: Labels, _operation: Operation) -> Tensor:
    return torch.zeros((), dtype=torch.int32)


def _unchanged(labels: Labels, operation: Operation) -> Tensor:
    return labels.read(operation.first)


def _copied(labels: Labels, operation: Operation) -> Tensor:
    return labels.read(operation["src"])


def _pointwise(labels: Labels, operation: Operation) -> Tensor:
    return reduce(labels.join, map(labels.read, operation.operands))


def _rearranged(labels: Labels, operation: Operation) -> Tensor | None:
    if len(operation.operands) != 1:
        return None
    # as doubles, because not all of these operators accept integers
    label = labels.read(operation.first).double().expand(operation.first.shape)
    rearranged: Tensor = operation.func(label, *list(operation.arguments.values())[1:])
    return collapsed(rearranged.int())


def _concatenated(labels: Labels, operation: Operation) -> Tensor:
    tensors = [tensor for tensor in operation["tensors"] if tensor.shape != (0,)]
    parts = [labels.read(tensor) for tensor in tensors]
    dim = operation["dim"] % parts[0].dim()
    shape = [max(sizes) for sizes in zip(*(label.shape for label in parts), strict=True)]
    expanded = [
        label.expand([*shape[:dim], tensor.shape[dim], *shape[dim + 1 :]])
        for label, tensor in zip(parts, tensors, strict=True)
    ]
    return torch.cat(expanded, dim=dim)


def _stacked(labels: Labels, operation: Operation) -> Tensor:
    parts = torch.broadcast_tensors(*map(labels.read, operation["tensors"]))
    return torch.stack(parts, dim=operation["dim"])


def _padded(labels: Labels, operation: Operation) -> Tensor:
    """The label of a padded tensor: padding of H and W is ignored, new channels carry no terms."""
    label, pad = labels.read(operation.first), operation["pad"]
    for index, sides in enumerate(zip(pad[::2], pad[1::2], strict=True)):
        axis = label.dim() - 1 - index
        if any(sides) and (axis < 2 or label.shape[axis] > 1):
            shape = list(label.shape)
            shape[axis] = operation.first.shape[axis]
            label = functional.pad(label.expand(shape), [0, 0] * index + list(sides))
    return label


def _reduced(labels: Labels, operation: Operation) -> Tensor | None:
    if len(operation.operands) != 1:
        return None
    label, dim = labels.read(operation.first), operation.arguments.get("dim")
    dims = [dim] if isinstance(dim, int) else list(dim or range(label.dim()))
    for axis in dims:
        label = labels.join_along(label, axis)
    return label if operation.arguments.get("keepdim") else label.squeeze(dims)


def _spatial(labels: Labels, operation: Operation) -> Tensor | None:
    match = SPATIAL.fullmatch(operation.name)
    label = labels.read(operation.first)
    axes = int(match["axes"]) if match else label.dim()
    return label if set(label.shape[-axes:]) == {1} else None


def _mixed_along_axis(labels: Labels, operation: Operation) -> Tensor | None:
    label = labels.read(operation.first)
    return label if label.shape[operation["dim"]] == 1 else None


def _gated(labels: Labels, operation: Operation) -> Tensor:
    """The label of one half of the channels times a gate computed from the other half."""
    label = labels.read(operation.first)
    if label.shape[operation["dim"]] == 1:
        return label
    return labels.join(*label.chunk(2, dim=operation["dim"]))


def _convolution(
    labels: Labels, operation: Operation, owner_of: OwnerOf
) -> Tensor | WeightRead | None:
    """A weight's read; for a fixed weight, which no module holds, each group's channels joined."""
    weight, inputs = operation["weight"], operation["input"]
    if labels.carries(weight):
        return None
    label = labels.read(inputs)
    owner = owner_of(weight)
    if owner is not None:
        return WeightRead(name=owner, reads=labels.terms(label), axis=1)
    if operation["transposed"] or label.shape[2:].numel() > 1:
        return None
    groups = operation["groups"]
    shape = (label.shape[0], inputs.shape[1], *label.shape[2:])
    grouped = label.expand(shape).unflatten(1, (groups, -1))
    joined = labels.join_along(grouped, 2).squeeze(2)
    return joined.repeat_interleave(weight.shape[0] // groups, dim=1)


def _matrix_product(labels: Labels, operation: Operation, owner_of: OwnerOf) -> WeightRead | None:
    left, right = (operation[name] for name in FACTORS[operation.name])
    if sum(map(labels.carries, operation.operands)) != 1:
        return None
    is_left = labels.carries(left)
    inputs, weight = (left, right) if is_left else (right, left)
    owner = owner_of(weight)
    if owner is None or not labels.carries(inputs):
        return None
    is_batched = weight.dim() == 3 and weight.stride(0) > 0
    return WeightRead(
        name=owner,
        reads=labels.terms(labels.read(inputs)),
        axis=-1 if is_left else -2,
        copies=weight.shape[0] if is_batched else 1,
    )


_Rule = Callable[[Labels, Operation], Tensor | None]
_WeightRule = Callable[[Labels, Operation, OwnerOf], Tensor | WeightRead | None]
_RULES: Mapping[str, _Rule] = {
    **dict.fromkeys(ELEMENTWISE, _unchanged),
    **dict.fromkeys(CREATIONS, _no_terms),
    **dict.fromkeys(REARRANGEMENTS, _rearranged),
    **dict.fromkeys(ALONG_ONE_AXIS, _mixed_along_axis),
    "cat": _concatenated,
    "constant_pad_nd": _padded,
    "copy_": _copied,
    "glu": _gated,
    "stack": _stacked,
}
_WEIGHT_RULES: Mapping[str, _WeightRule] = {
    **dict.fromkeys(FACTORS, _matrix_product),
    "convolution": _convolution,
}


def _rule(operation: Operation) -> _Rule | None:
    if operation.name in _RULES:
        return _RULES[operation.name]
    if torch.Tag.pointwise in operation.func.tags:
        return _pointwise
    if torch.Tag.reduction in operation.func.tags:
        return _reduced
    return _spatial if SPATIAL.fullmatch(operation.name) else None
