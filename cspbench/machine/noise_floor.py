"""The noise floor that `doctor` measured, kept for later runs.

A floor holds for one machine, device, thread count and allocator.
"""

from ..records.machine import NoiseFloor
from ..records.run import Settings
from .store import Store


def _identity(floor: NoiseFloor) -> tuple[str, str, int, str]:
    return floor.machine, floor.device, floor.threads, floor.allocator


STORE = Store("noise.json", NoiseFloor, _identity, "the noise floor")


def load(machine: str, settings: Settings) -> NoiseFloor | None:
    """The floor measured on ``machine`` with such ``settings``; None if there is none."""
    if settings.cold:  # `doctor` measures with a warm cache
        return None
    return STORE.find((machine, settings.device, settings.threads, settings.allocator))
