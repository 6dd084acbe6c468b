"""The entry point of the command line: runs a command and turns what it raises into an exit code.

It imports next to nothing, so that signals are handled from the first moment on, and so that a
failing import is answered like anything else.
"""

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

from . import fault, interrupts, terminal
from .exit_codes import ExitCode

_MEASURING = {"run", "ab", "gradients", "doctor"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; no error is raised.

    Without ``arguments``, this is the program: it takes them from its command line, and when it has
    its exit code, signals change nothing any more.
    """
    if arguments is not None:
        with interrupts.handled():
            return _exit_code(list(arguments))
    terminal.open_standard_streams()
    _search_working_directory()
    code: int = ExitCode.INTERRUPTED
    with contextlib.suppress(KeyboardInterrupt):
        try:
            interrupts.install()
            code = _exit_code(sys.argv[1:])
        finally:
            interrupts.ignore()
    return code


def _exit_code(words: list[str]) -> int:
    fault.set_folder(None)
    try:
        code = _answered(words)
    except SystemExit:  # argparse has printed what --help or --version asked for
        code = ExitCode.OK
    except KeyboardInterrupt:
        interrupts.settle()
        terminal.print_error(_interrupted(words))
        code = ExitCode.INTERRUPTED
    if error := terminal.take_output_error():
        terminal.print_error(f"cannot write the output: {error.strerror or error}")
        code = code or ExitCode.USAGE
    return code


def _answered(words: list[str]) -> int:
    """The exit code of a command; what it raises, but an interrupt, is printed as one line."""
    try:
        from .dispatch import execute

        return execute(words)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 -- the last resort
        message = _message(error)
        if message is None:
            fault.report(error, words)
            return ExitCode.FAULT
    terminal.print_error(message)
    return ExitCode.USAGE


def _message(error: BaseException) -> str | None:
    """What is wrong with the input or the machine, in one line; None for a fault of cspbench."""
    from ..errors import CspbenchError

    match error:
        case CspbenchError():
            from ..engine.hints import reason

            return reason(error)
        case ModuleNotFoundError(name=str(name)) if not name.startswith("cspbench"):
            return (
                f"{name} is not installed for {sys.executable}; run make setup and use "
                ".venv/bin/python, or run pip install -e . for this Python"
            )
        case ImportError(name=str(name)) if not name.startswith("cspbench"):
            return f"{name} cannot be loaded by {sys.executable} (reinstall it): {error}"
        case OSError():  # a full disk under the temporary folder
            place = f": {error.filename}" if error.filename else ""
            return f"{error.strerror or error}{place}"
        case _:
            return None


def _interrupted(words: list[str]) -> str:
    """What an interrupt has left."""
    if words and not words[0].startswith("-") and words[0] not in _MEASURING:
        return "interrupted"
    if folder := fault.folder():
        return f"interrupted; results so far are in {folder}"
    return "interrupted before anything was measured"


def _search_working_directory() -> None:
    """Find modules of the working directory first, as with ``python -m``, unless Python has -P."""
    with contextlib.suppress(OSError):  # the folder was removed
        here = str(Path.cwd())
        if not sys.flags.safe_path and sys.path[:1] != [here]:
            sys.path.insert(0, here)
