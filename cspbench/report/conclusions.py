"""Concluding sentences on a run: the entries that cost least, and how others compare."""

from collections import Counter
from collections.abc import Sequence

from ..plan.case import batch_of
from ..units import is_wide, ratio_text, significant_text, wide_text
from .columns import batch_noun, milliseconds, timed_text
from .quoting import Quote
from .ranking import Ranking, is_slower
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
    if ranking.reference is None or len(ranking.compared) < 2:
        return _without_ratios(ranking, quote, has_references=has_references)
    verdicts = [row.verdict for row in ranking.compared if row.verdict]
    if any(verdict.ratio.low is None for verdict in verdicts):
        return f"{AT[ranking.mode]} no entry is ranked: one launch gives no interval."
    if ranking.fastest is None:
        undecided = "the only other is" if len(verdicts) == 1 else f"all {len(verdicts)} others are"
        reference = quote(ranking.reference.name)
        return f"{AT[ranking.mode]} no entry is ranked: {undecided} undecided against {reference}."
    first = _fastest(ranking, ranking.fastest, ranking.reference, quote)
    tie = _tie(ranking.rivals, quote)
    answers = Counter(AGAINST_REFERENCE[verdict.answer] for verdict in verdicts)
    counted = ", ".join(f"{answers[word]} {word}" for word in AGAINST_REFERENCE.values())
    return f"{first}{tie}. Against {quote(ranking.reference.name)}: {counted}."


def _fastest(ranking: Ranking, fastest: Row, reference: Row, quote: Quote) -> str:
    """The clause on the fastest entry, without a full stop."""
    at, of = AT[ranking.mode], f"of {plural(len(ranking.decided), 'entry')}"
    if len(ranking.decided) < len(ranking.compared):
        of += " that are decided"
    if fastest is reference:
        name = quote(fastest.name)
        return f"{at} {name}, the reference, is fastest {of}: {_latency_text(fastest)}"
    macs = fastest.ratios["macs"]
    with_macs = f" with {ratio_text(macs)} of its MACs" if macs is not None else ""
    return (
        f"{at} {quote(fastest.name)} is fastest {of}: {_ratio_text(fastest)} of "
        f"{quote(reference.name)}'s latency{with_macs}"
    )


def _tie(rivals: Sequence[Row], quote: Quote) -> str:
    names = listing([quote(row.name) for row in rivals])
    return f", not told apart from {names}" if rivals else ""


def _without_ratios(ranking: Ranking, quote: Quote, *, has_references: bool) -> str:
    at = AT[ranking.mode]
    timed = [row for row in ranking.ranked if row.latency]
    if not timed:
        return f"{at} no latency was measured."
    best = min(timed, key=lambda row: row.latency.value if row.latency else 0.0)
    rivals = [row for row in timed if row is not best and not is_slower(row, best)]
    if len(timed) == 1:
        text = f"{at} {quote(best.name)} takes {_latency_text(best)}"
    elif len(rivals) == len(timed) - 1:
        text = f"{at} no entry is ranked: none of {len(timed)} is told apart as fastest"
    else:
        of = f"of {plural(len(timed), 'entry')}"
        text = f"{at} {quote(best.name)} is fastest {of}: {_latency_text(best)}"
        text += _tie(rivals, quote)
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
    if len(speeds) > 1 and (reason := _noise(best)):
        return f"{at} no throughput is ranked: the highest, of {quote(best.name)}, {reason}."
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


def _noise(row: Row) -> str:
    """Why the latency of ``row`` is no ground for a ranking; '' if it is one."""
    latency = row.latency
    if latency is None or latency.low is None or latency.high is None:
        return "is of one launch, which gives no interval"
    if is_wide(latency.low, latency.high):
        return f"is {wide_text(latency.launches)}"
    return ""


def _ratio_text(row: Row) -> str:
    assert row.ratio is not None
    return timed_text(row.ratio, ratio_text)
