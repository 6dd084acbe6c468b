"""Batch normalisations folded into the convolutions that they follow."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.utils.fusion import fuse_conv_bn_weights

from ..execution.copying import copy_with
from ..execution.inputs import Arguments
from .reading import Reads, reads_of

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
_CONVOLUTIONS: tuple[type[nn.Module], ...] = (
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
)

_DOUBLE: dict[str, Any] = {"dtype": torch.float64, "device": "cpu"}


def fold(module: nn.Module, arguments_on: Callable[[str], Arguments]) -> tuple[int, dict[str, int]]:
    """Fold the batch normalisations of ``module``, in eval mode, where that leaves its outputs.

    A norm is folded if it alone reads the output of one convolution or fully connected layer; both
    must run once. That is observed in a call with the arguments that ``arguments_on`` makes on a
    device. The module is changed in place. Returns how many were folded, and how many were left,
    by the reason. What the module raises in a call on its own tensors goes through.
    """
    modules = dict(module.named_modules())
    norms = {path: child for path, child in modules.items() if isinstance(child, _BatchNorm)}
    if not norms:
        return 0, {}
    reads = reads_of(module, arguments_on)
    replaced: dict[int, nn.Module] = {}
    left: Counter[str] = Counter()
    for path, norm in norms.items():
        reason = next(_obstacles(path, norm, modules, reads), "")
        rest = None if reason else _rest_of(norm)
        if rest is None:
            left[reason or "does more than normalise"] += 1
        else:
            convolution: Any = modules[reads.sources[path].path]
            convolution.weight, convolution.bias = _folded(convolution, norm)
            replaced[id(norm)] = rest
    _replace(module, replaced)
    return len(replaced), dict(left)


def _obstacles(
    path: str, norm: _BatchNorm, modules: dict[str, nn.Module], reads: Reads
) -> Iterator[str]:
    """Why the norm ``path`` cannot be folded, the most telling reason first; none if it can be."""
    source = reads.sources.get(path)
    if not reads.calls[path]:
        yield "never runs"
    if reads.calls[path] > 1 or path in reads.shared:
        yield "is shared"
    if norm.training or norm.running_mean is None or norm.running_var is None:
        yield "has no running statistics"
    if source is None:
        yield "does not follow a convolution"
        return
    if source.readers > 1:
        yield "its convolution is read elsewhere, too"
    if reads.calls[source.path] > 1 or source.path in reads.shared:
        yield "its convolution is shared"
    convolution = modules[source.path]
    if _has_hooks(norm) or _has_hooks(convolution):
        yield "has a hook, or its convolution has one"
    if not _has_plain_weight(convolution):
        yield "its convolution computes its weight"
    if not _only_convolves(convolution):
        yield "its convolution does more than convolve"


def _has_hooks(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)  # noqa: SLF001


def _has_plain_weight(convolution: nn.Module) -> bool:
    """Whether the weight, and the bias if there is one, are parameters and not computed."""
    parameters = dict(convolution.named_parameters(recurse=False))
    weight, bias = getattr(convolution, "weight", None), getattr(convolution, "bias", None)
    return (
        weight is not None
        and weight is parameters.get("weight")
        and bias is parameters.get("bias")
        and isinstance(weight, nn.Parameter)
        and weight.is_floating_point()
        and weight.layout == torch.strided
    )


def _folded(convolution: nn.Module, norm: _BatchNorm) -> tuple[nn.Parameter, nn.Parameter]:
    """Weight and bias with which ``convolution`` also does what ``norm`` does in eval mode.

    They are computed in double precision, and have the weight's type.
    """
    assert isinstance(convolution, _ConvNd | nn.Linear)
    weight = convolution.weight
    bias, *statistics = (
        None if tensor is None else tensor.detach().double()
        for tensor in (
            convolution.bias,
            norm.running_mean,
            norm.running_var,
            norm.weight,
            norm.bias,
        )
    )
    mean, variance, scale, shift = statistics
    assert mean is not None
    assert variance is not None
    wide = weight.detach().double()
    groups = convolution.groups if isinstance(convolution, _ConvTransposeNd) else 0
    if groups:
        wide = _outputs_first(wide, groups)
    wide, bias = fuse_conv_bn_weights(wide, bias, mean, variance, norm.eps, scale, shift)
    if groups:
        wide = _outputs_first(wide, groups)
    is_trained = weight.requires_grad
    return (
        nn.Parameter(wide.detach().to(weight.dtype), is_trained),
        nn.Parameter(bias.detach().to(weight.dtype), is_trained),
    )


def _outputs_first(weight: Tensor, groups: int) -> Tensor:
    """A transposed convolution's weight with the dimensions of inputs and outputs exchanged.

    (inputs, outputs / groups, ...) to (outputs, inputs / groups, ...), and back.
    """
    exchanged: Tensor = weight.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)
    return exchanged


def _only_convolves(convolution: nn.Module) -> bool:
    """Whether ``convolution`` runs torch's forward, or else does as much with a folded norm."""
    kind = next((base for base in _CONVOLUTIONS if isinstance(convolution, base)), None)
    names = ("forward", "_conv_forward")
    if not any(name in vars(convolution) for name in names) and all(
        getattr(type(convolution), name, None) is getattr(kind, name, None) for name in names
    ):
        return True
    return _agree(lambda: _trial_of_convolution(convolution))


def _rest_of(norm: _BatchNorm) -> nn.Module | None:
    """What ``norm`` does after it has normalised; None if its children do not do just that."""
    if type(norm) in _NORMS and "forward" not in vars(norm):
        return nn.Identity()
    children = OrderedDict(
        (name, child) for name, child in norm.named_children() if type(child) is not nn.Identity
    )
    if not _agree(lambda: _trial_of_norm(norm)):
        return None
    if len(children) == 1:
        return next(iter(children.values()))
    return nn.Sequential(children) if children else nn.Identity()


def _agree(trial: Callable[[], tuple[Tensor, Tensor]]) -> bool:
    """Whether the two outputs of a trial are the same but for rounding.

    A trial that raises does not agree.
    """
    try:
        with torch.no_grad():
            before, after = trial()
        return bool(torch.allclose(before, after, rtol=1e-6, atol=1e-9))
    except Exception:  # noqa: BLE001 -- a forward may raise anything
        return False


def _trial_of_norm(norm: _BatchNorm) -> tuple[Tensor, Tensor]:
    """Outputs of ``norm``, and of a plain norm followed by its children."""
    fresh = _Fresh()
    norm = copy_with(norm, fresh)
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    dims = next((n for n, kind in enumerate(kinds, 1) if isinstance(norm, kind)), 2)
    x = fresh.normal(2, norm.num_features, *[3] * dims)
    after = functional.batch_norm(
        x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
    )
    for child in norm.children():
        after = child(after)
    return norm(x), after


def _trial_of_convolution(original: nn.Module) -> tuple[Tensor, Tensor]:
    """Outputs of ``convolution`` followed by a norm, and of it with that norm folded."""
    fresh = _Fresh()
    convolution: Any = copy_with(original, fresh)
    if isinstance(convolution, nn.Linear):
        shape, channels = (2, convolution.in_features), convolution.out_features
    else:
        sizes = zip(convolution.kernel_size, convolution.dilation, strict=True)
        spans = (dilation * (size - 1) + 3 for size, dilation in sizes)
        shape, channels = (2, convolution.in_channels, *spans), convolution.out_channels
    norm = copy_with(nn.BatchNorm1d(channels).eval(), fresh)
    x = fresh.normal(*shape)
    before = functional.batch_norm(
        convolution(x), norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
    )
    convolution.weight, convolution.bias = _folded(convolution, norm)
    return before, convolution(x)


class _Fresh:
    """Makes tensors of random values in double precision on the CPU, the same in each run."""

    def __init__(self) -> None:
        self._generator = torch.Generator().manual_seed(0)

    def __call__(self, tensor: Tensor) -> Tensor:
        """One between 0.5 and 1.5 in the place of ``tensor``, zeros if it is of whole numbers."""
        if not tensor.is_floating_point():
            return torch.zeros(tensor.shape, dtype=tensor.dtype, device="cpu")
        return 0.5 + torch.rand(tensor.shape, generator=self._generator, **_DOUBLE)

    def normal(self, *shape: int) -> Tensor:
        """One of normally distributed values."""
        return torch.randn(shape, generator=self._generator, **_DOUBLE)


def _replace(root: nn.Module, replaced: dict[int, nn.Module]) -> None:
    """Put other modules in the places of some, by their identity, under all of their names."""
    for parent in root.modules():
        for name, child in list(parent._modules.items()):  # noqa: SLF001 -- names of shared ones, too
            if id(child) in replaced:
                parent._modules[name] = replaced[id(child)]  # noqa: SLF001
