"""Every entry that ships with the package, by its name."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ..errors import CspbenchError, unknown
from . import detectors, external, figure3, necks, networks, yolo
from .entry import GRAPH_SUFFIX, Entry


def join(*families: Iterable[Entry]) -> Mapping[str, Entry]:
    """Entries of all ``families`` by name, in order; raises ValueError for a repeated name."""
    entries: dict[str, Entry] = {}
    for entry in (entry for family in families for entry in family):
        if entry.name in entries:
            raise ValueError(f"two catalogue entries are named {entry.name!r}")
        entries[entry.name] = entry
    return MappingProxyType(entries)


ENTRIES = join(figure3.ENTRIES, yolo.ENTRIES, necks.ENTRIES, networks.ENTRIES, detectors.ENTRIES)


def find(name: str) -> Entry:
    """The entry called ``name``, or an entry for the model outside the catalogue that it names.

    Raises `CspbenchError` with the nearest names if there is none; see `external` for the forms.
    """
    if ":" in name or name.endswith(GRAPH_SUFFIX):
        return external.entry(name)
    if name.endswith(".py"):
        raise CspbenchError(
            f"{name} names only a file; add the class or function that makes the model, as in "
            f"{name}:Net"
        )
    if name not in ENTRIES:
        raise unknown("catalogue entry", name, ENTRIES, hint="python -m cspbench list shows all")
    return ENTRIES[name]
