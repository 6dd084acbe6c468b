"""``report``: tables and plots, written again from the records of runs; or event files."""

import shlex
from pathlib import Path

from ... import report as views
from ...api import event_files
from ...choices import TENSORBOARD
from ...engine.graph_trace import check_named, number_of_models
from ...engine.repeat import option_words, repeatable
from ...errors import CspbenchError
from ...records import folder
from ...records.run import Run
from ...report.words import plural
from .. import fault, output
from ..exit_codes import ExitCode
from ..requests import ReportRequest
from ..terminal import print_html, print_page, print_text, print_to_stderr


def report(request: ReportRequest) -> ExitCode:
    """Write and print the report of each run, or the history of measures over all runs."""
    _check_options(request)
    if request.format == "html" and (request.history is not None or len(request.runs) > 1):
        return _history_page(request)
    if request.history is not None:
        return _history(request, request.history)
    for name in request.runs:
        path = Path(name)
        fault.set_folder(path)
        results = views.derive(folder.read(path))
        if request.format == TENSORBOARD:
            _write_event_files(request, results, path)
            continue
        try:
            paths = views.write(results, path, request.columns)
        finally:
            page = views.render(results, request.format, request.columns, layout=output.layout())
            (print_html if request.format == "html" else print_page)(page)
        if request.format == "table":
            print_text(f"\nIn {name}\n{output.written_files(paths, path)}")
    return ExitCode.OK


def _check_options(request: ReportRequest) -> None:
    if request.format != TENSORBOARD:
        if request.trace:
            raise CspbenchError(f"--trace needs --format {TENSORBOARD}, whose graphs it is for")
        return
    if request.history is not None:
        raise CspbenchError(f"--history has no form for {TENSORBOARD}: leave out --format")
    event_files.check_installed()
    if request.trace:
        check_named([folder.info(Path(name)) for name in request.runs], request.trace)


def _write_event_files(request: ReportRequest, results: views.Results, path: Path) -> None:
    """Write the report of a run and its event files, and print where they are."""
    plots = views.write(results, path, request.columns)
    if number := number_of_models(results.run.info, request.trace):
        print_to_stderr(f"Tracing the graphs of {plural(number, 'model')} …")
    written = event_files.write(results, path, plots, request.trace)
    print_text(
        f"In {path}\nWritten: {written.folder.name}/ "
        f"({plural(written.cases, 'case')}, {plural(written.graphs, 'graph')})"
    )
    for note in written.notes:
        print_text(output.filled(note))
    print_text(f"To look at them: tensorboard --logdir {shlex.quote(str(written.folder))}")


def _history_page(request: ReportRequest) -> ExitCode:
    """Write the page of all measures over the runs, and print where it is."""
    runs, left_out = _newest(request)
    history = [] if request.history is None else option_words("history", request.history)
    words = ["python", "-m", "cspbench", "report", *map(repeatable, request.runs), *history]
    path = views.write_history_page(
        runs,
        request.history or "",
        Path(request.out),
        left_out=left_out,
        command=shlex.join([*words, *option_words("format", "html")]),
    )
    print_text(output.written_files([path], Path()))
    return ExitCode.OK


def _newest(request: ReportRequest) -> tuple[list[Run], int]:
    """The newest runs, oldest first, and how many older ones are left out."""
    paths_of_runs = sorted(map(Path, request.runs), key=lambda path: folder.info(path).started)
    left_out = max(0, len(paths_of_runs) - views.MAX_RUNS)
    return [folder.read(path) for path in paths_of_runs[left_out:]], left_out


def _history(request: ReportRequest, measure: str) -> ExitCode:
    runs, left_out = _newest(request)
    text, paths = views.write_history(
        runs, measure, Path(request.out), output.layout(), left_out=left_out
    )
    print_page(text)
    print_text("\n" + output.written_files(paths, Path()))
    return ExitCode.OK
