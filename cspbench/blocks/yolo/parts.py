"""Parts of the YOLO modules other than plain convolutions."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..channels import require_channels, require_positive
from ..layers import Conv, activation_layer, plain_conv


def separable_conv(inputs: int, outputs: int, kernel: int, *, activation: str) -> nn.Sequential:
    """Depthwise convolution, then pointwise, each with norm and activation."""
    return nn.Sequential(
        Conv(inputs, inputs, kernel, groups=inputs, activation=activation),
        Conv(inputs, outputs, activation=activation),
    )


def plain_separable_conv(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1, activation: str
) -> nn.Sequential:
    """Depthwise convolution, then pointwise, one norm and activation after both."""
    return nn.Sequential(
        plain_conv(inputs, inputs, kernel, stride=stride, groups=inputs),
        Conv(inputs, outputs, activation=activation),
    )


class GhostConv(nn.Module):
    """A 1x1 convolution to half of the outputs, a depthwise 5x5 of these, concat: GhostNet.

    (N, inputs, H, W) to (N, outputs, H, W). Of odd ``outputs``, the 1x1 makes one more than the
    5x5. The structure is YOLOv5's, after arXiv 1911.11907.
    """

    def __init__(self, inputs: int, outputs: int, *, activation: str) -> None:
        super().__init__()
        require_positive(outputs=outputs)
        half = outputs - outputs // 2
        self.outputs = outputs
        self.primary = Conv(inputs, half, activation=activation)
        self.cheap = Conv(half, half, 5, groups=half, activation=activation)

    def forward(self, x: Tensor) -> Tensor:
        primary = self.primary(x)
        features = torch.cat([primary, self.cheap(primary)], dim=1)
        return features if self.outputs % 2 == 0 else features[:, : self.outputs]


class RepConv(nn.Module):
    """Two parallel convolutions with a norm each, summed, then the activation.

    RepVGG (arXiv 2101.03697) in training form. (N, inputs, H, W) to (N, outputs, H, W).
    ``kernels`` are 3 and 1, or 7 and 3 in a depthwise one for large kernels. With ``identity`` a
    third branch is a norm alone, as in RepVGG itself; raises ValueError where inputs and outputs
    then differ. `reparameterize` makes one convolution of all branches, ``merged``.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernels: tuple[int, int] = (3, 1),
        *,
        groups: int = 1,
        identity: bool = False,
        activation: str = "silu",
    ) -> None:
        super().__init__()
        if identity:
            require_channels(outputs, expected=inputs)
        large, small = kernels
        self.large = Conv(inputs, outputs, large, groups=groups, activation="none")
        self.small = Conv(inputs, outputs, small, groups=groups, activation="none")
        self.norm = nn.BatchNorm2d(inputs) if identity else None
        self.act = activation_layer(activation)
        self.merged: nn.Conv2d | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.merged is not None:
            total = self.merged(x)
        else:
            total = self.large(x) + self.small(x)
            if self.norm is not None:
                total = total + self.norm(x)
        out: Tensor = self.act(total)
        return out

    def reparameterize(self) -> None:
        """Replace all branches by one convolution with bias that equals them in eval mode.

        It has the large kernel, and the type and device of its weights. Does nothing if done.
        """
        if self.merged is not None:
            return
        large = self.large.conv
        weight, bias = _folded(large.weight, self.large.norm)
        branches = [_folded(self.small.conv.weight, self.small.norm)]
        if self.norm is not None:
            branches.append(_folded(_identity_weight(large), self.norm))
        for branch_weight, branch_bias in branches:
            margin = (weight.shape[-1] - branch_weight.shape[-1]) // 2
            weight += functional.pad(branch_weight, [margin] * 4)
            bias += branch_bias
        with torch.device("meta"):  # its own weights are never made
            merged = nn.Conv2d(
                large.in_channels,
                large.out_channels,
                weight.shape[-1],
                padding=weight.shape[-1] // 2,
                groups=large.groups,
            )
        dtype, is_trained = large.weight.dtype, large.weight.requires_grad
        merged.weight = nn.Parameter(weight.to(dtype), is_trained)
        merged.bias = nn.Parameter(bias.to(dtype), is_trained)
        self.merged = merged.train(self.training)
        del self.large, self.small, self.norm


def _folded(weight: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weight and bias, in double precision, of one convolution for ``weight`` and then ``norm``.

    It equals both in eval mode.
    """
    assert norm.running_mean is not None
    assert norm.running_var is not None
    with torch.no_grad():
        scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
        folded = weight.double() * scale.view(-1, 1, 1, 1)
        return folded, norm.bias.double() - norm.running_mean.double() * scale


def _identity_weight(like: nn.Conv2d) -> Tensor:
    """The weight of the 1x1 convolution, grouped as ``like``, that returns its input."""
    inputs = like.in_channels // like.groups
    positions = torch.arange(like.out_channels, device=like.weight.device) % inputs
    return functional.one_hot(positions, inputs).view(-1, inputs, 1, 1)


class ChannelAttention(nn.Module):
    """Each channel times a gate in [0, 1], made from all channels' means over H and W.

    The effective squeeze and excitation of VoVNetV2 (arXiv 1911.06667): one 1x1 convolution with
    bias, on (N, channels, 1, 1), and a hard sigmoid. (N, channels, H, W) to the same shape.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)
        self.gate = nn.Hardsigmoid()

    def forward(self, x: Tensor) -> Tensor:
        gate: Tensor = self.gate(self.conv(x.mean(dim=(2, 3), keepdim=True)))
        return x * gate


class PyramidPooling(nn.Module):
    """Concat of the input and its maxima over 5 x 5, 9 x 9 and 13 x 13 pixels around each pixel.

    Spatial pyramid pooling (arXiv 1406.4729) at stride 1. (N, C, H, W) to (N, 4 * C, H, W).
    """

    def __init__(self) -> None:
        super().__init__()
        self.pools = nn.ModuleList(
            nn.MaxPool2d(size, stride=1, padding=size // 2) for size in (5, 9, 13)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, *(pool(x) for pool in self.pools)], dim=1)


class SerialPooling(nn.Module):
    """Concat of the input and its maxima over 5 x 5 pixels, taken once, twice and three times.

    The maxima are those of `PyramidPooling`, at less cost: the fast form of YOLOv5. (N, C, H, W) to
    (N, 4 * C, H, W).
    """

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(5, stride=1, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        maxima = [x]
        for _ in range(3):
            maxima.append(self.pool(maxima[-1]))
        return torch.cat(maxima, dim=1)
