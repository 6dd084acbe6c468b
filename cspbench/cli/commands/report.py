"""``report``: tables and plots, written again from the records of runs."""

from pathlib import Path

from ... import report as views
from ...records import folder
from .. import fault, output
from ..exit_codes import ExitCode
from ..requests import ReportRequest
from ..terminal import print_page, print_text


def report(request: ReportRequest) -> ExitCode:
    """Write and print the report of each run, or the history of one measure over all runs."""
    if request.history is not None:
        return _history(request, request.history)
    for name in request.runs:
        path = Path(name)
        fault.set_folder(path)
        results = views.derive(folder.read(path))
        try:
            paths = views.write(results, path, request.columns)
        finally:
            page = views.render(results, request.format, request.columns, layout=output.layout())
            print_page(page)
        if request.format == "table":
            print_text(f"\nIn {name}\n{output.written_files(paths, path)}")
    return ExitCode.OK


def _history(request: ReportRequest, measure: str) -> ExitCode:
    runs = [folder.read(Path(name)) for name in request.runs]
    text, paths = views.write_history(runs, measure, Path(request.out), output.layout())
    print_page(text)
    print_text("\n" + output.written_files(paths, Path()))
    return ExitCode.OK
