"""Modules as rows of a table: folded where they repeat, cut at a depth, and always summed up."""

import pytest

from cspbench.choices import Depth
from cspbench.records.layers import Layer
from cspbench.report import module_table
from cspbench.report.layout import Layout, cells_wide
from cspbench.report.modules import FITTING_ROWS, ModuleRow, module_rows

SHAPE = (1, 8, 4, 4)


def layer(
    path: str, type_: str = "Conv2d", *, macs: int = 1, shape: tuple[int, ...] | None = SHAPE
) -> Layer:
    return Layer(path=path, type=type_, output_shape=shape, params=0, macs=macs, calls=1)


def blocks(number: int, *, second: str = "ReLU") -> list[Layer]:
    """A model of so many blocks; the first modules of all blocks differ in shape."""
    layers = [layer("", "Net", macs=0)]
    for index in range(number):
        layers += [
            layer(f"{index}", "Block", macs=0),
            layer(f"{index}.conv", macs=10 + index, shape=(1, index + 1, 4, 4)),
            layer(f"{index}.act", second if index == 1 else "ReLU", macs=0),
        ]
    return layers


def shown(layers: list[Layer], depth: Depth | None = None) -> list[tuple[int, str, str]]:
    return [(row.depth, row.name, row.title) for row in module_rows(layers, depth)]


def by_path(layers: list[Layer]) -> dict[str, float]:
    return {layer.path: layer.macs for layer in layers}


def test_repeated_modules_are_one_row_with_the_sums_of_their_figures() -> None:
    """And so are the modules in them, whose output shapes may differ."""
    rows = module_rows(blocks(3))
    assert [(row.depth, row.name, row.title, row.output_shape) for row in rows] == [
        (0, "model", "Net", "1x8x4x4"),
        (1, "0–2", "3 × Block", "1x8x4x4"),
        (2, "conv", "Conv2d", "several"),
        (2, "act", "ReLU", "1x8x4x4"),
    ]
    figures = by_path(blocks(3))
    assert [row.own_sum(figures) for row in rows] == [0, 0, 10 + 11 + 12, 0]
    assert [row.total(figures) for row in rows] == [33, 33, 33, 0]
    assert rows[2].path == "0–2.conv"


def test_two_are_not_folded() -> None:
    """They are often to be compared, as the halves of a cut are."""
    assert [title for _, _, title in shown(blocks(2))] == [
        *("Net", "Block", "Conv2d", "ReLU", "Block", "Conv2d", "ReLU"),
    ]


@pytest.mark.parametrize(
    "other",
    [
        layer("block1", "Linear"),
        layer("block1", shape=(1, 9, 4, 4)),
        layer("block1", shape=None),
        layer("other1"),
    ],
    ids=["type", "output shape", "never called", "name"],
)
def test_what_differs_is_not_folded(other: Layer) -> None:
    """In type, output shape or more of the name than a number, nor what is on both sides of it."""
    layers = [layer("", "Net"), layer("block0"), other, layer("block2"), layer("block3")]
    assert [row.number for row in module_rows(layers)] == [1] * 5


def test_what_holds_other_modules_is_not_folded() -> None:
    """The middle one of three blocks has another activation."""
    numbers = {row.number for row in module_rows(blocks(3, second="SiLU"))}
    assert numbers == {1}


def test_folded_modules_within_folded_ones_are_summed_over_all_repetitions() -> None:
    """Two levels: three times four convolutions."""
    layers = [layer("", "Net", macs=0)]
    for outer in range(3):
        layers.append(layer(f"stage{outer}", "Stage", macs=0))
        layers += [layer(f"stage{outer}.{inner}", macs=5) for inner in range(4)]
    rows = module_rows(layers)
    assert [(row.name, row.title) for row in rows] == [
        ("model", "Net"),
        ("stage0–2", "3 × Stage"),
        ("0–3", "4 × Conv2d"),
    ]
    assert rows[2].own_sum(by_path(layers)) == 3 * 4 * 5


def test_what_lies_below_the_depth_is_in_the_row_that_holds_it() -> None:
    """Nothing is lost: sums stay the same."""
    rows = module_rows(blocks(2), 1)
    assert [(row.name, len(row.hidden)) for row in rows] == [("model", 0), ("0", 2), ("1", 2)]
    assert [row.own_sum(by_path(blocks(2))) for row in rows] == [0, 10, 11]


def test_all_shows_every_module_and_folds_none() -> None:
    """In the order of registration."""
    layers = blocks(5)
    rows = module_rows(layers, "all")
    assert [row.path for row in rows] == [layer.path for layer in layers]
    assert not any(row.hidden for row in rows)


def test_without_a_depth_the_deepest_table_that_fits_is_shown() -> None:
    """At least one level; a level is shown whole or not at all."""
    layers = [layer("", "Net")]
    layers += [layer(f"block{'x' * index}") for index in range(FITTING_ROWS - 1)]
    assert len(module_rows(layers)) == FITTING_ROWS
    deeper = [*layers, layer("block.conv")]
    assert len(module_rows(deeper)) == FITTING_ROWS
    assert len(module_rows(deeper, 2)) == FITTING_ROWS + 1
    assert len(module_rows([*layers, layer("another")])) == FITTING_ROWS + 1


def test_a_module_whose_holder_is_not_listed_stands_under_the_next_one() -> None:
    """As a record of another program may have it; without a model, each is at the top."""
    assert shown([layer("", "Net"), layer("a.b.c")], "all") == [
        (0, "model", "Net"),
        (1, "c", "Conv2d"),
    ]
    assert [depth for depth, *_ in shown([layer("a"), layer("b")])] == [0, 0]


def test_a_record_of_a_model_that_nests_absurdly_deep_is_shown() -> None:
    """No model does so; the figures of what is too deep are in the deepest row."""
    layers = [layer("", "Net")]
    layers += [layer(".".join(["m"] * depth)) for depth in range(1, 3000)]
    rows: list[ModuleRow] = module_rows(layers, "all")
    assert len(rows) == 51
    assert rows[0].total(by_path(layers)) == 3000


def test_a_table_of_modules_fits_the_page_and_cuts_no_name() -> None:
    """However deep and long, also of letters two cells wide; columns go into further tables."""
    paths = ["", *(".".join(["part"] * number) for number in range(1, 30)), "名" * 40, "z" * 90]
    layers = [
        Layer(path=path, type="T" * 40, output_shape=None, params=0, macs=0, calls=1)
        for path in paths
    ]
    columns = [
        module_table.ModuleColumn(header=f"column {number}", cell=lambda _: "1,234,567")
        for number in range(5)
    ]
    text = module_table.text(module_rows(layers, "all"), columns, Layout(width=60))
    assert max(map(cells_wide, text.splitlines())) <= 60
    assert text.count("layer (type)") == 3
    for letter, number in (("名", 40), ("z", 90), ("T", 40 * len(paths))):
        in_first = text.partition("\n\n")[0].replace("(type)", "")
        assert in_first.count(letter) == number
