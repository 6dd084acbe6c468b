"""Networks: ImageNet classifiers of DenseNet, ResNet, Darknet and VoVNet, and CSP designs."""

from .entry import Entry, Parameter, Value
from .parameters import GAMMA, activation, count, ratio

_CSPNET = "CSPNet, arXiv 1911.11929"
_TIMM = f"{_CSPNET}; the numbers of timm"
_OFFICIAL = f"{_CSPNET}; the authors' configuration files"
_DARKNET = "YOLOv3, arXiv 1804.02767"
_SLOPE = "slope of leaky ReLU 0.1 (timm: 0.01)"

_CLASSES = count("classes", 1000, "classes of the logits")
_DESIGN = Parameter(
    name="design",
    default="csp",
    help="design of Figure 3: (b), (c) or (d)",
    choices=("csp", "fusion_first", "fusion_last"),
)
_T1 = ratio("t1", 1.0, "outputs over inputs of the transition before the concat; of csp alone")


def _t2(default: float) -> Parameter:
    return ratio("t2", default, "outputs over inputs of the last transition")


def _network(
    name: str,
    build: str,
    description: str,
    source: str,
    *options: Parameter,
    size: int = 224,
    act: str = "relu",
    **fixed: Value,
) -> Entry:
    """The entry of a classifier of images (1, 3, size, size).

    Its parameters are ``options``, the number of classes and the activation (``act`` by default).
    """
    return Entry(
        name=name,
        build=build,
        description=description,
        source=source,
        input_shape=(1, 3, size, size),
        parameters=(*options, _CLASSES, activation(act)),
        fixed=tuple(fixed.items()),
        input_gradient=False,
    )


_DENSENETS = (
    *(
        _network(
            f"densenet{depth}",
            ".blocks.densenet:DenseNet",
            f"dense blocks with transitions, {depth} layers",
            "DenseNet, arXiv 1608.06993",
            depth=depth,
        )
        for depth in (121, 161, 169, 201)
    ),
    *(
        _network(
            f"csp_densenet{depth}",
            ".blocks.densenet:CSPDenseNet",
            f"DenseNet-{depth} with its stages in a CSP design",
            f"after {_CSPNET}, Figure 3",
            _DESIGN,
            GAMMA,
            _T1,
            _t2(0.5),
            depth=depth,
        )
        for depth in (121, 201)
    ),
    _network(
        "peleenet",
        ".blocks.peleenet:PeleeNet",
        "two-way dense layers",
        "PeleeNet, arXiv 1804.06882",
    ),
    _network(
        "csp_peleenet",
        ".blocks.peleenet:CSPPeleeNet",
        "PeleeNet with its stages in a CSP design",
        f"after {_CSPNET}, Figure 3",
        _DESIGN,
        GAMMA,
        _T1,
        _t2(1.0),
    ),
)

_RESNETS = (
    _network(
        "resnet50",
        ".blocks.residual:ResNet",
        "residual bottlenecks, stride in the 3x3 (v1.5)",
        "ResNet, arXiv 1512.03385",
        width=64,
        groups=1,
    ),
    _network(
        "resnext50_32x4d",
        ".blocks.residual:ResNet",
        "residual bottlenecks with 32 groups",
        "ResNeXt, arXiv 1611.05431",
        width=128,
        groups=32,
    ),
    *(
        _network(
            name,
            ".blocks.crossstage:CSPResNet",
            description,
            _TIMM,
            size=256,
            act="leaky_relu_0.01",
            form=name,
        )
        for name, description in (
            ("cspresnet50", "residual bottlenecks in design (b)"),
            ("cspresnet50d", "CSPResNet-50 with three 3x3 in the stem"),
            ("cspresnet50w", "CSPResNet-50d with stages twice as wide"),
            ("cspresnext50", "residual bottlenecks with 32 groups in design (b)"),
        )
    ),
)

_SQUEEZED = "with squeeze and excitation"
_EDGE = "blocks of 3x3 and 1x1 in design (c)"
_DARKNETS = (
    *(
        _network(
            f"darknet{depth}",
            ".blocks.darknet:Darknet",
            f"residual blocks of 1x1 and 3x3, {depth} layers; {_SLOPE}",
            _DARKNET,
            size=256,
            act="leaky_relu",
            depth=depth,
            pooled=False,
            squeeze=0.0,
        )
        for depth in (17, 21, 53)
    ),
    _network(
        "sedarknet21",
        ".blocks.darknet:Darknet",
        "Darknet-21 with squeeze and excitation in its blocks",
        f"{_DARKNET}; the numbers of timm",
        size=256,
        act="leaky_relu_0.01",
        depth=21,
        pooled=False,
        squeeze=1 / 16,
    ),
    _network(
        "darknetaa53",
        ".blocks.darknet:Darknet",
        "Darknet-53 that halves by average pools before 1x1",
        f"{_DARKNET}; the numbers of timm",
        size=256,
        act="leaky_relu_0.01",
        depth=53,
        pooled=True,
        squeeze=0.0,
    ),
    _network(
        "cspdarknet53",
        ".blocks.crossstage:CSPDarknet",
        f"Darknet-53 in design (b); {_SLOPE}",
        _TIMM,
        size=256,
        act="leaky_relu",
    ),
    *(
        _network(
            f"cs3darknet_{'focus_' if focus else ''}{letter}",
            ".blocks.crossstage:CS3Darknet",
            f"Darknet in design (c), {stem}, width {width:g}, depth {depth:g}",
            _TIMM,
            size=256,
            act="silu",
            width=width,
            depth=depth,
            focus=focus,
            edge=False,
            squeeze=0.0,
        )
        for focus, stem in ((False, "two 3x3 as stem"), (True, "one 6x6 as stem"))
        for letter, width, depth in (
            ("s", 0.5, 0.5),
            ("m", 0.75, 0.67),
            ("l", 1.0, 1.0),
            ("x", 1.25, 1.33),
        )
    ),
    *(
        _network(
            name,
            ".blocks.crossstage:CS3Darknet",
            f"{description}, width {width:g}, depth {depth:g}",
            _TIMM,
            size=256,
            act="silu",
            width=width,
            depth=depth,
            focus=False,
            edge=edge,
            squeeze=squeeze,
        )
        for name, description, width, depth, edge, squeeze in (
            ("cs3sedarknet_l", f"Darknet in design (c) {_SQUEEZED}", 1.0, 1.0, False, 1 / 4),
            ("cs3sedarknet_x", f"Darknet in design (c) {_SQUEEZED}", 1.25, 1.33, False, 1 / 16),
            ("cs3edgenet_x", _EDGE, 1.25, 1.33, True, 0.0),
            ("cs3se_edgenet_x", f"{_EDGE} {_SQUEEZED}", 1.25, 1.33, True, 1 / 4),
        )
    ),
)

_CSPNEXTS = tuple(
    _network(
        f"cspnext_{letter}",
        ".blocks.cspnext:CSPNeXtNet",
        f"3x3 and separable 5x5 in design (c), channel attention, width {width:g}, depth {depth:g}",
        "RTMDet, arXiv 2212.07784",
        act="silu",
        width=width,
        depth=depth,
    )
    for letter, width, depth in (
        ("tiny", 0.375, 0.167),
        ("s", 0.5, 0.33),
        ("m", 0.75, 0.67),
        ("l", 1.0, 1.0),
        ("x", 1.25, 1.33),
    )
)

_VOVNETS = tuple(
    _network(
        name,
        ".blocks.vovnet:VoVNet",
        description,
        "VoVNet, arXiv 1904.09730, and VoVNetV2, arXiv 1911.06667; the numbers of timm",
        depth=depth,
        separable=separable,
    )
    for name, description, depth, separable in (
        ("ese_vovnet19b_dw", "one-shot aggregation of three separable 3x3", 19, True),
        ("ese_vovnet39b", "one-shot aggregation of five 3x3, identity shortcuts", 39, False),
    )
)

_OFFICIAL_NETWORKS = (
    _network(
        "dk_resnet10",
        ".blocks.official:OfficialResNet10",
        "residual blocks of two 3x3, no projections",
        _OFFICIAL,
        size=256,
        act="leaky_relu",
    ),
    _network(
        "dk_resnext50",
        ".blocks.official:OfficialResNeXt50",
        "ResNeXt-50 without projections",
        _OFFICIAL,
        size=256,
        act="leaky_relu",
    ),
    _network(
        "dk_cspresnet50",
        ".blocks.official:OfficialCSPResNet",
        "CSPResNet-50 with an irregular first stage",
        _OFFICIAL,
        size=256,
        act="leaky_relu",
        inner=0.5,
        fused=1.0,
        groups=1,
    ),
    _network(
        "dk_cspresnext50",
        ".blocks.official:OfficialCSPResNet",
        "CSPResNeXt-50 with an irregular first stage",
        _OFFICIAL,
        size=256,
        act="leaky_relu",
        inner=1.0,
        fused=2.0,
        groups=32,
    ),
)

ENTRIES = (
    *_DENSENETS,
    *_RESNETS,
    *_DARKNETS,
    *_CSPNEXTS,
    *_VOVNETS,
    *_OFFICIAL_NETWORKS,
)
