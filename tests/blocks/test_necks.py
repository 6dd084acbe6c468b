"""The necks: how their paths run, which edges they have, and what they cost, by hand."""

import importlib
import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from cspbench.blocks.necks import FPN, PAN, BiFPN, BiFPNLayer, FusionNode

NECKS: list[type[nn.Module]] = [FPN, PAN, BiFPN]
SMALL: dict[str, Any] = {"c3": 3, "c4": 4, "c5": 5, "channels": 6}
every_neck = pytest.mark.parametrize("neck", NECKS)


def pyramid(*channels: int, height: int = 8, width: int = 12) -> list[Tensor]:
    """Random maps of ``channels``, each of half the height and width of the one before."""
    torch.manual_seed(0)
    return [
        torch.randn(2, number, height >> level, width >> level)
        for level, number in enumerate(channels)
    ]


def doubled(x: Tensor) -> Tensor:
    """``x`` with every pixel four times: what nearest upsampling makes."""
    return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


def small(neck: type[nn.Module]) -> nn.Module:
    torch.manual_seed(1)
    return neck(**SMALL).eval()


def reached(neck: nn.Module, maps: list[Tensor]) -> list[set[int]]:
    """The inputs, by their place, of which each output has a gradient."""
    found = []
    for place in range(3):
        inputs = [x.clone().requires_grad_() for x in maps]
        neck(*inputs)[place].sum().backward()
        found.append({number for number, x in enumerate(inputs) if x.grad is not None})
    return found


@every_neck
def test_a_neck_keeps_the_size_of_each_level(neck: type[nn.Module]) -> None:
    """Outputs have the strides of the inputs, the finest first."""
    outs = small(neck)(*pyramid(3, 4, 5))
    assert [tuple(out.shape) for out in outs] == [(2, 6, 8, 12), (2, 6, 4, 6), (2, 6, 2, 3)]


def test_fpn_adds_coarser_maps_to_finer_ones_from_top_to_bottom() -> None:
    neck, maps = small(FPN), pyramid(3, 4, 5)
    assert isinstance(neck, FPN)
    lateral3, lateral4, lateral5 = neck.laterals
    merged5 = lateral5(maps[2])
    merged4 = lateral4(maps[1]) + doubled(merged5)
    merged3 = lateral3(maps[0]) + doubled(merged4)
    expected = [
        conv(merged) for conv, merged in zip(neck.outputs, (merged3, merged4, merged5), strict=True)
    ]
    torch.testing.assert_close(list(neck(*maps)), expected)
    assert reached(neck, maps) == [{0, 1, 2}, {1, 2}, {2}]


def test_fpn_has_biases_and_neither_normalisation_nor_activation() -> None:
    kinds = [type(child) for child in small(FPN).modules() if not list(child.children())]
    assert set(kinds) == {nn.Conv2d, nn.Upsample}
    biases = [child.bias for child in small(FPN).modules() if isinstance(child, nn.Conv2d)]
    assert len(biases) == 6
    assert all(bias is not None for bias in biases)


def test_fpn_computes_what_torchvisions_does() -> None:
    """With its weights."""
    try:
        ops = importlib.import_module("torchvision.ops")
    except (ImportError, RuntimeError) as error:  # it was built for another torch
        pytest.skip(f"torchvision cannot be imported: {error}")
    neck, maps = small(FPN), pyramid(3, 4, 5)
    other = ops.FeaturePyramidNetwork([3, 4, 5], 6).eval()
    weights = {
        name.replace("inner_blocks", "laterals")
        .replace("layer_blocks", "outputs")
        .replace(".0.weight", ".weight")
        .replace(".0.bias", ".bias"): tensor
        for name, tensor in other.state_dict().items()
    }
    neck.load_state_dict(weights)
    expected = other({str(level): x for level, x in enumerate(maps)})
    torch.testing.assert_close(list(neck(*maps)), list(expected.values()))


def test_pan_adds_finer_outputs_to_coarser_maps_from_bottom_to_top() -> None:
    """The finest output is FPN's own; a ReLU follows both convolutions of a step."""
    neck, maps = small(PAN), pyramid(3, 4, 5)
    assert isinstance(neck, PAN)
    out3, merged4, merged5 = neck.top_down(*maps)
    expected = [out3]
    weights = dict(neck.named_parameters())

    def conv(name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        return functional.relu(functional.conv2d(x, weight, bias, stride=stride, padding=1))

    for step, merged in enumerate((merged4, merged5)):
        halved = conv(f"downs.{step}.0", expected[-1], stride=2)
        expected.append(conv(f"outputs.{step}.0", merged + halved))
    torch.testing.assert_close(list(neck(*maps)), expected)
    assert reached(neck, maps) == [{0, 1, 2}] * 3


def test_a_fusion_is_a_mean_with_learned_weights() -> None:
    node = FusionNode(3, 2, activation="none")
    node.conv = nn.Sequential()
    with torch.no_grad():
        node.weights.copy_(torch.tensor([1.0, 2.0, 3.0]))
    first, second, third = (torch.randn(1, 2, 3, 3) for _ in range(3))
    expected = (first + 2 * second + 3 * third) / 6.0001
    torch.testing.assert_close(node(first, second, third), expected)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [([-5.0, 2.0], 4 * 2 / 2.0001), ([-1.0, -1.0], 0.0), ([0.0, 0.0], 0.0)],
)
def test_no_weight_of_a_fusion_is_negative(weights: list[float], expected: float) -> None:
    """An input with a weight below 0 is left out; without any, the sum is 0 and finite."""
    node = FusionNode(2, 1, activation="none")
    node.conv = nn.Sequential()
    with torch.no_grad():
        node.weights.copy_(torch.tensor(weights))
    out = node(torch.full((1, 1, 1, 1), 3.0), torch.full((1, 1, 1, 1), 4.0))
    assert out.item() == pytest.approx(expected)


def test_a_fusion_ends_in_a_separable_3x3_with_norm_and_activation() -> None:
    node = FusionNode(2, 6, activation="silu")
    layers = [child for child in node.modules() if not list(child.children())]
    assert [type(layer) for layer in layers] == [nn.Conv2d, nn.Conv2d, nn.BatchNorm2d, nn.SiLU]
    convs = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    assert [(conv.kernel_size, conv.groups) for conv in convs] == [((3, 3), 6), ((1, 1), 1)]


def test_a_bifpn_layer_runs_down_and_up_again() -> None:
    layer, maps = BiFPNLayer(6, activation="silu").eval(), pyramid(6, 6, 6)
    p3, p4, p5 = maps

    def halved(x: Tensor) -> Tensor:
        return functional.max_pool2d(x, 3, stride=2, padding=1)

    middle4 = layer.middle4(p4, doubled(p5))
    out3 = layer.out3(p3, doubled(middle4))
    out4 = layer.out4(p4, middle4, halved(out3))
    out5 = layer.out5(p5, halved(out4))
    torch.testing.assert_close(list(layer(*maps)), [out3, out4, out5])


def test_the_edges_of_a_bifpn_layer() -> None:
    """Nine: only the middle level has a node on each path, and one from input to output besides."""
    layer = BiFPNLayer(6, activation="silu").eval()
    nodes = {name: node for name, node in layer.named_children() if isinstance(node, FusionNode)}
    assert {name: len(node.weights) for name, node in nodes.items()} == {
        "middle4": 2,
        "out3": 2,
        "out4": 3,
        "out5": 2,
    }
    _, p4, _ = maps = pyramid(6, 6, 6)
    with torch.no_grad():
        layer.out4.weights.copy_(torch.tensor([1.0, 0.0, 0.0]))
        torch.testing.assert_close(layer(*maps)[1], layer.out4.conv(p4 / 1.0001))


@pytest.mark.parametrize("layers", [1, 4])
def test_bifpn_brings_its_inputs_to_equal_channels_and_repeats_its_layer(layers: int) -> None:
    neck, maps = BiFPN(**SMALL, layers=layers).eval(), pyramid(3, 4, 5)
    expected = [lateral(x) for lateral, x in zip(neck.laterals, maps, strict=True)]
    assert [type(lateral.act) for lateral in neck.laterals] == [nn.Identity] * 3
    for layer in neck.layers:
        expected = list(layer(*expected))
    torch.testing.assert_close(list(neck(*maps)), expected)
    assert len(neck.layers) == layers


@pytest.mark.parametrize("activation", ["relu", "silu", "mish"])
@pytest.mark.parametrize("neck", [PAN, BiFPN])
def test_the_activation_is_that_of_every_layer(neck: type[nn.Module], activation: str) -> None:
    kinds = {"relu": nn.ReLU, "silu": nn.SiLU, "mish": nn.Mish}
    found = {
        type(child)
        for child in neck(**SMALL, activation=activation).modules()
        if isinstance(child, tuple(kinds.values()))
    }
    assert found == {kinds[activation]}


@pytest.mark.parametrize(
    ("neck", "arguments", "message"),
    [
        *((neck, {name: 0}, f"{name} must be above 0, got 0") for neck in NECKS for name in SMALL),
        (BiFPN, {"layers": 0}, "layers must be above 0, got 0"),
    ],
)
def test_an_impossible_argument_is_refused(
    neck: type[nn.Module], arguments: dict[str, int], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        neck(**SMALL | arguments)


@pytest.mark.parametrize("neck", [PAN, BiFPN])
def test_an_unknown_activation_is_refused(neck: type[nn.Module]) -> None:
    with pytest.raises(ValueError, match=r"^activation must be one of .*, got 'swish'$"):
        neck(**SMALL, activation="swish")


# Levels of 32 x 32, 16 x 16 and 8 x 8 pixels
P3, P4, P5 = 1024, 256, 64
CUBE = 256 * 256 * 9  # weights of a 3x3 convolution of 256 channels
NODE = 64 * 9 + 64 * 64  # of a separable one of 64 channels
FPN_MACS = 256 * 256 * P3 + 512 * 256 * P4 + 1024 * 256 * P5 + CUBE * (P3 + P4 + P5)
FPN_PARAMETERS = (256 + 512 + 1024) * 256 + 3 * 256 + 3 * (CUBE + 256)

COSTS: list[tuple[type[nn.Module], dict[str, int], int, int]] = [
    # neck, arguments, parameters, MACs
    (FPN, {}, FPN_PARAMETERS, FPN_MACS),
    (
        FPN,
        {"c3": 64, "c4": 96, "c5": 7, "channels": 10},
        (64 + 96 + 7) * 10 + 3 * 10 + 3 * (10 * 10 * 9 + 10),
        64 * 10 * P3 + 96 * 10 * P4 + 7 * 10 * P5 + 10 * 10 * 9 * (P3 + P4 + P5),
    ),
    (  # two steps up, each of a halving 3x3 and one more, on the coarser level
        PAN,
        {},
        FPN_PARAMETERS + 4 * (CUBE + 256),
        FPN_MACS + 2 * CUBE * P4 + 2 * CUBE * P5,
    ),
    (  # a layer: four nodes, of which two are on the middle level; nine weights of edges
        BiFPN,
        {},
        (256 + 512 + 1024) * 64 + 2 * 3 * 64 + 3 * (4 * (NODE + 2 * 64) + 9),
        64 * (256 * P3 + 512 * P4 + 1024 * P5) + 3 * NODE * (P3 + 2 * P4 + P5),
    ),
    (
        BiFPN,
        {"c3": 64, "c4": 96, "c5": 7, "channels": 10, "layers": 1},
        (64 + 96 + 7) * 10 + 2 * 3 * 10 + 4 * (10 * 9 + 10 * 10 + 2 * 10) + 9,
        10 * (64 * P3 + 96 * P4 + 7 * P5) + (10 * 9 + 10 * 10) * (P3 + 2 * P4 + P5),
    ),
]


@pytest.mark.parametrize(("neck", "arguments", "parameters", "macs"), COSTS)
def test_a_neck_costs_what_its_channels_say(
    neck: type[nn.Module], arguments: dict[str, int], parameters: int, macs: int
) -> None:
    channels = [arguments.get(name, number) for name, number in DEFAULTS.items()]
    with torch.device("meta"):
        module = neck(**arguments).eval()
        maps = [torch.empty(1, number, 32 >> i, 32 >> i) for i, number in enumerate(channels)]
    with FlopCounterMode(display=False) as flops, torch.no_grad():
        module(*maps)
    assert sum(parameter.numel() for parameter in module.parameters()) == parameters
    assert flops.get_total_flops() == 2 * macs


DEFAULTS = {"c3": 256, "c4": 512, "c5": 1024}


@pytest.mark.parametrize(
    ("row", "totals"),
    [(0, (2_229_760, 910_163_968)), (2, (4_590_080, 1_287_651_328)), (3, (172_699, 51_785_728))],
)
def test_the_totals_are_those_that_verify_holds(row: int, totals: tuple[int, int]) -> None:
    assert COSTS[row][2:] == totals
