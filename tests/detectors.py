"""Whole detectors as they come: strides from a dry run in the constructor, anchors from a call.

Built from public descriptions of their structure (YOLOv8: C2f, SPPF, a top-down and a bottom-up
path, a head without anchors whose boxes are distributions over 16 distances), of this package's
blocks. What matters to a harness is what such modules do beside their layers: the constructor runs
a forward pass and reads values of its result, the head keeps tensors in plain attributes.
"""

import copy
import math

import torch
from torch import Tensor, nn

from cspbench.blocks.layers import Conv
from cspbench.blocks.yolo.chunked import C2f

Maps = list[Tensor]


class SPPF(nn.Module):
    """Three 5 x 5 maxima in series, all tapped: the fast form of spatial pyramid pooling."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = Conv(channels, channels // 2)
        self.pool = nn.MaxPool2d(5, stride=1, padding=2)
        self.fuse = Conv(channels * 2, channels)

    def forward(self, x: Tensor) -> Tensor:
        taps = [self.reduce(x)]
        for _ in range(3):
            taps.append(self.pool(taps[-1]))
        fused: Tensor = self.fuse(torch.cat(taps, dim=1))
        return fused


class Backbone(nn.Module):
    """Stages at strides 8, 16 and 32, of 64, 128 and 256 channels (the smallest width)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            Conv(3, 16, 3, stride=2), Conv(16, 32, 3, stride=2), C2f(c1=32, c2=32, n=1)
        )
        self.stages = nn.ModuleList(
            (
                nn.Sequential(Conv(32, 64, 3, stride=2), C2f(c1=64, c2=64, n=2)),
                nn.Sequential(Conv(64, 128, 3, stride=2), C2f(c1=128, c2=128, n=2)),
                nn.Sequential(Conv(128, 256, 3, stride=2), C2f(c1=256, c2=256, n=1), SPPF(256)),
            )
        )

    def forward(self, x: Tensor) -> Maps:
        maps, x = [], self.stem(x)
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class Neck(nn.Module):
    """The path down from stride 32 to 8, and up again."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.down16 = C2f(c1=384, c2=128, n=1, shortcut=False)
        self.down8 = C2f(c1=192, c2=64, n=1, shortcut=False)
        self.halve8 = Conv(64, 64, 3, stride=2)
        self.up16 = C2f(c1=192, c2=128, n=1, shortcut=False)
        self.halve16 = Conv(128, 128, 3, stride=2)
        self.up32 = C2f(c1=384, c2=256, n=1, shortcut=False)

    def forward(self, maps: Maps) -> Maps:
        at8, at16, at32 = maps
        at16 = self.down16(torch.cat([self.up(at32), at16], dim=1))
        at8 = self.down8(torch.cat([self.up(at16), at8], dim=1))
        at16 = self.up16(torch.cat([self.halve8(at8), at16], dim=1))
        at32 = self.up32(torch.cat([self.halve16(at16), at32], dim=1))
        return [at8, at16, at32]


class Expectation(nn.Module):
    """The expected distance of a distribution over 16: a frozen 1 x 1 convolution."""

    def __init__(self, bins: int = 16) -> None:
        super().__init__()
        self.bins = bins
        self.conv = nn.Conv2d(bins, 1, 1, bias=False).requires_grad_(requires_grad=False)
        self.conv.weight.data[:] = torch.arange(bins, dtype=torch.float).view(1, bins, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, anchors = x.shape
        likely = x.view(batch, 4, self.bins, anchors).transpose(1, 2).softmax(dim=1)
        distances: Tensor = self.conv(likely)
        return distances.view(batch, 4, anchors)


class Decoupled(nn.Module):
    """Boxes and classes of each map by two convolutions and a 1 x 1 each; decoded in eval mode.

    ``stride`` is set by the detector. Anchors are made in the first call, and again for another
    shape; both are plain attributes.
    """

    def __init__(self, channels: tuple[int, ...], classes: int = 80, bins: int = 16) -> None:
        super().__init__()
        self.classes = classes
        self.stride = torch.zeros(len(channels))
        self.anchors = self.strides = torch.empty(0)
        self.shape: torch.Size | None = None
        boxes, scores = max(16, channels[0] // 4, 4 * bins), max(channels[0], min(classes, 100))
        self.boxes = _branches(channels, boxes, 4 * bins)
        self.scores = _branches(channels, scores, classes)
        self.distances = Expectation(bins)

    def forward(self, maps: Maps) -> Maps | tuple[Tensor, Maps]:
        maps = [
            torch.cat([boxes(x), scores(x)], dim=1)
            for x, boxes, scores in zip(maps, self.boxes, self.scores, strict=True)
        ]
        return maps if self.training else (self.decoded(maps), maps)

    def decoded(self, maps: Maps) -> Tensor:
        """Centres, sizes and scores (N, 4 + classes, anchors)."""
        if self.shape != maps[0].shape:
            self.shape = maps[0].shape
            self.anchors, self.strides = _grid(maps, self.stride)
        flat = torch.cat([x.flatten(2) for x in maps], dim=2)
        boxes, scores = flat.split((flat.shape[1] - self.classes, self.classes), dim=1)
        before, after = self.distances(boxes).chunk(2, dim=1)
        low, high = self.anchors - before, self.anchors + after
        return torch.cat(
            [torch.cat([(low + high) / 2, high - low], dim=1) * self.strides, scores.sigmoid()],
            dim=1,
        )

    def initialise(self) -> None:
        """Start the scores' biases at some objects an image, for which the strides are read."""
        for branch, stride in zip(self.scores, self.stride, strict=True):
            last = list(branch.children())[-1]
            share = 5 / self.classes / (640 / float(stride)) ** 2
            last.get_parameter("bias").data[:] = math.log(share)


class OneToOne(Decoupled):
    """Two heads as in YOLOv10: one for training's many matches, one that is read out."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__(channels)
        self.one_boxes, self.one_scores = copy.deepcopy(self.boxes), copy.deepcopy(self.scores)

    def forward(self, maps: Maps) -> Maps | tuple[Tensor, Maps]:
        first = [
            torch.cat([boxes(x.detach()), scores(x.detach())], dim=1)
            for x, boxes, scores in zip(maps, self.one_boxes, self.one_scores, strict=True)
        ]
        many = super().forward(maps)
        if self.training:
            assert isinstance(many, list)
            return many + first
        return self.decoded(first), first


class Anchored(nn.Module):
    """YOLOv5's head: three anchor shapes a map, whose grids are kept by map and made by shape."""

    def __init__(self, channels: tuple[int, ...], classes: int = 80) -> None:
        super().__init__()
        self.outputs = 5 + classes
        self.stride = torch.zeros(len(channels))
        self.grid = [torch.empty(0) for _ in channels]
        sizes = torch.tensor([[10, 13, 16, 30, 33, 23], [30, 61, 62, 45, 59, 119]])
        self.register_buffer("sizes", torch.cat([sizes, sizes[1:] * 3]).view(3, 3, 2).float())
        self.convs = nn.ModuleList(nn.Conv2d(size, 3 * self.outputs, 1) for size in channels)

    def forward(self, maps: Maps) -> Maps | tuple[Tensor, Maps]:
        boxes = []
        raw = [conv(x) for conv, x in zip(self.convs, maps, strict=True)]
        for level, x in enumerate(raw):
            batch, _, height, width = x.shape
            raw[level] = x.view(batch, 3, self.outputs, height, width).permute(0, 1, 3, 4, 2)
            if self.training:
                continue
            if self.grid[level].shape[2:4] != (height, width):
                rows, columns = torch.meshgrid(
                    torch.arange(height, device=x.device),
                    torch.arange(width, device=x.device),
                    indexing="ij",
                )
                grid = torch.stack((columns, rows), dim=2).expand(1, 3, height, width, 2)
                self.grid[level] = grid.to(x.dtype) - 0.5
            centre, size, rest = raw[level].sigmoid().split((2, 2, self.outputs - 4), dim=4)
            centre = (centre * 2 + self.grid[level]) * self.stride[level]
            size = (size * 2) ** 2 * self.get_buffer("sizes")[level].view(1, 3, 1, 1, 2)
            decoded = torch.cat((centre, size, rest), dim=4)
            boxes.append(decoded.reshape(batch, 3 * height * width, self.outputs))
        return raw if self.training else (torch.cat(boxes, dim=1), raw)

    def initialise(self) -> None:
        """Divide the anchors by the strides and compare orders, as constructors do."""
        areas = self.get_buffer("sizes").prod(dim=2).mean(dim=1)
        if (areas[-1] - areas[0]).sign() != (self.stride[-1] - self.stride[0]).sign():
            self.get_buffer("sizes").copy_(self.get_buffer("sizes").flip(0))


class StrideInForward(Decoupled):
    """A head that takes each map's stride as a number, in every forward pass."""

    def decoded(self, maps: Maps) -> Tensor:
        """As its base class, for strides that are read anew."""
        levels = [float(stride) for stride in self.stride]
        self.anchors, self.strides = _grid(maps, torch.tensor(levels, device=maps[0].device))
        self.shape = maps[0].shape
        return super().decoded(maps)


class Detector(nn.Module):
    """Backbone, neck and ``head``, whose strides a forward pass of 256 x 256 zeros tells."""

    def __init__(self, head: Decoupled | Anchored) -> None:
        super().__init__()
        self.backbone, self.neck, self.head = Backbone(), Neck(), head
        head.train()
        maps = self(torch.zeros(1, 3, 256, 256))
        heights = [x.shape[2] for x in maps[: len(head.stride)]]
        head.stride = torch.tensor([256 / height for height in heights])
        head.initialise()

    def forward(self, x: Tensor) -> Maps | tuple[Tensor, Maps]:
        output: Maps | tuple[Tensor, Maps] = self.head(self.neck(self.backbone(x)))
        return output


def yolov8n() -> Detector:
    """A YOLOv8n: 3,157,200 parameters, of which 16 are frozen."""
    return Detector(Decoupled((64, 128, 256)))


def one_to_one() -> Detector:
    """The same with two heads."""
    return Detector(OneToOne((64, 128, 256)))


def anchored() -> Detector:
    """The same with YOLOv5's head."""
    return Detector(Anchored((64, 128, 256)))


def stride_in_forward() -> Detector:
    """The same with a head that reads its strides in the forward pass."""
    return Detector(StrideInForward((64, 128, 256)))


def _branches(channels: tuple[int, ...], hidden: int, outputs: int) -> nn.ModuleList:
    return nn.ModuleList(
        nn.Sequential(Conv(size, hidden, 3), Conv(hidden, hidden, 3), nn.Conv2d(hidden, outputs, 1))
        for size in channels
    )


def _grid(maps: Maps, stride: Tensor) -> tuple[Tensor, Tensor]:
    """The centres (2, anchors) of all cells, in cells, and each anchor's stride (1, anchors)."""
    centres, strides = [], []
    for x, step in zip(maps, stride, strict=True):
        height, width = x.shape[2:]
        rows, columns = torch.meshgrid(
            torch.arange(height, device=x.device, dtype=x.dtype) + 0.5,
            torch.arange(width, device=x.device, dtype=x.dtype) + 0.5,
            indexing="ij",
        )
        centres.append(torch.stack((columns, rows)).flatten(1))
        strides.append(step.to(x).expand(1, height * width))
    return torch.cat(centres, dim=1), torch.cat(strides, dim=1)
