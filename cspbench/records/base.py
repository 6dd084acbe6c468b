"""Base types of records: immutable structures that reject unknown fields, and their bounds."""

from typing import Annotated, Any

import msgspec

MAX_REASON, MAX_DETAIL, MAX_NAME = 2_000, 32_768, 10_000
"""Characters of a reason (one line), of a traceback or output, and of a name."""

MAX_AMOUNT = 1e12
"""Seconds, joules, megahertz and other readings: far beyond any of them."""

Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
Reason = Annotated[str, msgspec.Meta(max_length=MAX_REASON)]
Detail = Annotated[str, msgspec.Meta(max_length=MAX_DETAIL)]
Whole = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=MAX_AMOUNT)]
Elapsed = Annotated[float, msgspec.Meta(ge=0, le=MAX_AMOUNT)]
Joules = Annotated[float, msgspec.Meta(ge=0, le=MAX_AMOUNT)]
Amount = Annotated[float, msgspec.Meta(ge=0, le=MAX_AMOUNT)]
Level = Annotated[float, msgspec.Meta(ge=-MAX_AMOUNT, le=MAX_AMOUNT)]
"""A reading that may be below 0, such as a temperature."""
Samples = Annotated[tuple[Seconds, ...], msgspec.Meta(min_length=1, max_length=1_000_000)]


class Frozen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all records: immutable, keyword-only, without unknown fields."""

    def to_dict(self) -> dict[str, Any]:
        """The record as dictionaries, lists and numbers, in the form of its JSON."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


class Failure(Frozen, frozen=True, kw_only=True):
    """A reading that is missing, and why."""

    reason: Reason

    def __post_init__(self) -> None:
        """Bound the reason."""
        bound_texts(self, reason=MAX_REASON)


def storable(text: str, max_length: int) -> str:
    r"""``text`` as JSON can hold it, in at most ``max_length`` characters, the middle cut and said.

    >>> storable("cannot read net\udcff.py", 100)
    'cannot read net?.py'
    >>> storable("x" * 1000, 40)
    'xxxxxx … (cut: 1,000 characters) … xxxxx'
    """
    text = text.encode(errors="replace").decode()  # lone surrogates, as of names of files
    if len(text) <= max_length:
        return text
    said = f" … (cut: {len(text):,} characters) … "
    end = (max_length - len(said)) // 2
    return text[: max_length - len(said) - end] + said + text[-end:]


def bound_texts(record: msgspec.Struct, **max_lengths: int) -> None:
    """Make the fields that ``max_lengths`` name `storable`, in the ``__post_init__`` of a record.

    Whatever makes a record of a model's or an exception's text then makes one that can be stored.
    """
    for name, max_length in max_lengths.items():
        text = getattr(record, name)
        bounded = storable(text, max_length)
        if bounded != text:
            msgspec.structs.force_setattr(record, name, bounded)
