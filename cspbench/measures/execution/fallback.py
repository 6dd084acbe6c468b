"""Static measures on meta, else on fake, else on real tensors."""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import msgspec

from ...errors import CspbenchError, message_of
from ...records.measurement import BASES, Basis
from ...records.measurements import AnyMeasurement
from ..base import Measure

if TYPE_CHECKING:
    from .subject import Subject


def count_statically(
    measure: Measure,
    subject: "Subject",
    attempt: Callable[[Basis], AbstractContextManager[object]],
    bases: Collection[Basis] = BASES,
) -> AnyMeasurement:
    """The record of a static measure, on the first of its ``bases`` that it can be counted on.

    Models read values, and call operators that need data; each basis is tried inside ``attempt``.
    Raises what the last raises, with notes on the others.
    """
    notes: list[str] = []
    tried = [basis for basis in measure.bases if basis in bases]
    for basis in tried:
        try:
            with attempt(basis):
                record: Any = measure.measure(subject, basis)
            counted: AnyMeasurement = msgspec.structs.replace(record, counted_on=basis)
        except CspbenchError:
            raise
        except (Exception, SystemExit) as error:
            if basis == tried[-1]:
                for note in notes:
                    error.add_note(note)
                raise
            first_line = next(iter(message_of(error).splitlines()), "")
            notes.append(f"on {basis} tensors: {type(error).__name__}: {first_line}")
        else:
            return counted
    raise ValueError(f"{measure.stage} is counted on none of {', '.join(bases)}")
