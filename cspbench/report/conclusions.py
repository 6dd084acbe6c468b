"""Concluding sentences on a run: the entries that cost least, and how others compare."""

from collections import Counter
from collections.abc import Sequence

from ..plan.case import batch_of
from ..units import ratio_text, significant_text
from .columns import batch_noun, milliseconds, timed_text
from .quoting import Quote
from .ranking import Ranking
from .results import Results
from .rows import AGAINST_REFERENCE, Row
from .words import AT, listing, plural


def exact_conclusions(results: Results, quote: Quote) -> list[str]:
    """A sentence for each mode and reference on the fewest MACs and the lowest tensor peak."""
    return [_exact_conclusion(ranking, quote) for ranking in results.rankings]


def timed_conclusions(results: Results, quote: Quote) -> list[str]:
    """A sentence for each mode and reference on the fastest entry, and how others compare."""
    has_references = any(row.is_reference for row in results.rows)
    return [
        _throughput_conclusion(ranking, quote)
        if ranking.has_own_batches
        else _timed_conclusion(ranking, quote, has_references=has_references)
        + _unranked(ranking, quote)
        for ranking in results.rankings
    ]


def _exact_conclusion(ranking: Ranking, quote: Quote) -> str:
    at = AT[ranking.mode]
    if ranking.has_own_batches:
        batches = sorted(filter(None, (batch_of(row.record.case) for row in ranking.group)))
        return f"{at}, each entry has its own batch: {batches[0]:,}–{batches[-1]:,}."
    parts = [
        _lowest("fewest", "MACs", "macs", ranking.ranked, quote),
        _lowest("lowest", "peak of tensor memory", "peak_tensor_bytes", ranking.ranked, quote),
    ]
    counted = "; ".join(filter(None, parts))
    text = f"{at}, {counted}." if counted else f"{at} nothing was counted."
    return text + _unranked(ranking, quote)


def _lowest(rank: str, noun: str, key: str, rows: Sequence[Row], quote: Quote) -> str:
    values = [(row, value) for row in rows if isinstance(value := row.readings[key], int)]
    if not values:
        return ""
    lowest = min(value for _, value in values)
    best = [row for row, value in values if value == lowest]
    names = listing([quote(row.name) for row in best])
    if len(values) == 1:
        return f"{noun} of {names}: {lowest:,}"
    subject = f"{rank} {noun} of {plural(len(values), 'entry')}"
    ratio = best[0].ratios[key]
    if ratio is None or best[0].is_reference:
        return f"{subject}: {names} ({lowest:,})"
    return f"{subject}: {names} ({ratio_text(ratio)} of {quote(str(best[0].reference))}'s)"


def _unranked(ranking: Ranking, quote: Quote) -> str:
    if not ranking.unranked:
        return ""
    names = listing([quote(row.name) for row in ranking.unranked])
    return f" Not ranked, as their input is another: {names}."


def _timed_conclusion(ranking: Ranking, quote: Quote, *, has_references: bool) -> str:
    if ranking.fastest is None or ranking.reference is None:
        return _without_ratios(ranking, quote, has_references=has_references)
    first = _fastest(ranking, ranking.fastest, ranking.reference, quote)
    verdicts = [row.verdict for row in ranking.compared if row.verdict]
    if any(verdict.ratio.low is None for verdict in verdicts):
        return f"{first}; one launch gives no interval, so nothing is told apart."
    tie = ""
    if ranking.rivals:
        tie = f", not told apart from {listing([quote(row.name) for row in ranking.rivals])}"
    answers = Counter(AGAINST_REFERENCE[verdict.answer] for verdict in verdicts)
    counted = ", ".join(f"{answers[word]} {word}" for word in AGAINST_REFERENCE.values())
    return f"{first}{tie}. Against {quote(ranking.reference.name)}: {counted}."


def _fastest(ranking: Ranking, fastest: Row, reference: Row, quote: Quote) -> str:
    """The clause on the fastest entry, without a full stop."""
    at, of = AT[ranking.mode], f"of {plural(len(ranking.compared), 'entry')}"
    if fastest is reference:
        name = quote(fastest.name)
        return f"{at} {name}, the reference, is fastest {of}: {_latency_text(fastest)}"
    macs = fastest.ratios["macs"]
    with_macs = f" with {ratio_text(macs)} of its MACs" if macs is not None else ""
    return (
        f"{at} {quote(fastest.name)} is fastest {of}: {_ratio_text(fastest)} of "
        f"{quote(reference.name)}'s latency{with_macs}"
    )


def _without_ratios(ranking: Ranking, quote: Quote, *, has_references: bool) -> str:
    at = AT[ranking.mode]
    timed = [row for row in ranking.ranked if row.latency]
    if not timed:
        return f"{at} no latency was measured."
    best = min(timed, key=lambda row: row.latency.value if row.latency else 0.0)
    if len(timed) == 1:
        text = f"{at} {quote(best.name)} takes {_latency_text(best)}"
    else:
        of = f"of {plural(len(timed), 'entry')}"
        text = f"{at} {quote(best.name)} is fastest {of}: {_latency_text(best)}"
    if best.latency and best.latency.low is None:
        text += "; one launch gives no interval"
    if len(timed) > 1:
        reason = "no reference entry is set"
        if ranking.ranked[0].reference is not None:
            reason = "the reference entry was not timed with them"
        elif has_references:
            reason = "no reference entry has their input"
        text += f"; {reason}, so there are no ratios"
    return f"{text}."


def _throughput_conclusion(ranking: Ranking, quote: Quote) -> str:
    at = AT[ranking.mode]
    speeds = {
        row.name: (speed, row)
        for row in ranking.group
        if isinstance(speed := row.readings["images_per_s"], float)
    }
    if not speeds:
        return f"{at} no latency was measured."
    noun = batch_noun(row.record.case for row in ranking.group)
    speed, best = max(speeds.values(), key=lambda pair: pair[0])
    of = f"of {plural(len(speeds), 'entry')}, each at its own batch" if len(speeds) > 1 else ""
    return (
        f"{at} {quote(best.name)} has the highest throughput {of}".rstrip()
        + f": {significant_text(speed)} {noun}/s."
    )


def _latency_text(row: Row) -> str:
    latency = row.latency
    assert latency is not None
    interval = timed_text(latency, milliseconds).partition(" ")[2]
    return f"{milliseconds(latency.value)} ms" + (f" {interval}" if interval else "")


def _ratio_text(row: Row) -> str:
    assert row.ratio is not None
    return timed_text(row.ratio, ratio_text)
