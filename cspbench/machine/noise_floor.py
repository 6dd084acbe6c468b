"""The machine's noise floor, as the doctor measured it: kept where every later run finds it.

One file in the user's state folder holds a floor for each machine, device, thread count and
allocator. A floor that cannot be read is as good as none: the doctor measures it again.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from ..errors import CspbenchError
from ..records.run import NoiseFloor, Settings

_decoder = msgspec.json.Decoder(tuple[NoiseFloor, ...])


def place() -> Path:
    """The file: ``$XDG_STATE_HOME/cspbench/noise.json``, by default below ``~/.local/state``."""
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "cspbench" / "noise.json"


def load(machine: str, settings: Settings) -> NoiseFloor | None:
    """The floor that holds for such launches on that machine; None where it was not measured."""
    if settings.cold:  # the doctor measures with a warm cache
        return None
    wanted = (machine, settings.device, settings.threads, settings.allocator)
    return next((floor for floor in _read() if _identity(floor) == wanted), None)


def save(floor: NoiseFloor) -> Path:
    """Keep ``floor`` in place of an older one for the same; returns the file.

    Raises `CspbenchError` where it cannot be written.
    """
    others = (one for one in _read() if _identity(one) != _identity(floor))
    content = msgspec.json.format(msgspec.json.encode((*others, floor)), indent=1)
    path = place()
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content + b"\n")
        beside.replace(path)
    except OSError as error:
        raise CspbenchError(
            f"cannot keep the noise floor in {path}: {error.strerror}; "
            "set XDG_STATE_HOME to a folder that can be written"
        ) from error
    return path


def _read() -> Iterable[NoiseFloor]:
    try:
        return _decoder.decode(place().read_bytes())
    except (OSError, RuntimeError, msgspec.DecodeError, UnicodeDecodeError):
        return ()


def _identity(floor: NoiseFloor) -> tuple[str, str, int, str]:
    return floor.machine, floor.device, floor.threads, floor.allocator
