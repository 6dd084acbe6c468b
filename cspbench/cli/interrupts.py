"""Signals that end a command: KeyboardInterrupt, as for Ctrl-C, but never inside an import.

An extension module whose initialisation is interrupted can crash the interpreter. A signal that
arrives meanwhile is therefore sent again until no import is under way.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from ..engine.signals import ENDING

_IMPORT = "<frozen importlib._bootstrap"
_AGAIN_S = 0.01
_LOST_S = 5.0  # a library may swallow the exception, as C code does that asks for an attribute
_PROGRAM = str(Path(__file__).with_name("program.py"))


@contextlib.contextmanager
def handled() -> Iterator[None]:
    """Raise KeyboardInterrupt for each such signal inside the context.

    Signals that the caller ignores, as ``nohup`` does, stay ignored. In other threads than the main
    one, nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in ENDING}
    install()
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)


def install() -> None:
    """Raise KeyboardInterrupt for each such signal from now on, unless it is ignored."""
    for number in ENDING:
        if signal.getsignal(number) not in {signal.SIG_IGN, None}:
            signal.signal(number, _interrupt)


def settle() -> None:
    """Send no signal again: the interrupt has arrived."""
    if threading.current_thread() is threading.main_thread():
        signal.setitimer(signal.ITIMER_REAL, 0)


def ignore() -> None:
    """Ignore all such signals from now on: the command has its exit code."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if not _is_importing(frame):
        raise KeyboardInterrupt

    def send_again(*_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, _LOST_S)
        signal.raise_signal(number)

    signal.signal(signal.SIGALRM, send_again)
    signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)


def _is_importing(frame: FrameType | None) -> bool:
    """Whether the command itself is importing; the program that calls it may be, too."""
    while frame is not None and frame.f_code.co_filename != _PROGRAM:
        if frame.f_code.co_filename.startswith(_IMPORT):
            return True
        frame = frame.f_back
    return False
