"""CSP modules of the YOLO line."""

from .entry import Entry, Parameter
from .parameters import activation, count, ratio

_INPUT = (1, 128, 32, 32)

_PARAMETERS = (
    count("c1", 128, "input channels"),
    count("c2", 128, "output channels"),
    count("n", 3, "bottlenecks in series", maximum=1000),
    count("k", 1, "kernel of each bottleneck's first convolution, odd: 1, or 3 in later releases"),
    Parameter(name="shortcut", default=True, help="each bottleneck adds its input"),
    count("groups", 1, "groups of each bottleneck's 3x3 convolution"),
    ratio("e", 0.5, "channels of each path over c2"),
    activation("silu"),
)

ENTRIES = (
    Entry(
        name="bottleneck_csp",
        build=".blocks.yolo:BottleneckCSP",
        description="bottlenecks beside a bypass, a convolution after each, concat, fuse",
        source="YOLOv5; scaled YOLOv4, arXiv 2011.08036",
        input_shape=_INPUT,
        parameters=_PARAMETERS,
        channels="c1",
    ),
    Entry(
        name="c3",
        build=".blocks.yolo:C3",
        description="bottlenecks beside a bypass, concat, fuse: fusion first",
        source="YOLOv5; YOLOX, arXiv 2107.08430",
        input_shape=_INPUT,
        parameters=_PARAMETERS,
        channels="c1",
    ),
)
