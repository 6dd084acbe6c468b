"""Reading of inputs from the command line and from suites, and their words on a command line."""

import json
import math
import re
from collections.abc import Mapping, Sequence

import msgspec

from ..errors import CspbenchError, unknown
from ..toml import parse_toml
from .inputs import FLOATING, WHOLE, Inputs, Items, Node, Table, TensorSpec

_TENSOR = re.compile(
    r"(?P<sizes>scalar|[0-9]+(?:,[0-9]+)*)"
    r"(?::(?P<dtype>[a-z]\w*)(?::(?:(?P<low>-?[0-9]+)-)?(?P<high>-?[0-9]+))?)?",
    re.ASCII,
)
_NAMED = re.compile(r"(?P<name>[^\W\d]\w*)=(?P<text>.*)", re.DOTALL)
_MAKER = re.compile(
    r"(?P<maker>(?:.+\.py|[^\W\d]\w*(?:\.[^\W\d]\w*)*):[^\W\d]\w*(?:\.[^\W\d]\w*)*)"
    r"(?:\((?P<sizes>[^\W\d]\w*=[0-9]{1,18}(?:,[^\W\d]\w*=[0-9]{1,18})*)\))?"
)
_SCALAR = "scalar"
_MAX_DIGITS = 18
_FORMS = (
    "SHAPE[:TYPE[:HIGH or :LOW-HIGH]], none, true or false, each as NAME=… for a keyword argument, "
    "or a callable that makes all inputs: path/to/file.py:callable"
)


_PLAIN: Mapping[str, bool | None] = {"none": None, "true": True, "false": False}
_TEXT_OF_PLAIN = {value: text for text, value in _PLAIN.items()}


class _TensorTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tensor as a table of a suite."""

    shape: tuple[int, ...]
    dtype: str | None = None
    low: int = 0
    high: int | None = None


def parse_words(words: Sequence[str]) -> Inputs:
    """The inputs that ``words`` name, one argument each.

    A word is a tensor, ``1,3,640,640`` or ``1,77:int64:49408`` (whole numbers from 0 to below
    49408; ``:5-10``: from 5 to below 10), ``scalar:int64`` for one without axes, ``none``, ``true``
    or ``false``, a list or table as TOML writes them in one line, or any of these after ``name=``.
    A single word may name a callable that makes the inputs, ``path/to/file.py:callable`` or
    ``package.module:callable``, with whole numbers for it: ``net.py:inputs(tokens=77)``. Raises
    `CspbenchError` otherwise.
    """
    if len(words) == 1 and (maker := _maker(words[0])):
        return maker
    args: list[Node] = []
    kwargs: dict[str, Node] = {}
    for word in words:
        _add_word(word, args, kwargs)
    return Inputs(tuple(args), kwargs)


def parse_value(value: object) -> Inputs:
    """The inputs that ``value`` of a suite stands for; raises `CspbenchError` if there are none.

    A list of numbers is the shape of a tensor; any other list holds the arguments by position, a
    table those by name. Strings are words of the command line. A table with a ``shape`` is one
    tensor.
    """
    words = [value] if isinstance(value, str) else value
    if isinstance(words, list | tuple) and words and all(isinstance(w, str) for w in words):
        return parse_words(words)
    if _is_shape(value) or (isinstance(value, Mapping) and "shape" in value):
        return Inputs(args=(_node(value),))
    if isinstance(value, Mapping):
        return Inputs(kwargs={str(name): _node(item) for name, item in value.items()})
    if not isinstance(value, list | tuple):
        raise CspbenchError(f"expected an input (a shape, a list or a table), got {value!r}")
    args: list[Node] = []
    kwargs: dict[str, Node] = {}
    for item in value:
        if isinstance(item, str):
            _add_word(item, args, kwargs)
        else:
            args.append(_node(item))
    return Inputs(tuple(args), kwargs)


def words_of(inputs: Inputs) -> list[str]:
    """The words from which `parse_words` makes ``inputs``.

    >>> words_of(Inputs((TensorSpec((1, 8)), None), {"ids": TensorSpec((1, 77), "int64", 5, 9)}))
    ['1,8', 'none', 'ids=1,77:int64:5-9']
    """
    if inputs.maker:
        return [inputs.text]
    return [
        *map(_word, inputs.args),
        *(f"{name}={_word(node)}" for name, node in inputs.kwargs.items()),
    ]


def _maker(word: str) -> Inputs | None:
    """The inputs of a callable that ``word`` names; None if it names none."""
    match = _MAKER.fullmatch(word)
    if match is None or _NAMED.fullmatch(word) or _TENSOR.fullmatch(word):
        return None
    sizes = [size.partition("=") for size in (match["sizes"] or "").split(",") if size]
    return Inputs(maker=match["maker"], sizes={name: int(size) for name, _, size in sizes})


def _add_word(word: str, args: list[Node], kwargs: dict[str, Node]) -> None:
    named = _NAMED.fullmatch(word)
    if named is None:
        if _maker(word):
            raise CspbenchError(f"{word} makes all inputs; give no other input beside it")
        args.append(_node_of_word(word))
    elif named["name"] in kwargs:
        raise CspbenchError(f"input {named['name']!r} is given twice; give it once")
    else:
        kwargs[named["name"]] = _node_of_word(named["text"])


def _node_of_word(word: str) -> Node:
    if not word.startswith(("[", "{")):
        return _node_of_text(word)
    try:
        table = parse_toml(f"value = {word}")
    except CspbenchError as error:
        raise CspbenchError(f"cannot read the input {word!r}: {error}") from error
    if len(table) > 1:
        raise CspbenchError(f"cannot read the input {word!r}: expected one list or table")
    return _node(table["value"])


def _node_of_text(text: str) -> Node:
    if text in _PLAIN:
        return _PLAIN[text]
    match = _TENSOR.fullmatch(text)
    if match is None:
        raise CspbenchError(
            f"expected an input such as 1,3,640,640 or 1,77:int64:49408, got {text!r} ({_FORMS})"
        )
    sizes = () if match["sizes"] == _SCALAR else match["sizes"].split(",")
    bounds = {name: match[name] for name in ("low", "high") if match[name] is not None}
    digits = max(map(len, (*sizes, *bounds.values())), default=0)
    if digits > _MAX_DIGITS:
        raise CspbenchError(
            f"input {text!r} has a number of {digits} digits; at most {_MAX_DIGITS} are allowed"
        )
    return _tensor(
        tuple(map(int, sizes)), match["dtype"], {name: int(bounds[name]) for name in bounds}
    )


def _tensor(shape: tuple[int, ...], dtype: str | None, bounds: Mapping[str, int]) -> TensorSpec:
    if dtype is not None and dtype not in {*FLOATING, *WHOLE}:
        raise unknown("input type", dtype, (*FLOATING, *WHOLE))
    tensor = TensorSpec(shape, dtype or "float32", **bounds)
    if shape and min(shape) < 1:
        raise CspbenchError(f"sizes of an input must be positive, got {tensor.text}")
    return tensor.check()


def _node(value: object) -> Node:
    """The argument, or the part of one, that ``value`` of a TOML file stands for."""
    if isinstance(value, str):
        return _node_of_text(value)
    if isinstance(value, list | tuple):
        is_shape = _is_shape(value)
        return _tensor(tuple(value), None, {}) if is_shape else Items(tuple(map(_node, value)))
    if isinstance(value, Mapping):
        return _node_of_table(value)
    return _plain(value)


def _is_shape(value: object) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) > 0
        and all(isinstance(size, int) and not isinstance(size, bool) for size in value)
    )


def _node_of_table(table: Mapping[str, object]) -> Node:
    if table.keys() == {"value"}:
        return _plain(table["value"])
    if "shape" not in table:
        return Table({name: _node(item) for name, item in table.items()})
    fields = _TensorTable.__struct_fields__
    if strange := [name for name in table if name not in fields]:
        raise unknown("key", strange[0], fields, owner="an input table")
    try:
        tensor = msgspec.convert(table, _TensorTable)
    except msgspec.ValidationError as error:
        raise CspbenchError(f"input table: {error}") from error
    bounds = {} if tensor.high is None else {"low": tensor.low, "high": tensor.high}
    if tensor.low and not bounds:
        raise CspbenchError(f"input table with low = {tensor.low} lacks high, the end of its range")
    return _tensor(tensor.shape, tensor.dtype, bounds)


def _plain(value: object) -> Node:
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise CspbenchError(f"expected an input (a shape, a list or a table), got {value!r}")


def _word(node: Node) -> str:
    if isinstance(node, TensorSpec):
        return (",".join(map(str, node.shape)) or _SCALAR) + node.type_text
    if node is None or isinstance(node, bool):
        return _TEXT_OF_PLAIN[node]
    return _toml(node)


def _toml(node: Node) -> str:
    """``node`` as TOML writes it in one line."""
    if isinstance(node, TensorSpec):
        return f"[{_word(node)}]" if node.shape and not node.type_text else f'"{_word(node)}"'
    if isinstance(node, Items):
        return f"[{', '.join(map(_toml, node.items))}]"
    if isinstance(node, Table):
        items = [f"{_quoted(name)} = {_toml(item)}" for name, item in node.items.items()]
        return f"{{{', '.join(items)}}}"
    if node is None:
        return '"none"'
    if isinstance(node, bool):
        return _TEXT_OF_PLAIN[node]
    value = _quoted(node) if isinstance(node, str) else repr(node)
    return f"{{value = {value}}}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", r"\u007f")
