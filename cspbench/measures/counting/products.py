"""The products that single operators compute, as functions of their arguments and results."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.flop_counter import flop_registry

from .formulas import attention_macs, conv_macs, flop_formula

aten = torch.ops.aten


class Convolution(NamedTuple):
    """A convolution of ``inputs`` with ``weight``."""

    inputs: Tensor
    weight: Tensor
    macs: int


class MatrixProduct(NamedTuple):
    """A product of two matrices, or batches of them, that gives ``elements`` numbers.

    Where they come from decides whether it is a layer's. ``is_linear``: as `linear` computes it,
    with a transposed matrix on the right.
    """

    left: Tensor
    right: Tensor
    macs: int
    elements: int
    is_linear: bool = False

    @property
    def summed(self) -> int:
        """The size of the dimension that is summed."""
        return self.macs // max(self.elements, 1)


class Fused(NamedTuple):
    """Layers and products of attention in one operator.

    ``layers`` holds a weight and its number of rows in the input for each fully connected layer;
    ``factors`` are the tensors that attention multiplies, each with the size of the dimension that
    is summed; ``attention_macs`` are those products.
    """

    layers: tuple[tuple[Tensor, int], ...]
    factors: tuple[tuple[Tensor, int], ...]
    attention_macs: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates of layers and attention."""
        return self.attention_macs + sum(rows * weight.numel() for weight, rows in self.layers)


Product = Convolution | MatrixProduct | Fused


def _convolution(args: Sequence[Any], output: Tensor) -> Convolution:
    inputs, weight = args[:2]
    transposed = bool(args[6]) if len(args) > 6 else False
    macs = conv_macs(weight.shape, inputs.shape, output.shape, transposed=transposed)
    return Convolution(inputs, weight, macs)


def _untransposed(args: Sequence[Any], output: Tensor) -> Convolution:
    inputs, weight = args[:2]
    return Convolution(
        inputs, weight, conv_macs(weight.shape, inputs.shape, output.shape, transposed=False)
    )


def _transposed(args: Sequence[Any], output: Tensor) -> Convolution:
    inputs, weight = args[:2]
    return Convolution(
        inputs, weight, conv_macs(weight.shape, inputs.shape, output.shape, transposed=True)
    )


def _time_first_convolution(args: Sequence[Any], output: Tensor) -> Convolution:
    """``weight`` is (kernel, C_in, C_out)."""
    inputs, weight = args[:2]
    return Convolution(inputs, weight, output.numel() * math.prod(weight.shape[:2]))


def _matrices(args: Sequence[Any], output: Tensor) -> MatrixProduct:
    left, right = args[:2]
    is_linear = right.dim() == 2 and right.layout is torch.strided and _is_transposed(right)
    elements = output.numel()
    return MatrixProduct(left, right, elements * left.shape[-1], elements, is_linear)


def _is_transposed(matrix: Tensor) -> bool:
    return matrix.stride(0) <= matrix.stride(1)


def _added_matrices(args: Sequence[Any], output: Tensor) -> MatrixProduct:
    return _matrices(args[1:], output)


def _summed_batch(args: Sequence[Any], output: Tensor) -> MatrixProduct:
    left, right = args[1:3]
    return MatrixProduct(
        left, right, left.shape[0] * output.numel() * left.shape[-1], output.numel()
    )


def _vectors(args: Sequence[Any], output: Tensor) -> MatrixProduct:
    left, right = args[:2]
    return MatrixProduct(left, right, left.numel(), output.numel())


def _added_vectors(args: Sequence[Any], output: Tensor) -> MatrixProduct:
    return _vectors(args[1:], output)


def _outer(args: Sequence[Any], output: Tensor) -> MatrixProduct:
    return MatrixProduct(args[1], args[2], output.numel(), output.numel())


def _rows_by_packed_weight(args: Sequence[Any], output: Tensor) -> MatrixProduct:
    """The right side is packed, so that only the left one has its shape."""
    return MatrixProduct(
        args[0], args[1], output.numel() * args[0].shape[-1], output.numel(), is_linear=True
    )


def _grouped_matrices(args: Sequence[Any], output: Tensor) -> MatrixProduct:
    """Groups of rows, each by a matrix of its own; of two matrices, groups of the sum."""
    left, right = args[:2]
    sums_groups = left.dim() == right.dim() == 2
    macs = left.numel() * right.shape[-1] if sums_groups else output.numel() * left.shape[-1]
    return MatrixProduct(left, right, macs, output.numel())


def _trilinear(args: Sequence[Any], _output: object) -> Fused:
    """Two products one after the other, as torch computes them: of the first two, then the third.

    Dimensions that the third lacks and that are summed are summed in the first product.
    """
    tensors, expanded, summed = args[:3], args[3:6], args[6]
    shapes = []
    for tensor, dims in zip(tensors, expanded, strict=True):
        shape = list(tensor.shape)
        for dim in sorted(dims):
            shape.insert(dim, 1)
        shapes.append(shape)
    full = [max(sizes) for sizes in zip(*shapes, strict=True)]
    first = math.prod(max(sizes) for sizes in zip(*shapes[:2], strict=True))
    gone = math.prod(full[dim] for dim in summed if dim in expanded[2])
    second = math.prod(full) // gone
    return Fused((), (), first + second)


def _attention(args: Sequence[Any], _output: object) -> Fused:
    macs = attention_macs(*(tensor.shape for tensor in args[:3]))
    return Fused((), _factors(args, positions=-2), macs)


def _factors(args: Sequence[Any], *, positions: int) -> tuple[tuple[Tensor, int], ...]:
    """Queries and keys, which are summed over channels, and values, over positions."""
    query, key, value = args[:3]
    channels = int(query.shape[-1])
    return (query, channels), (key, channels), (value, int(value.shape[positions]))


def _attention_of_positions(args: Sequence[Any], _output: object) -> Fused:
    """Queries, keys and values are (N, length, heads, channels)."""
    shapes = [[tensor.shape[index] for index in (0, 2, 1, 3)] for tensor in args[:3]]
    return Fused((), _factors(args, positions=-3), attention_macs(*shapes))


def _varying_lengths(name: str, offsets_at: int) -> Callable[[Sequence[Any], object], Fused]:
    """Attention over sequences of varying lengths, by torch's own formula, if it has them."""
    formula = flop_registry[getattr(aten, name)]

    def product(args: Sequence[Any], output: object) -> Fused:
        if args[offsets_at] is None:
            return _attention_of_positions(args, output)
        macs = formula(*args, out_val=output) // 2
        return Fused((), _factors(args, positions=0), macs)

    return product


def _squares(sequences: Tensor) -> int:
    """The number of pairs of positions, over the batch; lengths may vary in a nested tensor."""
    if sequences.is_nested:
        lengths = sequences._nested_tensor_size()[:, 0]
        return int((lengths * lengths).sum())
    return math.prod(sequences.shape[:-1]) * int(sequences.shape[-2])


def _multihead_attention(args: Sequence[Any], _output: object) -> Fused:
    query, width, weights = args[0], args[3], (args[5], args[7])
    rows = query.numel() // width
    layers = tuple((weight, rows) for weight in weights)
    return Fused(layers, (), 2 * width * _squares(query))


def _encoder_layer(args: Sequence[Any], _output: object) -> Fused:
    inputs, width, weights = args[0], args[1], (args[3], args[5], args[14], args[16])
    rows = inputs.numel() // width
    layers = tuple((weight, rows) for weight in weights)
    return Fused(layers, (), 2 * width * _squares(inputs))


def _mkldnn_rnn(args: Sequence[Any], _output: object) -> Fused:
    """One layer in one direction; the first two weights are matrices."""
    rows = math.prod(args[0].shape[:-1])
    return Fused(((args[1], rows), (args[2], rows)), (), 0)


def _recurrent(args: Sequence[Any], _output: object) -> Fused:
    rows = math.prod(args[0].shape[:-1])
    return Fused(tuple((weight, rows) for weight in args[1] if weight.dim() == 2), (), 0)


_BY_NAME: dict[str, Callable[[Sequence[Any], Any], Product]] = {
    "convolution": _convolution,
    "convolution_overrideable": _convolution,
    "_convolution": _convolution,  # of traced modules
    **dict.fromkeys(
        (
            *("cudnn_convolution", "cudnn_convolution_relu", "cudnn_convolution_add_relu"),
            *("mkldnn_convolution", "miopen_convolution", "miopen_depthwise_convolution"),
            *("_conv_depthwise2d", "conv_depthwise3d", "_slow_conv2d_forward"),
            *("slow_conv_dilated2d", "slow_conv_dilated3d", "slow_conv3d_forward"),
        ),
        _untransposed,
    ),
    **dict.fromkeys(
        (
            *("cudnn_convolution_transpose", "miopen_convolution_transpose"),
            *("slow_conv_transpose2d", "slow_conv_transpose3d"),
        ),
        _transposed,
    ),
    "conv_tbc": _time_first_convolution,
    **dict.fromkeys(("mm", "bmm", "_int_mm", "_scaled_mm", "_scaled_mm_v2"), _matrices),
    **dict.fromkeys(("addmm", "baddbmm", "_addmm_activation"), _added_matrices),
    "addbmm": _summed_batch,
    **dict.fromkeys(("mv", "dot", "vdot"), _vectors),
    "addmv": _added_vectors,
    "addr": _outer,
    **dict.fromkeys(
        (
            *("mkldnn_linear", "_weight_int8pack_mm", "_weight_int4pack_mm"),
            *("_weight_int4pack_mm_for_cpu", "_weight_int4pack_mm_with_scales_and_zeros"),
            *("_dyn_quant_matmul_4bit", "_sparse_semi_structured_linear"),
        ),
        _rows_by_packed_weight,
    ),
    **dict.fromkeys(
        ("_grouped_mm", "_scaled_grouped_mm", "_scaled_grouped_mm_v2"), _grouped_matrices
    ),
    "_trilinear": _trilinear,
    **dict.fromkeys(
        (
            *("_scaled_dot_product_flash_attention", "_scaled_dot_product_efficient_attention"),
            *("_scaled_dot_product_cudnn_attention", "_scaled_dot_product_attention_math_for_mps"),
            "_scaled_dot_product_flash_attention_for_cpu",
            "_scaled_dot_product_fused_attention_overrideable",
            "_triton_scaled_dot_attention",
        ),
        _attention,
    ),
    "_flash_attention_forward": _varying_lengths("_flash_attention_forward", 3),
    "_efficient_attention_forward": _varying_lengths("_efficient_attention_forward", 4),
    "_native_multi_head_attention": _multihead_attention,
    "_triton_multi_head_attention": _multihead_attention,
    "_transformer_encoder_layer_fwd": _encoder_layer,
    "mkldnn_rnn_layer": _mkldnn_rnn,
    **dict.fromkeys(("_cudnn_rnn", "miopen_rnn"), _recurrent),
}

_BY_QUALIFIED_NAME = {f"aten::{name}": product for name, product in _BY_NAME.items()} | {
    "torchvision::deform_conv2d": _untransposed,
}


@functools.cache
def product_of(operator: Any) -> Callable[[Sequence[Any], Any], Product] | None:
    """The function from arguments and result of ``operator`` to the product that it computes."""
    return _BY_QUALIFIED_NAME.get(getattr(operator, "_qualified_op_name", ""))


def flops_of(
    operator: Any, args: Sequence[Any], keywords: Mapping[str, Any], result: object
) -> int:
    """The FLOPs of the products in one call of ``operator``; 0 if it computes none."""
    formula, get_product = flop_formula(operator), product_of(operator)
    if formula is not None:
        return formula(*args, **keywords, out_val=result)
    return 0 if get_product is None else 2 * get_product(args, result).macs
