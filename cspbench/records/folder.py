"""The run folder: ``run.json`` and ``records.jsonl``, appended under a lock and read strictly."""

import errno
import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from ..errors import CspbenchError
from ..files import complete_bytes, lines_of_file, open_regular, replace_file
from .assembly import Assembly
from .info_file import check_values, info_text, read_info, readable, values_in
from .line_check import MAX_LINE_BYTES, LineCheck
from .lines import Line
from .run import Run, RunInfo

INFO = "run.json"
RECORDS = "records.jsonl"
_IGNORE = ".gitignore"
_MAX_RECORDS_BYTES = 1 << 29
_MAX_VALUES = 20_000_000  # of 32 bytes each in memory
_LEFTOVER = re.compile(r"run\.json\.tmp|\.(run\.json|\.gitignore|records\.jsonl)\.\d+\.tmp")
_COMMITTED = "reference"  # runs in a folder of this name are kept in git


class RunFolder:
    """A run folder locked for writing by this process. Use as a context manager.

    Each call of `append` writes its lines at once and flushes them to disk, so that a killed run
    loses only lines that were not yet appended. Lines are checked before as they will be read.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._check = LineCheck(())
        self._info = b""

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
            hint = f"its {RECORDS} cannot be read without it; start a new run without --resume"
            if not (path / RECORDS).is_file():
                hint = "give the folder of an earlier run"
            raise CspbenchError(f"cannot resume {path}: it has no {INFO} ({hint})")
        folder = cls._open(path)
        try:
            assembly = folder.read_back()
        except BaseException:
            folder.close()
            raise
        return folder, assembly

    def begin(self, info: RunInfo) -> None:
        """Write ``run.json``; raises `CspbenchError` if the folder holds a run already."""
        if (self.path / INFO).exists():
            raise CspbenchError(
                f"{self.path} already holds a run (continue it with --resume {self.path}, or give "
                "another folder with --out)"
            )
        if os.fstat(self._descriptor).st_size:
            raise CspbenchError(
                f"{self.path} holds {RECORDS} without the {INFO} that is needed to read it (remove "
                "the folder, or give another one with --out)"
            )
        self._info, self._check = info_text(info), _check_of(info)
        try:
            self._write_info()
        except OSError as error:
            hint = " (free some space, then start again)" if error.errno == errno.ENOSPC else ""
            raise CspbenchError(
                f"cannot write {self.path / INFO}: {error.strerror}{hint}"
            ) from error

    def _write_info(self) -> None:
        for leftover in filter(_is_leftover, self.path.iterdir()):
            leftover.unlink(missing_ok=True)
        replace_file(self.path / INFO, self._info)
        if self.path.resolve().parent.name != _COMMITTED:
            replace_file(self.path / _IGNORE, b"*\n")  # the user's repository stays clean

    def read_back(self) -> Assembly:
        """The lines so far; an incomplete last line, which a killed run leaves, is cut off.

        Failures that were the machine's are forgotten, so that their stages are tried again.
        """
        assembly, self._check = _read_checked(self.path)
        self._info = info_text(assembly.info)
        os.ftruncate(self._descriptor, complete_bytes(self.path / RECORDS))
        assembly.notes = ()
        assembly.forget_environment_failures()
        return assembly

    @classmethod
    def _open(cls, path: Path) -> Self:
        try:
            path.mkdir(parents=True, exist_ok=True)
            foreign = {item.name for item in path.iterdir() if not _is_leftover(item)}
            if not (path / INFO).exists() and foreign - {RECORDS, _IGNORE}:
                raise CspbenchError(
                    f"{path} is not empty and holds no run: it contains {min(foreign)} (give "
                    "another folder with --out)"
                )
            return cls(path, _locked(path))
        except OSError as error:
            raise CspbenchError(f"cannot write into {path}: {error.strerror}") from error

    def append(self, lines: Sequence[Line]) -> list[Line]:
        """Append ``lines`` and flush them to disk; return them as they will be read.

        A line that could not be read back is replaced by a failure (`LineCheck.accept`). Raises
        `CspbenchError` if the lines cannot be written.
        """
        accepted = list(self._check.accept(lines))
        self.restore()
        content = b"".join(text for text, _ in accepted)
        size = os.fstat(self._descriptor).st_size + len(content)
        if size > _MAX_RECORDS_BYTES or self._check.values > _MAX_VALUES:
            raise CspbenchError(
                f"{self.path / RECORDS} has reached the largest size that can be read; results so "
                "far are kept (measure the other cases in another run: --only, --out)"
            )
        try:
            while content:
                content = content[os.write(self._descriptor, content) :]
            os.fsync(self._descriptor)
        except OSError as error:
            raise CspbenchError(
                f"cannot write {self.path / RECORDS}: {error.strerror}; results so far are kept "
                f"(free some space, then continue with --resume {self.path})"
            ) from error
        return [line for _, line in accepted]

    def restore(self) -> None:
        """Write the run's files anew if the folder was removed or moved meanwhile.

        Raises `CspbenchError` if they cannot be written.
        """
        try:
            if not (self.path / RECORDS).exists():
                replace_file(self.path / RECORDS, _content(self._descriptor))
                descriptor = _locked(self.path)
                os.close(self._descriptor)
                self._descriptor = descriptor
            if not (self.path / INFO).exists():
                self._write_info()
        except OSError as error:
            raise CspbenchError(
                f"{self.path} was removed during the run and cannot be restored: {error.strerror}"
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


def info(path: Path) -> RunInfo:
    """What was asked for in the run in the folder ``path``, without its records.

    ``path`` may also be one of the folder's two files. Raises `CspbenchError` if it cannot be read.
    """
    return read_info(_folder_of(path) / INFO)


def read_lines(path: Path) -> Assembly:
    """The lines of the run in the folder ``path``, assembled.

    ``path`` may also be one of the folder's two files. An incomplete last line, which a killed run
    leaves, is left out with a note. Raises `CspbenchError` for any other damage, naming the line.
    """
    return _read_checked(_folder_of(path))[0]


def _folder_of(path: Path) -> Path:
    return path.parent if path.name in {INFO, RECORDS} else path


def _read_checked(path: Path) -> tuple[Assembly, LineCheck]:
    """The lines of the run in the folder ``path``, and the check that they have passed."""
    assembly = Assembly(read_info(path / INFO))
    check, records = _check_of(assembly.info), path / RECORDS
    for number, text in enumerate(_lines(records), start=1):
        if not text.endswith(b"\n"):
            assembly.notes = (f"{RECORDS} ends in an incomplete line, which is ignored",)
            break
        check_values(records, check.values + values_in(text), _MAX_VALUES)
        try:
            assembly.add([check.decode(text)])
        except ValueError as error:
            raise CspbenchError(f"{records} line {number} is invalid: {error}") from error
    return assembly, check


def _check_of(info: RunInfo) -> LineCheck:
    return LineCheck(case.key for case in info.cases)


def _lines(path: Path) -> Iterator[bytes]:
    with readable(path):
        yield from lines_of_file(path, _MAX_RECORDS_BYTES, MAX_LINE_BYTES)


def _locked(path: Path) -> int:
    """The descriptor of the records in ``path``, locked; `CspbenchError` if another run has it."""
    descriptor = open_regular(path / RECORDS, os.O_RDWR | os.O_APPEND | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise CspbenchError(
            f"another run is writing to {path} (wait for it, or give another folder with --out)"
        ) from error
    return descriptor


def _content(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def _is_leftover(path: Path) -> bool:
    """Whether ``path`` is a file that a run which was killed while it wrote has left."""
    return _LEFTOVER.fullmatch(path.name) is not None
