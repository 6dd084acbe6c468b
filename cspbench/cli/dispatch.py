"""The command of a command line: each loads only its own modules."""

from typing import TYPE_CHECKING

from .exit_codes import ExitCode
from .options import parse

if TYPE_CHECKING:
    from .requests import Request


def execute(words: list[str]) -> ExitCode:
    """Run the command that ``words`` stand for, and return its exit code.

    Raises `SystemExit` after ``--help`` and ``--version``, and what the command raises.
    """
    request = parse(words)
    try:
        return _execute(request)
    except SystemExit as error:  # of a library that is being imported: no exit code of ours
        raise RuntimeError(f"the program was ended with {error.code!r}") from error


def _execute(request: "Request") -> ExitCode:
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
