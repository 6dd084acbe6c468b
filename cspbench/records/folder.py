"""The run folder: ``run.json`` and ``records.jsonl``, appended under a lock and read strictly."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import msgspec

from ..errors import CspbenchError
from ..files import complete_bytes, lines_of_file, open_regular, read_file, replace_file
from .assembly import Assembly
from .lines import YARDSTICK, CaseFailure, Latency, Launch, Line
from .run import SCHEMA, Run, RunInfo

INFO = "run.json"
RECORDS = "records.jsonl"
_IGNORE = ".gitignore"
_MAX_INFO_BYTES = 1 << 26
_MAX_RECORDS_BYTES = 1 << 29
_MAX_LINE_BYTES = 1 << 25
_MAX_VALUES = 20_000_000  # of 32 bytes each in memory
_MAX_INFO_VALUES = 4_000_000  # 100,000 cases
_COMMITTED = "reference"  # runs in a folder of this name are kept in git

_encoder = msgspec.json.Encoder()
_line_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
_info_decoder = msgspec.json.Decoder(RunInfo)


class _Schema(msgspec.Struct):
    schema: int


class RunFolder:
    """A run folder locked for writing by this process. Use as a context manager.

    Each call of `append` writes its lines at once and flushes them to disk, so that a killed run
    loses only lines that were not yet appended.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    @classmethod
    def create(cls, path: Path, info: RunInfo) -> Self:
        """Begin a new run in ``path``; raises `CspbenchError` unless the folder is new or empty."""
        folder = cls._open(path)
        try:
            folder.begin(info)
        except BaseException:
            folder.close()
            raise
        return folder

    @classmethod
    def resume(cls, path: Path) -> tuple[Self, Assembly]:
        """Open the run in ``path`` to continue it, and return its lines assembled.

        An incomplete last line is cut off. Raises `CspbenchError` if the folder holds no run, is
        damaged, or is locked.
        """
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
        """Write ``run.json``; raises `CspbenchError` if the folder holds a run already."""
        if (self.path / INFO).exists() or os.fstat(self._descriptor).st_size:
            raise CspbenchError(
                f"{self.path} holds a run already; go on with it (--resume {self.path}) "
                "or give another folder (--out)"
            )
        content = msgspec.json.format(_encoder.encode(info), indent=1)
        _info_decoder.decode(content)  # fail now rather than when the run is read back
        try:
            replace_file(self.path / INFO, content + b"\n")
            if self.path.resolve().parent.name != _COMMITTED:
                replace_file(self.path / _IGNORE, b"*\n")  # the user's repository stays clean
        except OSError as error:
            hint = "; make room and start again" if error.errno == errno.ENOSPC else ""
            raise CspbenchError(
                f"cannot write {self.path / INFO}: {error.strerror}{hint}"
            ) from error

    def cut_torn_line(self) -> None:
        """Remove an incomplete last line, which a killed run leaves."""
        os.ftruncate(self._descriptor, complete_bytes(self.path / RECORDS))

    @classmethod
    def _open(cls, path: Path) -> Self:
        try:
            path.mkdir(parents=True, exist_ok=True)
            foreign = [p.name for p in path.iterdir() if not (path / INFO).exists()]
            if set(foreign) - {RECORDS, _IGNORE}:
                raise CspbenchError(
                    f"{path} is not empty and holds no run ({min(foreign)} stands there); "
                    "give another folder (--out)"
                )
            descriptor = open_regular(path / RECORDS, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
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
        """Append ``lines`` and flush them to disk; raises `CspbenchError` if they cannot be."""
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
        """Release the lock."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read(path: Path) -> Run:
    """The run in the folder ``path``, which may also be one of its two files.

    Raises `CspbenchError` like `read_lines`.
    """
    return read_lines(path).run()


def read_lines(path: Path) -> Assembly:
    """The lines of the run in the folder ``path``, assembled.

    ``path`` may also be one of the folder's two files. An incomplete last line, which a killed run
    leaves, is left out with a note. Raises `CspbenchError` for any other damage, naming the line.
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
    """Checks lines of one file against each other and against the cases of the run."""

    def __init__(self, keys: set[str]) -> None:
        self._keys = keys
        self._samples: set[tuple[str, int]] = set()
        self._turns: dict[int, int] = {}

    def add(self, line: Line) -> None:
        """Raise ValueError for an unlisted case, and for repeated or uneven samples."""
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
        content = read_file(path, _MAX_INFO_BYTES)
    _check_values(path, _values(content), _MAX_INFO_VALUES)
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
    values = 0
    with _readable(path):
        for line in lines_of_file(path, _MAX_RECORDS_BYTES, _MAX_LINE_BYTES):
            values += _values(line)
            _check_values(path, values, _MAX_VALUES)
            yield line


def _values(content: bytes) -> int:
    """The number of values in some JSON, at most, which tells how much memory it will take."""
    return content.count(b",") + 1


def _check_values(path: Path, values: int, most: int) -> None:
    if values > most:
        raise CspbenchError(f"{path} holds more than {most:,} values, which is the most to be read")


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise CspbenchError(f"no {path.name} in {path.parent}: it is not a run folder") from error
    except OSError as error:
        raise CspbenchError(f"cannot read {path}: {error.strerror}") from error
