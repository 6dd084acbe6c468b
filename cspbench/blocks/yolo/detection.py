"""Detection heads without anchors: boxes and classes of each position, in branches of their own.

The head of YOLOv8, which later YOLO networks have with cheaper class branches, with two heads that
are trained together (YOLOv10, arXiv 2405.14458), and with single numbers in place of distributions
(YOLO26, arXiv 2509.25164). The distribution of an edge's distance is that of arXiv 2006.04388.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..channels import require_positive
from ..layers import Conv
from .parts import separable_conv


class Distances(nn.Module):
    """Expected distance of each of four edges: (N, 4 * bins, P) to (N, 4, P), in cells.

    The softmax over ``bins`` times 0, 1, …, in one frozen 1x1 convolution.
    """

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.bins = bins
        self.expectation = nn.Conv2d(bins, 1, 1, bias=False)
        self.expectation.requires_grad_(requires_grad=False)
        with torch.no_grad():
            self.expectation.weight.copy_(torch.arange(bins).view(1, bins, 1, 1))

    def forward(self, logits: Tensor) -> Tensor:
        batch, _, positions = logits.shape
        shares = logits.view(batch, 4, self.bins, positions).transpose(1, 2).softmax(dim=1)
        distances: Tensor = self.expectation(shares)
        return distances.view(batch, 4, positions)


class Branches(nn.Module):
    """The branches of boxes and classes on each of several feature maps.

    Takes (N, C_i, H_i, W_i) for each of ``channels`` and returns a list of
    (N, 4 * bins + classes, H_i, W_i). ``separable``: depthwise separable convolutions in the class
    branches, as since YOLOv10.
    """

    def __init__(
        self, channels: Sequence[int], classes: int, *, bins: int, separable: bool, activation: str
    ) -> None:
        super().__init__()
        box = max(16, channels[0] // 4, 4 * bins)
        scores = max(channels[0], min(classes, 100))

        def branch(inputs: int, inner: int, outputs: int, *, separable: bool) -> nn.Sequential:
            layers = [
                separable_conv(before, inner, 3, activation=activation)
                if separable
                else Conv(before, inner, 3, activation=activation)
                for before in (inputs, inner)
            ]
            return nn.Sequential(*layers, nn.Conv2d(inner, outputs, 1))

        self.boxes = nn.ModuleList(branch(c, box, 4 * bins, separable=False) for c in channels)
        self.scores = nn.ModuleList(
            branch(c, scores, classes, separable=separable) for c in channels
        )

    def forward(self, *features: Tensor) -> list[Tensor]:
        return [
            torch.cat([boxes(x), scores(x)], dim=1)
            for boxes, scores, x in zip(self.boxes, self.scores, features, strict=True)
        ]


class Detect(nn.Module):
    """Boxes and class scores at all positions of several feature maps.

    Takes (N, C_i, H_i, W_i) for each of ``channels``, at ``strides`` pixels a cell. In training
    mode returns the branches' outputs, a list of (N, 4 * bins + classes, H_i, W_i). In eval mode
    returns predictions (N, 4 + classes, positions of all maps): center, width and height in pixels,
    and scores in [0, 1]; neither suppressed nor sorted. With ``bins=1`` an edge's distance is a
    number, not a distribution.

    ``one_to_one`` adds branches that are trained on a detached input for predictions which need no
    suppression. Then both lists are returned in training, and both predictions in eval mode, those
    of one-to-one first.
    Unless ``one_to_many``, they are the only ones: what is deployed. Raises ValueError for an
    argument that is not above 0, and where there would be no branches.
    """

    def __init__(
        self,
        *,
        channels: Sequence[int],
        strides: Sequence[int],
        classes: int = 80,
        bins: int = 16,
        separable: bool = True,
        one_to_one: bool = False,
        one_to_many: bool = True,
        activation: str = "silu",
    ) -> None:
        super().__init__()
        require_positive(classes=classes, bins=bins)
        if not (one_to_one or one_to_many):
            raise ValueError("a head needs one_to_one, one_to_many or both")
        self.classes = classes
        self.strides = tuple(strides)

        def branches() -> Branches:
            return Branches(
                channels, classes, bins=bins, separable=separable, activation=activation
            )

        self.one_to_one = branches() if one_to_one else None
        self.one_to_many = branches() if one_to_many else None
        self.distances = Distances(bins) if bins > 1 else nn.Identity()

    def forward(self, *features: Tensor) -> list[Tensor] | Tensor | tuple[object, ...]:
        maps: list[list[Tensor]] = []
        if self.one_to_one is not None:
            is_shared = self.one_to_many is not None
            maps.append(self.one_to_one(*(x.detach() if is_shared else x for x in features)))
        if self.one_to_many is not None:
            maps.append(self.one_to_many(*features))
        if self.training:
            return maps[0] if len(maps) == 1 else tuple(maps)
        predictions = [self.predictions(item) for item in maps]
        return predictions[0] if len(predictions) == 1 else tuple(predictions)

    def predictions(self, maps: Sequence[Tensor]) -> Tensor:
        """Boxes and scores of the branches' outputs: (N, 4 + classes, positions)."""
        logits = torch.cat([item.flatten(2) for item in maps], dim=2)
        boxes, scores = logits.split([logits.shape[1] - self.classes, self.classes], dim=1)
        left_top, right_bottom = self.distances(boxes).chunk(2, dim=1)
        centers, strides = self._cells(maps)
        low, high = centers - left_top, centers + right_bottom
        boxes = torch.cat([(low + high) / 2, high - low], dim=1) * strides
        return torch.cat([boxes, scores.sigmoid()], dim=1)

    def _cells(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """The centers of all cells, x over y, in cells: (2, positions); and their strides."""
        centers, strides = [], []
        for item, stride in zip(maps, self.strides, strict=True):
            y, x = (
                torch.arange(size, device=item.device, dtype=item.dtype) + 0.5
                for size in item.shape[2:]
            )
            grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
            centers.append(torch.stack([grid_x.flatten(), grid_y.flatten()]))
            strides.append(item.new_full((grid_x.numel(),), stride))
        return torch.cat(centers, dim=1), torch.cat(strides)
