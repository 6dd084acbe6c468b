"""Inputs as data: read from words and suites, written again, at other sizes."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cspbench.catalogue.input_text import parse_value, parse_words, words_of
from cspbench.catalogue.inputs import Inputs, Items, Node, Table, TensorSpec, of_shape, of_shapes
from cspbench.errors import CspbenchError

names = st.from_regex(r"[a-z]\w{0,5}", fullmatch=True).filter(lambda name: name != "shape")
shapes = st.lists(st.integers(1, 99), max_size=5).map(tuple)
floating = st.sampled_from(("float32", "float16", "complex64")).flatmap(
    lambda dtype: st.builds(TensorSpec, shapes, st.just(dtype))
)
whole = st.builds(
    TensorSpec,
    shapes,
    st.sampled_from(("int64", "int16")),
    st.integers(-300, 5),
    st.integers(6, 300),
)
booleans = st.builds(TensorSpec, shapes, st.just("bool"), st.integers(0, 1), st.just(2))
values = st.booleans() | st.integers(-9, 9) | st.floats(-1e9, 1e9) | st.text(max_size=5)
leaves: st.SearchStrategy[Node] = floating | whole | booleans | values | st.none()
nodes = st.recursive(
    leaves,
    lambda children: (
        st.lists(children, max_size=3).map(lambda items: Items(tuple(items)))
        | st.dictionaries(names, children, min_size=2, max_size=3).map(Table)
    ),
    max_leaves=6,
)
all_inputs = st.builds(
    Inputs, st.lists(nodes, max_size=3).map(tuple), st.dictionaries(names, nodes, max_size=3)
)


@given(all_inputs)
def test_the_words_of_inputs_are_read_back(inputs: Inputs) -> None:
    """Every tensor, value, list and table, by position and by name."""
    if inputs != Inputs():
        assert parse_words(words_of(inputs)) == inputs


@given(all_inputs)
def test_inputs_stand_in_a_record_as_they_are(inputs: Inputs) -> None:
    """Through JSON and back."""
    assert msgspec.json.decode(msgspec.json.encode(inputs), type=Inputs) == inputs


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["1,3,640,640"], "1x3x640x640"),
        (["1,3,64,64", "1,8"], "1x3x64x64,1x8"),
        (["ids=1,77:int64:49408"], "ids=1x77:int64:49408"),
        (["1,77:int64:49408", "mask=none", "causal=true"],
         "1x77:int64:49408,mask=none,causal=true"),
        (["t=scalar:int32:5-1000"], "t=scalar:int32:5-1000"),
        (["mask=4:bool:1-2"], "mask=4:bool:1-2"),
        (["[[3,8,8], [3,4,4]]"], "[3x8x8,3x4x4]"),
        (["batch={image = [1,3,8,8], ids = '1,5:int64:9'}"],
         "batch={image=1x3x8x8,ids=1x5:int64:9}"),
        (["scale={value = 2}"], "scale=2"),
        (["mask=1,8", "1,3,8,8"], "1x3x8x8,mask=1x8"),
        (["net.py:inputs"], "net.py:inputs"),
        (["pkg.net:make.inputs(batch_size=8)"], "pkg.net:make.inputs(batch_size=8)"),
    ],
)  # fmt: skip
def test_words_name_inputs(words: list[str], text: str) -> None:
    """Any rank, type and range, trees, and what makes them."""
    inputs = parse_words(words)
    assert inputs.text == text
    assert parse_words(words_of(inputs)) == inputs


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1, 3, 64, 64], "1x3x64x64"),
        ([7], "7"),
        ([[1, 3, 64, 64], [1, 8]], "1x3x64x64,1x8"),
        ({"ids": "1,77:int64:49408", "mask": [1, 77]}, "ids=1x77:int64:49408,mask=1x77"),
        ({"shape": [2, 3], "dtype": "int64", "high": 9}, "2x3:int64:9"),
        ({"ids": {"shape": [], "dtype": "uint8"}}, "ids=scalar:uint8"),
        ([[[1, 8, 4, 4], [1, 16, 2, 2]], "none"], "[1x8x4x4,1x16x2x2],none"),
        (["1,3,8,8", "mask=1,8:bool"], "1x3x8x8,mask=1x8:bool"),
        ({"batch": {"image": [1, 3, 8, 8]}, "train": False}, "batch={image=1x3x8x8},train=false"),
        ("net.py:inputs", "net.py:inputs"),
        (["net.py:inputs"], "net.py:inputs"),
    ],
)  # fmt: skip
def test_a_suite_names_inputs(value: object, text: str) -> None:
    """By position in a list, by name in a table."""
    assert parse_value(value).text == text


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("1;2", "expected an input such as 1,3,640,640 or 1,77:int64:49408, got '1;2' ("),
        ("ids", "expected an input such as "),
        ("x=", "expected an input such as "),
        ("1,0", "sizes of an input must be positive, got 1x0"),
        ("1,2:int46", "no input type 'int46'; nearest: 'int64'"),
        (
            "1,2:int8:300",
            "a range of int8 must be LOW-HIGH (HIGH excluded) within -128 to 127, got 1x2",
        ),
        ("1,2:int8:5-5", "a range of int8 must be LOW-HIGH"),
        ("1,2:bool:3", "a range of bool must be LOW-HIGH (HIGH excluded) within 0 to 1"),
        ("1,2:float32:3", "only integer and bool inputs take a range, got 1x2:float32:3"),
        ("9" * 30, "a number of 30 digits"),
        ("99999999999,99999999999", "more elements than a torch tensor can hold"),
        ("[[1,2]", "cannot read the input '[[1,2]': not valid TOML"),
        ("[1]\nother = 2", "expected one list or table"),
        ("{shape = [1], dtpe = 'int64'}", "an input table has no key 'dtpe'; nearest: 'dtype'"),
        ("{shape = [1], dtype = 'int64', low = 3}", "low = 3 lacks high, the end of its range"),
        ("[1979-05-27]", "expected an input (a shape, a list or a table)"),
    ],
)
def test_what_is_no_input_is_one_line(word: str, message: str) -> None:
    """It says what arrived and what is allowed."""
    with pytest.raises(CspbenchError) as caught:
        parse_words([word])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["net.py:inputs", "1,2"], "net.py:inputs makes all inputs; give no other input beside it"),
        (["x=1", "x=2"], "input 'x' is given twice; give it once"),
    ],
)
def test_inputs_that_do_not_go_together_are_refused(words: list[str], message: str) -> None:
    """In one line."""
    with pytest.raises(CspbenchError, match=message):
        parse_words(words)


@pytest.mark.parametrize(
    ("words", "at_batch", "at_size"),
    [
        (["1,3,8,8"], "4x3x8x8", "1x3x16x16"),
        (["1,3,8,8", "1,5", "t=1:int64", "k=7,2"], "4x3x8x8,4x5,t=4:int64,k=7x2",
         "1x3x16x16,1x5,t=1:int64,k=7x2"),
        (["scalar", "2,3,8,8"], "scalar,4x3x8x8", "scalar,2x3x16x16"),
        (["[[1,8,8,8],[1,4,8,8]]"], "[4x8x8x8,4x4x8x8]", "[1x8x16x16,1x4x16x16]"),
        (["1,2,8,4", "1,3,4,2", "1,4,4,2", "1,5,2,1"], "4x2x8x4,4x3x4x2,4x4x4x2,4x5x2x1",
         "1x2x16x16,1x3x8x8,1x4x8x8,1x5x4x4"),
        (["1,3,4,4", "1,2,8,8"], "4x3x4x4,4x2x8x8", "1x3x8x8,1x2x16x16"),
        (["x={a = [1,3,8,8], b = '1,1,8,8:bool'}"], "x={a=4x3x8x8,b=4x1x8x8:bool}",
         "x={a=1x3x16x16,b=1x1x8x8:bool}"),
        (["net.py:inputs"], "net.py:inputs(batch_size=4)", "net.py:inputs(img_size=16)"),
    ],
)  # fmt: skip
def test_sizes_are_replaced_where_they_make_sense(
    words: list[str], at_batch: str, at_size: str
) -> None:
    """The batch of all that share the first's; height and width of images, halved in a pyramid."""
    inputs = parse_words(words)
    assert inputs.resized(batch_size=4, img_size=None).text == at_batch
    assert inputs.resized(batch_size=None, img_size=16).text == at_size


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["1,77:int64"], "an image size needs floating-point inputs N,C,H,W, got 1x77:int64"),
        (["3,640,640"], "an image size needs floating-point inputs N,C,H,W, got 3x640x640"),
        (
            ["[[1,8,8,8],[1,16,3,3]]"],
            (
                "inputs N,C,H,W of one size, or each half as high and wide as another, got "
                "[1x8x8x8,1x16x3x3]"
            ),
        ),
        (["1,8,8,8", "1,8,4,8"], "of one size, or each half as high and wide as another, got "),
    ],
)
def test_an_image_size_says_where_there_is_no_image(words: list[str], message: str) -> None:
    """And where sizes have no common measure."""
    with pytest.raises(CspbenchError) as caught:
        parse_words(words).resized(batch_size=None, img_size=64)
    assert message in str(caught.value)


def test_an_image_size_that_cannot_be_halved_as_often_is_refused() -> None:
    inputs = of_shapes((1, 8, 8, 8), (1, 16, 2, 2))
    message = "an image size must be a multiple of 4 for inputs 1x8x8x8,1x16x2x2, whose sizes are "
    with pytest.raises(CspbenchError, match=f"^{message}halved, got 30$"):
        inputs.resized(batch_size=None, img_size=30)


def test_a_batch_size_says_where_there_is_no_axis() -> None:
    """A scalar and nothing have none."""
    for words in (["scalar"], ["none"]):
        with pytest.raises(CspbenchError, match="a batch size needs an input with axes"):
            parse_words(words).resized(batch_size=2, img_size=None)


def test_a_batch_too_large_for_torch_is_refused() -> None:
    """As one that is asked for at once."""
    with pytest.raises(CspbenchError, match="more elements than a torch tensor"):
        of_shape((1, 2**20, 2**20)).resized(batch_size=2**30, img_size=None)
