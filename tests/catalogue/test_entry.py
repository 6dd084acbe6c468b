"""Entries and parameters: what is taken, in which type, and the whole message where it is not."""

from collections.abc import Callable

import pytest

from cspbench.blocks.dense import Dense
from cspbench.catalogue.entry import Entry, Parameter, Shape, Value
from cspbench.catalogue.input_text import parse_words
from cspbench.catalogue.inputs import of_shape, of_shapes
from cspbench.catalogue.loading import resolve
from cspbench.errors import CspbenchError

ENTRY = Entry(
    name="block",
    build=".blocks.dense:Dense",
    description="a block",
    source="this test",
    input_shape=(1, 64, 56, 56),
    parameters=(
        Parameter(name="channels", default=64, help="", minimum=2),
        Parameter(name="gamma", default=0.5, help="", above=0, below=1),
        Parameter(name="ratio", default=1.0, help="", above=0),
        Parameter(name="shortcut", default=True, help=""),
        Parameter(name="pool", default="none", help="", choices=("none", "avg", "max")),
        Parameter(name="slope", default=0.0, help=""),
    ),
    channels="channels",
    halves="pool",
)


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(CspbenchError) as error:
        call()
    return str(error.value)


def test_arguments_are_the_defaults_with_the_overrides_laid_over_them() -> None:
    assert ENTRY.arguments({"gamma": 0.25, "pool": "avg"}) == {
        "channels": 64,
        "gamma": 0.25,
        "ratio": 1.0,
        "shortcut": True,
        "pool": "avg",
        "slope": 0.0,
    }


def test_a_whole_number_becomes_a_float_where_the_default_is_one() -> None:
    assert isinstance(ENTRY.arguments({"ratio": 2})["ratio"], float)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("channels=32", ("channels", 32)),
        ("gamma=.25", ("gamma", 0.25)),
        ("ratio=2", ("ratio", 2.0)),
        ("shortcut=False", ("shortcut", False)),
        ("pool=max", ("pool", "max")),
    ],
)
def test_a_command_lines_text_is_read_in_the_parameters_type(
    text: str, value: tuple[str, Value]
) -> None:
    assert ENTRY.parse(text) == value


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("channels", 1, "block: channels must be an integer of at least 2, got 1"),
        ("channels", 3.0, "block: channels must be an integer of at least 2, got 3.0"),
        ("channels", True, "block: channels must be an integer of at least 2, got True"),
        ("channels", "many", "block: channels must be an integer of at least 2, got 'many'"),
        ("gamma", 1, "block: gamma must be a number in (0, 1), got 1"),
        ("gamma", float("nan"), "block: gamma must be a number in (0, 1), got nan"),
        ("ratio", float("inf"), "block: ratio must be a number above 0, got inf"),
        ("ratio", 0.0, "block: ratio must be a number above 0, got 0.0"),
        ("slope", float("inf"), "block: slope must be a number that is finite, got inf"),
        ("shortcut", 1, "block: shortcut must be true or false, got 1"),
        ("pool", "mean", "block has no pool 'mean'; allowed: 'none', 'avg', 'max'"),
        ("gama", 0.5, "block has no parameter 'gama'; nearest: 'gamma'"),
    ],
)
def test_an_argument_that_does_not_fit_is_refused(name: str, value: Value, message: str) -> None:
    assert refusal(lambda: ENTRY.arguments({name: value})) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("channels", "--set: expected KEY=VALUE, got 'channels'"),
        ("channels=", "block: channels must be an integer of at least 2, got ''"),
        ("channels=3.5", "block: channels must be an integer of at least 2, got '3.5'"),
        ("shortcut=maybe", "block: shortcut must be true or false, got 'maybe'"),
    ],
)
def test_a_command_lines_text_that_does_not_fit_is_refused(text: str, message: str) -> None:
    assert refusal(lambda: ENTRY.parse(text)) == message


def test_the_default_shape_follows_the_channels() -> None:
    assert ENTRY.inputs(ENTRY.arguments({"channels": 33})) == of_shape((1, 33, 56, 56))


def test_a_shape_that_fits_is_taken_as_it_is() -> None:
    given = of_shape((8, 64, 7, 9))
    assert ENTRY.inputs(ENTRY.arguments(), given) == given


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((64, 56, 56), "block: expected an input N,C,H,W of four positive numbers, got 64,56,56"),
        (
            (1, 64, 0, 56),
            "block: expected an input N,C,H,W of four positive numbers, got 1,64,0,56",
        ),
        (
            (1, 32, 56, 56),
            (
                "block with channels=64 takes an input N,64,H,W, got 1,32,56,56; "
                "set channels=32 or change the shape"
            ),
        ),
        (
            (1, 64, 1, 8),
            "block with pool=avg halves H and W: each must be at least 2, got 1,64,1,8",
        ),
    ],
)
def test_a_shape_that_does_not_fit_is_refused(shape: Shape, message: str) -> None:
    arguments = ENTRY.arguments({"pool": "avg"})
    assert refusal(lambda: ENTRY.inputs(arguments, of_shape(shape))) == message


def test_more_inputs_than_one_are_refused() -> None:
    given = of_shapes((1, 64, 8, 8), (1, 64, 4, 4))
    message = "block: expected one input N,C,H,W, got 1x64x8x8,1x64x4x4"
    assert refusal(lambda: ENTRY.inputs(ENTRY.arguments(), given)) == message


PYRAMID = Entry(
    name="neck",
    build=".blocks.necks:FPN",
    description="a neck",
    source="this test",
    input_shape=(1, 8, 16, 32),
    parameters=(
        Parameter(name="fine", default=8, help=""),
        Parameter(name="middle", default=16, help=""),
        Parameter(name="coarse", default=32, help=""),
    ),
    levels=("fine", "middle", "coarse"),
)


def test_each_level_of_a_pyramid_has_its_channels_and_half_the_size_of_the_one_before() -> None:
    arguments = PYRAMID.arguments({"middle": 9})
    expected = of_shapes((1, 8, 16, 32), (1, 9, 8, 16), (1, 32, 4, 8))
    assert PYRAMID.inputs(arguments) == expected
    given = of_shapes((2, 8, 4, 12), (2, 9, 2, 6), (2, 32, 1, 3))
    assert PYRAMID.inputs(arguments, given) == given


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["1,8,16,32"],
            (
                "neck: expected 3 inputs N,C,H,W of positive numbers, whose C are fine, middle, "
                "coarse, got 1x8x16x32"
            ),
        ),
        (
            ["1,8,16,32", "1,16,8,16", "1,32,4,8:int64"],
            (
                "neck: expected 3 inputs N,C,H,W of positive numbers, whose C are fine, middle, "
                "coarse, got 1x8x16x32,1x16x8x16,1x32x4x8:int64"
            ),
        ),
        (
            ["1,8,16,32", "1,16,8,16", "x=1,32,4,8"],
            (
                "neck: expected 3 inputs N,C,H,W of positive numbers, whose C are fine, middle, "
                "coarse, got 1x8x16x32,1x16x8x16,x=1x32x4x8"
            ),
        ),
        (
            ["1,8,16,32", "1,16,8,16", "1,30,4,8"],
            (
                "neck with coarse=32 takes N,32,H,W as input 3 of 3, got 1,30,4,8; set coarse=30 "
                "or change the shape"
            ),
        ),
        (
            ["1,8,18,32", "1,16,9,16", "1,32,4,8"],
            (
                "neck halves H and W from input to input: those of the first must be multiples "
                "of 4, got 1,8,18,32"
            ),
        ),
        (
            ["1,8,16,32", "1,16,8,8", "1,32,4,8"],
            (
                "neck takes inputs of one N, each of half the H and W of the one before: "
                "1x8x16x32,1x16x8x16,1x32x4x8, got 1x8x16x32,1x16x8x8,1x32x4x8"
            ),
        ),
        (
            ["1,8,16,32", "2,16,8,16", "1,32,4,8"],
            (
                "neck takes inputs of one N, each of half the H and W of the one before: "
                "1x8x16x32,1x16x8x16,1x32x4x8, got 1x8x16x32,2x16x8x16,1x32x4x8"
            ),
        ),
    ],
)
def test_inputs_that_are_no_pyramid_are_refused(words: list[str], message: str) -> None:
    given = parse_words(words)
    assert refusal(lambda: PYRAMID.inputs(PYRAMID.arguments(), given)) == message


def test_a_builder_is_found_inside_the_package_and_outside() -> None:
    assert resolve(".blocks.dense:Dense") is Dense
    assert resolve("cspbench.blocks.dense:Dense") is Dense


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (
            "json",
            (
                "expected package.module:callable, path/to/file.py:callable or "
                "path/to/graph.toml:scale, got 'json'"
            ),
        ),
        (
            "no_such:thing",
            (
                "no module 'no_such', which no_such:thing names; run in the folder that holds it, "
                "or name its file: path/to/file.py:thing"
            ),
        ),
        (":thing", "cannot import '': Empty module name"),
        (
            "cspbench.errors:unknwn",
            "cspbench.errors has no callable 'unknwn'; nearest: 'unknown'",
        ),
        (
            "json:__name__",
            "json:__name__ is 'json', which cannot be called; name a class or a function",
        ),
    ],
)
def test_a_builder_that_is_not_there_is_refused(reference: str, message: str) -> None:
    assert refusal(lambda: resolve(reference)) == message
