"""A log of the operators in a call, by the module that they ran in."""

import functools
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch._ops import HigherOrderOperator, OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from ..execution.call import Call, Phase
from .complex_parts import ComplexParts
from .formulas import flop_formula
from .lineage import Lineage, Sources, tensors_in
from .normalisation import norm_operations
from .products import Convolution, Fused, MatrixProduct, flops_of, product_of

# Operators that only create, view or move data, so that there is no arithmetic to count.
_FREE = frozenset(
    """
    _reshape_alias _to_copy _unsafe_view alias arange as_strided cat chunk clone constant_pad_nd
    contiguous copy copy_ detach detach_ device empty empty_like empty_strided expand fill fill_
    flatten full full_like index_select lift_fresh narrow new_empty new_zeros ones ones_like permute
    pixel_shuffle repeat reshape select slice split split_with_sizes squeeze stack t transpose
    unbind unfold unsafe_chunk unsafe_split unsqueeze view view_as_complex view_as_real zero_ zeros
    zeros_like
    """.split()  # noqa: SIM905 -- a list would be fifty lines
)
_NAMES_OF_PRODUCTS = re.compile(
    r"mm|mv$|matmul|(?<!bi)(?<!tri)(?<!upsample_)linear|conv|attention|lstm|gru|rnn"
)


class _Pending(NamedTuple):
    """A product of an activation with a weight in the module ``path``.

    ``factor`` is the number of the activation, and the size of the dimension that is summed.
    """

    path: str
    factor: tuple[int, int]
    macs: int
    elements: int
    sources: Sources
    size: int
    is_stray: bool


class OperatorObserver(TorchDispatchMode, ABC):
    """Passes each operator of a call to `observe` while it is active.

    Operators that torch computes by others are taken apart, as they arrive in inference mode.
    """

    supports_higher_order_operators = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]

    @abstractmethod
    def observe(
        self, func: Any, args: tuple[Any, ...], keywords: Mapping[str, Any], result: object
    ) -> None:
        """Note a call of ``func``, which returned ``result``."""

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        keywords = kwargs or {}
        if _is_composite(func):
            with self:
                result: object = func.decompose(*args, **keywords)
            return result
        result = func(*args, **keywords)
        self.observe(func, args, keywords, result)
        return result


class OperatorLog(OperatorObserver):
    """Logs the operators of a call while it is active, on tensors of any kind.

    ``macs`` (of convolutions and fully connected layers), ``matmul_macs`` (of all other products)
    and ``flops`` are by module and of the forward pass alone, ``backward_flops`` of the backward
    pass. ``weights`` maps the parameters of each weight that ran to its number of elements.
    ``stray`` counts calls of weights that are no parameters of the model, ``formulaless`` calls of
    operators without a formula, ``unknown`` those that are likely to compute products; ``complex``
    holds the modules that convolve complex numbers.
    """

    def __init__(self, call: Call, stack: list[str]) -> None:
        super().__init__()
        self._stack = stack
        self._linear = {
            path for path, child in call.module.named_modules() if isinstance(child, nn.Linear)
        }
        self._lineage = Lineage(call.module, call.arguments.tensors)
        self._complex = ComplexParts()
        self._multiplied: set[tuple[int, int]] = set()
        self._pending: list[_Pending] = []
        self.phase: Phase = "activations"
        self.flops: Counter[str] = Counter()
        self.backward_flops = 0
        self.macs: Counter[str] = Counter()
        self.matmul_macs: Counter[str] = Counter()
        self.weights: dict[Sources, int] = {}
        self.norm_operations = 0
        self.activations = 0
        self.cio = 0
        self.stray: Counter[str] = Counter()
        self.formulaless: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.complex: set[str] = set()

    def begin_phase(self, phase: Phase) -> None:
        """Log what follows as of ``phase``."""
        self.phase = phase

    def finish(self) -> None:
        """Decide which products of an activation with a weight are those of layers.

        If the activation is also multiplied with another over the same dimension, as queries are
        with keys, the weight is a table of attention (of positions); so the product is attention's.
        """
        for item in self._pending:
            if item.factor in self._multiplied:
                self.matmul_macs[item.path] += item.macs
            else:
                self._add_layer(item.path, item.macs, item.elements)
                self._add_weight(item.sources, item.size, is_stray=item.is_stray)
        self._pending.clear()

    def observe(
        self, func: Any, args: tuple[Any, ...], keywords: Mapping[str, Any], result: object
    ) -> None:
        """Count the call, forward by module."""
        operator = getattr(func, "overloadpacket", func)
        if self.phase != "activations":
            self.backward_flops += flops_of(operator, args, keywords, result)
            return
        results = list(tensors_in((result,)))
        if not results:
            return
        arguments = list(tensors_in((*args, *keywords.values())))
        name = operator.__name__
        self._lineage.record(name, arguments, results)
        self._complex.record(name, arguments, results[0])
        if name not in _FREE:
            self.norm_operations += norm_operations(name, args)
            self._count(operator, args, keywords, result)

    def _count(
        self, operator: Any, args: Sequence[Any], keywords: Mapping[str, Any], result: object
    ) -> None:
        path = self._stack[-1] if self._stack else ""
        get_product = product_of(operator)
        if get_product is None:
            if flop_formula(operator) is None:
                self._name(operator, result)
            else:  # attention in a higher-order operator
                flops = flops_of(operator, args, keywords, result)
                self.flops[path] += flops
                self.matmul_macs[path] += flops // 2
            return
        product = get_product(args, result)
        if isinstance(product, Convolution):
            self._convolution(product, path, result)
        elif isinstance(product, MatrixProduct):
            self._matrix_product(product, path, result)
        else:
            self._fused(product, path)
        self.flops[path] += flops_of(operator, args, keywords, result)

    def _convolution(self, product: Convolution, path: str, output: Any) -> None:
        macs, elements = product.macs, output.numel()
        # The third of a complex convolution takes back the second: its elements count once.
        sign = -1 if self._complex.completes(product.weight) else 1
        self._add_layer(path, sign * macs, sign * elements)
        self.cio += sign * (product.inputs.numel() + elements)
        if sign < 0:
            self.complex.add(path)
        self._add_weight_of(product.weight)
        self._lineage.activate(output)

    def _matrix_product(self, product: MatrixProduct, path: str, output: Any) -> None:
        left = self._lineage.activation(product.left)
        right = self._lineage.activation(product.right)
        if left is not None and right is not None:
            self._multiplied |= {(left, product.summed), (right, product.summed)}
            self.matmul_macs[path] += product.macs
            return
        weight = product.right if right is None else product.left
        activation = right if left is None else left
        if activation is not None and path not in self._linear:
            self._pending.append(
                _Pending(
                    path,
                    (activation, product.summed),
                    product.macs,
                    product.elements,
                    self._lineage.sources(weight),
                    self._lineage.element_count(weight),
                    self._lineage.is_stray(weight),
                )
            )
        elif activation is not None or product.is_linear:
            self._add_layer(path, product.macs, product.elements)
            self._add_weight_of(weight)
            self._lineage.activate(output)
        else:
            self.matmul_macs[path] += product.macs  # of weights alone

    def _fused(self, product: Fused, path: str) -> None:
        for tensor, size in product.factors:
            number = self._lineage.activation(tensor)
            if number is not None:
                self._multiplied.add((number, size))
        if product.attention_macs:
            self.matmul_macs[path] += product.attention_macs
        for weight, rows in product.layers:
            self._add_layer(path, rows * weight.numel(), rows * weight.shape[0])
            self._add_weight_of(weight)

    def _add_layer(self, path: str, macs: int, elements: int) -> None:
        self.macs[path] += macs
        self.activations += elements

    def _add_weight_of(self, weight: Tensor) -> None:
        lineage = self._lineage
        self._add_weight(
            lineage.sources(weight),
            lineage.element_count(weight),
            is_stray=lineage.is_stray(weight),
        )

    def _add_weight(self, sources: Sources, size: int, *, is_stray: bool) -> None:
        if is_stray:
            self.stray["a weight that is no parameter of the model"] += 1
        else:
            self.weights[sources] = max(size, self.weights.get(sources, 0))

    def _name(self, operator: Any, result: object) -> None:
        name, namespace = operator.__name__, _namespace(operator)
        if namespace not in {"aten", "prim", "prims"}:
            self.unknown[f"{namespace}::{name}"] += 1
        elif _NAMES_OF_PRODUCTS.search(name):
            self.unknown[name] += 1
        elif any(t.is_floating_point() or t.is_complex() for t in tensors_in((result,))):
            self.formulaless[name] += 1  # FLOPs are of floating-point numbers


def _namespace(operator: Any) -> str:
    if isinstance(operator, HigherOrderOperator):
        return "higher_order"
    return str(operator._qualified_op_name).partition("::")[0]


@functools.cache
def _is_composite(func: Any) -> bool:
    """Whether torch computes an operator by others, among which products may be."""
    if not isinstance(func, OpOverload):
        return False
    operator, key = func.overloadpacket, torch._C.DispatchKey.CompositeImplicitAutograd
    return (
        operator.__name__ not in _FREE
        and product_of(operator) is None
        and bool(torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), key))
    )
