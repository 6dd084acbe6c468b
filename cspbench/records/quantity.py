"""The description of a quantity: its name, unit, header, and where it is shown."""

from dataclasses import KW_ONLY, dataclass
from typing import Literal

Part = Literal["exact", "trained", "timed"]
Form = Literal[
    "whole",
    "billions",
    "mebibytes",
    "millijoules",
    "milliseconds",
    "percent",
    "probability",
    "ratio",
    "significant",
    "tenths",
    "thousandths",
    "word",
]
"""The text form of a value in base units."""

Shown = Literal["always", "costs", "batches", "gradients", "never"]
"""The runs whose reports show a quantity by default; ``batches``: with more than one image."""

Only = Literal["", "gpu", "compiled", "deployed"]
"""The cases that have a quantity; '' for all."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One figure of a case.

    ``header`` includes the unit. ``part`` says whether the figure is exact, depends on the seed of
    a training, or is timed. ``only`` restricts it to cases on a GPU, to compiled ones, or to those
    in a form other than eager. ``interval`` says whether an interval is shown beside it,
    ``default`` which runs show it unless columns are chosen; ``nonzero`` ones then only if some
    case's is not 0. One that ``follows`` stays in one table with the quantity before it.
    """

    key: str
    header: str
    help: str
    _: KW_ONLY
    part: Part
    form: Form
    stage: str = ""
    only: Only = ""
    interval: bool = False
    default: Shown = "costs"
    nonzero: bool = False
    follows: bool = False

    @property
    def title(self) -> str:
        """The header on one line."""
        return " ".join(self.header.split())

    @property
    def name(self) -> str:
        """The header on one line, without its unit."""
        return " ".join(self.header.split("[")[0].split())

    @property
    def unit(self) -> str:
        """The unit in the header; '' for counts, ratios and words."""
        return self.title.partition("[")[2].removesuffix("]")
