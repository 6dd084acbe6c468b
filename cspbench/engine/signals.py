"""Delaying of interrupts while a process starts."""

import contextlib
import signal
from collections.abc import Iterator

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that end a command in good order."""


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Block `ENDING` inside the context, and deliver them on exit.

    While a process is being started, an interrupt could otherwise end the parent before it knows
    the process. The fork server inherits the mask, so that only the parent handles interrupts from
    the terminal.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
