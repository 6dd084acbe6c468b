"""CSP modules of the YOLO family, grouped by how they split and join their channels."""

from .entry import Design, Entry, Parameter, Value
from .parameters import activation, count, flag, ratio

_CSPNET = "CSPNet, arXiv 1911.11929"
_SCALED_YOLOV4 = "scaled YOLOv4, arXiv 2011.08036"
_YOLOV5 = f"YOLOv5; {_CSPNET}"
_YOLOX = "YOLOX, arXiv 2107.08430"
_YOLOV6 = "YOLOv6, arXiv 2209.02976"
_YOLOV6_3 = "YOLOv6 3.0, arXiv 2301.05586"
_YOLOV7 = "YOLOv7, arXiv 2207.02696"
_YOLOV8 = f"YOLOv8; {_CSPNET}"
_ULTRALYTICS = f"ultralytics; {_CSPNET}"
_YOLOV9 = "YOLOv9, arXiv 2402.13616"
_YOLOV10 = "YOLOv10, arXiv 2405.14458"
_YOLO11 = "YOLO11, arXiv 2410.17725"
_YOLOV12 = "YOLOv12, arXiv 2502.12524"
_YOLOV13 = "YOLOv13, arXiv 2506.17733"

# Where the channels that bypass the blocks come from.
_OWN = "a 1x1 of its own"
_HALF = "half of one 1x1"
_PART = "half of one 1x1, or a third"
_ALL = "the blocks' 1x1, all of it"
_INPUT = "the input itself"
_NONE = "none"


_N = count("n", 3, "inner blocks in series", maximum=1000)
_SINGLE_N = count("n", 1, _N.help, maximum=1000)
_K = "kernel of each bottleneck's first convolution, odd"
_KERNEL = count("k", 1, f"{_K}: 1, or 3 in later releases")
_SHORTCUT = flag("shortcut", "each inner block adds its input", default=True)
_GROUPS = count("groups", 1, "groups of each bottleneck's last convolution")
_E = ratio("e", 0.5, "channels of each path over c2")
_MID = count("mid", 64, "channels of all convolutions but the last")
_C3 = count("c3", 128, "channels of the first convolution, which is halved: even")
_C4 = count("c4", 64, "channels of each block's output")
_RESIDUAL = flag("residual", "the input is added to the output: c1 = c2", default=False)
_SILU = activation("silu")
_RELU = activation("relu")
_PLAIN = (_N, _SHORTCUT, _E, _SILU)
_GROUPED = (_N, _SHORTCUT, _GROUPS, _E, _SILU)


def _module(
    name: str,
    build: str,
    description: str,
    source: str,
    *options: Parameter,
    design: Design = "c",
    bypass: str,
    **fixed: Value,
) -> Entry:
    """The entry of a module of (1, 128, 32, 32) that ``build`` names in ``blocks/yolo``.

    Its parameters are the channels of input and output, and ``options``.
    """
    c1, c2 = count("c1", 128, "input channels"), count("c2", 128, "output channels")
    return Entry(
        name=name,
        build=f".blocks.yolo.{build}",
        description=description,
        source=source,
        input_shape=(1, 128, 32, 32),
        parameters=(c1, c2, *options),
        fixed=tuple(fixed.items()),
        channels="c1",
        design=design,
        bypass=bypass,
    )


ENTRIES = (
    _module(
        "bottleneck_csp",
        "two_paths:BottleneckCSP",
        "bottlenecks beside a bypass, a convolution after each, concat, fuse",
        f"YOLOv5; {_SCALED_YOLOV4}",
        _N,
        _KERNEL,
        _SHORTCUT,
        _GROUPS,
        _E,
        _SILU,
        design="b",
        bypass=_OWN,
    ),
    _module(
        "bottleneck_csp2",
        "two_paths:BottleneckCSP2",
        "bottlenecks beside a convolution, both from one 1x1, concat, fuse",
        _SCALED_YOLOV4,
        _N,
        _KERNEL,
        flag("shortcut", _SHORTCUT.help, default=False),
        _GROUPS,
        ratio("e", 1.0, _E.help),
        activation("mish"),
        bypass=_ALL,
    ),
    _module(
        "c3",
        "two_paths:C3",
        "bottlenecks beside a bypass, concat, fuse: fusion first",
        f"YOLOv5; {_YOLOX}",
        _N,
        _KERNEL,
        _SHORTCUT,
        _GROUPS,
        _E,
        _SILU,
        bypass=_OWN,
    ),
    _module(
        "c3k",
        "two_paths:C3k",
        "c3 with 3x3 and 3x3 bottlenecks",
        _YOLO11,
        _N,
        count("k", 3, _K),
        _SHORTCUT,
        _GROUPS,
        _E,
        _SILU,
        bypass=_OWN,
    ),
    _module(
        "csplayer_depthwise",
        "two_paths:CSPLayerDepthwise",
        "c3 with 1x1 and separable 3x3 bottlenecks",
        _YOLOX,
        *_PLAIN,
        bypass=_OWN,
    ),
    _module(
        "c3x",
        "two_paths:C3x",
        "c3 with 1x3 and 3x1 bottlenecks",
        _YOLOV5,
        *_GROUPED,
        bypass=_OWN,
    ),
    _module(
        "c3ghost",
        "two_paths:C3Ghost",
        "c3 with ghost bottlenecks, half of whose channels are made by a depthwise 5x5",
        "YOLOv5; GhostNet, arXiv 1911.11907",
        *_PLAIN,
        bypass=_OWN,
    ),
    _module(
        "c3tr",
        "attentive:C3Tr",
        "c3 with transformer layers",
        _YOLOV5,
        count("n", 3, "transformer layers in series", maximum=1000),
        _E,
        _SILU,
        bypass=_OWN,
    ),
    _module(
        "c3f",
        "two_paths:C3f",
        "c3 with 3x3 and 3x3 bottlenecks, concat of all outputs",
        _ULTRALYTICS,
        *_GROUPED,
        bypass=_OWN,
    ),
    _module(
        "bep_c3",
        "repvgg:BepC3",
        "c3 with pairs of RepVGG blocks, in training form",
        _YOLOV6,
        count("n", 2, "RepVGG blocks, in pairs", maximum=1000),
        _E,
        _RELU,
        bypass=_OWN,
    ),
    _module(
        "damo_csp_stage",
        "repvgg:DAMOCSPStage",
        "bypass, concat with RepConv and 3x3 bottlenecks, each tapped, in training form",
        "DAMO-YOLO, arXiv 2211.15444",
        _SINGLE_N,
        _SHORTCUT,
        _E,
        _SILU,
        bypass=_OWN,
    ),
    _module(
        "rep_ncsp",
        "two_paths:RepNCSP",
        "c3 with RepConv and 3x3 bottlenecks, in training form",
        _YOLOV9,
        *_GROUPED,
        bypass=_OWN,
    ),
    _module(
        "rep_c3",
        "two_paths:RepC3",
        "RepConvs beside a bypass, added: no concat, in training form",
        "RT-DETR, arXiv 2304.08069",
        _N,
        ratio("e", 1.0, _E.help),
        _SILU,
        design="",
        bypass=_OWN,
    ),
    _module(
        "c3ah",
        "attentive:C3AH",
        "c3 with adaptive hypergraph attention",
        _YOLOV13,
        ratio("e", 1.0, _E.help),
        count("edges", 8, "hyperedges of the attention"),
        _SILU,
        bypass=_OWN,
    ),
    _module(
        "sppcspc",
        "two_paths:SPPCSPC",
        "c3 with spatial pyramid pooling among convolutions",
        _YOLOV7,
        ratio("e", 0.5, "channels of each path over 2 * c2"),
        _SILU,
        bypass=_OWN,
    ),
    _module(
        "csp_sppf",
        "pyramids:CSPSPPF",
        "c3 with pools in series among convolutions",
        _YOLOV6_3,
        _E,
        _SILU,
        bypass=_OWN,
    ),
    _module(
        "sppf",
        "pyramids:SPPF",
        "1x1 to half the channels, pools in series, concat, fuse",
        "YOLOv5; SPP, arXiv 1406.4729",
        _RESIDUAL,
        _SILU,
        design="",
        bypass=_NONE,
    ),
    _module(
        "spp_elan",
        "pyramids:SPPELAN",
        "1x1, pools in series, concat, fuse",
        _YOLOV9,
        count("c3", 64, "channels of the first convolution"),
        _SILU,
        design="",
        bypass=_NONE,
    ),
    _module(
        "cspnext",
        "two_paths:CSPNeXt",
        "c3 with 3x3 and separable 5x5 bottlenecks",
        "RTMDet, arXiv 2212.07784",
        _N,
        _SHORTCUT,
        _E,
        flag("attention", "channel attention after the concat", default=False),
        _SILU,
        bypass=_OWN,
    ),
    _module(
        "csp_res_stage",
        "two_paths:CSPResStage",
        "c3 with 3x3 and RepConv bottlenecks, channel attention, in training form",
        "PP-YOLOE, arXiv 2203.16250",
        _N,
        _SHORTCUT,
        flag("attention", "channel attention after the concat", default=True),
        _RELU,
        bypass=_OWN,
    ),
    _module(
        "c2",
        "chunked:C2",
        "3x3 and 3x3 bottlenecks on half of one 1x1, concat, fuse",
        _YOLOV8,
        *_GROUPED,
        bypass=_HALF,
    ),
    _module(
        "c2f",
        "chunked:C2f",
        "3x3 and 3x3 bottlenecks on half of one 1x1, concat of all outputs, fuse",
        f"{_YOLOV8}; ELAN, arXiv 2211.04800",
        *_GROUPED,
        bypass=_HALF,
    ),
    _module(
        "c3k2",
        "chunked:C3k2",
        "c2f with bottlenecks of half the width, or a c3k of two each, or attention after each",
        _YOLO11,
        _N,
        _SHORTCUT,
        _GROUPS,
        _E,
        flag("c3k", "a c3k of two bottlenecks in place of each bottleneck", default=False),
        flag("attention", "an attention block after each bottleneck, as in YOLO26", default=False),
        _SILU,
        bypass=_HALF,
    ),
    _module(
        "c2fcib",
        "chunked:C2fCIB",
        "c2f with compact inverted blocks",
        _YOLOV10,
        _N,
        _SHORTCUT,
        _E,
        flag("lk", "7x7 beside 3x3 in the middle of each block", default=False),
        _SILU,
        bypass=_HALF,
    ),
    _module(
        "psa",
        "attentive:C2PSA",
        "c2 with one block of attention among positions",
        _YOLOV10,
        _E,
        _SILU,
        bypass=_HALF,
        n=1,
    ),
    _module(
        "c2psa",
        "attentive:C2PSA",
        "c2 with blocks of attention among positions",
        f"{_YOLO11}; {_YOLOV10}",
        _SINGLE_N,
        _E,
        _SILU,
        bypass=_HALF,
    ),
    _module(
        "c2fpsa",
        "attentive:C2fPSA",
        "c2f with blocks of attention among positions",
        f"ultralytics; {_YOLOV10}",
        _SINGLE_N,
        _E,
        _SILU,
        bypass=_HALF,
    ),
    _module(
        "a2c2f",
        "attentive:A2C2f",
        "pairs of attention in areas after one 1x1, concat of all outputs, fuse: no bypass",
        _YOLOV12,
        count("n", 2, "pairs in series", maximum=1000),
        _E,
        flag(
            "attention",
            "attention; else a c3k of two bottlenecks in place of each pair",
            default=True,
        ),
        count("area", 4, "parts that the positions are cut into; must divide H * W"),
        _SILU,
        design="",
        bypass=_NONE,
    ),
    _module(
        "dsc3k2",
        "chunked:DSC3k2",
        "c2f with separable 3x3 and 7x7 bottlenecks",
        _YOLOV13,
        _SINGLE_N,
        _SHORTCUT,
        _E,
        flag("dsc3k", "a c3 of two such bottlenecks in place of each", default=False),
        _SILU,
        bypass=_HALF,
    ),
    _module(
        "mbla",
        "repvgg:MBLA",
        "branches of one 1x1, each with RepVGG blocks of its own number, all tapped, fuse",
        _YOLOV6_3,
        count("n", 2, "twice the residuals of the last branch", maximum=1000),
        _E,
        _RELU,
        bypass=_PART,
    ),
    _module(
        "elan",
        "elan:ELAN",
        "two 1x1, four 3x3 after one of them, concat of every other output, fuse",
        _YOLOV7,
        _MID,
        _SILU,
        bypass=_OWN,
        pairs=2,
    ),
    _module(
        "e_elan",
        "elan:EELAN",
        "two elan of six 3x3 side by side, added",
        _YOLOV7,
        _MID,
        _SILU,
        bypass=_OWN,
    ),
    _module(
        "elan1",
        "elan:ELAN1",
        "two 3x3 after half of one 1x1, concat of all outputs, fuse",
        _YOLOV9,
        _C3,
        _C4,
        _SILU,
        bypass=_HALF,
    ),
    _module(
        "rep_ncsp_elan4",
        "elan:RepNCSPELAN4",
        "elan1 with a rep_ncsp before each 3x3, in training form",
        _YOLOV9,
        count("n", 1, "inner blocks in each rep_ncsp", maximum=1000),
        _SHORTCUT,
        _GROUPS,
        ratio("e", 0.5, "channels of each path over c4, inside a rep_ncsp"),
        _C3,
        _C4,
        _SILU,
        bypass=_HALF,
    ),
    _module(
        "dfine_rep_ncsp_elan4",
        "elan:DFineRepNCSPELAN4",
        "elan1 with a rep_c3 before each 3x3, in training form",
        "D-FINE, arXiv 2410.13842",
        count("n", 1, "RepConvs in each rep_c3", maximum=1000),
        _C3,
        _C4,
        _SILU,
        bypass=_HALF,
    ),
    _module(
        "hg_block",
        "elan:HGBlock",
        "3x3s in series, concat of the input and all outputs, two 1x1",
        "PP-HGNet; RT-DETR, arXiv 2304.08069",
        count("mid", 64, "outputs of each convolution"),
        count("n", 6, "convolutions in series", maximum=1000),
        count("k", 3, "kernel of each convolution, odd"),
        flag("light", "a linear 1x1 and a depthwise convolution in place of each", default=False),
        _RESIDUAL,
        _RELU,
        design="",
        bypass=_INPUT,
    ),
)
