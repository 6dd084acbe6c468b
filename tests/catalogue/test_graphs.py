"""Networks given as graphs: what a file may say, and what is built of it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from cspbench.blocks.layers import Conv
from cspbench.blocks.yolo.bottlenecks import Bottleneck, Residual
from cspbench.blocks.yolo.chunked import C2f, C3k2
from cspbench.blocks.yolo.elan import ELAN, RepNCSPELAN4
from cspbench.blocks.yolo.two_paths import C3
from cspbench.catalogue import find
from cspbench.catalogue.entry import Entry, Value
from cspbench.catalogue.graphs import Graph, Row, Scale, is_graph_file, parse, strides
from cspbench.catalogue.loading import build, resolve
from cspbench.errors import CspbenchError
from cspbench.plan.case import make_case

SMALL = """
description = "a small network"
input = [1, 3, 64, 64]

[scales]
n = { depth = 0.5, width = 0.25 }
m = { width = 0.75, max_channels = 64 }

[parts]
backbone = [
    [-1, 1, "conv", { c2 = 64, k = 3, stride = 2 }],
    [-1, 4, "c2f", { c2 = 64, shortcut = false, e = 0.25 }],
    [-1, 1, "adown", { c2 = 128 }],
    [-1, 2, "c3k2", { c2 = 128, c3k = true }],
]
neck = [
    [-1, 1, "upsample"],
    [[-1, 1], 1, "concat"],
    [-1, 2, "conv", { c2 = 64, k = 3 }],
]
head = [[[6, 3], 1, "detect", { classes = 7 }]]
"""


def written(folder: Path, text: str = SMALL) -> str:
    path = folder / "net.toml"
    path.write_text(text)
    return str(path)


def network(name: str, **overrides: Value) -> nn.Module:
    entry = find(name)
    return built(entry, overrides)


def built(entry: Entry, overrides: dict[str, Value]) -> nn.Module:
    module = build(entry.name, entry.build, {**dict(entry.fixed), **entry.arguments(overrides)})
    assert isinstance(module, nn.Module)
    return module.eval()


def layer(network: nn.Module, name: str) -> Any:
    return network.get_submodule(name)


def test_a_scale_counts_repeats_and_channels() -> None:
    assert [Scale(depth=0.33).repeats(repeat) for repeat in (1, 2, 3, 6, 9)] == [1, 1, 1, 2, 3]
    scale = Scale(width=0.25, max_channels=512)
    assert [scale.channels(channels) for channels in (64, 68, 1024)] == [16, 24, 128]


def test_channels_and_repeats_follow_the_scale(tmp_path: Path) -> None:
    module = network(f"{written(tmp_path)}:n")
    assert layer(module, "backbone.0.conv").out_channels == 16
    assert isinstance(layer(module, "backbone.1"), C2f)
    assert len(layer(module, "backbone.1").blocks) == 2
    assert layer(module, "backbone.1").enter.conv.conv.out_channels == 2 * 4
    assert [layer(module, f"backbone.{number}").fuse.conv.out_channels for number in (1, 3)] == [
        16,
        32,
    ]
    assert isinstance(layer(module, "neck.6"), Conv)
    assert layer(module, "neck.6").conv.in_channels == 32 + 16
    limited = network(f"{written(tmp_path)}:m")
    assert layer(limited, "backbone.3").fuse.conv.out_channels == 48  # of at most 64


def test_the_first_scale_is_meant_where_none_is_named(tmp_path: Path) -> None:
    named, unnamed = (network(written(tmp_path) + scale) for scale in (":n", ""))
    sizes = [[tuple(p.shape) for p in module.parameters()] for module in (named, unnamed)]
    assert sizes[0] == sizes[1]


def test_without_scales_the_numbers_stand(tmp_path: Path) -> None:
    text = '[parts]\nall = [[-1, 1, "conv", { c2 = 5 }], [-1, 1, "classify", { classes = 3 }]]'
    module = network(written(tmp_path, text))
    assert layer(module, "all.0.conv").out_channels == 8  # a multiple of 8
    assert module(torch.randn(2, 3, 4, 4)).shape == (2, 3)


def test_a_module_without_a_number_of_blocks_is_repeated_in_series(tmp_path: Path) -> None:
    text = SMALL.replace('[-1, 2, "conv", { c2 = 64, k = 3 }]', '[-1, 6, "conv", { c2 = 64 }]')
    module = network(f"{written(tmp_path, text)}:n")
    widths = [conv.conv.in_channels for conv in layer(module, "neck.6")]
    assert widths == [48, 16, 16]


def test_a_network_of_parts_predicts(tmp_path: Path) -> None:
    module = network(f"{written(tmp_path)}:n")
    assert [name for name, _ in module.named_children()] == ["backbone", "neck", "head"]
    assert module(torch.randn(1, 3, 64, 64)).shape == (1, 4 + 7, 32 * 32 + 16 * 16)
    assert layer(module, "head.7").strides == (2, 4)


def test_parameters_are_swaps_classes_and_the_activation(tmp_path: Path) -> None:
    assert find(written(tmp_path)).arguments() == {
        "backbone.c2f": "c2f",
        "backbone.c3k2": "c3k2",
        "classes": 7,
        "activation": "silu",
    }


def test_a_swap_replaces_each_module_of_that_name_in_that_part(tmp_path: Path) -> None:
    """What means the same in both is kept: channels, repeats, shortcut and e."""
    module = network(f"{written(tmp_path)}:n", **{"backbone.c2f": "c3"})
    swapped = layer(module, "backbone.1")
    assert isinstance(swapped, C3)
    assert isinstance(layer(module, "backbone.3"), C3k2)
    assert len(swapped.blocks) == 2
    assert swapped.enter.conv.out_channels == 4
    assert not any(b.shortcut for b in swapped.modules() if isinstance(b, Bottleneck))
    assert module(torch.randn(1, 3, 64, 64)).shape == (1, 11, 1280)


def test_a_swapped_modules_own_channels_keep_their_proportion_to_c2(tmp_path: Path) -> None:
    name = f"{written(tmp_path)}:n"
    elan = network(name, **{"backbone.c3k2": "elan"})
    assert isinstance(layer(elan, "backbone.3"), ELAN)
    first = layer(elan, "backbone.3.enter.first.conv")
    assert first.out_channels == 16  # half of 32, as 64 is of 128
    gelan = network(name, **{"backbone.c3k2": "rep_ncsp_elan4"})
    assert isinstance(layer(gelan, "backbone.3"), RepNCSPELAN4)
    assert layer(gelan, "backbone.3.enter.conv.conv").out_channels == 32
    assert layer(gelan, "backbone.3.fuse.conv").in_channels == 32 + 2 * 16


def test_named_channels_are_scaled_too(tmp_path: Path) -> None:
    text = SMALL.replace('"c3k2", { c2 = 128, c3k = true }', '"spp_elan", { c2 = 128, c3 = 64 }')
    text = text.replace('[-1, 2, "spp_elan"', '[-1, 1, "spp_elan"')
    module = network(f"{written(tmp_path, text)}:n")
    assert layer(module, "backbone.3").enter.conv.out_channels == 16


def test_one_activation_holds_for_all_modules_that_name_none(tmp_path: Path) -> None:
    text = SMALL.replace("k = 3, stride = 2 }", 'k = 3, stride = 2, activation = "mish" }')
    module = network(f"{written(tmp_path, text)}:n", activation="relu6")
    types = [type(child) for child in module.modules()]
    assert types.count(nn.Mish) == 1
    assert nn.SiLU not in types
    assert types.count(nn.ReLU6) > 10


def test_classes_are_those_of_the_head(tmp_path: Path) -> None:
    module = network(f"{written(tmp_path)}:n", classes=2)
    assert module(torch.randn(1, 3, 64, 64)).shape[1] == 4 + 2


def test_only_the_head_with_two_kinds_of_branches_can_leave_one_out(tmp_path: Path) -> None:
    both = SMALL.replace("classes = 7 }", "classes = 7, one_to_one = true }")
    name = written(tmp_path, both)
    assert find(name).arguments()["one_to_many"] is True
    assert layer(network(name, one_to_many=False), "head.7").one_to_many is None


def row(text: str, part: str = "backbone") -> str:
    return f'[parts]\n{part} = [[-1, 1, "conv", {{ c2 = 8 }}], {text}]'


REFUSED = [
    ("[parts]", "no parts; add layers, as in [parts] with backbone = [[-1, 1, …], …]"),
    ("[parts]\nbackbone = []", "not a graph: Expected `array` of length >= 1 - at `$.parts[...]`"),
    (
        row('[-1, 1, "c2ff"]'),
        "backbone, layer 1 (c2ff): no module 'c2ff'; nearest: 'c2f'",
    ),
    (
        row('[1, 1, "c2f"]'),
        "backbone, layer 1 (c2f): takes layer 1, which is not before it",
    ),
    (
        row('[-3, 1, "c2f"]'),
        "backbone, layer 1 (c2f): takes layer -2, which is not before it",
    ),
    (
        row('[[-1, 0], 1, "c2f"]'),
        "backbone, layer 1 (c2f): takes the output of one layer, got 2",
    ),
    (
        row('[[], 1, "concat"]'),
        "backbone, layer 1 (concat): takes the output of at least one layer, got 0",
    ),
    (row('[-1, 2, "upsample"]'), "backbone, layer 1 (upsample): cannot be repeated, got 2"),
    (
        row('[-1, 1, "c2f", { n = 2 }]'),
        "backbone, layer 1 (c2f): n comes from the row's second value; leave it out",
    ),
    (
        row('[-1, 1, "c2f", { c1 = 2 }]'),
        "backbone, layer 1 (c2f): c1 comes from the layer before; leave it out",
    ),
    (
        row('[-1, 1, "c2f", { c22 = 2 }]'),
        "backbone, layer 1 (c2f): c2f has no parameter 'c22'; nearest: 'c2'",
    ),
    (
        row('[-1, 1, "c2f", { e = 0 }]'),
        "backbone, layer 1 (c2f): c2f: e must be a number above 0, got 0",
    ),
    (
        row('[-1, 2, "adown"]'),
        "backbone, layer 1 (adown): cannot be repeated, got 2",
    ),
    (
        row('[-1, 2, "conv", { stride = 2 }]'),
        "backbone, layer 1 (conv): cannot be repeated, got 2",
    ),
    (
        row('[-1, 1, "upsample"]'),
        "backbone, layer 1 (upsample): the map is as large as the image",
    ),
    (
        row('[-1, 1, "adown"], [[-1, 0], 1, "concat"]'),
        "backbone, layer 2 (concat): takes maps of one size, got strides 2, 1",
    ),
    (
        row('[-1, 1, "classify"], [-1, 1, "conv"]'),
        "backbone, layer 2 (conv): layer 1 returns no feature map",
    ),
    (
        f"input = [3, 64, 64]\n{row('')}",
        "input must be N,C,H,W of positive numbers, got [3, 64, 64]",
    ),
    (
        f"input = [1, 0, 64, 64]\n{row('')}",
        "input must be N,C,H,W of positive numbers, got [1, 0, 64, 64]",
    ),
    (
        "input = [1, 3, 99, 64]\n" + row('[-1, 1, "adown"]'),
        "input must have H and W that are multiples of 2, got [1, 3, 99, 64]",
    ),
    (
        row('[-1, 1, "conv", { k = 2 }]'),
        "backbone, layer 1 (conv): an even k changes H and W at stride 1, got 2",
    ),
    (
        row('[-1, 1, "detect", { one_to_many = false }]'),
        "backbone, layer 1 (detect): needs one_to_one, one_to_many or both",
    ),
    (
        row('[0, 1, "c2f"], [0, 1, "c3"]'),
        "backbone, layer 1 (c2f): no layer takes its output, and only the last layer's is returned",
    ),
    (
        f'activation = "sillu"\n{row("")}',
        "no activation 'sillu'; nearest: 'silu'",
    ),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_cannot_be_built_is_said_with_its_place(text: str, message: str) -> None:
    with pytest.raises(CspbenchError) as error:
        parse(text)
    assert str(error.value) == message


def test_a_graph_has_at_most_a_thousand_layers() -> None:
    rows = ", ".join(['[-1, 1, "conv"]'] * 1001)
    with pytest.raises(CspbenchError, match=r"^a graph has at most 1000 layers, got 1001$"):
        parse(f"[parts]\nall = [{rows}]")


def test_strides_are_followed_through_the_graph() -> None:
    graph = parse(SMALL)
    assert strides(graph) == {-1: 1, 0: 2, 1: 2, 2: 4, 3: 4, 4: 2, 5: 2, 6: 2}


@pytest.mark.parametrize("name", ["yolov8n", "{file}:n"])
def test_a_size_that_the_network_cannot_halve_is_refused_before_it_is_built(
    tmp_path: Path, name: str
) -> None:
    entry = find(name.format(file=written(tmp_path)))
    multiple = 32 if name == "yolov8n" else 4
    with pytest.raises(CspbenchError) as error:
        make_case(entry, {}, img_size=102)
    assert str(error.value) == (
        f"{entry.name}: H and W must be multiples of {multiple}, got 1,3,102,102"
    )
    assert make_case(entry, {}, img_size=96).input_shape == (1, 3, 96, 96)


def test_rows_keep_their_order_over_parts() -> None:
    graph = parse(SMALL)
    assert isinstance(graph, Graph)
    assert [(number, part) for number, part, _ in graph.rows()] == [
        *((number, "backbone") for number in range(4)),
        *((number, "neck") for number in range(4, 7)),
        (7, "head"),
    ]
    assert next(graph.rows())[2] == Row(-1, 1, "conv", {"c2": 64, "k": 3, "stride": 2})


def test_a_file_with_parts_is_a_graph_and_no_suite(tmp_path: Path) -> None:
    assert is_graph_file(written(tmp_path))
    suite = tmp_path / "suite.toml"
    suite.write_text('description = "two"\nentries = ["c3"]')
    (tmp_path / "damaged.toml").write_text("[parts")
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    others = ["suite.toml", "damaged.toml", "bytes.toml", "absent.toml", "."]
    assert not any(is_graph_file(str(tmp_path / name)) for name in others)


@pytest.mark.parametrize(
    ("scale", "text", "message"),
    [
        (":x", SMALL, "graph {path}: no scale 'x'; allowed: 'n', 'm'"),
        (":n", row(""), "graph {path}: no scale 'n'; the graph has none"),
        (
            ":n",
            SMALL.replace("width = 0.25", "width = 100").replace("c2 = 64", "c2 = 6400"),
            "graph {path}: backbone, layer 0 (conv): conv: c2 must be an integer from 1 to 65536",
        ),
        ("", row('[-1, 1, "c2ff"]'), "graph {path}: backbone, layer 1 (c2ff): no module 'c2ff'"),
        ("", "[parts", "graph {path}: not valid TOML: "),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    tmp_path: Path, scale: str, text: str, message: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(CspbenchError) as error:
        find(f"{path}{scale}")
    assert str(error.value).startswith(message.format(path=path))


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(CspbenchError) as error:
        find("absent.toml:n")
    assert str(error.value) == "cannot read graph absent.toml: No such file or directory"


def test_a_builder_of_a_graph_takes_its_arguments(tmp_path: Path) -> None:
    module = resolve(f"{written(tmp_path)}:n")(activation="relu")
    assert isinstance(module, nn.Module)
    assert not any(isinstance(child, nn.SiLU) for child in module.modules())


def test_two_revisions_of_a_graph_have_their_own_layers_and_defaults(tmp_path: Path) -> None:
    """Arguments that are the working tree's defaults are left to each revision."""
    name = "net.toml:n"
    checkouts = []
    for folder, classes in (("old", "3"), ("new", "5")):
        (tmp_path / folder).mkdir()
        text = SMALL.replace("classes = 7", f"classes = {classes}")
        (tmp_path / folder / "net.toml").write_text(text)
        checkouts.append(tmp_path / folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path / "new")
        arguments = find(name).arguments()
        heads = [build(name, name, arguments, checkout) for checkout in checkouts]
    assert [module.get_submodule("head.7").classes for module in heads] == [3, 5]


def test_a_revision_whose_graph_lacks_what_is_swapped_is_not_compared(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    old = SMALL.replace('"c2f"', '"c3"').replace(", e = 0.25", "")
    (tmp_path / "old" / "net.toml").write_text(old)
    written(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        arguments = find("net.toml:n").arguments({"backbone.c2f": "elan"})
        with pytest.raises(CspbenchError) as error:
            build("net.toml:n", "net.toml:n", arguments, tmp_path / "old")
    assert str(error.value).startswith("the graph has no parameter 'backbone.c2f'; ")


def test_an_argument_of_other_words_is_not_carried_over(tmp_path: Path) -> None:
    """The e of a rep_ncsp_elan4 is that of what it has inside."""
    module = network(f"{written(tmp_path)}:n", **{"backbone.c2f": "rep_ncsp_elan4"})
    inner = layer(module, "backbone.1.blocks.0.0")
    assert inner.enter.conv.out_channels == inner.fuse.conv.out_channels // 2
    assert all(
        b.shortcut is False
        for b in layer(module, "backbone.1").modules()
        if isinstance(b, Residual)
    )
