"""Parameters, MACs, FLOPs, activations and CIO, from one pass on meta tensors over a copy.

thop counts through module hooks, torch through its formulas for operators; both watch the same
pass, and where they differ in a module the difference is explained by name. Nothing that a counter
could not see is shown as 0.
"""

import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from ..records.base import Failure
from ..records.measurements import Counts, Disagreement, Layer, Uncounted
from .base import Call, Subject, module_stack

aten = torch.ops.aten

# Operators that only make, view or move data: no arithmetic to count.
_FREE = frozenset(
    """
    _reshape_alias _to_copy _unsafe_view alias arange as_strided cat chunk clone constant_pad_nd
    contiguous copy copy_ detach detach_ empty empty_like empty_strided expand fill fill_ flatten
    full full_like index_select lift_fresh narrow new_empty new_zeros ones ones_like permute
    pixel_shuffle repeat reshape select slice split split_with_sizes squeeze stack t transpose
    unbind unfold unsafe_chunk unsafe_split unsqueeze view zero_ zeros zeros_like
    """.split()  # noqa: SIM905 -- a list would be fifty lines
)


def conv_macs(
    weight: torch.Size, inputs: torch.Size, output: torch.Size, *, transposed: bool
) -> int:
    """Multiply-accumulates of one convolution, bias left out.

    ``weight`` is (C_out, C_in / groups, K_h, K_w), or (C_in, C_out / groups, K_h, K_w) where
    ``transposed``; ``inputs`` and ``output`` are (N, C, H, W).

    >>> size = torch.Size
    >>> conv_macs(size((32, 16, 3, 3)), size((1, 16, 8, 8)), size((1, 32, 8, 8)), transposed=False)
    294912
    """
    return math.prod(inputs if transposed else output) * math.prod(weight[1:])


def conv_backward_flops(
    grad_output: torch.Size, inputs: torch.Size, weight: torch.Size, *rest: Any, **_: Any
) -> int:
    """FLOPs of a convolution's backward: as many as its forward for each gradient that it makes.

    torch's own formula is wrong for groups > 1. The bias gradient, a sum, is left out.
    """
    _bias_sizes, _stride, _padding, _dilation, transposed, _output_padding, _groups, mask = rest
    forward = 2 * conv_macs(weight, inputs, grad_output, transposed=transposed)
    return int(forward * sum(mask[:2]))


_FORMULAS = {aten.convolution_backward: conv_backward_flops}


def flop_counter() -> FlopCounterMode:
    """The FLOP counter of torch, with the convolution's backward put right."""
    return FlopCounterMode(display=False, custom_mapping=dict(_FORMULAS))


def count(subject: Subject) -> Counts:
    """The `Counts` of a subject.

    Allocates no weights. Raises what the module's forward raises, shape errors included.
    """
    case = subject.case
    observed = _observe(subject)
    module, log = observed.module, observed.log
    flops = sum(log.flops.values())
    layer_weights = log.weights | {
        id(child.weight): child.weight.numel()
        for child in module.modules()
        if isinstance(child, _ConvNd | nn.Linear)
    }
    return Counts(
        case=case.key,
        params=sum(p.numel() for p in module.parameters() if p.requires_grad),
        weights=sum(layer_weights.values()),
        macs=sum(log.macs.values()),
        thop_macs=observed.thop if isinstance(observed.thop, Failure) else observed.thop.total,
        flops=flops,
        backward_flops=_backward_flops(subject, flops) if case.mode == "train" else None,
        activations=log.activations,
        cio=log.cio,
        uncounted=tuple(_uncounted(observed)),
        disagreements=tuple(_disagreements(observed)),
        layers=tuple(_layers(observed)),
    )


class _OperatorLog(TorchDispatchMode):
    """What each operator did, by the module it ran in; FLOPs by torch's formulas."""

    def __init__(self, module: nn.Module, stack: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self._stack = stack
        self._parameters = {_storage(p): p for p in module.parameters()}
        self.flops: Counter[str] = Counter()
        self.macs: Counter[str] = Counter()
        self.weights: dict[int, int] = {}
        self.activations = 0
        self.cio = 0
        self.stray: Counter[str] = Counter()
        self.formulaless: Counter[str] = Counter()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        result: object = func(*args, **(kwargs or {}))
        operator = func.overloadpacket
        formula = flop_registry.get(operator)
        if formula is not None:
            flops = formula(*args, **(kwargs or {}), out_val=result)
            self.flops[self._stack[-1] if self._stack else ""] += flops
            if operator is aten.convolution:
                self._convolution(args, cast("Tensor", result))
            elif operator in _MATRIX_PRODUCTS:
                self._matrix_product(operator, args, cast("Tensor", result))
        elif operator.__name__ not in _FREE and _on_meta(result):
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
            if _storage(side) in self._parameters:
                self._layer(side, output, output.numel() * left.shape[-1])
                return

    def _layer(self, weight: Tensor, output: Tensor, macs: int) -> None:
        parameter = self._parameters.get(_storage(weight))
        if parameter is None:
            self.stray["a weight that is no parameter of the model"] += 1
        else:
            self.weights[id(parameter)] = parameter.numel()
        self.macs[self._stack[-1] if self._stack else ""] += macs
        self.activations += output.numel()


_MATRIX_PRODUCTS = frozenset({aten.addmm, aten.mm, aten.bmm, aten.baddbmm})


@dataclass(slots=True)
class _Thop:
    total: int
    by_path: dict[str, int]


@dataclass(slots=True)
class _Observed:
    """One pass on meta, as each counter saw it; ``by_path`` figures leave children out."""

    module: nn.Module
    log: _OperatorLog
    calls: "_Calls"
    thop: _Thop | Failure


def _observe(subject: Subject) -> _Observed:
    """One forward pass under all counters; a second one only where thop itself breaks."""
    try:
        return _watched(subject, _thop_forward)
    except _ThopBrokeError as broke:
        observed = _watched(subject, _plain_forward)
        observed.thop = Failure(reason=f"thop raised {broke}")
        return observed


class _ThopBrokeError(Exception):
    """thop raised; whether the model would have is found out without it."""


_Forward = Callable[[nn.Module, Tensor], "_Thop | Failure"]


def _watched(subject: Subject, forward: _Forward) -> _Observed:
    module = subject.meta().eval()
    inputs = torch.empty(subject.case.input_shape, device="meta")
    calls = _Calls()
    with module_stack(module, calls.note) as stack:
        log = _OperatorLog(module, stack)
        with torch.no_grad(), log:
            thop = forward(module, inputs)
    return _Observed(module=module, log=log, calls=calls, thop=thop)


def _plain_forward(module: nn.Module, inputs: Tensor) -> Failure:
    module(inputs)
    return Failure(reason="thop was not run")


def _thop_forward(module: nn.Module, inputs: Tensor) -> _Thop:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # thop imports distutils
        import thop
    try:
        total, _, tree = thop.profile(module, (inputs,), verbose=False, ret_layer_info=True)
    except Exception as error:
        raise _ThopBrokeError(f"{type(error).__name__}: {error}") from error
    by_path: dict[str, int] = {}

    def flatten(path: str, node: tuple[float, float, dict[str, Any]]) -> None:
        ops, _params, children = node
        by_path[path] = int(ops) - sum(int(child[0]) for child in children.values())
        for name, child in children.items():
            flatten(f"{path}.{name}" if path else name, child)

    flatten("", (total, 0, tree))
    return _Thop(total=int(total), by_path=by_path)


@dataclass(slots=True)
class _Calls:
    """Each module's calls, and the shape of its last output's first tensor."""

    number: Counter[str] = field(default_factory=Counter)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def note(self, path: str, output: object) -> None:
        """``path`` returned ``output``."""
        self.number[path] += 1
        leaves = [output] if isinstance(output, Tensor) else pytree.tree_leaves(output)
        tensor = next((leaf for leaf in leaves if isinstance(leaf, Tensor)), None)
        if tensor is not None:
            self.shapes[path] = tuple(tensor.shape)


def _backward_flops(subject: Subject, forward_flops: int) -> int:
    module = subject.meta()
    if not subject.case.input_gradient and not any(p.requires_grad for p in module.parameters()):
        return 0  # nothing needs a gradient, so that there is no backward
    call = Call(subject.case, module, "meta")
    with flop_counter() as counter:
        call()
    return int(counter.get_total_flops()) - forward_flops


def _layers(observed: _Observed) -> Iterator[Layer]:
    for path, child in observed.module.named_modules():
        own = (p.numel() for p in child.parameters(recurse=False) if p.requires_grad)
        yield Layer(
            path=path,
            type=type(child).__name__,
            output_shape=observed.calls.shapes.get(path),
            params=sum(own),
            macs=observed.log.macs[path],
            calls=observed.calls.number[path],
        )


def _uncounted(observed: _Observed) -> Iterator[Uncounted]:
    """What no formula or rule covers, the most frequent first."""
    if not isinstance(observed.thop, Failure):
        from thop.profile import register_hooks

        missed: Counter[str] = Counter()
        for path, child in observed.module.named_modules():
            leaf = next(child.children(), None) is None
            does_nothing = isinstance(child, nn.Identity) or not observed.calls.number[path]
            if leaf and not does_nothing and type(child) not in register_hooks:
                missed[type(child).__name__] += observed.calls.number[path]
        for name, calls in missed.most_common():
            yield Uncounted(
                counter="thop",
                name=name,
                calls=calls,
                reason="no rule for this type: 0 MACs in thop",
            )
    for name, calls in observed.log.formulaless.most_common():
        yield Uncounted(counter="torch", name=name, calls=calls, reason="no FLOP formula")
    for name, calls in observed.log.stray.items():
        yield Uncounted(
            counter="cspbench",
            name=name,
            calls=calls,
            reason="missing from params; is a layer held in a plain list?",
        )


def _disagreements(observed: _Observed) -> Iterator[Disagreement]:
    if isinstance(observed.thop, Failure):
        return
    parents = Counter(
        id(child) for _, child in observed.module.named_modules(remove_duplicate=False)
    )
    by_path = observed.thop.by_path
    for path, child in observed.module.named_modules(remove_duplicate=False):
        thop_macs, torch_macs = by_path.get(path, 0), observed.log.flops[path] // 2
        if thop_macs == torch_macs:
            continue
        yield Disagreement(
            path=path,
            type=type(child).__name__,
            thop_macs=thop_macs,
            torch_macs=torch_macs,
            explanation=_explain(child, thop_macs, torch_macs, parents[id(child)]),
        )


def _explain(module: nn.Module, thop_macs: int, torch_macs: int, parents: int) -> str:
    from thop.profile import register_hooks

    kind = type(module).__name__
    ruled = [base.__name__ for base in type(module).__mro__ if base in register_hooks]
    if parents > 1:
        return f"module used twice: it hangs under {parents} parents and thop counts it for each"
    if torch_macs == 0:
        return f"{kind} counted: thop adds its operations to MACs"
    if thop_macs == 0 and not ruled:
        return "functional call: its forward calls operators that no module hook sees"
    if thop_macs == 0 and type(module) not in register_hooks:
        return f"exact-type miss: thop has a rule for {ruled[0]}, not for its subclass"
    if isinstance(module, _ConvTransposeNd):
        return "transposed convolution: thop multiplies by the output's size, not the input's"
    return "unexplained: please report the module"


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)  # noqa: SLF001 -- torch's only stable identity


def _on_meta(result: object) -> bool:
    """Whether an operator was the model's own: thop's bookkeeping runs on the CPU."""
    leaves = [result] if isinstance(result, Tensor) else pytree.tree_leaves(result)
    return any(isinstance(leaf, Tensor) and leaf.is_meta for leaf in leaves)
