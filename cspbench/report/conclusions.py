"""Concluding sentences on a run: the entries that cost least, and how others compare."""

from collections import Counter
from collections.abc import Iterator, Sequence

from ..plan.case import batch_of
from ..text import listing
from ..units import exact_bytes_text, is_wide, percent_text, significant_text, span_text, wide_text
from .columns import batch_noun, milliseconds
from .percents import amount_text, signed_change, speed
from .quoting import Quote
from .ranking import Ranking, is_slower
from .results import Results
from .rows import AGAINST_REFERENCE, Row
from .words import AT, plural


def exact_conclusions(results: Results, quote: Quote) -> list[str]:
    """A sentence for each mode and reference on the fewest MACs and the lowest tensor peak."""
    return [_exact_conclusion(ranking, quote) for ranking in results.rankings]


def timed_conclusions(results: Results, quote: Quote) -> list[str]:
    """A sentence for each mode and reference on the fastest entry, and how others compare."""
    return [
        _throughput_conclusion(ranking, quote)
        if ranking.has_own_batches
        else _timed_conclusion(ranking, quote) + _unranked(ranking, quote)
        for ranking in results.rankings
    ]


def _exact_conclusion(ranking: Ranking, quote: Quote) -> str:
    at = AT[ranking.mode]
    if ranking.has_own_batches:
        batches = sorted(filter(None, (batch_of(row.record.case) for row in ranking.group)))
        return f"Each entry has its own batch {at}: {batches[0]:,}–{batches[-1]:,}."
    predicates: dict[tuple[str, str], list[str]] = {}
    for subject, predicate, among in _least(ranking, quote):
        predicates.setdefault((subject, among), []).append(predicate)
    clauses = [
        f"{subject} {' and '.join(words)}{among}" for (subject, among), words in predicates.items()
    ]
    text = "; ".join(clauses) or "nothing was counted"
    if text.startswith(("all ", "both ", "nothing ")):
        text = text[0].upper() + text[1:]
    return f"{text} {at}.{_unranked(ranking, quote)}"


def _least(ranking: Ranking, quote: Quote) -> Iterator[tuple[str, str, str]]:
    """On MACs and on the peak: the entries with the least, how much it is, and among how many."""
    for key, noun, rank, less in (
        ("macs", "MACs", "fewest MACs", "fewer"),
        ("peak_tensor_bytes", "of peak tensor memory", "lowest peak tensor memory", "less"),
    ):
        values = [
            (row, value)
            for row in ranking.ranked
            if isinstance(value := row.readings[key], int) and not row.record.has_failed
        ]
        if not values:
            continue
        lowest = min(value for _, value in values)
        best = [row for row, value in values if value == lowest]
        amount = f"{lowest:,}" if key == "macs" else exact_bytes_text(lowest)
        if len(best) == len(values) > 1:
            everyone = "both entries" if len(best) == 2 else f"all {len(best)} entries"
            if ranking.is_apart:
                everyone = listing([quote(row.name) for row in best])
            yield f"{everyone} have", f"{amount} {noun}", ""
            continue
        subject = f"{listing([quote(row.name) for row in best])} {'have' if best[1:] else 'has'}"
        if len(values) == 1:
            yield subject, f"{amount} {noun}", ""
            continue
        among = _among(ranking, [row for row, _ in values], quote)
        ratio = best[0].ratios[key]
        if ratio is not None and ratio != 1 and not best[0].is_reference:
            than = quote(str(best[0].reference))
            amount = f"{amount_text(ratio, less, 'more')} than {than}"
        yield subject, f"the {rank} ({amount})", f" {among}"


def _among(ranking: Ranking, rows: Sequence[Row], quote: Quote) -> str:
    """The phrase that says which rows an entry is first of: their number, or apart, their names."""
    if ranking.is_apart:
        return f"among {listing([quote(row.name) for row in rows])}"
    return f"of {plural(len(rows), 'entry')}"


def _unranked(ranking: Ranking, quote: Quote) -> str:
    if not ranking.unranked:
        return ""
    names = listing([quote(row.name) for row in ranking.unranked])
    return f" Not ranked, because their input differs: {names}."


def _timed_conclusion(ranking: Ranking, quote: Quote) -> str:
    if ranking.reference is None or len(ranking.compared) < 2:
        return _without_ratios(ranking, quote)
    verdicts = [row.verdict for row in ranking.compared if row.verdict]
    reference = quote(ranking.reference.name)
    if any(verdict.ratio.low is None for verdict in verdicts):
        return f"No entry is ranked {AT[ranking.mode]}: a single launch gives no interval."
    if ranking.fastest is None:
        others = {1: "the only other entry is", 2: "both others are"}.get(
            len(verdicts), f"all {len(verdicts)} others are"
        )
        return f"No entry is ranked {AT[ranking.mode]}: {others} undecided against {reference}."
    if len(verdicts) == 1:  # a winner of two needs no rank
        (other,) = (row for row in ranking.compared if row is not ranking.reference)
        return f"{_against(other, ranking.reference, quote)}."
    first = _fastest(ranking, ranking.fastest, ranking.reference, quote)
    tie = _tie(ranking.rivals, quote)
    answers = Counter(AGAINST_REFERENCE[verdict.answer] for verdict in verdicts)
    counted = ", ".join(
        f"{answers[word]} {word}" for word in AGAINST_REFERENCE.values() if answers[word]
    )
    return f"{first}{tie}. Against {reference}: {counted}."


def _fastest(ranking: Ranking, fastest: Row, reference: Row, quote: Quote) -> str:
    """The clause on the fastest entry, without a full stop."""
    at, of = AT[ranking.mode], f"of {plural(len(ranking.decided), 'entry')}"
    if len(ranking.decided) < len(ranking.compared):
        of += " with a verdict"
    if fastest is reference:
        latency = _latency_text(fastest)
        return f"{quote(fastest.name)}, the reference, is the fastest {of} {at}: {latency}"
    is_same = fastest.verdict is not None and fastest.verdict.answer == "same"
    rank = f"no entry {of} is faster" if is_same else f"the fastest {of}"
    return f"{_against(fastest, reference, quote)}: {rank}"


def _against(row: Row, reference: Row, quote: Quote) -> str:
    """The clause on an entry with a verdict against its reference, without a full stop."""
    at, name, than = AT[row.mode], quote(row.name), quote(reference.name)
    ratio, verdict = row.ratio, row.verdict
    assert ratio is not None
    assert verdict is not None
    compared = speed(ratio.value, ratio.low, ratio.high, than=than)
    if verdict.answer == "same":
        threshold = percent_text(verdict.criterion.threshold)
        suffix = compared.suffix
        if ratio.low is not None and ratio.high is not None and not is_wide(ratio.low, ratio.high):
            _, interval = signed_change(ratio.value, ratio.low, ratio.high)
            suffix = f" (95% CI {interval})"  # no word says which way
        return f"{name} takes as long as {than} {at}, within {threshold}{suffix}"
    macs = row.ratios["macs"]
    with_macs = ""
    if macs is not None and macs != 1:
        with_macs = f", with {amount_text(macs, 'fewer', 'more')} MACs"
    return f"{name} is {compared.change} {at}{compared.suffix}{with_macs}"


def _tie(rivals: Sequence[Row], quote: Quote) -> str:
    names = listing([quote(row.name) for row in rivals])
    return f", not distinguishable from {names}" if rivals else ""


def _without_ratios(ranking: Ranking, quote: Quote) -> str:
    at = AT[ranking.mode]
    timed = [row for row in ranking.ranked if row.latency]
    if not timed:
        return f"No latency was measured {at}."
    best = min(timed, key=lambda row: row.latency.value if row.latency else 0.0)
    rivals = [row for row in timed if row is not best and not is_slower(row, best)]
    if len(timed) == 1:
        text = f"{quote(best.name)} takes {_latency_text(best)} {at}"
    elif len(rivals) == len(timed) - 1:
        names = listing([quote(row.name) for row in timed])
        text = f"{names} are not ranked {at}: none is distinguishably the fastest"
    else:
        of = _among(ranking, timed, quote)
        text = f"{quote(best.name)} is the fastest {of} {at}: {_latency_text(best)}"
        text += _tie(rivals, quote)
    if best.latency and best.latency.low is None:
        text += "; a single launch gives no interval"
    if len(timed) > 1:
        reason = "no reference entry is set"
        if ranking.ranked[0].reference is not None:
            reason = "the reference entry was not timed with them"
        elif ranking.is_apart:
            reason = "no reference entry has their input"
        text += f"; {reason}, so there are no ratios"
    return f"{text}."


def _throughput_conclusion(ranking: Ranking, quote: Quote) -> str:
    at = AT[ranking.mode]
    speeds = {
        row.name: (images_per_s, row)
        for row in ranking.group
        if isinstance(images_per_s := row.readings["images_per_s"], float)
    }
    if not speeds:
        return f"No latency was measured {at}."
    noun = batch_noun(row.record.case for row in ranking.group)
    highest, best = max(speeds.values(), key=lambda pair: pair[0])
    if len(speeds) > 1 and (reason := _noise(best)):
        name = quote(best.name)
        return f"No throughput is ranked {at}: the highest, that of {name}, {reason}."
    of = f" of {plural(len(speeds), 'entry')}, each at its own batch," if len(speeds) > 1 else ""
    rate = f"{significant_text(highest)} {noun}/s"
    return f"{quote(best.name)} has the highest throughput{of} {at}: {rate}."


def _latency_text(row: Row) -> str:
    latency = row.latency
    assert latency is not None
    if latency.low is None or latency.high is None:
        return f"{milliseconds(latency.value)} ms"
    interval = span_text(latency.low, latency.high, milliseconds, latency.launches)
    known = not is_wide(latency.low, latency.high)
    return f"{milliseconds(latency.value)} ms ({'95% CI ' if known else ''}{interval})"


def _noise(row: Row) -> str:
    """Why the latency of ``row`` is no ground for a ranking; '' if it is one."""
    latency = row.latency
    if latency is None or latency.low is None or latency.high is None:
        return "is of one launch, which gives no interval"
    if is_wide(latency.low, latency.high):
        return f"is {wide_text(latency.launches)}"
    return ""
