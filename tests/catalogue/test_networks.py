"""The networks: their shapes, what training reaches, and counts that no published figure holds."""

from collections.abc import Iterable, Iterator, Mapping

import pytest
import torch
from torch import Tensor, nn

from cspbench.blocks.layers import Conv
from cspbench.blocks.official import ZeroPadShortcut
from cspbench.blocks.residual import Residual
from cspbench.blocks.vovnet import OneShotAggregation
from cspbench.blocks.yolo.parts import ChannelAttention
from cspbench.catalogue import networks
from cspbench.catalogue.entry import Entry, Value
from cspbench.catalogue.loading import resolve

BY_NAME = {entry.name: entry for entry in networks.ENTRIES}
every_network = pytest.mark.parametrize("entry", networks.ENTRIES, ids=lambda entry: entry.name)

# One of each class that is built in its own way, the smallest that there is.
SMALLEST: list[tuple[str, dict[str, Value]]] = [
    ("csp_densenet121", {"design": "csp"}),
    ("csp_densenet121", {"design": "fusion_first"}),
    ("csp_densenet121", {"design": "fusion_last"}),
    ("peleenet", {}),
    ("csp_peleenet", {"design": "fusion_last"}),
    ("cspresnet50", {}),
    ("darknet17", {}),
    ("sedarknet21", {}),
    ("darknetaa53", {}),
    ("cs3darknet_s", {}),
    ("cs3darknet_focus_s", {}),
    ("cs3se_edgenet_x", {}),
    ("cspnext_tiny", {}),
    ("ese_vovnet19b_dw", {}),
    ("ese_vovnet39b", {}),
    ("dk_resnet10", {}),
    ("dk_cspresnext50", {}),
]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Spare the waking of threads, which takes longer than small images do."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def build(entry: Entry, overrides: Mapping[str, Value] | None = None) -> nn.Module:
    module: nn.Module = resolve(entry.build)(**dict(entry.fixed), **entry.arguments(overrides))
    return module


def on_meta(entry: Entry, overrides: Mapping[str, Value] | None = None) -> nn.Module:
    with torch.device("meta"):
        return build(entry, overrides)


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@every_network
@pytest.mark.parametrize("size", [64, 96])
def test_a_batch_of_images_gives_logits(entry: Entry, size: int) -> None:
    network = on_meta(entry, {"classes": 7}).eval()
    assert network(torch.empty(3, 3, size, size, device="meta")).shape == (3, 7)


@every_network
def test_the_last_stage_ends_at_a_32nd_of_the_image(entry: Entry) -> None:
    """All of these networks halve five times; fusion last too, which has no last transition."""
    designs: list[dict[str, Value]] = [{}]
    if any(parameter.name == "design" for parameter in entry.parameters):
        designs = [{"design": design} for design in ("csp", "fusion_first", "fusion_last")]
    for design in designs:
        network = on_meta(entry, design).eval()
        sizes: list[tuple[int, ...]] = []
        network.stages.register_forward_hook(  # type: ignore[union-attr]
            lambda _module, _inputs, out, sizes=sizes: sizes.append(tuple(out.shape[2:]))
        )
        network(torch.empty(1, 3, 224, 224, device="meta"))
        assert sizes == [(7, 7)]


@every_network
def test_a_backward_pass_reaches_every_parameter(entry: Entry) -> None:
    network = on_meta(entry).train()
    out: Tensor = network(torch.empty(2, 3, 64, 64, device="meta"))
    out.backward(torch.empty_like(out))
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize(("name", "overrides"), SMALLEST)
def test_a_training_step_moves_every_parameter(name: str, overrides: dict[str, Value]) -> None:
    """On real tensors; its gradients are finite and not all zero."""
    torch.manual_seed(0)
    network = build(BY_NAME[name], overrides).train()
    out: Tensor = network(torch.randn(2, 3, 64, 64))
    out.backward(torch.randn_like(out))
    gradients = {key: tensor.grad for key, tensor in network.named_parameters()}
    assert [
        key
        for key, tensor in gradients.items()
        if tensor is None or not tensor.isfinite().all() or not tensor.any()
    ] == []


@pytest.mark.parametrize(("name", "overrides"), SMALLEST)
def test_channels_last_does_not_change_the_logits(name: str, overrides: dict[str, Value]) -> None:
    torch.manual_seed(0)
    network = build(BY_NAME[name], overrides).eval()
    image = torch.randn(2, 3, 64, 64)
    layout = torch.channels_last
    with torch.no_grad():
        expected = network(image)
        network.to(memory_format=layout)  # type: ignore[call-overload]
        logits = network(image.contiguous(memory_format=layout))
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


@every_network
def test_a_network_is_exported(entry: Entry) -> None:
    """The program holds its convolutions, each once, and no softmax after the logits."""
    network = on_meta(entry).eval()
    image = torch.empty(1, 3, 64, 64, device="meta")
    program = torch.export.export(network, (image,), strict=False)
    operators = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    assert not [operator for operator in operators if "softmax" in operator]
    assert sum("conv2d" in operator for operator in operators) == sum(
        isinstance(module, nn.Conv2d) for module in network.modules()
    )


# Where no published figure is known, an entry is held to one that has a figure.
@pytest.mark.parametrize(
    ("larger", "smaller", "difference"),
    [
        # A block of Darknet has 1x1 C to C/2 and 3x3 back: 5 C^2 weights and 2 x 1.5 C of norms.
        # Darknet-21 has one more in the stages of 512 and 1024.
        ("darknet21", "darknet17", 5 * (512**2 + 1024**2) + 3 * (512 + 1024)),
        # Two 3x3 (3 to 24, 24 to 48, 9 each) against one 6x6 (3 to 48); a norm of 24 channels.
        ("cs3darknet_m", "cs3darknet_focus_m", 9 * 3 * 24 + 9 * 24 * 48 - 36 * 3 * 48 + 2 * 24),
        ("cs3darknet_l", "cs3darknet_focus_l", 9 * 3 * 32 + 9 * 32 * 64 - 36 * 3 * 64 + 2 * 32),
        ("cs3darknet_x", "cs3darknet_focus_x", 9 * 3 * 40 + 9 * 40 * 80 - 36 * 3 * 80 + 2 * 40),
        # Three 3x3 (32, 32, 64) in place of one 7x7 (64), and two norms of 32 channels more.
        (
            "cspresnet50d",
            "cspresnet50",
            9 * (3 * 32 + 32 * 32 + 32 * 64) - 49 * 3 * 64 + 2 * (32 + 32),
        ),
        # A 3x3 has 9 times the weights of the 1x1 that stands for it after a pool; 16 norms are the
        # same.
        (
            "darknet53",
            "darknetaa53",
            8 * (32 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512 * 1024),
        ),
        # Squeeze and excitation in each block: C to S and back, with S + C biases; S is C / 16, but
        # a multiple of 8. Half of a stage's channels are inside its blocks.
        (
            "sedarknet21",
            "darknet21",
            (2 * 32 * 8 + 8 + 32)
            + (2 * 64 * 8 + 8 + 64)
            + (2 * 128 * 8 + 8 + 128)
            + 2 * (2 * 256 * 16 + 16 + 256)
            + 2 * (2 * 512 * 32 + 32 + 512),
        ),
        (
            "cs3sedarknet_x",  # 5, 10, 20 and 40 become 8, 8, 24 and 40
            "cs3darknet_x",
            3 * (2 * 80 * 8 + 8 + 80)
            + 7 * (2 * 160 * 8 + 8 + 160)
            + 11 * (2 * 320 * 24 + 24 + 320)
            + 3 * (2 * 640 * 40 + 40 + 640),
        ),
        (
            "cs3sedarknet_l",  # a quarter of 64 to 512
            "cs3darknet_l",
            3 * (2 * 64 * 16 + 16 + 64)
            + 6 * (2 * 128 * 32 + 32 + 128)
            + 9 * (2 * 256 * 64 + 64 + 256)
            + 3 * (2 * 512 * 128 + 128 + 512),
        ),
        (
            "cs3se_edgenet_x",  # a quarter of 120 to 960: 30, 60, 120 and 240 become multiples of 8
            "cs3edgenet_x",
            3 * (2 * 120 * 32 + 32 + 120)
            + 7 * (2 * 240 * 64 + 64 + 240)
            + 11 * (2 * 480 * 120 + 120 + 480)
            + 3 * (2 * 960 * 240 + 240 + 960),
        ),
    ],
)
def test_two_of_a_family_differ_by_what_one_has_more(
    larger: str, smaller: str, difference: int
) -> None:
    assert (
        parameters(on_meta(BY_NAME[larger])) - parameters(on_meta(BY_NAME[smaller])) == difference
    )


# By hand, with 2 parameters for each normalised channel.
@pytest.mark.parametrize(
    ("name", "stage", "weights", "normalised"),
    [
        (
            "cs3edgenet_x",  # 640 to 1280 channels: a 3x3, a 1x1, three blocks of 640, a 1x1
            3,
            9 * 640 * 640 + 640 * 1280 + 3 * (9 * 640 * 960 + 960 * 640) + 1280 * 1280,
            640 + 1280 + 3 * (960 + 640) + 1280,
        ),
        (
            "darknetaa53",  # 32 to 64 channels: a pool, a 1x1, one block
            0,
            32 * 64 + 64 * 32 + 9 * 32 * 64,
            64 + 32 + 64,
        ),
        (
            "cspnext_s",  # 64 to 128 channels: a 3x3, two paths of 64, two blocks, attention, a 1x1
            1,
            9 * 64 * 128
            + 2 * 128 * 64
            + 2 * (9 * 64 * 64 + 25 * 64 + 64 * 64)
            + (128 * 128 + 128)
            + 128 * 128,
            128 + 2 * 64 + 2 * (64 + 64 + 64) + 128,
        ),
        (
            "cspnext_s",  # 256 to 512: a 3x3, the pyramid between 1x1s, then as above, one block
            3,
            9 * 256 * 512
            + 512 * 256
            + 4 * 256 * 512
            + 2 * 512 * 256
            + (9 * 256 * 256 + 25 * 256 + 256 * 256)
            + (512 * 512 + 512)
            + 512 * 512,
            512 + 256 + 512 + 2 * 256 + (256 + 256 + 256) + 512,
        ),
        (
            "ese_vovnet39b",  # 512 to 768 channels: five 3x3 of 192 and a 1x1, twice, attention
            2,
            9 * (512 * 192 + 4 * 192 * 192)
            + (512 + 5 * 192) * 768
            + 9 * (768 * 192 + 4 * 192 * 192)
            + (768 + 5 * 192) * 768
            + (768 * 768 + 768),
            2 * (5 * 192 + 768),
        ),
        (
            "ese_vovnet19b_dw",  # 256 to 512: a 1x1 to 160, three separable 3x3, a 1x1, attention
            1,
            256 * 160 + 3 * (9 * 160 + 160 * 160) + (256 + 3 * 160) * 512 + (512 * 512 + 512),
            160 + 3 * 160 + 512,
        ),
    ],
)
def test_a_stage_has_the_parameters_that_its_channels_give(
    name: str, stage: int, weights: int, normalised: int
) -> None:
    stages = on_meta(BY_NAME[name]).stages
    assert parameters(stages[stage]) == weights + 2 * normalised  # type: ignore[index, arg-type]


def test_cspnext_s_has_4891320_parameters() -> None:
    """Of half the channels, 16 to 512: its stem, its four stages, its head."""

    def stage(before: int, after: int, blocks: int, pyramid: int = 0) -> int:
        half = after // 2
        block = 9 * half**2 + 25 * half + half**2 + 2 * 3 * half
        paths = 2 * after * half + 2 * 2 * half + after**2 + after + after**2 + 2 * after
        return 9 * before * after + 2 * after + pyramid + paths + blocks * block

    stem = 9 * (3 * 16 + 16 * 16 + 16 * 32) + 2 * (16 + 16 + 32)
    pyramid = 512 * 256 + 2 * 256 + 4 * 256 * 512 + 2 * 512
    stages = stage(32, 64, 1) + stage(64, 128, 2) + stage(128, 256, 2) + stage(256, 512, 1, pyramid)
    head = 512 * 1000 + 1000
    assert stem + stages + head == 4_891_320
    assert parameters(on_meta(BY_NAME["cspnext_s"])) == 4_891_320


def kinds(modules: nn.Module | Iterable[nn.Module]) -> list[str]:
    """Each child's class; a convolution by its kernel, stride and groups."""
    children = modules.children() if isinstance(modules, nn.Module) else modules
    return [_kind(child) for child in children]


def _kind(module: nn.Module) -> str:
    if isinstance(module, Conv):
        module = module.conv
    if not isinstance(module, nn.Conv2d):
        return type(module).__name__
    words = [f"{module.kernel_size[0]}x{module.kernel_size[1]}"]
    words += ["/2"] if module.stride == (2, 2) else []
    words += ["depthwise"] if module.groups > 1 else []
    return " ".join(words)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("darknet21", ["1x1", "3x3"]),
        ("sedarknet21", ["1x1", "SqueezeExcitation", "3x3"]),
        ("cs3sedarknet_l", ["1x1", "SqueezeExcitation", "3x3"]),
        ("cs3edgenet_x", ["3x3", "1x1"]),
        ("cs3se_edgenet_x", ["3x3", "SqueezeExcitation", "1x1"]),
    ],
)
def test_squeeze_and_excitation_stands_between_both_convolutions(
    name: str, body: list[str]
) -> None:
    blocks = [module for module in on_meta(BY_NAME[name]).modules() if isinstance(module, Residual)]
    assert [kinds(block.body) for block in blocks] == [body] * len(blocks)


def test_average_pools_halve_before_a_1x1_and_nothing_else_does() -> None:
    network = on_meta(BY_NAME["darknetaa53"])
    for stage in network.stages:  # type: ignore[union-attr]
        assert kinds(stage)[:3] == ["AvgPool2d", "1x1", "Residual"]
        assert stage[0].kernel_size == 2
    strides = {module.stride for module in network.modules() if isinstance(module, nn.Conv2d)}
    assert strides == {(1, 1)}


def test_cspnext_has_its_pyramid_in_the_last_stage_and_shortcuts_in_the_others() -> None:
    stages = list(on_meta(BY_NAME["cspnext_m"]).stages)  # type: ignore[arg-type]
    assert [kinds(stage) for stage in stages] == [
        *[["3x3 /2", "CSPNeXt"]] * 3,
        ["3x3 /2", "Sequential", "CSPNeXt"],
    ]
    assert kinds(stages[3][1]) == ["1x1", "PyramidPooling", "1x1"]
    assert [len(stage[-1].blocks) for stage in stages] == [2, 4, 4, 2]
    assert [{block.shortcut for block in stage[-1].blocks} for stage in stages] == [
        {True},
        {True},
        {True},
        {False},
    ]
    assert [type(stage[-1].between) for stage in stages] == [ChannelAttention] * 4


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("cspnext_tiny", [1, 1, 1, 1]),  # .167 times 3 and 6 is .501 and 1.002
        ("cspnext_s", [1, 2, 2, 1]),  # .99 and 1.98, rounded up
        ("cspnext_m", [2, 4, 4, 2]),  # 2.01 and 4.02
        ("cspnext_l", [3, 6, 6, 3]),
        ("cspnext_x", [4, 8, 8, 4]),  # 3.99 and 7.98
    ],
)
def test_the_blocks_of_cspnext_are_rounded_to_the_nearest_number(
    name: str, blocks: list[int]
) -> None:
    stages = on_meta(BY_NAME[name]).stages
    assert [len(stage[-1].blocks) for stage in stages] == blocks  # type: ignore[union-attr]


def test_a_vovnet_pools_between_stages_and_adds_the_input_from_the_second_block_on() -> None:
    """Attention ends the last block of a stage, before the sum."""
    stages = list(on_meta(BY_NAME["ese_vovnet39b"]).stages)  # type: ignore[arg-type]
    assert [kinds(stage) for stage in stages] == [
        ["Sequential"],
        ["MaxPool2d", "Sequential"],
        ["MaxPool2d", "OneShotAggregation", "Residual"],
        ["MaxPool2d", "OneShotAggregation", "Residual"],
    ]
    ending = ["OneShotAggregation", "ChannelAttention"]
    assert kinds(stages[0][0]) == kinds(stages[1][1]) == kinds(stages[2][2].body) == ending
    assert isinstance(stages[2][2].shortcut, nn.Identity)


def test_one_shot_aggregation_taps_its_input_and_each_convolution_after_the_one_before() -> None:
    """The separable form, too, whose first convolution reads another 1x1 of the input."""
    x = torch.randn(1, 6, 5, 5)
    for separable in (False, True):
        block = OneShotAggregation(6, 4, 8, layers=3, separable=separable, activation="relu").eval()
        taps = block.taps(x)
        assert taps[0] is x
        assert [tap.shape[1] for tap in taps] == [6, 4, 4, 4]
        assert torch.equal(taps[2], block.blocks[1](taps[1]))
        assert torch.equal(block(x), block.fuse(torch.cat(taps, dim=1)))
        first = block.blocks[0]
        assert kinds(first if separable else [first]) == (
            ["1x1", "Sequential"] if separable else ["3x3"]
        )


def test_a_separable_convolution_of_vovnet_has_one_norm_after_both() -> None:
    network = on_meta(BY_NAME["ese_vovnet19b_dw"])
    assert isinstance(network.stem, nn.Sequential)
    assert kinds(network.stem) == ["3x3 /2", "Sequential", "Sequential"]
    assert kinds(network.stem[1]) == ["3x3 depthwise", "1x1"]
    assert kinds(network.stem[2]) == ["3x3 /2 depthwise", "1x1"]
    assert not [
        module
        for module in network.modules()
        if isinstance(module, Conv) and module.conv.groups > 1
    ]


def test_a_wider_densenet_has_the_channels_that_its_growth_gives() -> None:
    """DenseNet-161, growth 48 from 96: 96+6x48, /2 +12x48, /2 +36x48, /2 +24x48 channels."""
    network = on_meta(BY_NAME["densenet161"])
    assert network.head.fc.in_features == 2208  # type: ignore[union-attr]
    assert on_meta(BY_NAME["densenet169"]).head.fc.in_features == 1664  # type: ignore[union-attr]


def test_a_shortcut_without_projection_adds_the_smaller_number_of_channels() -> None:
    """And takes every second row and column where the block halves."""
    shortcut = ZeroPadShortcut(2, 3, 2)
    block = Residual(nn.Conv2d(2, 3, 1, stride=2, bias=False), shortcut=shortcut)
    nn.init.zeros_(block.body.weight)  # type: ignore[arg-type]
    x = torch.arange(2 * 3 * 4.0).reshape(1, 2, 3, 4)
    out = block(x)
    assert torch.equal(out[:, :2], x[:, :, ::2, ::2])
    assert not out[:, 2].any()


@pytest.mark.parametrize(
    ("build_it", "message"),
    [
        (".blocks.densenet:DenseNet", "depth must be one of 121, 161, 169, 201, got 7"),
        (".blocks.darknet:Darknet", "depth must be one of 17, 21, 53, got 7"),
        (".blocks.vovnet:VoVNet", "depth must be one of 19, 39, got 7"),
    ],
)
def test_an_unknown_depth_is_refused(build_it: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        resolve(build_it)(depth=7)


@every_network
def test_no_classes_are_refused(entry: Entry) -> None:
    with (
        torch.device("meta"),
        pytest.raises(ValueError, match=r"^classes must be above 0, got 0$"),
    ):
        resolve(entry.build)(**dict(entry.fixed) | {"classes": 0})
