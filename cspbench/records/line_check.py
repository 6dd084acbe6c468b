"""Lines as they are read: decoded strictly, and checked against each other and the run's cases."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from .base import storable
from .info_file import values_in
from .lines import (
    YARDSTICK,
    BlockTraining,
    CaseFailure,
    Latency,
    Launch,
    LaunchFailure,
    Line,
)
from .measurement import Measurement

MAX_LINE_BYTES = 1 << 25
_MAX_LINE_VALUES = 4_000_000

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
_UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError)
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")


class LineCheck:
    """Checks the lines of one file, whose cases have ``keys``, in the order of the file.

    ``values`` is their number of values, as `values_in` counts them.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self.values = 0
        self._keys = frozenset(keys)
        self._samples: set[tuple[str, int]] = set()

    def decode(self, text: bytes) -> Line:
        """The line ``text``, which is taken as the file's next.

        Raises ValueError for what is no line, for an unlisted case, and for repeated samples.
        """
        try:
            line = _decoder.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ValueError(str(error)) from error
        self._add(line)
        self.values += values_in(text)
        return line

    def accept(self, lines: Sequence[Line]) -> Iterator[tuple[bytes, Line]]:
        """Each of ``lines`` as text and as it will be read, taken as the file's next.

        A line that would be refused is replaced by the failure of its case at that stage, or of its
        launch; a case without samples is left out of its launch. Raises ValueError for a line of a
        case that the run does not list.
        """
        refused: set[tuple[str, int]] = set()
        failed: set[int] = set()
        for line in lines:
            if isinstance(line, Launch):
                if line.launch in failed:
                    continue
                cases = tuple(key for key in line.cases if (key, line.launch) not in refused)
                line = msgspec.structs.replace(line, cases=cases)  # noqa: PLW2901
            try:
                yield self._accept(line)
            except _UNREADABLE as error:
                failure = _failure_of(line, error)
                if isinstance(failure, LaunchFailure):
                    failed.add(failure.launch)
                elif failure.launch is not None:
                    refused.add((failure.case, failure.launch))
                yield self._accept(failure)

    def _accept(self, line: Line) -> tuple[bytes, Line]:
        try:
            text = _encoder.encode(line)
        except UnicodeEncodeError:
            text = _encoder.encode(_storable(msgspec.to_builtins(line)))
        if len(text) >= MAX_LINE_BYTES or values_in(text) > _MAX_LINE_VALUES:
            raise ValueError(
                f"it takes {len(text):,} bytes; at most {MAX_LINE_BYTES:,} can be read"
            )
        return text + b"\n", self.decode(text)

    def _add(self, line: Line) -> None:
        for key in _keys_of(line):
            if key not in self._keys:
                raise ValueError(f"run.json lists no case {key!r}")
        if isinstance(line, Latency):
            identity = line.case, line.launch
            if identity in self._samples:
                raise ValueError(f"launch {line.launch} has {line.case!r} twice")
            self._samples.add(identity)


def _keys_of(line: Line) -> tuple[str, ...]:
    match line:
        case Launch() | LaunchFailure():
            return line.cases
        case Latency(case=key) if key == YARDSTICK:
            return ()
        case _:
            return (line.case,)


def _failure_of(line: Line, error: Exception) -> CaseFailure | LaunchFailure:
    """What is recorded in place of ``line``, which could not be read back because of ``error``."""
    reason = f"it cannot be recorded: {_fault(line, error)}"
    match line:
        case Launch(launch=number) | LaunchFailure(launch=number):
            reason = f"its closing line: {reason}"
            return LaunchFailure(launch=number, cause="invalid", reason=reason)
        case Latency(case=key, launch=number) if key == YARDSTICK:
            reason = f"the yardstick's latency: {reason}"
            return LaunchFailure(launch=number, cause="invalid", reason=reason)
        case Latency(case=key, launch=number):
            return _invalid(key, "latency", reason, launch=number)
        case BlockTraining():
            return _invalid(line.case, "training", reason)
        case Measurement():
            return _invalid(line.case, line.stage, reason, is_fatal=False)
        case CaseFailure():
            return _invalid(line.case, line.stage, reason, is_fatal=line.is_fatal)
        case _:
            raise ValueError(f"{line.case}: {reason}") from error


def _invalid(
    key: str, stage: str, reason: str, *, launch: int | None = None, is_fatal: bool = True
) -> CaseFailure:
    return CaseFailure(
        case=key, stage=stage, cause="invalid", reason=reason, launch=launch, is_fatal=is_fatal
    )


def _fault(line: Line, error: Exception) -> str:
    """``error`` with the figure that it is about: ``macs is -1: Expected `int` >= 0``."""
    expected, _, path = str(error).partition(" - at `$")
    if not path:
        return str(error)
    value: Any = line
    for name, index in _STEP.findall(path):
        value = getattr(value, name, None) if name else value[int(index)]
    shown = storable(repr(value), 100)
    return f"{path.strip('`.')} is {shown}: {expected}"


def _storable(value: Any) -> Any:
    """Plain values with all their texts made storable."""
    match value:
        case str():
            return storable(value, len(value))
        case dict():
            return {_storable(key): _storable(item) for key, item in value.items()}
        case list() | tuple():
            return [_storable(item) for item in value]
        case _:
            return value
