"""The content of a suite's TOML file."""

import itertools
import math
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from ..catalogue.entry import Value
from ..catalogue.input_text import parse_value
from ..catalogue.inputs import Inputs
from ..errors import CspbenchError
from .case import MODES, Accuracy, Compiler, Mode, Precision

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
            raise CspbenchError("an accuracy is of one case: it cannot stand beside a grid")
        repeated = self.set.keys() & self.grid.keys()
        if repeated:
            raise CspbenchError(f"{min(repeated)!r} stands in set and in grid: give it once")
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
    compiler: Compiler | None = None
    entries: tuple[Name, ...] = ()
    case: tuple[CaseTable, ...] = ()
