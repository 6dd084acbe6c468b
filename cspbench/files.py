"""Reading of files from outside, of bounded size and none but regular ones, and atomic writing."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from .errors import CspbenchError

_MIB = 1 << 20


def read_file(path: Path, max_bytes: int) -> bytes:
    """The content of the regular file ``path``, at most ``max_bytes``.

    Raises `CspbenchError` for anything that is no regular file (a folder, a FIFO, a device) and
    for a larger file, without reading either, and OSError if it cannot be read.
    """
    with open_file(path) as descriptor:
        _check_size(path, os.fstat(descriptor).st_size, max_bytes)
        content = bytearray()
        while part := os.read(descriptor, _MIB):
            content += part
            _check_size(path, len(content), max_bytes)  # it may grow meanwhile
    return bytes(content)


def lines_of_file(path: Path, max_bytes: int, max_line_bytes: int) -> Iterator[bytes]:
    """The lines of the regular file ``path`` with their ends, about a MiB in memory at a time.

    Raises like `read_file`, and `CspbenchError` for a line of more than ``max_line_bytes``.
    """
    with open_file(path) as descriptor:
        size, number, rest = 0, 0, b""
        _check_size(path, os.fstat(descriptor).st_size, max_bytes)
        while part := os.read(descriptor, _MIB):
            size += len(part)
            _check_size(path, size, max_bytes)  # it may grow meanwhile
            *lines, rest = (rest + part).split(b"\n")
            for line in lines:
                number += 1
                _check_line(path, number, len(line) + 1, max_line_bytes)
                yield line + b"\n"
            _check_line(path, number + 1, len(rest), max_line_bytes)
        if rest:
            yield rest


def _check_line(path: Path, number: int, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise CspbenchError(
            f"{path} line {number} is too long; at most {max_bytes:,} bytes are read"
        )


def complete_bytes(path: Path) -> int:
    """The number of bytes of the regular file ``path`` up to the end of its last whole line."""
    with open_file(path) as descriptor:
        end = os.fstat(descriptor).st_size
        while end:
            start = max(0, end - _MIB)
            place = os.pread(descriptor, end - start, start).rfind(b"\n")
            if place >= 0:
                return start + place + 1
            end = start
    return 0


@contextlib.contextmanager
def open_file(path: Path) -> Iterator[int]:
    """The descriptor of the regular file ``path``, open for reading.

    Raises `CspbenchError` for anything that is no regular file, and OSError if it cannot be opened.
    """
    descriptor = open_regular(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_regular(path: Path, flags: int) -> int:
    """A descriptor of the regular file ``path``, opened with ``flags``; raises like `open_file`."""
    try:
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    except OSError as error:
        if error.errno == errno.ENXIO:  # to write to a FIFO that nobody reads, or to a socket
            raise CspbenchError(f"{path} is not a regular file") from error
        raise
    except ValueError as error:  # a NUL
        raise CspbenchError(f"{str(path)!r} is not a path: {error}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise CspbenchError(f"{path} is not a regular file")
    return descriptor


def _check_size(path: Path, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise CspbenchError(f"{path} is too large: {size:,} bytes; at most {max_bytes:,} are read")


def replace_file(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` atomically, creating missing folders.

    Raises OSError if it cannot be written; an existing file is then unchanged.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
