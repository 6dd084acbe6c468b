"""Delaying of interrupts while a process starts."""

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Block SIGINT and SIGTERM inside the context, and deliver them on exit.

    While a process is being started, an interrupt could otherwise end the parent before it knows
    the process. The fork server inherits the mask, so that only the parent handles interrupts from
    the terminal.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
