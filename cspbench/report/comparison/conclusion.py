"""The first sentence of a comparison: a status word, the entry that changed most, by how much."""

from collections.abc import Iterator

from ...comparison.result import Answer, Change, Comparison, Overall
from ...plan.case import MODES, Mode
from ...plan.labels import plain
from ...records.gate import LATENCY
from ...records.quantities import NAMES
from ...records.trainings import COMPARED
from ...text import listing
from ...units import is_wide, percent_text, wide_text
from ..percents import amount_text, signed_change, speed
from ..quoting import Quote
from ..tones import Tone
from ..words import AT, plural
from .rows import COLUMNS, PEAK, ComparedEntry, entries

_STATUS: dict[Overall, str] = {
    "regression": "Regression",
    "improvement": "Improvement",
    "same": "No change",
    "undecided": "Undecided",
    "not_comparable": "Not comparable",
}
_MAX_REASON = 200  # characters of a reason
_NOUNS = {"macs": "MACs", "params": "parameters", PEAK: "peak memory"}
_UNCOUNTABLE = {PEAK}


TONES: dict[str, Tone] = {
    "Regression": "worse",
    "Failed": "worse",
    "Outputs differ": "worse",
    "Improvement": "better",
    "Undecided": "undecided",
    "Not comparable": "undecided",
}
"""The tones of status words; the others have none."""


def conclusion(comparison: Comparison, quote: Quote) -> str:
    """The status word and a sentence, which does not end in a full stop."""
    return ": ".join(headline(comparison, quote))


def headline(comparison: Comparison, quote: Quote) -> tuple[str, str]:
    """The status word, and a sentence on it.

    What failed in the candidate stands first unless a cost changed, and so do outputs that differ.
    """
    status, findings = _STATUS[comparison.verdict], _findings(comparison, quote)
    if failed := _failed_names(comparison, quote):
        failures = f"{listing(failed)} failed in the candidate{_cause(comparison)}"
        if comparison.verdict in {"regression", "improvement"}:
            findings = [*findings, failures]
        else:
            rest = f"otherwise {status[:1].lower()}{status[1:]}: {findings[0]}" if findings else ""
            status, findings = "Failed", [*filter(None, [failures, rest])]
    if comparison.different_outputs:
        labels = listing([quote(plain(name)) for name in comparison.different_outputs])
        if comparison.verdict in {"regression", "improvement"} or failed:
            findings = [*findings, f"the outputs of {labels} differ"]
        else:
            first = f"{status[:1].lower()}{status[1:]}: {findings[0]}"
            status, findings = "Outputs differ", [labels, first, *findings[1:]]
    return status, "; ".join(findings)


def _findings(comparison: Comparison, quote: Quote) -> list[str]:
    """The clauses on the verdict; there are none if all that is undecided has failed."""
    missing = [] if comparison.is_latency_comparable else ["no latency can be compared"]
    if comparison.verdict == "regression":
        return [_changed(comparison, "worse", quote), *missing]
    if comparison.verdict == "improvement":
        return [_changed(comparison, "better", quote), *missing]
    if comparison.verdict == "same":
        return [_same(comparison)]
    if comparison.verdict == "not_comparable":
        failed = _failed_keys(comparison)
        have_all_failed = all(case.key in failed for case in comparison.cases)
        return [] if failed and have_all_failed else [_not_comparable(comparison)]
    undecided = _undecided(comparison, quote)
    return [undecided, "no regression detected"] if undecided else []


def _failed_names(comparison: Comparison, quote: Quote) -> list[str]:
    """The names of the cases that failed in the candidate, with their modes."""
    labels = {case.key: (case.label, case.mode) for case in comparison.cases}
    names = []
    for key in _failed_keys(comparison):
        name, mode = labels.get(key, (key, None))
        names.append(quote(plain(name)) + (f" {AT[mode]}" if mode else ""))
    return names


def _cause(comparison: Comparison) -> str:
    """Why the candidate failed, if all that failed did so for one reason."""
    failed = _failed_keys(comparison)
    reasons = {
        _reason(case.latency).removeprefix("candidate: ")
        for case in comparison.cases
        if case.key in failed and case.latency is not None and not case.latency.is_comparable
    }
    return f" ({reasons.pop()})" if len(reasons) == 1 else ""


def _failed_keys(comparison: Comparison) -> list[str]:
    return [key.removesuffix(" @ candidate") for key in comparison.failed]


def _changed(comparison: Comparison, answer: Answer, quote: Quote) -> str:
    """The entry that is worse or better by most with its figures, and the names of the others."""
    changed = [
        entry
        for entry in entries(comparison)
        if any(entry.changes(measure, answer) for measure in entry.measures())
    ]
    first, *others = sorted(changed, key=lambda entry: entry.severity(answer), reverse=True)
    text = f"{quote(first.label)} {_figures(first, answer)}"
    if not others:
        return text
    names = listing([quote(entry.label) for entry in others])
    return f"{text}; {names} {'is' if len(others) == 1 else 'are'} {answer}, too"


def _figures(entry: ComparedEntry, answer: Answer) -> str:
    """What is worse or better about an entry: latency, then counts, then peaks, then the rest."""
    latencies = _speeds(entry, answer)
    amounts = [*_amounts(entry, "macs", answer), *_amounts(entry, "params", answer)]
    opposite: Answer = "better" if answer == "worse" else "worse"
    contrary = _speeds(entry, opposite)
    but = f", but is {listing(contrary)}" if contrary else ""
    if latencies:
        counts = f", with {listing(amounts)}" if amounts else ""
        return f"is {listing(latencies)}{counts}{but}"
    if amounts:
        return f"has {listing(amounts)}{but}"
    if peaks := [*_amounts(entry, PEAK, answer)]:
        return f"needs {listing(peaks)}{but}"
    others = [
        amount
        for measure in entry.measures()
        if measure not in COLUMNS
        for amount in _amounts(entry, measure, answer)
    ]
    return f"has {listing(others)}{but}"


def _speeds(entry: ComparedEntry, answer: Answer) -> list[str]:
    texts = []
    for mode, change in entry.changes(LATENCY, answer).items():
        assert change.ratio is not None
        low, high = change.interval or (None, None)
        words = speed(change.ratio, low, high)
        texts.append(f"{words.change} {AT[mode]}{words.suffix}")
    return texts


def _amounts(entry: ComparedEntry, measure: str, answer: Answer) -> Iterator[str]:
    """``5.1% more MACs``, in each mode where the modes differ."""
    changes = entry.changes(measure, answer)
    if not changes:
        return
    texts = {mode: _amount(measure, change) for mode, change in changes.items()}
    is_one = measure != PEAK and set(texts) == set(entry.cases)  # peaks are those of one mode
    if is_one and len(set(texts.values())) == 1:
        yield next(iter(texts.values()))
        return
    for mode, text in texts.items():
        yield f"{text} {AT[mode]}"


def _amount(measure: str, change: Change) -> str:
    noun = _NOUNS.get(measure, NAMES[measure])
    if change.ratio is None:
        return f"{change.candidate:,} {noun} instead of {change.baseline:,}"
    less = "less" if measure in _UNCOUNTABLE else "fewer"
    return f"{amount_text(change.ratio, less, 'more')} {noun}"


def _same(comparison: Comparison) -> str:
    changes = [item for case in comparison.cases for item in case.measures.items()]
    parts = []
    if exact := [change for name, change in changes if name != LATENCY and name not in COMPARED]:
        is_equal = all(change.baseline == change.candidate for change in exact)
        parts.append(f"counts and peaks are {'equal' if is_equal else 'within their thresholds'}")
    if latencies := [change for name, change in changes if name == LATENCY]:
        shares = [change.threshold for change in latencies if change.threshold is not None]
        within = f"within {percent_text(max(shares))}" if shares else "the same"
        parts.append(f"every latency is {within}")
    if any(name in COMPARED for name, _ in changes):
        parts.append("trained figures are the same")
    return listing(parts) or "there is nothing to compare"


def _undecided(comparison: Comparison, quote: Quote) -> str:
    """The undecided case with the largest ratio of latencies, and how many others there are.

    Those that failed are not among them; '' if there are no others.
    """
    failed = _failed_keys(comparison)
    cases = [
        (entry, mode)
        for entry in entries(comparison)
        for mode in MODES
        if mode in entry.cases
        and entry.cases[mode].verdict in {"undecided", "changed"}
        and entry.cases[mode].key not in failed
    ]
    if not cases:
        return ""
    entry, mode = max(cases, key=lambda case: _weight(case[0].changes(LATENCY).get(case[1])))
    more = len(cases) - 1
    rest = f", and {plural(more, 'more case')}" if more else ""
    return f"{quote(entry.label)} {AT[mode]}, {_open(entry, mode)}{rest}"


def _weight(latency: Change | None) -> tuple[bool, float]:
    """Cases with an interval first, the larger ratio first."""
    if latency is None:
        return False, 0.0
    return latency.interval is not None, latency.ratio or 0.0


def _open(entry: ComparedEntry, mode: Mode) -> str:
    """What is undecided about a case, in a few words."""
    latency = entry.changes(LATENCY).get(mode)
    if latency is not None and latency.ratio is not None and latency.interval is not None:
        if is_wide(*latency.interval):
            return f"{wide_text(latency.launches or 0)}"
        value, interval = signed_change(latency.ratio, *latency.interval)
        return f"{value} (95% CI {interval})"
    if latency is not None:
        return "a single launch" if latency.is_comparable else _reason(latency)
    for measure in entry.measures():
        change = entry.changes(measure).get(mode)
        if change is None or change.verdict not in {"undecided", "changed"}:
            continue
        if change.baseline is None or change.candidate is None:
            return f"{NAMES[measure]} not compared ({_reason(change)})"
        if measure in COMPARED:
            return f"{NAMES[measure]} {change.baseline:.3f} → {change.candidate:.3f}"
    return "nothing of it was compared"


def _not_comparable(comparison: Comparison) -> str:
    if not entries(comparison):
        return "the two runs have no case in common"
    misleading = [item.what for item in comparison.discrepancies if item.misleads]
    if misleading:
        differ = listing([plain(what) for what in misleading])
        return f"the runs differ in {differ}, so no latency is compared; no count is worse"
    reasons = {
        _reason(change)
        for case in comparison.cases
        if (change := case.latency) is not None and change.verdict == "undecided"
    }
    reason = f" ({reasons.pop()})" if len(reasons) == 1 else ""
    return f"no latency can be compared{reason}; no count is worse"


def _reason(change: Change) -> str:
    reason = plain(change.reason)
    return reason if len(reason) <= _MAX_REASON else f"{reason[:_MAX_REASON]}…"
