"""``run`` and ``gradients``: measure a suite, write its folder, print its table."""

from ... import report
from ...catalogue import find
from ...engine.foreign_code import foreign_code
from ...engine.request import GradientsRequest, RunRequest
from ...engine.session import Session
from ...plan.case import show_words
from ...records.run import Run
from .. import output
from ..exit_codes import ExitCode
from ..terminal import print_page, print_text, print_to_stderr


def run(request: RunRequest | GradientsRequest) -> ExitCode:
    """Begin or resume a run, measure it, and print its table and a command to go on with."""
    columns = request.columns if isinstance(request, RunRequest) else None
    with Session.begin(request, print_to_stderr) as session:
        is_complete = output.measure(session)
        result = session.read()
        results = report.derive(result)
        try:
            print_page(report.text(results, columns, output.layout()))
        finally:  # write the files, which takes seconds, even if nobody reads the table any more
            paths = report.write(results, session.path, columns)
    folder = output.shown_path(session.path)
    print_page(report.conclusion(results, output.layout()) + "\n")
    print_text(f"Run folder: {folder}")
    print_text(output.written_files(paths, session.path))
    if not is_complete:
        trust = ["--trust"] if foreign_code(result.info) else []
        command = output.command_line(request.verb, "--resume", folder, *trust)
        print_text(f"Interrupted. Continue with: {command}")
        return ExitCode.INTERRUPTED
    return _print_next(result)


def _print_next(result: Run) -> ExitCode:
    """Print the command that shows the last failed case, or else the last case."""
    is_timed = "latency" in result.info.stages
    failed = [
        record.case
        for record in result.records
        if record.failures or (is_timed and not record.latencies)
    ]
    case = (failed or [record.case for record in result.records])[-1]
    print_text(f"Next: {output.command_line(*show_words(case, find(case.entry)))}")
    return ExitCode.FAILED_CASE if failed else ExitCode.OK
