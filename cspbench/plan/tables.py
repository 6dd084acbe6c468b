"""The content of a suite's TOML file."""

import itertools
import math
import re
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from ..catalogue.entry import Value
from ..catalogue.input_text import parse_value
from ..catalogue.inputs import Inputs
from ..errors import CspbenchError, unknown
from .case import FORMS, MODES, PRECISIONS, Accuracy, Form, Mode, Precision

Size = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Name = Annotated[str, msgspec.Meta(max_length=1_000)]
_MAX_DESCRIPTION = 10_000


class CaseTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ``[[case]]`` table: an entry, its arguments (``set``), and arguments to vary (``grid``).

    ``input`` is what `parse_value` reads. ``accuracy`` is a published figure, attached to the cases
    that have its image size.
    """

    entry: Name
    input: Any = None
    set: dict[str, Value] = {}
    grid: dict[str, Annotated[tuple[Value, ...], msgspec.Meta(min_length=1)]] = {}
    accuracy: Accuracy | None = None

    @property
    def inputs(self) -> Inputs | None:
        """The inputs; None: the entry's default. Raises `CspbenchError` for what are no inputs."""
        return None if self.input is None else parse_value(self.input)

    @property
    def size(self) -> int:
        """The number of `points`."""
        return math.prod(map(len, self.grid.values()))

    def points(self) -> Iterator[dict[str, Value]]:
        """The arguments of each case: ``set`` with every combination of ``grid``."""
        if self.grid and self.accuracy:
            raise CspbenchError(
                "accuracy describes one case, but grid makes several; remove one of the two"
            )
        repeated = self.set.keys() & self.grid.keys()
        if repeated:
            raise CspbenchError(
                f"{min(repeated)!r} is both in set and in grid; keep it in one of them"
            )
        for values in itertools.product(*self.grid.values()):
            yield {**self.set, **dict(zip(self.grid, values, strict=True))}


class SuiteFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of a suite's TOML file; ``entries`` lists cases that need only an entry."""

    description: Annotated[str, msgspec.Meta(max_length=_MAX_DESCRIPTION)]
    reference: Name | None = None
    mode: Annotated[tuple[Mode, ...], msgspec.Meta(min_length=1)] = MODES
    precision: Annotated[tuple[Precision, ...], msgspec.Meta(min_length=1)] = ("fp32",)
    batch_size: tuple[Size, ...] = ()
    img_size: tuple[Size, ...] = ()
    channels_last: bool = False
    form: Annotated[tuple[Form, ...], msgspec.Meta(min_length=1)] = FORMS[:1]
    entries: tuple[Name, ...] = ()
    case: tuple[CaseTable, ...] = ()


_CHOICES = {"mode": MODES, "precision": PRECISIONS, "form": FORMS}
_TYPES = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}


def fault_of(error: msgspec.ValidationError) -> str:
    """What is wrong in a suite's file, its place first, in the words of TOML.

    >>> fault_of(msgspec.ValidationError("Expected `str | null`, got `int` - at `$.reference`"))
    'reference: expected a string, got an integer'
    """
    text, _, path = str(error).partition(" - at `$.")
    number = re.match(r"case\[(\d+)\]", path)
    keys = re.findall(r"[a-z]\w*", path)
    place = [f"case {int(number[1]) + 1}", *keys[1:]] if number else keys
    return ": ".join([*place, _in_words(text, keys)])


def _in_words(text: str, keys: list[str]) -> str:
    if match := re.fullmatch(r"Object contains unknown field `(.*)`", text, re.DOTALL):
        tables = {"case": CaseTable, "accuracy": Accuracy}
        table = tables[keys[-1]] if keys else SuiteFile
        return str(unknown("key", match[1], table.__struct_fields__))
    if match := re.fullmatch(r"Object missing required field `(.*)`", text):
        return f"the key {match[1]!r} is missing"
    if match := re.fullmatch(r"Invalid enum value '(.*)'", text, re.DOTALL):
        return str(unknown(keys[0], match[1], _CHOICES[keys[0]]))
    return re.sub(r"`(.*?)`", _types_in_words, text[:1].lower() + text[1:])


def _types_in_words(types: re.Match[str]) -> str:
    names = [name for name in types[1].split(" | ") if name != "null"]
    return " or ".join(_TYPES.get(name, name) for name in names)
