"""``compare`` and ``ab``: the changes between two runs or two revisions."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from ... import report
from ...choices import ComparisonFormat
from ...comparison.compare import compare as compare_runs
from ...comparison.excerpt import Excerpt
from ...comparison.in_turns import in_turns
from ...comparison.result import Comparison
from ...comparison.sides import excerpts
from ...comparison.thresholds import gate
from ...engine.repeat import option_words, repeatable
from ...engine.session import Session
from ...engine.worktrees import Repository
from ...records.run import Side
from ...report import comparison as views
from ...report import html
from .. import output
from ..exit_codes import ExitCode, comparison_exit_code
from ..requests import AbRequest, CompareRequest
from ..terminal import print_html, print_json, print_page, print_text, print_to_stderr


def compare(request: CompareRequest) -> ExitCode:
    """Compare two existing runs and print the changes."""
    rules = gate(request.judging.thresholds, strict=request.judging.is_strict)
    comparison = compare_runs(request.baseline, request.candidate, gate=rules)
    _print_comparison(comparison, request.judging.format, _command(request))
    return comparison_exit_code(comparison, strict=rules.is_strict)


def ab(request: AbRequest) -> ExitCode:
    """Check out two revisions, measure them in turns, and print the changes."""
    rules = gate(request.judging.thresholds, strict=request.judging.is_strict)
    repository = Repository(Path(request.path or "."))
    revisions = _revisions(request, repository)
    if len(set(revisions.values())) == 1:
        print_to_stderr(
            f"{request.baseline} and {request.candidate} come down to one commit, "
            f"{revisions['candidate'][:12]}: identical code is compared, which shows only noise"
        )
    with (
        repository.checked_out(revisions) as roots,
        Session.begin_ab(request, revisions, roots, rules) as session,
    ):
        is_complete = output.measure(session)
        run = session.read()
    comparison = in_turns(run)
    try:
        paths = report.write(report.derive(run), session.path)
    finally:
        _print_comparison(comparison, request.judging.format, run.info.command, excerpts(run))
    if not is_complete:
        print_to_stderr("cspbench: interrupted: the comparison covers what was measured until then")
    if request.judging.format == "table":
        print_text(f"\nRun folder: {output.shown_path(session.path)}")
        print_text(output.written_files(paths, session.path))
    if not is_complete:
        return ExitCode.INTERRUPTED
    return comparison_exit_code(comparison, strict=rules.is_strict)


def _revisions(request: AbRequest, repository: Repository) -> dict[Side, str]:
    """The commit of each side; the baseline is the merge base unless that is refused."""
    candidate = repository.commit(request.candidate)
    baseline = repository.commit(request.baseline)
    if not request.no_merge_base:
        baseline = repository.merge_base(baseline, candidate)
    return {"baseline": baseline, "candidate": candidate}


def _command(request: CompareRequest) -> str:
    """The command that repeats ``request``, whatever its format was."""
    judging = request.judging
    words = ["python", "-m", "cspbench", "compare"]
    words += map(repeatable, (request.baseline, request.candidate))
    words += option_words("thresholds", judging.thresholds)
    words += option_words("is_strict", judging.is_strict) if judging.is_strict else []
    return shlex.join(words)


def _print_comparison(
    comparison: Comparison,
    form: ComparisonFormat,
    command: str,
    records: Sequence[Excerpt] = (),
) -> None:
    if form == "json":
        print_json(comparison.to_dict())
    elif form == "markdown":
        print_text(views.markdown(comparison, records))
    elif form == "html":
        print_html(html.comparison_page(comparison, command))
    else:
        print_page(views.text(comparison, output.layout()))
