"""Parts of the YOLO modules other than plain convolutions."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..layers import Conv, activation_layer


def separable_conv(inputs: int, outputs: int, kernel: int, *, activation: str) -> nn.Sequential:
    """Depthwise convolution, then pointwise, each with norm and activation."""
    return nn.Sequential(
        Conv(inputs, inputs, kernel, groups=inputs, activation=activation),
        Conv(inputs, outputs, activation=activation),
    )


class RepConv(nn.Module):
    """Two parallel convolutions with a norm each, summed, then the activation.

    RepVGG (arXiv 2101.03697) in training form, without its identity branch. (N, inputs, H, W) to
    (N, outputs, H, W). ``kernels`` are 3 and 1, or 7 and 3 in a depthwise one for large kernels.
    `reparameterize` makes one convolution of it, ``merged``.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernels: tuple[int, int] = (3, 1),
        *,
        groups: int = 1,
        activation: str = "silu",
    ) -> None:
        super().__init__()
        large, small = kernels
        self.large = Conv(inputs, outputs, large, groups=groups, activation="none")
        self.small = Conv(inputs, outputs, small, groups=groups, activation="none")
        self.act = activation_layer(activation)
        self.merged: nn.Conv2d | None = None

    def forward(self, x: Tensor) -> Tensor:
        total = self.large(x) + self.small(x) if self.merged is None else self.merged(x)
        out: Tensor = self.act(total)
        return out

    def reparameterize(self) -> None:
        """Replace both branches by one convolution with bias that equals them in eval mode.

        It has the large kernel, and the type and device of its weights. Does nothing if done.
        """
        if self.merged is not None:
            return
        large = self.large.conv
        (weight, bias), (small_weight, small_bias) = map(_folded, (self.large, self.small))
        margin = (weight.shape[-1] - small_weight.shape[-1]) // 2
        weight += functional.pad(small_weight, [margin] * 4)
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
        merged.bias = nn.Parameter((bias + small_bias).to(dtype), is_trained)
        self.merged = merged.train(self.training)
        del self.large, self.small


def _folded(branch: Conv) -> tuple[Tensor, Tensor]:
    """Weight and bias, in double precision, of a convolution that equals ``branch`` in eval mode.

    The activation of ``branch`` is left out.
    """
    norm = branch.norm
    assert norm.running_mean is not None
    assert norm.running_var is not None
    with torch.no_grad():
        scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
        weight = branch.conv.weight.double() * scale.view(-1, 1, 1, 1)
        return weight, norm.bias.double() - norm.running_mean.double() * scale


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
