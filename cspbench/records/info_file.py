"""``run.json``: its text, which is checked as it will be read, and strict reading within bounds."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec

from ..errors import CspbenchError
from ..files import read_file
from .run import SCHEMA, RunInfo

_MAX_BYTES = 1 << 26
_MAX_VALUES = 4_000_000  # 100,000 cases

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(RunInfo)


class _Schema(msgspec.Struct):
    schema: int
    version: Annotated[str, msgspec.Meta(max_length=100)] = "the version"


def info_text(info: RunInfo) -> bytes:
    """The content of the file; raises `CspbenchError` if it could not be read back."""
    try:
        content = msgspec.json.format(_encoder.encode(info), indent=1) + b"\n"
        _decoder.decode(content)
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        raise CspbenchError(f"the run cannot be recorded: {error}") from error
    if len(content) > _MAX_BYTES or values_in(content) > _MAX_VALUES:
        raise CspbenchError(
            f"the run cannot be recorded: its {len(info.cases):,} cases take {len(content):,} "
            "bytes, more than can be read back (choose fewer with --only)"
        )
    return content


def read_info(path: Path) -> RunInfo:
    """The content of ``path``; raises `CspbenchError` if it is none of this version."""
    with readable(path):
        content = read_file(path, _MAX_BYTES)
    check_values(path, values_in(content), _MAX_VALUES)
    try:
        head = msgspec.json.decode(content, type=_Schema)
        if head.schema != SCHEMA:
            raise CspbenchError(
                f"{path} has schema {head.schema}, but this version reads schema {SCHEMA}; read it "
                f"with cspbench {head.version}, which wrote it"
            )
        return _decoder.decode(_with_forms(content))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CspbenchError(f"{path} is invalid: {error}") from error


def _with_forms(content: bytes) -> bytes:
    """``content`` with a form in place of the compiler that cases of earlier versions have."""
    if b'"compiler"' not in content:
        return content
    fields = msgspec.json.decode(content)
    for case in fields.get("cases", ()):
        backend = case.pop("compiler", None)
        if backend is not None:
            case["form"] = "compiled" if backend == "inductor" else f"compiled:{backend}"
    return msgspec.json.encode(fields)


def values_in(content: bytes) -> int:
    """The number of values in some JSON, at most, which tells how much memory it will take."""
    return content.count(b",") + 1


def check_values(path: Path, values: int, most: int) -> None:
    """Raise `CspbenchError` if the file ``path`` holds more than ``most`` values."""
    if values > most:
        raise CspbenchError(f"{path} holds too many values; at most {most:,} are read")


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn OSError while a file of a run is read into a `CspbenchError`."""
    try:
        yield
    except FileNotFoundError as error:
        fault = f"it has no {path.name}" if path.parent.exists() else "there is no such folder"
        raise CspbenchError(f"{path.parent} is not a run folder: {fault}") from error
    except OSError as error:
        raise CspbenchError(f"cannot read {path}: {error.strerror}") from error
