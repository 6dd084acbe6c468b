"""``python -m cspbench``."""

import os
import signal
import sys
from typing import NoReturn

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _end(*_: object) -> NoReturn:
    """End at once: nothing has begun, and an import that is interrupted may crash."""
    os.write(2, b"cspbench: interrupted before anything was measured\n")
    os._exit(130)


if __name__ == "__main__":
    for _number in _ENDING:  # until `main` handles them
        if signal.getsignal(_number) is not signal.SIG_IGN:
            signal.signal(_number, _end)

    from .cli import main

    sys.exit(main())
