"""Energies of calls in a comparison: shown side by side, without a verdict."""

from collections.abc import Iterable, Iterator

from ..units import significant_text
from ..verdicts.energy import WHY_NO_VERDICT

_SHOWN = 12  # cases in a note: a comment on a pull request has a limit

SideEnergies = tuple[str, float | None, float | None]
"""The name of a case, and the joules of its call on either side, if they were read."""


def energy_notes(energies: Iterable[SideEnergies]) -> Iterator[str]:
    """A note on the energies of the cases of which both sides have one; none without any."""
    items = [
        f"{name} {significant_text(1e3 * before)} to {significant_text(1e3 * after)}"
        for name, before, after in energies
        if before is not None and after is not None
    ]
    if items:
        more = f" and {len(items) - _SHOWN} more cases" if len(items) > _SHOWN else ""
        yield f"Energy of a call [mJ]: {', '.join(items[:_SHOWN])}{more}; {WHY_NO_VERDICT}."
