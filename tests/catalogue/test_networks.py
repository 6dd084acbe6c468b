"""The networks: their shapes, what training reaches, and counts that no published figure holds."""

from collections.abc import Iterator, Mapping

import pytest
import torch
from torch import Tensor, nn

from cspbench.blocks.official import ZeroPadShortcut
from cspbench.blocks.residual import Residual
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
    ("cs3darknet_s", {}),
    ("cs3darknet_focus_s", {}),
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
    ],
)
def test_two_of_a_family_differ_by_what_one_has_more(
    larger: str, smaller: str, difference: int
) -> None:
    assert (
        parameters(on_meta(BY_NAME[larger])) - parameters(on_meta(BY_NAME[smaller])) == difference
    )


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
