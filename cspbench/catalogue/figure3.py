"""The dense block and CSP designs of Figure 3 of CSPNet, and two variants in common use."""

from .entry import Entry, Parameter
from .parameters import GAMMA, POOLS, activation, count, ratio

_INPUT = (1, 64, 56, 56)
_CSPNET = "CSPNet, arXiv 1911.11929"

_SPLIT_CHANNELS = count("channels", 64, "channels of the base", minimum=2)
_BLOCK = (
    count("layers", 6, "layers of the dense block", maximum=1000),
    count("growth", 32, "channels that each layer adds"),
    count("bn_size", 4, "outputs of each layer's 1x1 convolution, in multiples of growth"),
)
_T1 = ratio("t1", 1.0, "outputs over inputs of the transition before the concat")
_T2 = ratio("t2", 0.5, "outputs over inputs of the last transition")
_POOL = Parameter(
    name="pool",
    default="none",
    help="2x2 pool that ends the design",
    choices=POOLS,
)
_ACTIVATION = activation("relu")

ENTRIES = (
    Entry(
        name="dense",
        build=".blocks.dense:Dense",
        description="dense block, then transition",
        source=f"DenseNet, arXiv 1608.06993; {_CSPNET}, Figure 3(a)",
        input_shape=_INPUT,
        parameters=(
            count("channels", 64, "channels of the base"),
            *_BLOCK,
            _T2,
            _POOL,
            _ACTIVATION,
        ),
        channels="channels",
        halves="pool",
    ),
    Entry(
        name="csp",
        build=".blocks.csp:CSP",
        description="transition of the block's part, concat, transition of both",
        source=f"{_CSPNET}, Figure 3(b)",
        input_shape=_INPUT,
        parameters=(_SPLIT_CHANNELS, *_BLOCK, GAMMA, _T1, _T2, _POOL, _ACTIVATION),
        channels="channels",
        halves="pool",
    ),
    Entry(
        name="csp_fusion_first",
        build=".blocks.csp:FusionFirst",
        description="concat, then transition of both parts",
        source=f"{_CSPNET}, Figure 3(c)",
        input_shape=_INPUT,
        parameters=(_SPLIT_CHANNELS, *_BLOCK, GAMMA, _T2, _POOL, _ACTIVATION),
        channels="channels",
        halves="pool",
    ),
    Entry(
        name="csp_fusion_last",
        build=".blocks.csp:FusionLast",
        description="transition of the block's part, then concat",
        source=f"{_CSPNET}, Figure 3(d)",
        input_shape=_INPUT,
        parameters=(_SPLIT_CHANNELS, *_BLOCK, GAMMA, _T2, _POOL, _ACTIVATION),
        channels="channels",
        halves="pool",
    ),
    Entry(
        name="csp_split_only",
        build=".blocks.csp:SplitOnly",
        description="split, dense block, concat; no transition",
        source=f"after {_CSPNET}; not a design of the paper",
        input_shape=_INPUT,
        parameters=(_SPLIT_CHANNELS, *_BLOCK, GAMMA, _ACTIVATION),
        channels="channels",
    ),
    Entry(
        name="csp_both_transitions",
        build=".blocks.csp:BothTransitions",
        description="a transition for each part, then concat",
        source=f"after {_CSPNET}; not a design of the paper",
        input_shape=_INPUT,
        parameters=(_SPLIT_CHANNELS, *_BLOCK, GAMMA, _T2, _POOL, _ACTIVATION),
        channels="channels",
        halves="pool",
    ),
)
