"""The page of a comparison: conclusion, numbers of cases, changed rows, unchanged rows."""

from collections.abc import Iterator, Sequence
from statistics import median_high

from ..comparison.result import RANK, CaseComparison, Change, Comparison, Overall
from ..plan.labels import label, plain
from ..records.gate import LATENCY
from ..records.quantities import NAMES, NONZERO
from ..records.trainings import COMPARED
from ..text import printable_lines
from ..units import is_noisy, percent_text, ratio_text, significant_text, span_text
from . import markdown as md
from .quoting import Quote, marked, verbatim
from .tables import WIDTH, Strip, draw, filled, headed, wrap
from .words import MODE_TITLES, listing, out_of_reach, plural, within_reach

MAX_CHARACTERS = 60_000
"""Below the limit of a comment on GitHub, 65,536, which may get a few more on its way."""

_MAX_ROWS = 60  # rows of one table in a terminal
_VERDICTS: dict[Overall, str] = {
    "regression": "Regression",
    "improvement": "Improvement",
    "same": "No change",
    "undecided": "Undecided",
    "not_comparable": "Not comparable",
}

_YARDSTICKS = "in units of the yardstick"

Cells = tuple[str, ...]
_EXACT_HEADERS = ("entry", "mode", "measure", "baseline", "candidate", "ratio", "verdict")
_TRAINED_HEADERS = (*_EXACT_HEADERS[:5], "difference", "verdict")
_LATENCY_HEADERS = ("entry", "mode", "baseline", "candidate", "ratio", "95%\ninterval", "verdict")


def text(comparison: Comparison) -> str:
    """The page as plain text, at most 100 columns wide."""
    blocks = [filled(conclusion(comparison, verbatim)), filled(counts(comparison))]
    if differences := _differences(comparison, verbatim):
        blocks.append(headed("The runs differ in", differences))
    blocks += map(filled, map(plain, [*comparison.notes, *_noise(comparison)]))
    for title, headers, changed, _ in _tables(comparison):
        if changed:
            blocks.append(f"{title}\n{_text_table(headers, changed[:_MAX_ROWS])}")
        if len(changed) > _MAX_ROWS:
            blocks.append(f"{len(changed) - _MAX_ROWS} further rows: --format json has all")
    if reasons := _reasons(comparison, verbatim):
        blocks.append("\n".join(filled(reason, "- ") for reason in reasons))
    blocks += filter(None, [filled(_rest(comparison))])
    return printable_lines("\n\n".join(blocks))


def markdown(comparison: Comparison) -> str:
    """The page as Markdown for a comment on GitHub, whose tables are shortened until it fits."""
    head = [md.strong(conclusion(comparison, marked)), md.paragraph(counts(comparison))]
    if differences := _differences(comparison, marked):
        head += [md.paragraph("The runs differ in:"), md.items(differences)]
    head += map(md.paragraph, [*comparison.notes, *_noise(comparison)])
    reasons = _reasons(comparison, marked)
    tables = _tables(comparison)
    changed = sum(len(rows) for *_, rows, _ in tables)
    same = sum(len(rows) for *_, rows in tables)
    for max_rows, folded in ((changed, same), (changed, 0), (100, 0), (10, 0), (0, 0)):
        blocks = [*head, *_markdown_blocks(tables, reasons, max_rows, folded)]
        if len(page := md.page(blocks)) <= MAX_CHARACTERS:
            return page
    return md.page(blocks, MAX_CHARACTERS)


def _markdown_blocks(
    tables: Sequence["Table"], reasons: Sequence[str], max_rows: int, folded: int
) -> Iterator[md.Block]:
    for title, headers, changed, _ in tables:
        if changed[:max_rows]:
            yield md.heading(3, title)
            yield _markdown_table(headers, changed[:max_rows])
        if len(changed) > max_rows:
            yield md.paragraph(f"{len(changed) - max_rows} further rows are left out here.")
    if reasons[:max_rows]:
        yield md.items(reasons[:max_rows])
    same = [(headers, rows) for _, headers, _, rows in tables if rows]
    if folded and same:
        number = sum(len(rows) for _, rows in same)
        unchanged = [_markdown_table(headers, rows) for headers, rows in same]
        yield md.folded(f"{number} measures without a change", unchanged)


def conclusion(comparison: Comparison, quote: Quote) -> str:
    """A sentence with the verdict and the cases that it rests on."""
    verdict = _VERDICTS[comparison.verdict]
    answer = {"regression": "worse", "improvement": "better"}.get(comparison.verdict)
    if answer is not None:
        cases = [case for case in comparison.cases if case.verdict == answer]
        names = listing([_name_with_changes(case, answer, quote) for case in cases])
        text = f"{verdict}: {len(cases)} of {len(comparison.cases)} cases {answer}: {names}."
        return text if comparison.is_latency_comparable else f"{text} No latency can be compared."
    if comparison.verdict == "same":
        measures = {name for case in comparison.cases for name in case.measures}
        parts = ["what is exact is equal"]
        parts += ["every latency is within its threshold"] if LATENCY in measures else []
        parts += ["trainings differ by less than matters"] if measures & set(COMPARED) else []
        return f"{verdict}: {', and '.join(parts)}."
    if comparison.verdict == "undecided":
        cases = [case for case in comparison.cases if case.verdict in {"undecided", "changed"}]
        names = listing([_name(case, quote) for case in cases])
        return f"No regression detected; undecided: {names}."
    if all(case.verdict in {"added", "removed"} for case in comparison.cases):
        return f"{verdict}: the two runs have no case in common."
    return f"{verdict}: no latency of these runs can be compared; no count is worse."


def counts(comparison: Comparison) -> str:
    """A sentence with the number of cases of each verdict."""
    answers = ", ".join(
        f"{number} {answer}" for answer, number in comparison.answers.items() if number
    )
    failed = f"; {len(comparison.failed)} failed in the candidate" if comparison.failed else ""
    return f"Cases: {answers or 'none'}{failed}."


def _noise(comparison: Comparison) -> list[str]:
    """A sentence on noisy intervals of latency."""
    are_noisy = [
        is_noisy(*change.interval, change.launches or 0)
        for case in comparison.cases
        if (change := case.measures.get(LATENCY)) and change.interval
    ]
    if not any(are_noisy):
        return []
    intervals = f"{sum(are_noisy)} of {plural(len(are_noisy), 'interval')}"
    return [f"Poor timings: {intervals} too noisy to tell."]


def _name(case: CaseComparison, quote: Quote) -> str:
    return f"{quote(label(case.label))} ({MODE_TITLES[case.mode].lower()})"


def _name_with_changes(case: CaseComparison, answer: str, quote: Quote) -> str:
    parts = [
        f"{NAMES[name]} {ratio_text(change.ratio)}"
        + (f" ({interval})" if (interval := _interval(change)) else "")
        for name, change in case.measures.items()
        if change.verdict == answer and change.ratio is not None
    ]
    name = _name(case, quote)
    return f"{name}: {listing(parts)}" if parts else name


def _differences(comparison: Comparison, quote: Quote) -> list[str]:
    return [
        f"{plain(discrepancy.what)}: {quote(plain(discrepancy.baseline))} → "
        f"{quote(plain(discrepancy.candidate))}"
        + (", so latency is not compared" if discrepancy.misleads else "")
        for discrepancy in comparison.discrepancies
    ]


def _reasons(comparison: Comparison, quote: Quote) -> list[str]:
    """Items on undecided latencies, one for each threshold, and on measures without a verdict."""
    undecided: dict[float, list[tuple[str, Change]]] = {}
    names: dict[str, list[str]] = {}
    for case in comparison.cases:
        for measure, change in case.measures.items():
            name = _name(case, quote)
            if change.verdict == "undecided" and change.interval is not None:
                undecided.setdefault(change.threshold or 0.0, []).append((name, change))
            elif change.verdict == "undecided" or (
                change.verdict == "changed" and None in (change.baseline, change.candidate)
            ):
                reason = f"no verdict on {NAMES[measure]}: {quote(plain(change.reason))}"
                names.setdefault(reason, []).append(name)
    items = [_undecided(changes, threshold) for threshold, changes in undecided.items()]
    return [*items, *(f"{listing(cases)}: {reason}" for reason, cases in names.items())]


def _undecided(changes: Sequence[tuple[str, Change]], threshold: float) -> str:
    """An item on undecided latencies, and how many more launches should decide half of them."""
    names = listing([name for name, _ in changes])
    text = f"latency of {names} is undecided at a threshold of {percent_text(threshold)}"
    more_launches = within_reach(change.more_launches for _, change in changes)
    if not more_launches:
        return f"{text}: {out_of_reach(len(changes))}"
    enough = median_high(more_launches)
    decided = sum(number <= enough for number in more_launches)
    cases = "it" if len(changes) == 1 else f"{decided} of them"
    return f"{text}: {plural(enough, 'more launch')} on each side should decide {cases}"


def _rest(comparison: Comparison) -> str:
    number = sum(
        change.verdict == "same" for c in comparison.cases for change in c.measures.values()
    )
    measures, cases = plural(number, "measure"), plural(len(comparison.cases), "case")
    return f"{measures} of {cases} {'is' if number == 1 else 'are'} the same." if number else ""


Table = tuple[str, Sequence[str], list[Cells], list[Cells]]
"""Title, headers, changed rows, unchanged rows."""


def _tables(comparison: Comparison) -> list[Table]:
    """The tables of exact figures, of trainings and of latencies, the worst cases first."""
    unit = _time_unit(comparison)
    ordered = sorted(comparison.cases, key=lambda case: RANK.index(case.verdict))
    exact: tuple[list[Cells], list[Cells]] = [], []
    timed: tuple[list[Cells], list[Cells]] = [], []
    trained: tuple[list[Cells], list[Cells]] = [], []
    for case in ordered:
        name = (label(case.label), case.mode)
        if case.verdict in {"added", "removed"}:
            exact[0].append((*name, "", "", "", "", case.verdict))
            continue
        for measure, change in case.measures.items():
            is_same = change.verdict == "same"
            ratio = "" if change.ratio is None else ratio_text(change.ratio)
            if measure == LATENCY:
                sides = (
                    _time(change, change.baseline, unit),
                    _time(change, change.candidate, unit),
                )
                timed[is_same].append((*name, *sides, ratio, _interval(change), change.verdict))
            elif measure in COMPARED:
                trained[is_same].append((*name, NAMES[measure], *_means(change), change.verdict))
            elif measure not in NONZERO or change.baseline or change.candidate:
                values = (_count(change.baseline), _count(change.candidate))
                exact[is_same].append((*name, NAMES[measure], *values, ratio, change.verdict))
    return [
        ("Counts, tensor peaks and gradient terms, exact", _EXACT_HEADERS, *exact),
        ("Trained, means over seeds", _TRAINED_HEADERS, *trained),
        (f"Latency, {unit}", _LATENCY_HEADERS, *timed),
    ]


def _means(change: Change) -> tuple[str, str, str]:
    """The cells of both means and their difference."""
    if change.baseline is None or change.candidate is None:
        return "–", "–", ""
    difference = change.candidate - change.baseline
    return f"{change.baseline:.3f}", f"{change.candidate:.3f}", f"{difference:+.3f}"


def _time_unit(comparison: Comparison) -> str:
    """The unit of the table of latencies; in units of the yardstick, other cells name theirs."""
    if comparison.in_turns:
        return "milliseconds, in turns"
    latencies = [case.measures[LATENCY] for case in comparison.cases if LATENCY in case.measures]
    has_ratios = any(change.is_comparable for change in latencies)
    return _YARDSTICKS if has_ratios else "milliseconds"


def _time(change: Change, value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    if unit == _YARDSTICKS and change.is_comparable:
        return significant_text(value)
    return significant_text(value * 1e3) + (" ms" if unit == _YARDSTICKS else "")


def _count(value: float | None) -> str:
    return "–" if value is None else f"{value:,}"


def _interval(change: Change) -> str:
    if change.interval is None:
        return ""
    return span_text(*change.interval, ratio_text, change.launches or 0)


def _text_table(headers: Sequence[str], lines: Sequence[Cells]) -> str:
    names, *columns = zip(*lines, strict=True)
    strips = []
    for header, cells in zip(headers[1:], columns, strict=True):
        wrapped = tuple("\n".join(wrap(cell, 12 if header == "measure" else 20)) for cell in cells)
        left = header in {"mode", "measure", "verdict"}
        strips.append(Strip(header=header, cells=wrapped, left=left))
    width = max(20, WIDTH - 4 - sum(strip.width + 3 for strip in strips))
    wrapped_names = tuple("\n".join(wrap(name, width)) for name in names)
    return draw([Strip(header=headers[0], cells=wrapped_names, left=True), *strips])


def _markdown_table(headers: Sequence[str], lines: Sequence[Cells]) -> md.Block:
    rows = ((marked(name), *cells) for name, *cells in lines)
    left = [header in {"entry", "mode", "measure"} for header in headers]
    return md.table([header.replace("\n", " ") for header in headers], rows, left)
