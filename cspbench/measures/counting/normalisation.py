"""Operations of normalisation, as fvcore adds them to MACs and timm's GMACs therefore hold them."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

_BATCH_NORMS = frozenset(
    """
    _batch_norm_no_update _batch_norm_with_update _batch_norm_with_update_functional
    _native_batch_norm_legit _native_batch_norm_legit_functional
    _native_batch_norm_legit_no_training batch_norm cudnn_batch_norm miopen_batch_norm
    native_batch_norm
    """.split()  # noqa: SIM905
)
_UPDATING = frozenset({"cudnn_batch_norm", "miopen_batch_norm", "native_batch_norm"})
"""Batch norms that write running statistics of which their schemas say nothing."""
_OTHER_NORMS = {"group_norm": 2, "layer_norm": 2, "native_group_norm": 1, "native_layer_norm": 2}
"""Other norms, by the position of their weight."""


def norm_operations(name: str, args: Sequence[Any]) -> int:
    """The operations of an operator, by fvcore's convention; 0 if it is no normalisation.

    For each element of the input 2 for BatchNorm with known statistics, 5 for one that computes
    them, LayerNorm and GroupNorm; 1 and 4 without weights.
    """
    if name in _BATCH_NORMS:
        position = 1
        is_training = _computes_statistics(name, args)
    elif name in _OTHER_NORMS:
        position, is_training = _OTHER_NORMS[name], True
    else:
        return 0
    has_weight = len(args) > position and args[position] is not None
    return int(args[0].numel()) * ((5 if is_training else 2) - (0 if has_weight else 1))


def updated_statistics(name: str, args: Sequence[Any]) -> list[Tensor]:
    """The running statistics that the operator ``name`` writes without its schema saying so."""
    if name not in _UPDATING or not _computes_statistics(name, args):
        return []
    return [value for value in args[3:5] if isinstance(value, Tensor)]


def _computes_statistics(name: str, args: Sequence[Any]) -> bool:
    """Whether a batch norm is in training; the flag's position differs, and some have none."""
    return "with_update" in name or any(value is True for value in args[3:6])
