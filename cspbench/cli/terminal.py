"""Standard output and standard error; all that the command line prints goes through here.

No control or direction character of a text from outside reaches a terminal. A stream that is
closed, that has no reader any more or that is full ends no command: what it cannot take is dropped.
"""

import contextlib
import json
import os
import sys
from itertools import starmap
from typing import TYPE_CHECKING, TextIO, cast

from ..text import printable, printable_lines, shortened

if TYPE_CHECKING:
    from ..report.tones import Tone

_STYLES: "dict[Tone, str]" = {"better": "green", "worse": "bold red", "undecided": "yellow"}
_MAX_LINE = 1000  # characters of an error message, which may quote text of any length

_errors: list[OSError] = []
"""Why standard output could not be written, except where its reader had left."""


def print_text(text: str) -> None:
    """Print ``text`` to standard output."""
    write(sys.stdout, f"{printable_lines(text)}\n")


def print_page(page: str) -> None:
    """Print a page of a report to standard output, its tones in colour if that shows colours."""
    from ..report.tones import pieces

    paint = _painted if _shows_colours() else _unpainted
    write(sys.stdout, "".join(starmap(paint, pieces(page))) + "\n")


def _shows_colours() -> bool:
    """Whether standard output shows colours, as rich sees it.

    A terminal does unless ``TERM=dumb``, all else with ``FORCE_COLOR``, nothing with ``NO_COLOR``.
    """
    from rich.console import Console

    console = Console(file=cast("TextIO", SteadyStream(sys.stdout)))
    return console.color_system is not None and not console.no_color


def _unpainted(text: str, _: "Tone | None") -> str:
    return text


def _painted(text: str, tone: "Tone | None") -> str:
    """The text in the colour of its tone."""
    from rich.color import ColorSystem
    from rich.style import Style

    if tone is None:
        return text
    return Style.parse(_STYLES[tone]).render(text, color_system=ColorSystem.STANDARD)


def print_html(text: str) -> None:
    """Print an HTML page to standard output as it is: what a script of it holds must not change.

    Its texts from outside are printable (`report.html.rendering`).
    """
    write(sys.stdout, text)


def print_json(value: object) -> None:
    """Print ``value`` as JSON in which all that is not printable is escaped."""
    print_text(json.dumps(value, indent=1).replace("\x7f", "\\u007f"))


def print_to_stderr(text: str) -> None:
    """Print ``text`` to standard error."""
    write(sys.stderr, f"{printable_lines(text)}\n")


def print_error(message: str) -> None:
    """Print an error to standard error as one line, cut off if it is very long."""
    quote = printable(shortened(message, _MAX_LINE))
    print_to_stderr(f"cspbench: {' '.join(quote.split())}")


def write(stream: TextIO | None, text: str) -> None:
    """Write ``text``, as it is, to ``stream`` and flush it; drop what it cannot take."""
    if stream is None:  # closed before Python began
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except (OSError, ValueError) as error:  # ValueError: it was closed meanwhile
        is_unread = isinstance(error, BrokenPipeError)  # as in `… | head`
        if stream is sys.stdout and isinstance(error, OSError) and not is_unread:
            _errors.append(error)
        _discard(stream)


def take_output_error() -> OSError | None:
    """Why standard output could not be written since the last call; None if it could."""
    write(sys.stdout, "")  # what others have left in its buffer
    error = _errors[0] if _errors else None
    _errors.clear()
    return error


def open_standard_streams() -> None:
    """Open standard streams that are closed onto the null device.

    Otherwise the next file to be opened, such as a run's records, would take the number of a closed
    stream, and receive what C code prints.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            _open_null(number)
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


class SteadyStream:
    """A stream for a progress display, which drops what the stream cannot take."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.encoding = getattr(stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write ``text`` as it is."""
        write(self._stream, text)
        return len(text)

    def flush(self) -> None:
        """Do nothing: each text is flushed when it is written."""

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        with contextlib.suppress(ValueError):
            return self._stream is not None and self._stream.isatty()
        return False

    def fileno(self) -> int:
        """The number of the stream; raises OSError if it has none."""
        if self._stream is None:
            raise OSError("the stream is closed")
        return self._stream.fileno()


def _discard(stream: TextIO) -> None:
    """Lead ``stream`` to the null device, so that what it still holds is not tried again."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # it is no file
        _open_null(stream.fileno())


def _open_null(number: int) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor == number:
            os.set_inheritable(number, True)  # noqa: FBT003 -- as standard streams are
        else:
            os.dup2(descriptor, number)
            os.close(descriptor)
