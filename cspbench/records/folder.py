"""The run folder: written a line at a time under a lock, read strictly."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import msgspec

from ..errors import CspbenchError
from .assembly import Assembly
from .files import replace_file
from .lines import YARDSTICK, CaseFailure, Latency, Launch, Line
from .run import SCHEMA, Run, RunInfo

INFO = "run.json"
RECORDS = "records.jsonl"

_encoder = msgspec.json.Encoder()
_line_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
_info_decoder = msgspec.json.Decoder(RunInfo)


class _Schema(msgspec.Struct):
    schema: int


class RunFolder:
    """A run folder that this process alone writes. Use as a context manager.

    Lines are appended and flushed to the disk as soon as they exist, each call in one write, so
    that a kill loses at most what was in flight.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    @classmethod
    def create(cls, path: Path, info: RunInfo) -> Self:
        """A new run in ``path``; raises `CspbenchError` where one is there already."""
        folder = cls._open(path)
        try:
            folder.begin(info)
        except BaseException:
            folder.close()
            raise
        return folder

    @classmethod
    def resume(cls, path: Path) -> tuple[Self, Assembly]:
        """An existing run to continue, and what it holds; a torn last line is cut off."""
        if not (path / INFO).is_file():
            raise CspbenchError(f"--resume {path}: there is no {INFO}; it is not a run folder")
        folder = cls._open(path)
        try:
            assembly = read_lines(path)
            folder.cut_torn_line()
        except BaseException:
            folder.close()
            raise
        return folder, assembly

    def begin(self, info: RunInfo) -> None:
        """Write ``run.json``; raises `CspbenchError` where a run is there already."""
        if (self.path / INFO).exists() or os.fstat(self._descriptor).st_size:
            raise CspbenchError(
                f"{self.path} holds a run already; go on with it (--resume {self.path}) "
                "or give another folder (--out)"
            )
        content = msgspec.json.format(_encoder.encode(info), indent=1)
        _info_decoder.decode(content)  # what cannot be read back is never begun
        try:
            replace_file(self.path / INFO, content + b"\n")
        except OSError as error:
            hint = "; make room and start again" if error.errno == errno.ENOSPC else ""
            raise CspbenchError(
                f"cannot write {self.path / INFO}: {error.strerror}{hint}"
            ) from error

    def cut_torn_line(self) -> None:
        """Drop what follows the last line's end, so that the next line begins on its own."""
        content = (self.path / RECORDS).read_bytes()
        os.ftruncate(self._descriptor, content.rfind(b"\n") + 1)

    @classmethod
    def _open(cls, path: Path) -> Self:
        try:
            path.mkdir(parents=True, exist_ok=True)
            foreign = [p.name for p in path.iterdir() if not (path / INFO).exists()]
            if set(foreign) - {RECORDS}:
                raise CspbenchError(
                    f"{path} is not empty and holds no run ({min(foreign)} stands there); "
                    "give another folder (--out)"
                )
            descriptor = os.open(path / RECORDS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise CspbenchError(f"cannot write into {path}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise CspbenchError(
                f"another run writes into {path}; wait for it or give another folder (--out)"
            ) from error
        return cls(path, descriptor)

    def append(self, lines: Sequence[Line]) -> None:
        """Write ``lines`` through to the disk; raises `CspbenchError` where it is full."""
        content = b"".join(_encoder.encode(line) + b"\n" for line in lines)
        try:
            while content:
                content = content[os.write(self._descriptor, content) :]
            os.fsync(self._descriptor)
        except OSError as error:
            raise CspbenchError(
                f"cannot write {self.path / RECORDS}: {error.strerror}; what was measured before "
                f"is kept: make room, then go on with --resume {self.path}"
            ) from error

    def close(self) -> None:
        """Give up the lock."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read(path: Path) -> Run:
    """The run in folder ``path``, or in that of one of its two files; raises as `read_lines`."""
    return read_lines(path).run()


def read_lines(path: Path) -> Assembly:
    """The lines of the run in folder ``path``, sorted to their cases.

    A last line without its end was being written when the run was killed: it is dropped, and the
    run's notes say so. ``path`` may also be one of the folder's two files. Raises `CspbenchError`
    that names the line for any other damage.
    """
    if path.name in {INFO, RECORDS}:
        path = path.parent
    assembly = Assembly(_read_info(path / INFO))
    check = _LineCheck({case.key for case in assembly.info.cases})
    for number, text in enumerate(_lines(path / RECORDS), start=1):
        if not text.endswith(b"\n"):
            assembly.notes = (f"{RECORDS} ends in a torn line, which is left out",)
            break
        try:
            line = _line_decoder.decode(text)
            check.add(line)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise CspbenchError(f"{path / RECORDS} line {number}: {error}") from error
        assembly.add([line])
    return assembly


class _LineCheck:
    """What the lines of one file must agree in, beyond their types."""

    def __init__(self, keys: set[str]) -> None:
        self._keys = keys
        self._samples: set[tuple[str, int]] = set()
        self._turns: dict[int, int] = {}

    def add(self, line: Line) -> None:
        """Raise ValueError for a case that is not listed, and for samples that cannot be."""
        for key in _keys(line):
            if key not in self._keys:
                raise ValueError(f"{INFO} lists no case {key!r}")
        if isinstance(line, Latency):
            identity, turns = (line.case, line.launch), len(line.samples_s)
            if identity in self._samples:
                raise ValueError(f"launch {line.launch} has {line.case!r} twice")
            self._samples.add(identity)
            if self._turns.setdefault(line.launch, turns) != turns:
                raise ValueError("a launch's cases differ in their number of samples")


def _keys(line: Line) -> tuple[str, ...]:
    if isinstance(line, Launch):
        return line.cases
    return () if line.case == YARDSTICK and not isinstance(line, CaseFailure) else (line.case,)


def _read_info(path: Path) -> RunInfo:
    with _readable(path):
        content = path.read_bytes()
    try:
        schema = msgspec.json.decode(content, type=_Schema).schema
        if schema != SCHEMA:
            raise CspbenchError(
                f"{path}: schema {schema}, this version reads {SCHEMA}; "
                "read it with the version that wrote it"
            )
        return _info_decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CspbenchError(f"{path}: {error}") from error


def _lines(path: Path) -> Iterator[bytes]:
    with _readable(path), path.open("rb") as file:
        yield from file


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise CspbenchError(f"no {path.name} in {path.parent}: it is not a run folder") from error
    except OSError as error:
        raise CspbenchError(f"cannot read {path}: {error.strerror}") from error
