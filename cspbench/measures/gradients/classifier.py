"""The small classifier that a block is trained in."""

from torch import Tensor, nn

from ...blocks.classifier import LinearHead
from ...blocks.layers import Conv
from ...choices import Head


class Classifier(nn.Module):
    """A 3x3 convolution with norm and ReLU, the block, a global average pool, a linear layer.

    Maps (N, inputs, H, W) to logits (N, classes); the block maps (N, channels, H, W) to
    (N, outputs, H', W'). With the head ``conv``, a second 3x3 convolution with norm and ReLU and
    ``outputs`` channels comes between block and pool.
    """

    def __init__(
        self,
        block: nn.Module,
        *,
        inputs: int,
        channels: int,
        outputs: int,
        classes: int,
        head: Head = "pool",
    ) -> None:
        super().__init__()
        self.stem = Conv(inputs, channels, 3, activation="relu")
        self.block = block
        classifier = LinearHead(outputs, classes)
        conv = Conv(outputs, outputs, 3, activation="relu") if head == "conv" else nn.Identity()
        self.head = nn.Sequential(conv, classifier)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.block(self.stem(images)))
        return logits
