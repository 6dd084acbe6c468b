"""Attention among the positions of a feature map, as inner blocks of the YOLO modules.

All but `TransformerLayer` take (N, channels, H, W) and return the same shape. The scores of
`SpatialAttention` are a tensor; `TransformerLayer` leaves it to torch whether they are.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..channels import attention_heads, require_positive, scaled
from ..layers import Conv
from .bottlenecks import Residual


class SpatialAttention(nn.Module):
    """Multi-head attention among positions, with a depthwise convolution of the values added.

    The convolution, ``kernel`` wide, tells where a position is. Queries and keys have ``key_ratio``
    times the channels of a head, rounded down, but at least one. The positions, row by row, are cut
    into ``area`` parts of equal length, and each attends to those of its own part alone; raises
    ValueError where H * W is no multiple of ``area``, and for ``heads`` that do not divide the
    channels. The scores of a head are a tensor of (H * W)**2 / area elements.
    """

    def __init__(
        self, channels: int, *, heads: int, key_ratio: float, kernel: int, area: int = 1
    ) -> None:
        super().__init__()
        require_positive(heads=heads, area=area)
        if channels % heads:
            raise ValueError(f"{heads} heads do not divide the {channels} channels")
        self.heads, self.area = heads, area
        self.value_channels = channels // heads
        self.key_channels = scaled(self.value_channels, key_ratio)
        outputs = channels + 2 * heads * self.key_channels
        self.qkv = Conv(channels, outputs, activation="none")
        self.position = Conv(channels, channels, kernel, groups=channels, activation="none")
        self.project = Conv(channels, channels, activation="none")

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        if height * width % self.area:
            raise ValueError(
                f"area={self.area} does not divide the {height} x {width} positions of its map"
            )
        parts = self.qkv(x).reshape(batch, self.heads, -1, self.area, height * width // self.area)
        sizes = [self.key_channels, self.key_channels, self.value_channels]
        query, key, value = parts.permute(0, 3, 1, 2, 4).split(sizes, dim=3)
        scores = (query.transpose(-2, -1) @ key) * self.key_channels**-0.5
        attended = value @ scores.softmax(dim=-1).transpose(-2, -1)
        shape = (batch, channels, height, width)
        attended, value = (
            tensor.permute(0, 2, 3, 1, 4).reshape(shape) for tensor in (attended, value)
        )
        out: Tensor = self.project(attended + self.position(value))
        return out


class AttentionBlock(nn.Sequential):
    """`SpatialAttention`, then two 1x1 to twice the channels and back, each part residual.

    By default that of YOLOv10 (arXiv 2405.14458): one head for every 64 channels, queries and keys
    of half a head's channels, a 3x3 as positional encoding.
    """

    def __init__(
        self,
        channels: int,
        *,
        head_channels: int = 64,
        key_ratio: float = 0.5,
        kernel: int = 3,
        area: int = 1,
        activation: str = "silu",
    ) -> None:
        heads = attention_heads(channels, channels // head_channels)
        attention = SpatialAttention(
            channels, heads=heads, key_ratio=key_ratio, kernel=kernel, area=area
        )
        super().__init__(
            Residual(attention, shortcut=True),
            Residual(
                Conv(channels, 2 * channels, activation=activation),
                Conv(2 * channels, channels, activation="none"),
                shortcut=True,
            ),
        )


class AreaAttentionBlocks(nn.Sequential):
    """A pair of `AttentionBlock`s in areas: YOLOv12 (arXiv 2502.12524).

    One head for every 32 channels, a 7x7 as positional encoding.
    """

    def __init__(self, channels: int, *, area: int, activation: str = "silu") -> None:
        super().__init__(
            *(
                AttentionBlock(
                    channels,
                    head_channels=32,
                    key_ratio=1.0,
                    kernel=7,
                    area=area,
                    activation=activation,
                )
                for _ in range(2)
            )
        )


class TransformerLayer(nn.Module):
    """Multi-head attention and two linear layers, each residual, without norms: YOLOv5.

    (H * W, N, channels) to the same shape. Queries, keys and values have a linear layer before
    those of the attention.
    """

    def __init__(self, channels: int, *, heads: int) -> None:
        super().__init__()
        self.query = nn.Linear(channels, channels, bias=False)
        self.key = nn.Linear(channels, channels, bias=False)
        self.value = nn.Linear(channels, channels, bias=False)
        self.attention = nn.MultiheadAttention(channels, heads)
        self.first = nn.Linear(channels, channels, bias=False)
        self.second = nn.Linear(channels, channels, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        attended, _ = self.attention(
            self.query(tokens), self.key(tokens), self.value(tokens), need_weights=False
        )
        attended = attended + tokens
        out: Tensor = self.second(self.first(attended)) + attended
        return out


class TransformerBlock(nn.Module):
    """``n`` `TransformerLayer`s of four heads over a linear positional encoding: YOLOv5.

    Fewer heads where four do not divide ``channels``.
    """

    def __init__(self, channels: int, n: int) -> None:
        super().__init__()
        require_positive(n=n)
        heads = attention_heads(channels, 4)
        self.position = nn.Linear(channels, channels)
        self.layers = nn.Sequential(*(TransformerLayer(channels, heads=heads) for _ in range(n)))

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2).permute(2, 0, 1)
        out: Tensor = self.layers(tokens + self.position(tokens))
        return out.permute(1, 2, 0).reshape(x.shape)


class HypergraphAttention(nn.Module):
    """Positions gathered into ``edges`` hyperedges and spread again: YOLOv13 (arXiv 2506.17733).

    An edge's prototype is learned, and moved by the mean and the maximum of all positions. How far
    a position takes part in an edge is the product of both, mean over heads of 16 channels, softmax
    over positions. Features of an edge are those positions' sum; a linear layer and GELU follow,
    there and after the way back to positions, whose sum with the input is the output.
    """

    def __init__(self, channels: int, edges: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        require_positive(edges=edges)
        self.edges = edges
        self.heads = attention_heads(channels, channels // 16)
        self.prototypes = nn.Parameter(nn.init.xavier_uniform_(torch.empty(edges, channels)))
        self.offsets = nn.Linear(2 * channels, edges * channels)
        self.project = nn.Linear(channels, channels)
        self.dropout = nn.Dropout(dropout)
        self.edge = nn.Linear(channels, channels)
        self.node = nn.Linear(channels, channels)

    def participation(self, nodes: Tensor) -> Tensor:
        """The shares of positions in edges, which sum to 1 over positions: (N, H * W, edges).

        ``nodes`` is (N, H * W, channels).
        """
        batch, positions, channels = nodes.shape
        context = torch.cat([nodes.mean(dim=1), nodes.amax(dim=1)], dim=1)
        offsets = self.offsets(context).view(batch, self.edges, channels)
        heads = (self.heads, channels // self.heads)
        keys = (self.prototypes + offsets).view(batch, self.edges, *heads).transpose(1, 2)
        queries = self.project(nodes).view(batch, positions, *heads).transpose(1, 2)
        scores = queries @ keys.transpose(-2, -1) * heads[1] ** -0.5
        shares: Tensor = self.dropout(scores.mean(dim=1)).softmax(dim=1)
        return shares

    def forward(self, x: Tensor) -> Tensor:
        nodes = x.flatten(2).transpose(1, 2)
        shares = self.participation(nodes)
        edges = functional.gelu(self.edge(shares.transpose(1, 2) @ nodes))
        nodes = functional.gelu(self.node(shares @ edges)) + nodes
        return nodes.transpose(1, 2).reshape(x.shape)
