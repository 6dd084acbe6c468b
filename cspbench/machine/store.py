"""Storage of what was measured of this machine, for later runs.

Each kind has one file in the user's state folder, ``$XDG_STATE_HOME/cspbench``, by default below
``~/.local/state``. A file that cannot be read counts as empty.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from ..errors import CspbenchError
from ..files import read_file, replace_file

_MAX_BYTES = 1 << 20

Stored = TypeVar("Stored", bound=msgspec.Struct)


class Store(Generic[Stored]):
    """Records of the type ``kind`` in the file ``name``, at most one for each ``identity``.

    ``subject`` names them in messages.
    """

    def __init__(
        self, name: str, kind: type[Stored], identity: Callable[[Stored], object], subject: str
    ) -> None:
        self._name = name
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(tuple[kind, ...])  # type: ignore[valid-type]
        self._identity = identity
        self._subject = subject

    def path(self) -> Path:
        """The file."""
        from platformdirs import user_state_path  # imported late: only measuring commands need it

        return user_state_path("cspbench") / self._name

    def find(self, identity: object) -> Stored | None:
        """The record with this ``identity``; None if there is none."""
        return next((item for item in self._read() if self._identity(item) == identity), None)

    def save(self, record: Stored) -> Path:
        """Store ``record``, replacing one of the same identity, and return the file.

        Raises `CspbenchError` if the file cannot be written.
        """
        identity = self._identity(record)
        others = (stored for stored in self._read() if self._identity(stored) != identity)
        content = msgspec.json.format(msgspec.json.encode((*others, record)), indent=1)
        file = self.path()
        with self._writing_errors():
            replace_file(file, content + b"\n")
        return file

    def check_writable(self) -> None:
        """Raise `CspbenchError` if the folder of the file cannot be written."""
        trial = self.path().with_name("trial")
        with self._writing_errors():
            replace_file(trial, b"")
            trial.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _writing_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CspbenchError(
                f"cannot store {self._subject} in {self.path()}: {error.strerror}; "
                "set XDG_STATE_HOME to a writable folder"
            ) from error

    def _read(self) -> tuple[Stored, ...]:
        try:
            stored: tuple[Stored, ...] = self._decoder.decode(read_file(self.path(), _MAX_BYTES))
        except (OSError, RuntimeError, RecursionError, CspbenchError, ValueError):
            return ()
        return stored
