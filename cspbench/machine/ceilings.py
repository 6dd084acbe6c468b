"""The ceilings of this machine, kept for later runs.

Ceilings hold for one machine, device, thread count and version of torch, which computes them.
"""

from ..records.ceilings import Ceilings
from .store import Store


def _identity(ceilings: Ceilings) -> tuple[str, str, int, str]:
    return ceilings.machine, ceilings.device, ceilings.threads, ceilings.torch


STORE = Store("ceilings.json", Ceilings, _identity, "the ceilings")


def load(machine: str, device: str, threads: int, torch: str) -> Ceilings | None:
    """The ceilings of ``device`` on ``machine``; None if there are none."""
    return STORE.find((machine, device, threads, torch))
