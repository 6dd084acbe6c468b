"""What of a run is not whole: launches that are missing, verdicts that are open, failures."""

from collections import defaultdict
from collections.abc import Sequence

from ..plan.labels import plain
from ..records.lines import CaseFailure
from ..units import bytes_text
from .quoting import Quote
from .results import Results
from .rows import Row
from .words import case_listing, case_name, launches_text, plural


def completeness(results: Results, quote: Quote) -> list[str]:
    """Sentences on launches and trainings that are missing, open verdicts and failed cases."""
    run, table = results.run, results.rows
    sentences = []
    fewest, most = results.launches()
    asked = run.info.settings.launches
    if most and fewest < asked:
        sentences.append(f"Not all was measured: {launches_text(fewest, most, asked)}.")
    trainings = [len(row.record.trainings) for row in table if row.record.trainings]
    seeds = run.info.settings.training.seeds if run.info.settings.training else 0
    if trainings and min(trainings) < seeds:
        sentences.append(f"Not all was measured: {min(trainings)} of {plural(seeds, 'training')}.")
    sentences += _undecided(results, quote)
    failed = [row for row in table if row.record.failures]
    if failed:
        sentences.append(
            f"{len(failed)} of {plural(len(table), 'case')} failed "
            f"({case_listing(failed, quote)}): see Failures."
        )
    return sentences


def _undecided(results: Results, quote: Quote) -> list[str]:
    """Which verdicts are open, and what would decide them."""
    rows = [
        row
        for row in results.rows
        if row.verdict and not row.verdict.is_decided and row.verdict.ratio.low is not None
    ]
    if not rows:
        return []
    text = f"Undecided: {case_listing(rows, quote)}."
    more = [row.verdict.more_launches for row in rows if row.verdict]
    if reachable := [number for number in more if number is not None]:
        which = "it" if len(rows) == 1 else "both" if len(reachable) == len(rows) == 2 else ""
        which = which or f"{len(reachable)} of them"
        text += f" {plural(max(reachable), 'more launch')} should decide {which}"
        text += " (--budget S spends time there)."
    if results.run.info.settings.budget_s is not None:
        text = f"The budget ended before every verdict was reached. {text}"
    return [text]


def failures(table: Sequence[Row], quote: Quote) -> list[str]:
    """One item a case, stage, cause and reason, its launches gathered."""
    return [item for row in table if row.record.failures for item in _case_failures(row, quote)]


def _case_failures(row: Row, quote: Quote) -> list[str]:
    launches: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    sizes: dict[tuple[str, str, str], int] = {}
    for failure in row.record.failures:
        if failure.requested_bytes:
            sizes[_what_failed(failure)] = failure.requested_bytes
        launches[_what_failed(failure)] += [] if failure.launch is None else [failure.launch]
    items = []
    for (stage, cause, reason), numbers in launches.items():
        at = f" in launch {', '.join(map(str, numbers))}" if numbers else ""
        text = f": {quote(reason)}" if reason else ""
        requested = sizes.get((stage, cause, reason))
        asked = f", {bytes_text(requested)} asked for" if requested else ""
        items.append(f"{case_name(row, quote)}: {stage} {cause}{at}{asked}{text}")
    return items


def _what_failed(failure: CaseFailure) -> tuple[str, str, str]:
    stage = failure.stage.replace("_", " ")
    return stage, failure.cause.replace("_", " "), plain(failure.reason)
