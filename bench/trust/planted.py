"""A block with work that can be planted in it; copied as it is into the trials' repositories."""

from torch import Tensor, nn


class Block(nn.Module):
    """``depth`` 3x3 convolutions with BatchNorm and ReLU, and one convolution that changes nothing.

    Input and output are (N, channels, H, W). The further convolution, 1x1 from ``channels`` to
    ``expansion * channels``, works on the first ``pixels`` of the input and its result is not used.
    """

    def __init__(self, *, channels: int, depth: int, expansion: int, pixels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(channels, channels, 3, padding=1, bias=False),
                    nn.BatchNorm2d(channels),
                    nn.ReLU(),
                )
                for _ in range(depth)
            )
        )
        self.further = nn.Conv2d(channels, expansion * channels, 1, bias=False)
        self.pixels = pixels

    def forward(self, x: Tensor) -> Tensor:
        """Return the layers' output."""
        self.work(x, self.pixels)
        output: Tensor = self.layers(x)
        return output

    def work(self, x: Tensor, pixels: int) -> None:
        """Convolve the first ``pixels`` of each map."""
        self.further(x.flatten(2).unsqueeze(2)[..., :pixels])
