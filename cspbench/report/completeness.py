"""Sentences on what a run lacks: launches, trainings, verdicts, and its failed cases."""

from collections import defaultdict
from collections.abc import Sequence

from ..plan.labels import plain
from ..records.lines import CaseFailure
from ..units import bytes_text, is_noisy
from ..verdicts.launches import is_contended
from ..verdicts.stats import Estimate
from .quoting import Quote
from .results import Results
from .rows import Row
from .words import case_listing, case_name, launches_text, out_of_reach, plural, within_reach


def completeness(results: Results, quote: Quote) -> list[str]:
    """Sentences on missing launches and trainings, undecided verdicts and failed cases."""
    run, table = results.run, results.rows
    sentences = []
    fewest, largest = results.launches()
    requested = run.info.settings.launches
    if largest and fewest < requested:
        sentences.append(f"Incomplete: {launches_text(fewest, largest, requested)} measured.")
    sentences += _untimed(results, quote)
    trainings = [len(row.record.trainings) for row in table if row.record.trainings]
    seeds = run.info.settings.training.seeds if run.info.settings.training else 0
    if trainings and min(trainings) < seeds:
        sentences.append(f"Incomplete: {min(trainings)} of {plural(seeds, 'training')} measured.")
    sentences += _noise(results)
    sentences += _undecided(results, quote)
    failed = [row for row in table if row.record.has_failed]
    incomplete = [row for row in table if row.record.failures and row not in failed]
    for rows, verb in ((failed, "failed"), (incomplete, "lack a measure that failed")):
        if rows:
            sentences.append(
                f"{len(rows)} of {plural(len(table), 'case')} {verb} "
                f"({case_listing(rows, quote)}): see Failures."
            )
    return sentences


def _untimed(results: Results, quote: Quote) -> list[str]:
    """A sentence on cases that the budget ended before."""
    run = results.run
    if run.info.settings.budget_s is None or not run.launches:
        return []
    rows = [row for row in results.rows if not (row.record.latencies or row.record.has_failed)]
    if not rows:
        return []
    cases = case_listing(rows, quote)
    return [f"The budget ended before {cases} could be timed (--budget S raises it)."]


def _noise(results: Results) -> list[str]:
    """A sentence on timings that say little: contended launches and noisy intervals."""
    launches = results.run.launches
    figures = [row.ratio or row.latency for row in results.rows if not row.is_reference]
    timed = [figure for figure in figures if figure is not None]
    contended, noisy = sum(map(is_contended, launches)), sum(map(_is_noisy, timed))
    parts = []
    if 2 * contended > len(launches):
        parts.append(f"{contended} of {plural(len(launches), 'launch')} contended")
    if noisy:
        parts.append(f"{noisy} of {plural(len(timed), 'interval')} too noisy to tell")
    return (
        [f"Poor timings: {', '.join(parts)} (python -m cspbench doctor says why)."] if parts else []
    )


def _is_noisy(figure: Estimate) -> bool:
    if figure.low is None or figure.high is None:
        return False
    return is_noisy(figure.low, figure.high, figure.launches)


def _undecided(results: Results, quote: Quote) -> list[str]:
    """A sentence on undecided cases, and how many more launches should decide them."""
    rows = [
        row
        for row in results.rows
        if row.verdict and not row.verdict.is_decided and row.verdict.ratio.low is not None
    ]
    if not rows:
        return []
    when = " when the budget ended" if results.run.info.settings.budget_s is not None else ""
    text = f"Undecided{when}: {case_listing(rows, quote)}."
    failed = {row.record.case.key for row in results.rows if row.record.has_failed}
    more_launches = [
        row.verdict.more_launches
        for row in rows
        if row.verdict and failed.isdisjoint({row.record.case.key, row.record.case.reference})
    ]
    if reachable := within_reach(more_launches):
        cases = "it" if len(rows) == 1 else "both" if len(reachable) == len(rows) == 2 else ""
        cases = cases or f"{len(reachable)} of them"
        text += f" {plural(max(reachable), 'more launch')} should decide {cases}"
        text += " (--budget S allows more time)."
    elif more_launches:
        text += f" {out_of_reach(len(rows)).capitalize()}."
    return [text]


def failures(table: Sequence[Row], quote: Quote) -> list[str]:
    """An item for each case, stage, cause and reason, with the numbers of its launches."""
    return [item for row in table if row.record.failures for item in _case_failures(row, quote)]


def _case_failures(row: Row, quote: Quote) -> list[str]:
    launches: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    sizes: dict[tuple[str, str, str], int] = {}
    for failure in row.record.failures:
        if failure.requested_bytes:
            sizes[_failure_key(failure)] = failure.requested_bytes
        launches[_failure_key(failure)] += [] if failure.launch is None else [failure.launch]
    items = []
    for (stage, cause, reason), numbers in launches.items():
        at = f" in launch {', '.join(map(str, numbers))}" if numbers else ""
        text = f": {quote(reason)}" if reason else ""
        requested_bytes = sizes.get((stage, cause, reason))
        request = f", {bytes_text(requested_bytes)} requested" if requested_bytes else ""
        items.append(f"{case_name(row, quote)}: {stage} {cause}{at}{request}{text}")
    return items


def _failure_key(failure: CaseFailure) -> tuple[str, str, str]:
    stage = failure.stage.replace("_", " ")
    return stage, failure.cause.replace("_", " "), plain(failure.reason)
