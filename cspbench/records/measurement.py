"""The base of all measurements of single cases."""

from typing import ClassVar, Literal, get_args

from .base import Frozen, Name

Basis = Literal["meta", "fake", "real"]
"""The tensors that a case is counted on; only real ones have data."""
BASES: tuple[Basis, ...] = get_args(Basis)


class Measurement(Frozen, frozen=True, kw_only=True):
    """The result of one measure of the case whose key is ``case``.

    ``exact`` names the fields that are the same in every run of the same code.
    """

    exact: ClassVar[tuple[str, ...]] = ()

    case: Name

    @property
    def stage(self) -> str:
        """The name of the measure: the record's tag on disk."""
        return str(self.__struct_config__.tag)
