"""How many inputs there are, which of them is run, and what each may take."""

import contextlib
import os
import resource
import signal
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

INPUTS = int(os.environ.get("FUZZ") or 400)
ONLY = os.environ.get("FUZZ_ONLY") or None
LIMIT_S = 30
LIMIT_BYTES = 1 << 30
MAX_SHOWN = 20
_MAX_MESSAGE = 400


class LateError(BaseException):
    """An input took too long; no handler of the program's catches it."""


def check_inputs(check: Callable[[int], None], count: int) -> None:
    """Call ``check`` with the number of each input, bounded; raises with all that failed.

    ``FUZZ_ONLY=K`` runs the input ``K`` alone, and raises its own error.
    """
    if ONLY is not None:
        with limited():
            check(int(ONLY))
        return
    failed = []
    for number in range(count):
        try:
            with limited():
                check(number)
        except (Exception, LateError) as error:  # noqa: BLE001 -- any is what is looked for
            failed.append(f"FUZZ_ONLY={number}: {type(error).__name__}: {_message(error)}")
    shown = "\n".join(failed[:MAX_SHOWN])
    assert not failed, f"{len(failed)} of {count} inputs failed\n{shown}"


def _message(error: BaseException) -> str:
    """The message, shortened, and where it was raised."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    message = " ".join(str(error).split())
    return f"{message[:_MAX_MESSAGE]} ({Path(place.filename).name}:{place.lineno})"


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """Raises where an input takes more than `LIMIT_S`, or `LIMIT_BYTES` more than before it."""
    is_late = False

    def late(*_: object) -> None:
        nonlocal is_late
        is_late = True
        raise LateError(f"took longer than {LIMIT_S} s")

    handler = signal.signal(signal.SIGALRM, late)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_mapped_bytes() + LIMIT_BYTES, limits[1]))
    signal.alarm(LIMIT_S)
    try:
        yield
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, limits)
        signal.signal(signal.SIGALRM, handler)
    if is_late:
        raise LateError(f"took longer than {LIMIT_S} s, and went on")


def _mapped_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()
