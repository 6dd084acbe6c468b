"""Operations of normalisation, as fvcore adds them to MACs and timm's GMACs therefore hold them."""

from collections.abc import Sequence
from typing import Any

_BATCH_NORMS = frozenset(
    """
    _batch_norm_no_update _batch_norm_with_update _batch_norm_with_update_functional
    _native_batch_norm_legit _native_batch_norm_legit_functional
    _native_batch_norm_legit_no_training batch_norm cudnn_batch_norm miopen_batch_norm
    native_batch_norm
    """.split()  # noqa: SIM905
)
_OTHER_NORMS = {"group_norm": 2, "layer_norm": 2, "native_group_norm": 1, "native_layer_norm": 2}
"""Other norms, by the position of their weight."""


def norm_operations(name: str, args: Sequence[Any]) -> int:
    """The operations of an operator, by fvcore's convention; 0 if it is no normalisation.

    For each element of the input 2 for BatchNorm, as at inference, and 5 for LayerNorm and
    GroupNorm; 1 and 4 without weights.
    """
    if name in _BATCH_NORMS:
        return int(args[0].numel()) * (1 if args[1] is None else 2)
    if name in _OTHER_NORMS:
        position = _OTHER_NORMS[name]
        has_weight = len(args) > position and args[position] is not None
        return int(args[0].numel()) * (5 if has_weight else 4)
    return 0
