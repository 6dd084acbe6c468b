"""Interrupts that wait while a process starts."""

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Hold SIGINT and SIGTERM back inside, and deliver them afterwards.

    A process that is being started is so known to its parent before an interrupt can end either.
    The fork server inherits the mask and never sees an interrupt from the terminal: the parent
    alone decides what an interrupt ends.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
