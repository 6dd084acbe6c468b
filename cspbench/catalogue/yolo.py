"""CSP modules of the YOLO family, grouped by how they split and join their channels."""

from .entry import Entry, Parameter
from .parameters import activation, count, ratio

_INPUT = (1, 128, 32, 32)
_CSPNET = "CSPNet, arXiv 1911.11929"
_YOLOV5 = f"YOLOv5; {_CSPNET}"
_YOLOV7 = "YOLOv7, arXiv 2207.02696"
_YOLOV8 = f"YOLOv8; {_CSPNET}"
_YOLOV9 = "YOLOv9, arXiv 2402.13616"
_YOLO11 = "YOLO11, arXiv 2410.17725"
_SCALED_YOLOV4 = "scaled YOLOv4, arXiv 2011.08036"
_YOLOX = "YOLOX, arXiv 2107.08430"


def _flag(name: str, text: str, *, default: bool) -> Parameter:
    return Parameter(name=name, default=default, help=text)


_C1 = count("c1", 128, "input channels")
_C2 = count("c2", 128, "output channels")
_ENDS = (_C1, _C2)
_N = count("n", 3, "inner blocks in series", maximum=1000)
_K = "kernel of each bottleneck's first convolution, odd"
_KERNEL = count("k", 1, f"{_K}: 1, or 3 in later releases")
_SHORTCUT = _flag("shortcut", "each inner block adds its input", default=True)
_GROUPS = count("groups", 1, "groups of each bottleneck's last convolution")
_E = ratio("e", 0.5, "channels of each path over c2")
_MID = count("mid", 64, "channels of all convolutions but the last")
_C3 = count("c3", 128, "channels of the first convolution, which is halved: even")
_C4 = count("c4", 64, "channels of each block's output")
_SILU = activation("silu")

ENTRIES = (
    Entry(
        name="bottleneck_csp",
        build=".blocks.yolo.two_paths:BottleneckCSP",
        description="bottlenecks beside a bypass, a convolution after each, concat, fuse",
        source=f"YOLOv5; {_SCALED_YOLOV4}",
        input_shape=_INPUT,
        parameters=(*_ENDS, _N, _KERNEL, _SHORTCUT, _GROUPS, _E, _SILU),
        channels="c1",
    ),
    Entry(
        name="bottleneck_csp2",
        build=".blocks.yolo.two_paths:BottleneckCSP2",
        description="bottlenecks beside a convolution, both from one 1x1, concat, fuse",
        source=_SCALED_YOLOV4,
        input_shape=_INPUT,
        parameters=(
            *_ENDS,
            _N,
            _KERNEL,
            _flag("shortcut", _SHORTCUT.help, default=False),
            _GROUPS,
            ratio("e", 1.0, _E.help),
            activation("mish"),
        ),
        channels="c1",
    ),
    Entry(
        name="c3",
        build=".blocks.yolo.two_paths:C3",
        description="bottlenecks beside a bypass, concat, fuse: fusion first",
        source=f"YOLOv5; {_YOLOX}",
        input_shape=_INPUT,
        parameters=(*_ENDS, _N, _KERNEL, _SHORTCUT, _GROUPS, _E, _SILU),
        channels="c1",
    ),
    Entry(
        name="c3k",
        build=".blocks.yolo.two_paths:C3k",
        description="c3 with 3x3 and 3x3 bottlenecks",
        source=_YOLO11,
        input_shape=_INPUT,
        parameters=(*_ENDS, _N, count("k", 3, _K), _SHORTCUT, _GROUPS, _E, _SILU),
        channels="c1",
    ),
    Entry(
        name="csplayer_depthwise",
        build=".blocks.yolo.two_paths:CSPLayerDepthwise",
        description="c3 with 1x1 and separable 3x3 bottlenecks",
        source=_YOLOX,
        input_shape=_INPUT,
        parameters=(*_ENDS, _N, _SHORTCUT, _E, _SILU),
        channels="c1",
    ),
    Entry(
        name="c3x",
        build=".blocks.yolo.two_paths:C3x",
        description="c3 with 1x3 and 3x1 bottlenecks",
        source=_YOLOV5,
        input_shape=_INPUT,
        parameters=(*_ENDS, _N, _SHORTCUT, _GROUPS, _E, _SILU),
        channels="c1",
    ),
    Entry(
        name="rep_ncsp",
        build=".blocks.yolo.two_paths:RepNCSP",
        description="c3 with RepConv and 3x3 bottlenecks, in training form",
        source=_YOLOV9,
        input_shape=_INPUT,
        parameters=(*_ENDS, _N, _SHORTCUT, _GROUPS, _E, _SILU),
        channels="c1",
    ),
    Entry(
        name="rep_c3",
        build=".blocks.yolo.two_paths:RepC3",
        description="RepConvs beside a bypass, added: no concat, in training form",
        source="RT-DETR, arXiv 2304.08069",
        input_shape=_INPUT,
        parameters=(*_ENDS, _N, ratio("e", 1.0, _E.help), _SILU),
        channels="c1",
    ),
    Entry(
        name="sppcspc",
        build=".blocks.yolo.two_paths:SPPCSPC",
        description="c3 with spatial pyramid pooling among convolutions",
        source=_YOLOV7,
        input_shape=_INPUT,
        parameters=(*_ENDS, ratio("e", 0.5, "channels of each path over 2 * c2"), _SILU),
        channels="c1",
    ),
    Entry(
        name="cspnext",
        build=".blocks.yolo.two_paths:CSPNeXt",
        description="c3 with 3x3 and separable 5x5 bottlenecks",
        source="RTMDet, arXiv 2212.07784",
        input_shape=_INPUT,
        parameters=(
            *_ENDS,
            _N,
            _SHORTCUT,
            _E,
            _flag("attention", "channel attention after the concat", default=False),
            _SILU,
        ),
        channels="c1",
    ),
    Entry(
        name="csp_res_stage",
        build=".blocks.yolo.two_paths:CSPResStage",
        description="c3 with 3x3 and RepConv bottlenecks, channel attention, in training form",
        source="PP-YOLOE, arXiv 2203.16250",
        input_shape=_INPUT,
        parameters=(
            *_ENDS,
            _N,
            _SHORTCUT,
            _flag("attention", "channel attention after the concat", default=True),
            activation("relu"),
        ),
        channels="c1",
    ),
    Entry(
        name="c2",
        build=".blocks.yolo.chunked:C2",
        description="3x3 and 3x3 bottlenecks on half of one 1x1, concat, fuse",
        source=_YOLOV8,
        input_shape=_INPUT,
        parameters=(*_ENDS, _N, _SHORTCUT, _GROUPS, _E, _SILU),
        channels="c1",
    ),
    Entry(
        name="c2f",
        build=".blocks.yolo.chunked:C2f",
        description="3x3 and 3x3 bottlenecks on half of one 1x1, concat of all outputs, fuse",
        source=f"{_YOLOV8}; ELAN, arXiv 2211.04800",
        input_shape=_INPUT,
        parameters=(*_ENDS, _N, _SHORTCUT, _GROUPS, _E, _SILU),
        channels="c1",
    ),
    Entry(
        name="c3k2",
        build=".blocks.yolo.chunked:C3k2",
        description="c2f with bottlenecks of half the width, or a c3k of two each",
        source=_YOLO11,
        input_shape=_INPUT,
        parameters=(
            *_ENDS,
            _N,
            _SHORTCUT,
            _GROUPS,
            _E,
            _flag("c3k", "a c3k of two bottlenecks in place of each bottleneck", default=False),
            _SILU,
        ),
        channels="c1",
    ),
    Entry(
        name="c2fcib",
        build=".blocks.yolo.chunked:C2fCIB",
        description="c2f with compact inverted blocks",
        source="YOLOv10, arXiv 2405.14458",
        input_shape=_INPUT,
        parameters=(
            *_ENDS,
            _N,
            _SHORTCUT,
            _E,
            _flag("lk", "7x7 beside 3x3 in the middle of each block", default=False),
            _SILU,
        ),
        channels="c1",
    ),
    Entry(
        name="elan",
        build=".blocks.yolo.elan:ELAN",
        description="two 1x1, four 3x3 after one of them, concat of every other output, fuse",
        source=_YOLOV7,
        input_shape=_INPUT,
        parameters=(*_ENDS, _MID, _SILU),
        fixed=(("pairs", 2),),
        channels="c1",
    ),
    Entry(
        name="e_elan",
        build=".blocks.yolo.elan:EELAN",
        description="two elan of six 3x3 side by side, added",
        source=_YOLOV7,
        input_shape=_INPUT,
        parameters=(*_ENDS, _MID, _SILU),
        channels="c1",
    ),
    Entry(
        name="elan1",
        build=".blocks.yolo.elan:ELAN1",
        description="two 3x3 after half of one 1x1, concat of all outputs, fuse",
        source=_YOLOV9,
        input_shape=_INPUT,
        parameters=(*_ENDS, _C3, _C4, _SILU),
        channels="c1",
    ),
    Entry(
        name="rep_ncsp_elan4",
        build=".blocks.yolo.elan:RepNCSPELAN4",
        description="elan1 with a rep_ncsp before each 3x3, in training form",
        source=_YOLOV9,
        input_shape=_INPUT,
        parameters=(
            *_ENDS,
            count("n", 1, "inner blocks in each rep_ncsp", maximum=1000),
            _SHORTCUT,
            _GROUPS,
            ratio("e", 0.5, "channels of each path over c4, inside a rep_ncsp"),
            _C3,
            _C4,
            _SILU,
        ),
        channels="c1",
    ),
)
