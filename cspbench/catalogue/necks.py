"""Necks of detectors: they join three levels of a feature pyramid, of the strides 8, 16 and 32."""

from .entry import Entry, Parameter
from .parameters import ACTIVATIONS, activation, count

_FINEST = (1, 256, 32, 32)  # stride 8 of a 256 x 256 image
_LEVELS = (
    count("c3", 256, "input channels of the finest level, at stride 8"),
    count("c4", 512, "input channels of the level at stride 16"),
    count("c5", 1024, "input channels of the level at stride 32"),
)
_NAMES = tuple(level.name for level in _LEVELS)
_CHANNELS = "output channels of every level"

ENTRIES = (
    Entry(
        name="fpn",
        build=".blocks.necks:FPN",
        description="neck: 1x1, coarser maps added to finer ones, 3x3",
        source="FPN, arXiv 1612.03144",
        input_shape=_FINEST,
        parameters=(*_LEVELS, count("channels", 256, _CHANNELS)),
        levels=_NAMES,
    ),
    Entry(
        name="pan",
        build=".blocks.necks:PAN",
        description="neck: fpn, then finer maps added to coarser ones, 3x3",
        source="PANet, arXiv 1803.01534, section 3.1",
        input_shape=_FINEST,
        parameters=(
            *_LEVELS,
            count("channels", 256, _CHANNELS),
            Parameter(
                name="activation",
                default="relu",
                help="activation after each convolution of the path from fine to coarse",
                choices=ACTIVATIONS,
            ),
        ),
        levels=_NAMES,
    ),
    Entry(
        name="bifpn",
        build=".blocks.necks:BiFPN",
        description="neck: both paths with learned weights and separable 3x3, repeated",
        source="EfficientDet, arXiv 1911.09070; three levels",
        input_shape=_FINEST,
        parameters=(
            *_LEVELS,
            count("channels", 64, _CHANNELS),
            count("layers", 3, "bidirectional layers in series", maximum=1000),
            activation("silu"),
        ),
        levels=_NAMES,
    ),
)
