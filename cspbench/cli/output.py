"""What several commands print: paths, command lines, and the progress of a run."""

import os
import shlex
import shutil
import sys
import textwrap
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from ..report.layout import FILE, Layout
from . import fault, interrupts
from .terminal import SteadyStream, print_to_stderr

if TYPE_CHECKING:
    from ..engine.session import Session
    from ..records.run import Settings

_MIN_WIDTH = 40  # of a page: an entry and a figure with its interval


def command_line(*words: str) -> str:
    """The command line that runs cspbench with ``words`` in this Python."""
    executable = Path(sys.executable)
    is_on_path = shutil.which("python") == str(executable)
    return shlex.join(
        ["python" if is_on_path else shown_path(executable), "-m", "cspbench", *words]
    )


def shown_path(path: Path) -> str:
    """``path`` relative to the current folder if it lies below it, else as it is."""
    return os.path.relpath(path) if path.is_relative_to(path.cwd()) else str(path)


def written_files(paths: Sequence[Path], folder: Path) -> str:
    """A sentence naming the files written below ``folder``, suffixes of one name grouped."""
    suffixes: dict[Path, list[str]] = {}
    for path in paths:
        relative = path.relative_to(folder) if path.is_relative_to(folder) else path
        suffixes.setdefault(relative.with_suffix(""), []).append(relative.suffix)
    names = [
        f"{stem}{forms[0]}" if len(forms) == 1 else f"{stem}{{{','.join(forms)}}}"
        for stem, forms in suffixes.items()
    ]
    text = f"Written: {', '.join(names)}"
    width = min(layout().width, 100)
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)  # whole paths


def layout() -> Layout:
    """The layout of pages for standard output: that of files, unless it is a terminal.

    A terminal decides itself what of the tones it shows (`terminal.print_page`).
    """
    width = max(_MIN_WIDTH, shutil.get_terminal_size().columns)
    return Layout(width=width if SteadyStream(sys.stdout).isatty() else FILE.width, has_tones=True)


def filled(sentence: str) -> str:
    """``sentence`` in lines that standard output has room for."""
    return layout().filled(sentence)


def measure(session: "Session") -> bool:
    """Measure what a session lacks, displaying progress; False if it was interrupted.

    A busy machine is said first if anything is to be timed.
    """
    from .progress import LiveProgress, PlainProgress

    fault.set_folder(session.path)
    if "latency" in session.info.stages:
        warn_if_busy(session.info.settings)
    stream = SteadyStream(sys.stderr)
    display = LiveProgress if stream.isatty() else PlainProgress
    with closing(display(stream)) as progress:
        is_complete = session.measure(progress)
    if not is_complete:
        interrupts.settle()
    return is_complete


def warn_if_busy(settings: "Settings", *, has_choice: bool = True) -> None:
    """Say what others on the cores do to timings, if they disturb any and can be seen.

    ``has_choice``: whether the command has an option for the number of threads.
    """
    from ..machine import environment, health
    from ..machine.contention import taken_cores
    from ..records.base import Failure

    taken = taken_cores()
    if isinstance(taken, Failure):
        return
    cores = environment.usable_cores()
    if warning := health.busy_warning(
        taken, cores=cores, threads=settings.threads, has_choice=has_choice
    ):
        print_to_stderr(warning)
