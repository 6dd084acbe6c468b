"""The detectors: their parts, modules and heads, beside what their descriptions say."""

import pytest
import torch
from torch import Tensor, nn

from cspbench.blocks.yolo.chunked import C2f, C3k2
from cspbench.catalogue import detectors, find, graphs
from cspbench.catalogue.entry import Entry, Value
from cspbench.catalogue.loading import resolve
from cspbench.errors import CspbenchError

every_detector = pytest.mark.parametrize("entry", detectors.ENTRIES, ids=lambda entry: entry.name)
SMALL = ["yolov5n", "yolov8n", "yolov10n", "yolo11n", "yolo12n", "yolo26n"]


def on_meta(entry: Entry, **overrides: Value) -> nn.Module:
    with torch.device("meta"):
        return built(entry, **overrides)


def built(entry: Entry, **overrides: Value) -> nn.Module:
    module: nn.Module = resolve(entry.build)(**dict(entry.fixed), **entry.arguments(overrides))
    return module


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def tensors(value: object) -> list[Tensor]:
    return [value] if isinstance(value, Tensor) else [t for item in value for t in tensors(item)]  # type: ignore[attr-defined]


def test_the_line_is_here() -> None:
    assert [entry.name for entry in detectors.ENTRIES] == [
        *("yolov5n", "yolov5s", "yolov8n", "yolov8s", "yolov9c", "yolov10n"),
        *("yolo11n", "yolo11s", "yolo12n", "yolo26n"),
    ]


def test_only_graphs_that_ship_are_read_by_name() -> None:
    with pytest.raises(CspbenchError, match=r"^no graph '\.\./graphs/yolov8'; allowed: 'yolov5', "):
        detectors.shipped("../graphs/yolov8")


@every_detector
def test_maps_of_three_strides_reach_the_head(entry: Entry) -> None:
    network = on_meta(entry).train()
    assert [name for name, _ in network.named_children()] == ["backbone", "neck", "head"]
    shapes = [
        tuple(item.shape) for item in tensors(network(torch.empty(2, 3, 64, 96, device="meta")))
    ]
    channels = 80 + (4 if entry.name == "yolo26n" else 64)
    heads = 2 if entry.name in {"yolov10n", "yolo26n"} else 1
    assert shapes == heads * [(2, channels, 64 // s, 96 // s) for s in (8, 16, 32)]


@every_detector
def test_parts_hold_all_parameters(entry: Entry) -> None:
    network = on_meta(entry)
    parts = [parameters(part) for part in network.children()]
    assert sum(parts) == parameters(network)
    assert min(parts) > 0


# By hand, from each description: the layers that each concat joins, in order, and the head takes.
WIRING: dict[str, tuple[list[tuple[int, ...]], tuple[int, ...]]] = {
    "yolov5": ([(11, 6), (15, 4), (18, 14), (21, 10)], (17, 20, 23)),
    "yolov8": ([(10, 6), (13, 4), (16, 12), (19, 9)], (15, 18, 21)),
    "yolov9": ([(10, 6), (13, 4), (16, 12), (19, 9)], (15, 18, 21)),
    "yolov10": ([(11, 6), (14, 4), (17, 13), (20, 10)], (16, 19, 22)),
    "yolo11": ([(11, 6), (14, 4), (17, 13), (20, 10)], (16, 19, 22)),
    "yolo12": ([(9, 6), (12, 4), (15, 11), (18, 8)], (14, 17, 20)),
    "yolo26": ([(11, 6), (14, 4), (17, 13), (20, 10)], (16, 19, 22)),
}


@pytest.mark.parametrize("name", WIRING)
def test_concats_join_the_layers_that_the_description_names(name: str) -> None:
    """Upsampled or halved first, then the backbone's or the neck's; all others are a chain."""
    layers = list(graphs.layers(detectors.shipped(name)))
    concats = [layer.sources for layer in layers if layer.row.module == "concat"]
    *others, head = layers
    assert (concats, head.sources) == WIRING[name]
    chain = [layer for layer in others if layer.row.module != "concat"]
    assert all(layer.sources == (layer.number - 1,) for layer in chain)


@pytest.mark.parametrize("name", [*SMALL, "yolov9c"])
def test_a_training_step_reaches_all_but_the_frozen_bins(name: str) -> None:
    network = built(find(name)).train()
    outs = tensors(network(torch.randn(2, 3, 64, 64)))
    torch.autograd.backward(outs, [torch.randn_like(out) for out in outs])
    missing = [key for key, p in network.named_parameters() if p.grad is None]
    frozen = [] if name == "yolo26n" else ["distances.expectation.weight"]
    assert [".".join(key.split(".")[-3:]) for key in missing] == frozen
    for parameter in network.parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all()


@pytest.mark.parametrize("name", ["yolov8n", "yolov9c", "yolov10n", "yolo12n", "yolo26n"])
def test_an_exported_program_computes_what_the_detector_does(name: str) -> None:
    network, image = built(find(name)).eval(), torch.randn(1, 3, 64, 64)
    program = torch.export.export(network, (image,), strict=False)
    for ours, exported in zip(
        tensors(network(image)), tensors(program.module()(image)), strict=True
    ):
        torch.testing.assert_close(ours, exported, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("name", [*SMALL, "yolov9c"])
def test_channels_last_changes_no_prediction(name: str) -> None:
    network, image = built(find(name)).eval(), torch.randn(1, 3, 64, 64)
    expected = tensors(network(image))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    outs = tensors(network(image.contiguous(memory_format=torch.channels_last)))
    for out, other in zip(outs, expected, strict=True):
        torch.testing.assert_close(out, other, rtol=1e-4, atol=1e-3)


def test_a_swap_changes_its_part_alone() -> None:
    plain, swapped = on_meta(find("yolo11n")), on_meta(find("yolo11n"), **{"backbone.c3k2": "c2f"})
    of_part = [
        [parameters(network.get_submodule(part)) for part in ("backbone", "neck", "head")]
        for network in (plain, swapped)
    ]
    assert of_part[0][1:] == of_part[1][1:]
    assert of_part[0][0] != of_part[1][0]
    backbone, neck = swapped.get_submodule("backbone"), swapped.get_submodule("neck")
    assert not any(isinstance(module, C3k2) for module in backbone.modules())
    assert sum(isinstance(module, C2f) for module in backbone.modules()) == 4
    assert any(isinstance(module, C3k2) for module in neck.modules())


def test_a_detector_of_other_modules_costs_what_they_do() -> None:
    """YOLOv8n with the bottlenecks of C3 in all places: by hand from both modules' parameters."""
    swaps: dict[str, Value] = {"backbone.c2f": "c3", "neck.c2f": "c3"}
    difference = parameters(on_meta(find("yolov8n"))) - parameters(
        on_meta(find("yolov8n"), **swaps)
    )
    expected = 0
    for c1, c2, n in [
        (32, 32, 1), (64, 64, 2), (128, 128, 2), (256, 256, 1),
        (384, 128, 1), (192, 64, 1), (192, 128, 1), (384, 256, 1),
    ]:  # fmt: skip
        half = c2 // 2
        c2f = c1 * c2 + n * 2 * half * half * 9 + (2 + n) * half * c2
        c3 = 2 * c1 * half + n * (half * half + half * half * 9) + 2 * half * c2
        norms = (c2 + 2 * n * half + c2) - (2 * half + 2 * n * half + c2)
        expected += c2f - c3 + 2 * norms
    assert difference == expected


@pytest.mark.parametrize(("name", "total"), [("yolov10n", 2_310_624), ("yolo26n", 2_417_452)])
def test_without_one_to_many_the_head_is_what_is_deployed(name: str, total: int) -> None:
    """2.3 M and 2.4 M parameters, as published; nothing but branches of the head is left out."""
    full, deployed = on_meta(find(name)), on_meta(find(name), one_to_many=False)
    assert parameters(deployed) == total
    head = full.get_submodule("head")
    branches = [m for key, m in head.named_modules() if key.endswith("one_to_many")]
    assert parameters(full) - parameters(deployed) == sum(map(parameters, branches))
