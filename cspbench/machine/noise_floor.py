"""Storage of the noise floor that `doctor` measured, for later runs.

One file in the user's state folder holds a floor for each machine, device, thread count and
allocator. A file that cannot be read counts as empty.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ..errors import CspbenchError
from ..files import read_file, replace_file
from ..records.machine import NoiseFloor
from ..records.run import Settings

_MAX_BYTES = 1 << 20
_decoder = msgspec.json.Decoder(tuple[NoiseFloor, ...])


def path() -> Path:
    """The file: ``$XDG_STATE_HOME/cspbench/noise.json``, by default below ``~/.local/state``."""
    from platformdirs import user_state_path  # imported late: only measuring commands need it

    return user_state_path("cspbench") / "noise.json"


def load(machine: str, settings: Settings) -> NoiseFloor | None:
    """The floor measured on ``machine`` with such ``settings``; None if there is none."""
    if settings.cold:  # `doctor` measures with a warm cache
        return None
    identity = (machine, settings.device, settings.threads, settings.allocator)
    return next((floor for floor in _read() if _identity(floor) == identity), None)


def save(floor: NoiseFloor) -> Path:
    """Store ``floor``, replacing one of the same machine and settings, and return the file.

    Raises `CspbenchError` if the file cannot be written.
    """
    others = (stored for stored in _read() if _identity(stored) != _identity(floor))
    content = msgspec.json.format(msgspec.json.encode((*others, floor)), indent=1)
    file = path()
    with _writing_errors():
        replace_file(file, content + b"\n")
    return file


def check_writable() -> None:
    """Raise `CspbenchError` if the folder of the file cannot be written."""
    trial = path().with_name("trial")
    with _writing_errors():
        replace_file(trial, b"")
        trial.unlink(missing_ok=True)


@contextlib.contextmanager
def _writing_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CspbenchError(
            f"cannot store the noise floor in {path()}: {error.strerror}; "
            "set XDG_STATE_HOME to a writable folder"
        ) from error


def _read() -> tuple[NoiseFloor, ...]:
    try:
        return _decoder.decode(read_file(path(), _MAX_BYTES))
    except (OSError, RuntimeError, RecursionError, CspbenchError, ValueError):
        return ()


def _identity(floor: NoiseFloor) -> tuple[str, str, int, str]:
    return floor.machine, floor.device, floor.threads, floor.allocator
