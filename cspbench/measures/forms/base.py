"""The description of a runtime: a form that is a file, which something else than torch's eager mode
runs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from ...records.deployment import RuntimeOperator
    from ..execution.call import Call
    from ..execution.inputs import Arguments


class Session(Protocol):
    """A loaded model whose inputs are bound, so that a call copies nothing into it.

    ``settings`` are those that it was loaded with, as words: thread counts, the execution
    provider, the level of graph optimisation.
    """

    settings: dict[str, str]

    def __call__(self) -> object:
        """Run one inference."""

    def outputs(self) -> list["Tensor"]:
        """Copies of the outputs of the last inference, in the order of the module's tensors."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Runtime:
    """How a model becomes a file and runs from it.

    ``packages`` must be importable; the extra of that name installs them. ``suffix`` is that of the
    file; ``prepare`` may write others beside it, whose names begin with the same stem.

    - ``prepare`` writes the file for a call of an eager module. ``calibration`` are arguments for
      the forms in which numbers are quantised. Returns the seconds of each step, in order.
    - ``load`` loads the file with the arguments bound, for ``threads`` threads.
    - ``operators`` says what runs, by the runtime's own profile of a call; none if it has none.
    """

    extra: str
    packages: tuple[str, ...]
    suffix: str
    prepare: Callable[["Call", Path, Sequence["Arguments"]], dict[str, float]]
    load: Callable[[Path, "Arguments", int], Session]
    operators: Callable[[Path, "Arguments", int], tuple["RuntimeOperator", ...]]
