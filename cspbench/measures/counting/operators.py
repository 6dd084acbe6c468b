"""A log of the operators in a call, by the module that they ran in."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from ..execution.call import Phase
from ..execution.storages import storage_key
from .formulas import FORMULAS, conv_macs

aten = torch.ops.aten

_MATRIX_PRODUCTS = frozenset({aten.addmm, aten.mm, aten.bmm, aten.baddbmm})
# Operators that only create, view or move data, so that there is no arithmetic to count.
_FREE = frozenset(
    """
    _reshape_alias _to_copy _unsafe_view alias arange as_strided cat chunk clone constant_pad_nd
    contiguous copy copy_ detach detach_ empty empty_like empty_strided expand fill fill_ flatten
    full full_like index_select lift_fresh narrow new_empty new_zeros ones ones_like permute
    pixel_shuffle repeat reshape select slice split split_with_sizes squeeze stack t transpose
    unbind unfold unsafe_chunk unsafe_split unsqueeze view zero_ zeros zeros_like
    """.split()  # noqa: SIM905 -- a list would be fifty lines
)


class OperatorLog(TorchDispatchMode):
    """Logs operators while it is active, on tensors of any kind.

    ``flops`` (by torch's formulas) and ``macs`` are by module and of the forward pass alone,
    ``backward_flops`` of the backward pass; ``weights`` maps the identity of
    each weight that ran to its number of elements. ``stray`` counts calls of weights that are no
    parameters, ``formulaless`` calls of operators without a formula.
    """

    def __init__(self, module: nn.Module, stack: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self._stack = stack
        self._parameters = {storage_key(p): p for p in module.parameters()}
        self.phase: Phase = "activations"
        self.flops: Counter[str] = Counter()
        self.backward_flops = 0
        self.macs: Counter[str] = Counter()
        self.weights: dict[int, int] = {}
        self.activations = 0
        self.cio = 0
        self.stray: Counter[str] = Counter()
        self.formulaless: Counter[str] = Counter()

    def begin_phase(self, phase: Phase) -> None:
        """Log what follows as of ``phase``."""
        self.phase = phase

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        result: object = func(*args, **(kwargs or {}))
        operator = func.overloadpacket
        formula = FORMULAS.get(operator)
        if self.phase != "activations":
            if formula is not None:
                self.backward_flops += formula(*args, **(kwargs or {}), out_val=result)
        elif formula is not None:
            flops = formula(*args, **(kwargs or {}), out_val=result)
            self.flops[self._stack[-1] if self._stack else ""] += flops
            if operator is aten.convolution:
                self._convolution(args, cast("Tensor", result))
            elif operator in _MATRIX_PRODUCTS:
                self._matrix_product(operator, args, cast("Tensor", result))
        elif operator.__name__ not in _FREE and _has_tensor(result):
            self.formulaless[operator.__name__] += 1
        return result

    def _convolution(self, args: tuple[Any, ...], output: Tensor) -> None:
        inputs, weight, transposed = args[0], args[1], args[6]
        self._layer(
            weight,
            output,
            conv_macs(weight.shape, inputs.shape, output.shape, transposed=transposed),
        )
        self.cio += inputs.numel() + output.numel()

    def _matrix_product(self, operator: object, args: tuple[Any, ...], output: Tensor) -> None:
        left, right = args[1:3] if operator in {aten.addmm, aten.baddbmm} else args[:2]
        for side in (right, left):
            if storage_key(side) in self._parameters:
                self._layer(side, output, output.numel() * left.shape[-1])
                return

    def _layer(self, weight: Tensor, output: Tensor, macs: int) -> None:
        parameter = self._parameters.get(storage_key(weight))
        if parameter is None:
            self.stray["a weight that is no parameter of the model"] += 1
        else:
            self.weights[id(parameter)] = parameter.numel()
        self.macs[self._stack[-1] if self._stack else ""] += macs
        self.activations += output.numel()


def _has_tensor(result: object) -> bool:
    leaves = [result] if isinstance(result, Tensor) else pytree.tree_leaves(result)
    return any(isinstance(leaf, Tensor) for leaf in leaves)
