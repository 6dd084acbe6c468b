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

Positive = Annotated[int, msgspec.Meta(ge=1)]
_MAX_GRID_CASES = 10_000


class CaseTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ``[[case]]`` table: an entry, its arguments (``set``), and arguments to vary (``grid``).

    ``input`` is what `parse_value` reads. ``accuracy`` is a published figure, attached to the cases
    that have its image size.
    """

    entry: str
    input: Any = None
    set: dict[str, Value] = {}
    grid: dict[str, Annotated[tuple[Value, ...], msgspec.Meta(min_length=1)]] = {}
    accuracy: Accuracy | None = None

    @property
    def inputs(self) -> Inputs | None:
        """The inputs; None: the entry's default. Raises `CspbenchError` for what are no inputs."""
        return None if self.input is None else parse_value(self.input)

    def points(self) -> Iterator[dict[str, Value]]:
        """The arguments of each case: ``set`` with every combination of ``grid``."""
        if self.grid and self.accuracy:
            raise CspbenchError("an accuracy is of one case: it cannot stand beside a grid")
        repeated = self.set.keys() & self.grid.keys()
        if repeated:
            raise CspbenchError(f"{min(repeated)!r} stands in set and in grid: give it once")
        size = math.prod(map(len, self.grid.values()))
        if size > _MAX_GRID_CASES:
            raise CspbenchError(f"a grid of {size} cases; at most {_MAX_GRID_CASES} are allowed")
        for values in itertools.product(*self.grid.values()):
            yield {**self.set, **dict(zip(self.grid, values, strict=True))}


class SuiteFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of a suite's TOML file; ``entries`` lists cases that need only an entry."""

    description: str
    reference: str | None = None
    mode: Annotated[tuple[Mode, ...], msgspec.Meta(min_length=1)] = MODES
    precision: Annotated[tuple[Precision, ...], msgspec.Meta(min_length=1)] = ("fp32",)
    batch_size: tuple[Positive, ...] = ()
    img_size: tuple[Positive, ...] = ()
    channels_last: bool = False
    compiler: Compiler | None = None
    entries: tuple[str, ...] = ()
    case: tuple[CaseTable, ...] = ()
