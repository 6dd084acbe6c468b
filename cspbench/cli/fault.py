"""A fault of cspbench: one line for the user, and a file with what is needed to fix it."""

import contextlib
import os
import shlex
import sys
import tempfile
import time
import traceback
from pathlib import Path

from .. import __version__
from .terminal import print_error

_PACKAGES = ("torch", "numpy", "pandas", "scipy", "matplotlib", "msgspec", "rich")
_VARIABLES = ("PYTHON", "OMP_", "MKL_", "CUDA_", "TORCH", "LANG", "LC_", "MALLOC_", "LD_PRELOAD")
_MAX_BYTES = 2**20

_folders: list[Path] = []


def set_folder(path: Path | None) -> None:
    """Set the run folder that the command has open; None if it has none."""
    _folders[:] = [] if path is None else [path]


def folder() -> Path | None:
    """The run folder that the command has open."""
    return _folders[0] if _folders else None


def report(error: BaseException, words: list[str]) -> None:
    """Print that ``error`` is a fault of cspbench, and write its details to a file."""
    name = type(error).__name__
    with contextlib.suppress(Exception):  # its text is computed by code, which may fail, too
        name = ": ".join(filter(None, [name, next(iter(str(error).splitlines()), "")]))[:300]
    try:
        details = f"details to report are in {_write(_details(error, words))}"
    except Exception as second:  # noqa: BLE001 -- no memory, no disk
        details = (
            f"its details cannot be written ({type(second).__name__}); raised at {_place(error)}"
        )
    print_error(f"this is a bug in cspbench: {name}; {details}")


def _details(error: BaseException, words: list[str]) -> str:
    from importlib import metadata

    packages = []
    for package in _PACKAGES:
        with contextlib.suppress(Exception):
            packages.append(f"{package} {metadata.version(package)}")
    variables = [
        f"  {name}={value}" for name, value in os.environ.items() if name.startswith(_VARIABLES)
    ]
    lines = [
        f"cspbench {__version__}",
        f"command      {shlex.join(words)}",
        f"Python       {sys.version} ({sys.executable})",
        f"system       {' '.join(os.uname())}",
        f"packages     {', '.join(packages)}",
        "environment",
        *variables,
        "",
        "".join(traceback.format_exception(error)),
    ]
    return "\n".join(lines)


def _write(details: str) -> Path:
    """The file that the details were written to, in the run folder or the temporary folder."""
    content = details.encode(errors="backslashreplace")[:_MAX_BYTES]
    if open_folder := folder():
        path = open_folder / f"fault-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.txt"
        with contextlib.suppress(OSError):
            path.write_bytes(content)
            return path
    descriptor, name = tempfile.mkstemp(prefix="cspbench-fault-", suffix=".txt")
    os.close(descriptor)
    path = Path(name)
    path.write_bytes(content)
    return path


def _place(error: BaseException) -> str:
    """Where ``error`` was raised, as ``file.py:12``."""
    link = error.__traceback__
    while link is not None and link.tb_next is not None:
        link = link.tb_next
    if link is None:
        return "unknown"
    return f"{Path(link.tb_frame.f_code.co_filename).name}:{link.tb_lineno}"
