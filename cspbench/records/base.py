"""Base types of records: immutable structures that reject unknown fields, and bounded numbers."""

from typing import Annotated, Any

import msgspec

Whole = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Joules = Annotated[float, msgspec.Meta(ge=0)]
Samples = Annotated[tuple[Seconds, ...], msgspec.Meta(min_length=1)]


class Frozen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all records: immutable, keyword-only, without unknown fields."""

    def to_dict(self) -> dict[str, Any]:
        """The record as dictionaries, lists and numbers, in the form of its JSON."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


class Failure(Frozen, frozen=True, kw_only=True):
    """A reading that is missing, and why."""

    reason: str
