"""The entry point of the command line: runs a command and prints errors as one line."""

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ..engine.hints import reason
from ..errors import CspbenchError
from .error_line import print_error
from .exit_codes import ExitCode
from .options import parse

if TYPE_CHECKING:
    from .requests import Request


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:
        _search_working_directory()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = _execute(parse(words))
        sys.stdout.flush()  # a full disk raises here, inside the try
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader of our output has ended, as in `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except CspbenchError as error:
        message = reason(error)
    except ModuleNotFoundError as error:
        message = (
            f"{error.name} is not installed for {sys.executable}; make setup fills an environment "
            "of its own (.venv/bin/python), or: pip install -e ."
        )
    except OSError as error:  # a full disk under the output or the temporary folder
        message = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
    else:
        return code
    print_error(message)
    return ExitCode.USAGE


def _search_working_directory() -> None:
    """Find modules of the working directory first, as with ``python -m``, unless Python has -P."""
    with contextlib.suppress(OSError):  # the folder was removed
        here = str(Path.cwd())
        if not sys.flags.safe_path and sys.path[:1] != [here]:
            sys.path.insert(0, here)


def _execute(request: "Request") -> ExitCode:
    """Run the command of ``request``, loading only that command's modules."""
    from . import requests

    match request:
        case requests.RunRequest() | requests.GradientsRequest():
            from .commands.run import run

            code = run(request)
        case requests.CompareRequest():
            from .commands.compare import compare

            code = compare(request)
        case requests.AbRequest():
            from .commands.compare import ab

            code = ab(request)
        case requests.ListRequest():
            from .commands.catalogue import list_all

            code = list_all(request)
        case requests.ShowRequest():
            from .commands.catalogue import show

            code = show(request)
        case requests.VerifyRequest():
            from .commands.catalogue import verify

            code = verify(request)
        case requests.ReportRequest():
            from .commands.report import report

            code = report(request)
        case requests.DoctorRequest():
            from .commands.doctor import doctor

            code = doctor(request)
    return code


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
