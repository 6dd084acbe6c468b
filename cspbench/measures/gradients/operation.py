"""One call of an operator, and kinds of operators by their effect on elements."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

# Elementwise operators, besides those that torch tags as pointwise. The statistics of a
# normalisation, which join the channels of a group, are ignored.
ELEMENTWISE = frozenset(
    """
    _fused_rms_norm _native_batch_norm_legit _native_batch_norm_legit_no_training _prelu_kernel
    _to_copy cudnn_batch_norm hardswish hardswish_ mish mish_ native_batch_norm native_dropout
    native_group_norm native_layer_norm
    """.split()  # noqa: SIM905 -- as in `measures.counting.operators`
)
# Operators that only move elements: applied to labels, they move these in the same way.
REARRANGEMENTS = frozenset(
    """
    channel_shuffle flip im2col native_channel_shuffle pixel_shuffle pixel_unshuffle repeat roll
    """.split()  # noqa: SIM905
)
# Operators whose result does not depend on the values of their tensors.
CREATIONS = frozenset(
    """
    empty_like fill_ full_like new_empty new_empty_strided new_full new_ones new_zeros ones_like
    rand_like randn_like zero_ zeros_like
    """.split()  # noqa: SIM905
)
# Operators on the last axes, as many as the digit says: pooling, upsampling, padding.
SPATIAL = re.compile(
    r"_?(?:(?:adaptive_)?(?:avg|max)_pool|upsample_[a-z_]+|(?:reflection|replication)_pad)"
    r"(?P<axes>[123])d(?:_with_indices|_aa)?"
)
# Operators that mix along one axis: followed only if labels are equal along it.
ALONG_ONE_AXIS = frozenset({"_log_softmax", "_softmax", "cumsum"})
SPLITS = frozenset(
    "select slice split split_with_sizes unbind unsafe_split unsafe_split_with_sizes".split()  # noqa: SIM905
)
# Matrix products, and the names of the arguments that are multiplied.
FACTORS = {
    "addmm": ("mat1", "mat2"),
    "baddbmm": ("batch1", "batch2"),
    "bmm": ("self", "mat2"),
    "linear": ("input", "weight"),
    "mm": ("self", "mat2"),
}
_UNMARKED_VIEWS = frozenset({"_unsafe_view", "unsafe_split", "unsafe_split_with_sizes"})


class Operation:
    """One call of an operator: its arguments by name, defaults included, and its tensors."""

    def __init__(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self.func = func
        self.name: str = func.overloadpacket.__name__
        self.is_view = (
            func.is_view or torch.Tag.inplace_view in func.tags or self.name in _UNMARKED_VIEWS
        )
        parameters = func._schema.arguments  # noqa: SLF001 -- there is no public schema
        self.arguments = {
            parameter.name: args[index]
            if index < len(args)
            else kwargs.get(parameter.name, parameter.default_value)
            for index, parameter in enumerate(parameters)
        }
        leaves = pytree.tree_leaves(list(self.arguments.values()))
        self.operands = [leaf for leaf in leaves if isinstance(leaf, Tensor)]

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    @property
    def first(self) -> Tensor:
        """The first tensor among the arguments."""
        return self.operands[0]
