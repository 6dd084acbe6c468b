"""Layers that only networks given as graphs have, described as the catalogue's entries are."""

from .entry import Entry, Parameter
from .parameters import activation, count, flag

_C1, _C2 = count("c1", 64, "input channels"), count("c2", 64, "output channels")
_SILU = activation("silu")
_YOLOV8 = "YOLOv8; generalized focal loss, arXiv 2006.04388"


def _layer(name: str, build: str, description: str, source: str, *parameters: Parameter) -> Entry:
    return Entry(
        name=name,
        build=build,
        description=description,
        source=source,
        input_shape=(1, 64, 32, 32),
        parameters=parameters,
    )


CONCAT, UPSAMPLE, DETECT, CLASSIFY = "concat", "upsample", "detect", "classify"
HALVING = ("adown", "scdown")
"""Layers that always halve H and W."""
HEADS = (DETECT, CLASSIFY)
"""Layers that return no feature map."""

LAYERS = (
    _layer(
        "conv",
        ".blocks.yolo.sampling:conv",
        "convolution, batch normalisation, activation",
        "YOLOv5",
        _C1,
        _C2,
        count("k", 1, "kernel"),
        count("stride", 1, "stride", maximum=2),
        count("groups", 1, "groups"),
        _SILU,
    ),
    _layer(
        "adown",
        ".blocks.yolo.sampling:ADown",
        "means, then 3x3 of stride 2 beside a pool and 1x1; halves H and W",
        "YOLOv9, arXiv 2402.13616",
        _C1,
        _C2,
        _SILU,
    ),
    _layer(
        "scdown",
        ".blocks.yolo.sampling:SCDown",
        "1x1, then a depthwise convolution of stride 2; halves H and W",
        "YOLOv10, arXiv 2405.14458",
        _C1,
        _C2,
        count("k", 3, "kernel of the depthwise convolution"),
        _SILU,
    ),
    _layer(
        UPSAMPLE, ".blocks.yolo.sampling:upsample", "each value repeated; doubles H and W", "YOLOv5"
    ),
    _layer(CONCAT, ".blocks.yolo.sampling:Concat", "maps of one size after each other", "YOLOv5"),
    _layer(
        DETECT,
        ".blocks.yolo.detection:Detect",
        "boxes and class scores at all positions of the maps that it takes",
        _YOLOV8,
        count("classes", 80, "classes of objects"),
        count("bins", 16, "bins of an edge's distance; 1: a number"),
        flag("separable", "depthwise separable convolutions for classes", default=True),
        flag("one_to_one", "branches whose predictions need no suppression", default=False),
        flag("one_to_many", "branches whose predictions need suppression", default=True),
        _SILU,
    ),
    _layer(
        CLASSIFY,
        ".blocks.classifier:LinearHead",
        "global average pool, fully connected layer",
        "ResNet, arXiv 1512.03385",
        count("classes", 1000, "classes of the logits"),
    ),
)
