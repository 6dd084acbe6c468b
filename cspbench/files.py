"""Reading of files from outside, of bounded size, and atomic writing."""

import contextlib
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
        size = os.fstat(descriptor).st_size
        content = bytearray()
        while size <= max_bytes and (part := os.read(descriptor, _MIB)):
            content += part
            size = max(size, len(content))  # it may grow meanwhile
    if size > max_bytes:
        raise CspbenchError(f"{path} is {size:,} bytes large; at most {max_bytes:,} are read")
    return bytes(content)


@contextlib.contextmanager
def open_file(path: Path) -> Iterator[int]:
    """The descriptor of the regular file ``path``, open for reading.

    Raises `CspbenchError` for anything that is no regular file, and OSError if it cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO would block
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise CspbenchError(f"{path} is no regular file")
        yield descriptor
    finally:
        os.close(descriptor)


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
