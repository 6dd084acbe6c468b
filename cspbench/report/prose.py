"""What a report says in words: the conclusion, what is missing and why.

Each function returns sentences. ``quote`` makes text from outside (names, reasons) safe for the
page that the sentence goes on.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from statistics import median

from ..catalogue.entry import Shape
from ..plan.case import Mode
from ..plan.labels import plain
from ..records.base import Failure
from ..records.lines import CaseFailure
from ..records.run import Run
from ..units import bytes_text, ratio_text, shape_text, significant_text
from .columns import Column, estimate_text, milliseconds
from .rows import AGAINST_REFERENCE, FAILED, Row, by_mode, latency_ratio

Quote = Callable[[str], str]

MODE_TITLES: dict[Mode, str] = {"infer": "Inference", "train": "Training"}
AT: dict[Mode, str] = {"infer": "At inference", "train": "In training"}
_STARVED = 0.9  # of the host's time: then a device was idle between calls, or nearly
_EXAMPLES = 4  # names in a sentence before "and N more": a list of sixty is not read


def title(rows: Sequence[Row], quote: Quote) -> str:
    """What one mode's tables hold: mode, input where all share one, and what ratios are to."""
    words = [MODE_TITLES[rows[0].mode]]
    shapes: dict[Shape, list[str]] = defaultdict(list)
    for row in rows:
        shape = row.record.case.input_shape
        shapes[shape].append(quote(row.name.removesuffix(f" {shape_text(shape)}")))
    usual = max(shapes, key=lambda shape: len(shapes[shape]))
    unusual = [
        f"{some(names)}: {shape_text(shape)}" for shape, names in shapes.items() if shape != usual
    ]
    words.append(f"input {shape_text(usual)}" + (f" ({'; '.join(unusual)})" if unusual else ""))
    references = {row.reference for row in rows} - {None}
    if len(references) == 1:
        words.append(f"ratios to {quote(str(*references))}")
    elif references:
        words.append("ratios to the reference entry of each")
    return ", ".join(words)


def exact_conclusions(table: Sequence[Row], quote: Quote) -> list[str]:
    """A sentence a mode and reference: who has the fewest MACs and the lowest tensor peak."""
    sentences = []
    for group in _groups(table):
        if _at_own_batches(group):
            batches = sorted(row.record.case.input_shape[0] for row in group)
            at = AT[group[0].mode]
            sentences.append(f"{at}, each entry has its own batch: {batches[0]:,}–{batches[-1]:,}.")
            continue
        ranked, others = _at_one_input(group)
        parts = [
            _lowest("fewest", "MACs", "macs", ranked, quote),
            _lowest("lowest", "peak of tensor memory", "peak_tensor_bytes", ranked, quote),
        ]
        found = "; ".join(part for part in parts if part)
        at = AT[group[0].mode]
        text = f"{at}, {found}." if found else f"{at} nothing was counted."
        sentences.append(text + _not_ranked(others, quote))
    return sentences


def timed_conclusions(table: Sequence[Row], quote: Quote) -> list[str]:
    """A sentence a mode and reference: who is fastest, and how the others stand to it."""
    sentences = []
    for group in _groups(table):
        if _at_own_batches(group):
            sentences.append(_throughput_conclusion(group, quote))
            continue
        ranked, others = _at_one_input(group)
        has_references = any(row.is_reference for row in table)
        text = _timed_conclusion(ranked, quote, has_references=has_references)
        sentences.append(text + _not_ranked(others, quote))
    return sentences


def completeness(run: Run, table: Sequence[Row], quote: Quote) -> list[str]:
    """Sentences on what is not whole: launches that are missing, cases that failed."""
    sentences = []
    fewest, most = launches(table)
    asked = run.info.settings.launches
    if most and fewest < asked:
        sentences.append(f"Not all was measured: {launches_text(fewest, most, asked)}.")
    trained = [len(row.record.trainings) for row in table if row.record.trainings]
    wanted = run.info.settings.training.seeds if run.info.settings.training else 0
    if trained and min(trained) < wanted:
        sentences.append(f"Not all was measured: {min(trained)} of {plural(wanted, 'training')}.")
    sentences += _undecided(run, table, quote)
    failed = [row for row in table if row.record.failures]
    if failed:
        sentences.append(
            f"{len(failed)} of {plural(len(table), 'case')} failed "
            f"({some([named(row, quote) for row in failed])}): see Failures."
        )
    return sentences


def failures(table: Sequence[Row], quote: Quote) -> list[str]:
    """One item a case, stage, cause and reason, its launches gathered."""
    items = []
    for row in table:
        launches: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        sizes: dict[tuple[str, str, str], int] = {}
        for failure in row.record.failures:
            if failure.requested_bytes:
                sizes[_what_failed(failure)] = failure.requested_bytes
            launches[_what_failed(failure)] += [] if failure.launch is None else [failure.launch]
        for (stage, cause, reason), numbers in launches.items():
            at = f" in launch {', '.join(map(str, numbers))}" if numbers else ""
            text = f": {quote(reason)}" if reason else ""
            requested = sizes.get((stage, cause, reason))
            asked = f", {bytes_text(requested)} asked for" if requested else ""
            items.append(f"{named(row, quote)}: {stage} {cause}{at}{asked}{text}")
    return items


def missing(table: Sequence[Row], columns: Iterable[Column], quote: Quote) -> list[str]:
    """Why cells hold a dash, one item a reason and its cases; failures are listed elsewhere."""
    columns_of: dict[tuple[str, str], list[str]] = defaultdict(list)
    for column in columns:
        without: dict[str, list[Row]] = defaultdict(list)
        for row in table:
            reading = row.readings[column.key]
            if isinstance(reading, Failure) and not reading.reason.startswith(FAILED):
                without[plain(reading.reason)].append(row)
        for reason, rows in without.items():
            every = len(rows) == len(table)
            who = "all cases" if every else some([named(row, quote) for row in rows])
            columns_of[reason, who].append(" ".join(column.header.split()))
    return [
        f"no {'; no '.join(headers)} of {who}: {quote(reason)}"
        for (reason, who), headers in columns_of.items()
    ]


def count_notes(table: Sequence[Row], quote: Quote) -> list[str]:
    """What the counters could not see, where thop and torch differ, and who published what.

    One item an explanation or source.
    """
    unseen: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    differing: dict[str, list[int]] = defaultdict(list)
    for counts in (row.record.counts for row in table if row.record.counts):
        for item in counts.uncounted:
            unseen[item.counter, plain(item.name), plain(item.reason)].append(item.calls)
        modules = Counter(plain(item.explanation) for item in counts.disagreements)
        for explanation, number in modules.items():
            differing[explanation].append(number)
    sources = {
        plain(accuracy.source): None for row in table if (accuracy := row.record.case.accuracy)
    }
    return [
        *(f"top-1 is not measured here, but published: {quote(source)}" for source in sources),
        *(
            f"not seen by {counter}: {quote(name)}, {_in_cases(calls, 'call')}: {quote(reason)}"
            for (counter, name, reason), calls in unseen.items()
        ),
        *(
            f"thop differs from torch, {_in_cases(numbers, 'module')}: {quote(explanation)}"
            for explanation, numbers in differing.items()
        ),
    ]


def run_notes(run: Run, table: Sequence[Row], quote: Quote) -> list[str]:
    """Doubts: the reader's own notes, tensor peaks that differ, warm-ups cut short."""
    items = [quote(plain(note)) for note in run.notes]
    if any(case.compiler for case in run.info.cases):
        items.append(
            "counts and tensor peaks are of the modules as written, not of what torch.compile makes"
        )
    parted = [
        named(row, quote)
        for row in table
        if row.record.allocated and row.record.allocated.is_one_graph is False
    ]
    if parted:
        items.append(f"torch.compile left parts to Python (graph breaks): {some(parted)}")
    for row in table:
        fake, real = row.record.tensor_peak, row.record.allocated
        if fake and real and fake.peak_tensor_bytes != real.peak_tensor_bytes:
            items.append(
                f"{named(row, quote)}: the tensor peak is {fake.peak_tensor_bytes:,} bytes with "
                f"fake tensors, {real.peak_tensor_bytes:,} with real ones"
            )
    held_back = [row for row in table if _only_throttled(row)]
    if held_back:
        names = some([named(row, quote) for row in held_back])
        items.append(f"no sample was free of throttling: {names}")
    starved = [named(row, quote) for row in table if _waits_for_host(row)]
    if starved:
        items.append(
            f"the GPU waits for the host in {some(starved)}: their latency is that of Python and "
            "of launches; --cuda-graph times the work alone beside it"
        )
    warmups = [line.steady for row in table for line in row.latencies]
    if not all(warmups):
        where = [
            named(row, quote) for row in table if not all(line.steady for line in row.latencies)
        ]
        items.append(
            f"{warmups.count(False)} of {plural(len(warmups), 'warm-up')} ended at the cap, "
            f"not on steadiness: {some(where)}"
        )
    return items


def _waits_for_host(row: Row) -> bool:
    """Whether the host was handing work over nearly to the end of a call, in most launches."""
    shares = [line.issued_share for line in row.latencies if line.issued_share is not None]
    return bool(shares) and median(shares) >= _STARVED


def _only_throttled(row: Row) -> bool:
    """Whether something held the GPU's clocks down at every sample."""
    latencies = row.latencies
    return bool(latencies) and all(line.throttled == len(line.samples_s) for line in latencies)


def _undecided(run: Run, table: Sequence[Row], quote: Quote) -> list[str]:
    """Which verdicts are open, and what would decide them."""
    rows = [
        row
        for row in table
        if row.verdict and not row.verdict.is_decided and row.verdict.ratio.low is not None
    ]
    if not rows:
        return []
    more = [row.verdict.more_launches for row in rows if row.verdict]
    reachable = [number for number in more if number is not None]
    names = some([named(row, quote) for row in rows])
    text = f"Undecided: {names}."
    if reachable:
        which = "it" if len(rows) == 1 else "both" if len(reachable) == len(rows) == 2 else ""
        which = which or f"{len(reachable)} of them"
        text += f" {plural(max(reachable), 'more launch')} should decide {which}"
        text += " (--budget S spends time there)."
    if run.info.settings.budget_s is not None:
        text = f"The budget ended before every verdict was reached. {text}"
    return [text]


def _timed_conclusion(group: Sequence[Row], quote: Quote, *, has_references: bool) -> str:
    at = AT[group[0].mode]
    timed = [row for row in group if row.latency]
    if not timed:
        return f"{at} no latency was measured."
    beside = [row for row in timed if row.ratio or row.is_reference]
    reference = next((row for row in beside if row.is_reference), None)
    if reference is None or len(beside) < 2:
        why = "no reference entry is set"
        if group[0].reference is not None:
            why = "the reference entry was not timed with them"
        elif has_references:
            why = "no reference entry has their input"
        return _without_ratios(at, timed, quote, why)
    best = min(beside, key=lambda row: row.ratio.value if row.ratio else 1.0)
    of = f"of {plural(len(beside), 'entry')}"
    if best is reference:
        first = f"{at} {quote(best.name)}, the reference, is fastest {of}: {_latency_text(best)}"
    else:
        macs = best.ratios["macs"]
        with_macs = f" with {ratio_text(macs)} of its MACs" if macs is not None else ""
        first = (
            f"{at} {quote(best.name)} is fastest {of}: {_ratio_text(best)} of "
            f"{quote(reference.name)}'s latency{with_macs}"
        )
    judged = [row.verdict for row in beside if row.verdict]
    if any(verdict.ratio.low is None for verdict in judged):
        return f"{first}; one launch gives no interval, so nothing is told apart."
    rivals = [row for row in beside if row is not best and not _told_apart(row, best, reference)]
    tie = f", not told apart from {some([quote(row.name) for row in rivals])}" if rivals else ""
    answers = Counter(AGAINST_REFERENCE[verdict.answer] for verdict in judged)
    counted = ", ".join(f"{answers[word]} {word}" for word in AGAINST_REFERENCE.values())
    return f"{first}{tie}. Against {quote(reference.name)}: {counted}."


def _without_ratios(at: str, timed: Sequence[Row], quote: Quote, why: str) -> str:
    best = min(timed, key=lambda row: row.latency.value if row.latency else 0.0)
    if len(timed) == 1:
        text = f"{at} {quote(best.name)} takes {_latency_text(best)}"
    else:
        of = f"of {plural(len(timed), 'entry')}"
        text = f"{at} {quote(best.name)} is fastest {of}: {_latency_text(best)}"
    if best.latency and best.latency.low is None:
        text += "; one launch gives no interval"
    if len(timed) > 1:
        text += f"; {why}, so there are no ratios"
    return f"{text}."


def _lowest(rank: str, what: str, key: str, group: Sequence[Row], quote: Quote) -> str:
    values = [(row, value) for row in group if isinstance(value := row.readings[key], int)]
    if not values:
        return ""
    least = min(value for _, value in values)
    best = [row for row, value in values if value == least]
    names = some([quote(row.name) for row in best])
    if len(values) == 1:
        return f"{what} of {names}: {least:,}"
    of = f"{rank} {what} of {plural(len(values), 'entry')}"
    ratio = best[0].ratios[key]
    if ratio is None or best[0].is_reference:
        return f"{of}: {names} ({least:,})"
    return f"{of}: {names} ({ratio_text(ratio)} of {quote(str(best[0].reference))}'s)"


def _groups(table: Sequence[Row]) -> list[list[Row]]:
    groups: dict[tuple[Mode, str | None], list[Row]] = {}
    for mode, rows in by_mode(table).items():
        for row in rows:
            reference = row.name if row.is_reference else row.reference
            groups.setdefault((mode, reference), []).append(row)
    return list(groups.values())


def _at_one_input(group: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """The rows at the reference's input shape, and the rest.

    Who is fastest is a fair question only among cases that do their work on the same input.
    """
    reference = next((row for row in group if row.is_reference), None)
    if reference is None:
        return list(group), []
    shape = reference.record.case.input_shape
    ranked = [row for row in group if row.record.case.input_shape == shape]
    return ranked, [row for row in group if row.record.case.input_shape != shape]


def _at_own_batches(group: Sequence[Row]) -> bool:
    """Whether entries stand at batches of their own, so that what a call costs ranks nothing."""
    batches = {row.record.case.input_shape[0] for row in group}
    return len(batches) > 1 and not any(row.is_reference for row in group)


def _throughput_conclusion(group: Sequence[Row], quote: Quote) -> str:
    at = AT[group[0].mode]
    speeds = {
        row.name: (speed, row)
        for row in group
        if isinstance(speed := row.readings["images_per_s"], float)
    }
    if not speeds:
        return f"{at} no latency was measured."
    speed, best = max(speeds.values(), key=lambda found: found[0])
    of = f"of {plural(len(speeds), 'entry')}, each at its own batch" if len(speeds) > 1 else ""
    return (
        f"{at} {quote(best.name)} has the highest throughput {of}".rstrip()
        + f": {significant_text(speed)} images/s."
    )


def _not_ranked(rows: Sequence[Row], quote: Quote) -> str:
    if not rows:
        return ""
    return f" Not ranked, as their input is another: {some([quote(row.name) for row in rows])}."


def _told_apart(row: Row, best: Row, reference: Row) -> bool:
    """Whether ``best`` is faster for certain; than the reference: by its verdict."""
    if row is reference:
        return best.verdict is not None and best.verdict.answer == "better"
    ratio = latency_ratio(row, best)
    return ratio is not None and ratio.low is not None and ratio.low > 1


def _latency_text(row: Row) -> str:
    latency = row.latency
    assert latency is not None
    interval = estimate_text(latency, milliseconds).partition(" ")[2]
    return f"{milliseconds(latency.value)} ms" + (f" {interval}" if interval else "")


def _ratio_text(row: Row) -> str:
    assert row.ratio is not None
    return estimate_text(row.ratio, ratio_text)


def launches(table: Sequence[Row]) -> tuple[int, int]:
    """The fewest and the most launches of a case that was timed at all."""
    counts = [row.latency.launches for row in table if row.latency]
    return (min(counts), max(counts)) if counts else (0, 0)


def launches_text(fewest: int, most: int, asked: int) -> str:
    """How many launches there were of those asked for."""
    if fewest == most:
        return plural(most, "launch") if most >= asked else f"{most} of {plural(asked, 'launch')}"
    return f"{fewest}–{most} launches a case ({asked} asked for)"


def _what_failed(failure: CaseFailure) -> tuple[str, str, str]:
    stage = failure.stage.replace("_", " ")
    return stage, failure.cause.replace("_", " "), plain(failure.reason)


def named(row: Row, quote: Quote) -> str:
    """A row's name and mode."""
    return f"{quote(row.name)} ({MODE_TITLES[row.mode].lower()})"


def some(names: Sequence[str]) -> str:
    """Names in a sentence, the first few of many.

    >>> some(["a", "b", "c"]), some(["a"]), some(list("abcdef"))
    ('a, b and c', 'a', 'a, b, c, d and 2 more')
    """
    shown = list(names[:_EXAMPLES])
    if len(names) > _EXAMPLES:
        return f"{', '.join(shown)} and {len(names) - _EXAMPLES} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def _in_cases(numbers: Sequence[int], noun: str) -> str:
    return f"{plural(sum(numbers), noun)} in {plural(len(numbers), 'case')}"


def plural(number: int, noun: str) -> str:
    """A number and its noun."""
    if number == 1:
        return f"1 {noun}"
    ending = "es" if noun.endswith(("ch", "ss")) else "s"
    return f"{number:,} " + (f"{noun[:-1]}ies" if noun.endswith("y") else noun + ending)
