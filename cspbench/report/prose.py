"""What a report says in words: the conclusion, how it was measured, what is missing and why.

Each function returns sentences. ``quote`` makes text from outside (names, reasons) safe for the
page that the sentence goes on.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from statistics import median

from ..case import Mode
from ..catalogue.entry import Shape
from ..naming import plain
from ..records import CaseFailure, Failure, NoiseFloor, Run, Settings
from ..standing import threshold
from ..stats import half_width
from ..units import percent_text, ratio_text, shape_text
from ..verdicts import ALPHA, THRESHOLD
from .columns import Column, estimate_text, milliseconds
from .rows import AGAINST_REFERENCE, FAILED, Row, by_mode, latency_ratio

Quote = Callable[[str], str]

MODE_TITLES: dict[Mode, str] = {"infer": "Inference", "train": "Training"}
_AT: dict[Mode, str] = {"infer": "At inference", "train": "In training"}
_EXAMPLES = 4  # names in a sentence before "and N more": a list of sixty is not read


def title(rows: Sequence[Row], quote: Quote) -> str:
    """What one mode's tables hold: mode, input where all share one, and what ratios are to."""
    words = [MODE_TITLES[rows[0].mode]]
    shapes: dict[Shape, list[str]] = defaultdict(list)
    for row in rows:
        shapes[row.record.case.input_shape].append(quote(row.name))
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
        ranked, others = _at_one_input(group)
        parts = [
            _lowest("fewest MACs", "macs", ranked, quote),
            _lowest("lowest peak of tensor memory", "peak_tensor_bytes", ranked, quote),
        ]
        found = "; ".join(part for part in parts if part)
        at = _AT[group[0].mode]
        text = f"{at}, {found}." if found else f"{at} nothing was counted."
        sentences.append(text + _not_ranked(others, quote))
    return sentences


def timed_conclusions(table: Sequence[Row], quote: Quote) -> list[str]:
    """A sentence a mode and reference: who is fastest, and how the others stand to it."""
    sentences = []
    for group in _groups(table):
        ranked, others = _at_one_input(group)
        sentences.append(_timed_conclusion(ranked, quote) + _not_ranked(others, quote))
    return sentences


def completeness(run: Run, table: Sequence[Row], quote: Quote) -> list[str]:
    """Sentences on what is not whole: launches that are missing, cases that failed."""
    sentences = []
    fewest, most = _launches(table)
    asked = run.info.settings.launches
    if most and fewest < asked:
        sentences.append(f"Not all was measured: {_launches_text(fewest, most, asked)}.")
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


def circumstances(run: Run, table: Sequence[Row]) -> list[tuple[str, str]]:
    """Label and text, line by line, of how a run was measured; text is not yet quoted."""
    info, settings = run.info, run.info.settings
    environment = info.environment
    packages = [f"torch {environment.packages.get('torch', 'unknown')}"]
    packages += [f"Python {environment.python}", f"thop {_thop(run)}"]
    lines = [
        ("device", f"{environment.device} ({settings.device})"),
        ("threads", f"{settings.threads} on {plural(environment.physical_cores, 'core')}"),
        ("precision", _joined(case.precision for case in info.cases)),
        ("software", ", ".join([*packages, f"cspbench {info.version}"])),
    ]
    if settings.training:
        lines.append(("training", _training(settings)))
    if "latency" in info.stages:
        lines += _sampling(run, table)
    commit = f"commit {info.git.commit[:12]}" if info.git else "not in a git repository"
    if info.git and info.git.dirty:
        commit += " with uncommitted changes"
    lines += [("code", commit), ("repeat", info.command)]
    return [(label, plain(text)) for label, text in lines]


def _training(settings: Settings) -> str:
    assert settings.training is not None
    wanted = settings.training
    seeds = plural(wanted.seeds, "seed")
    return f"{seeds} from {settings.seed} x {wanted.steps} steps on {wanted.data}"


def _sampling(run: Run, table: Sequence[Row]) -> list[tuple[str, str]]:
    """How the times came about, and what can be told from them."""
    info, settings = run.info, run.info.settings
    fewest, most = _launches(table)
    sampling = [
        f"{_launches_text(fewest, most, settings.launches)} x {plural(settings.turns, 'turn')}",
        f"seed {settings.seed}",
        f"allocator {settings.allocator}",
    ]
    if settings.budget_s is not None:
        sampling.append(f"budget {settings.budget_s:g} s")
    lines = [("sampling", ", ".join(sampling)), ("clock", _clock(run))]
    if run.launches:
        before = _range(launch.activity.load_before for launch in run.launches)
        after = _range(launch.activity.load_after for launch in run.launches)
        lines.append(("load", f"{before} before a launch, {after} after"))
        lines.append(("contention", _contention(run)))
    lines.append(("noise floor", _noise_floor(info.noise_floor, fewest)))
    if judged := [row for row in table if row.verdict]:
        lines.append(("verdicts", _verdict_rule(run, judged)))
    return lines


def failures(table: Sequence[Row], quote: Quote) -> list[str]:
    """One item a case, stage, cause and reason, its launches gathered."""
    items = []
    for row in table:
        launches: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        for failure in row.record.failures:
            launches[_what_failed(failure)] += [] if failure.launch is None else [failure.launch]
        for (stage, cause, reason), numbers in launches.items():
            at = f" in launch {', '.join(map(str, numbers))}" if numbers else ""
            text = f": {quote(reason)}" if reason else ""
            items.append(f"{named(row, quote)}: {stage} {cause}{at}{text}")
    return items


def missing(table: Sequence[Row], columns: Iterable[Column], quote: Quote) -> list[str]:
    """Why a cell holds a dash, one item a column and reason; failures are listed elsewhere."""
    items = []
    for column in columns:
        without: dict[str, list[Row]] = defaultdict(list)
        for row in table:
            reading = row.readings[column.key]
            if isinstance(reading, Failure) and not reading.reason.startswith(FAILED):
                without[plain(reading.reason)].append(row)
        for reason, rows in without.items():
            every = len(rows) == len(table)
            who = "all cases" if every else some([named(row, quote) for row in rows])
            items.append(f"no {' '.join(column.header.split())} of {who}: {quote(reason)}")
    return items


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
    for row in table:
        fake, real = row.record.tensor_peak, row.record.allocated
        if fake and real and fake.peak_tensor_bytes != real.peak_tensor_bytes:
            items.append(
                f"{named(row, quote)}: the tensor peak is {fake.peak_tensor_bytes:,} bytes with "
                f"fake tensors, {real.peak_tensor_bytes:,} with real ones"
            )
    warmups = [line.steady for row in table for line in row.record.latencies]
    if not all(warmups):
        where = [
            named(row, quote)
            for row in table
            if not all(line.steady for line in row.record.latencies)
        ]
        items.append(
            f"{warmups.count(False)} of {plural(len(warmups), 'warm-up')} ended at the cap, "
            f"not on steadiness: {some(where)}"
        )
    return items


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
        text += f" {plural(max(reachable), 'more launch')} should decide {len(reachable)} of them"
        text += " (--budget S spends time there)."
    if run.info.settings.budget_s is not None:
        text = f"The budget ended before every verdict was reached. {text}"
    return [text]


def _clock(run: Run) -> str:
    """The governor and the frequencies that the launches saw, as far as they could be read."""
    governor = run.info.environment.governor
    text = "governor not readable" if isinstance(governor, Failure) else f"governor {governor}"
    seen = [
        mhz
        for launch in run.launches
        for mhz in (launch.activity.mhz_before, launch.activity.mhz_after)
        if not isinstance(mhz, Failure)
    ]
    if not seen:
        return f"{text}, frequency not readable"
    low, high = f"{min(seen):,.0f}", f"{max(seen):,.0f}"
    return f"{text}, {low if low == high else f'{low}–{high}'} MHz around launches"


def _contention(run: Run) -> str:
    """How many launches others disturbed, by how much, and what became of them."""
    shares = [launch.activity.taken_share for launch in run.launches]
    contended = [launch for launch in run.launches if launch.is_contended]
    of = f"{len(contended)} of {plural(len(run.launches), 'launch')}"
    if not contended:
        return f"{of}; others took at most {max(shares):.1%} of the processor time"
    left_out = {line.launch for record in run.records for line in record.left_out}
    kept = len(contended) - len(left_out)
    fate = " and ".join(
        part
        for part in (
            f"{len(left_out)} left out" if left_out else "",
            f"{kept} counted for want of others" if kept else "",
        )
        if part
    )
    return f"{of}: others took up to {max(shares):.0%} of the processor time; {fate}"


def _noise_floor(floor: NoiseFloor | None, launches: int) -> str:
    if floor is None:
        return "not measured on this machine (python -m cspbench doctor)"
    widths = {mode: half_width(spread, launches) for mode, spread in floor.in_turns.items()}
    return (
        ", ".join(
            f"{percent_text(width)} {_AT[mode].lower()}"
            for mode, width in widths.items()
            if width is not None
        )
        or "known, but one launch has none"
    )


def _verdict_rule(run: Run, rows: Sequence[Row]) -> str:
    """By what a verdict is reached here, and what such a run can see."""
    thresholds = [
        threshold(run, row.record, row.verdict.ratio.launches) for row in rows if row.verdict
    ]
    text = f"changes beyond {_percents(thresholds or [THRESHOLD])}, false alarms below {ALPHA:.0%}"
    visible = [
        row.verdict.detectable for row in rows if row.verdict and row.verdict.detectable is not None
    ]
    return f"{text}; detectable: {percent_text(median(visible))} (median)" if visible else text


def _percents(shares: Iterable[float]) -> str:
    ordered = sorted(shares)
    low, high = percent_text(ordered[0]), percent_text(ordered[-1])
    return low if low == high else f"{low.removesuffix('%')}–{high}"


def _timed_conclusion(group: Sequence[Row], quote: Quote) -> str:
    at = _AT[group[0].mode]
    timed = [row for row in group if row.latency]
    if not timed:
        return f"{at} no latency was measured."
    beside = [row for row in timed if row.ratio or row.is_reference]
    reference = next((row for row in beside if row.is_reference), None)
    if reference is None or len(beside) < 2:
        return _without_ratios(at, timed, quote, has_reference=group[0].reference is not None)
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
    rivals = [row for row in beside if row is not best and not _told_apart(row, best)]
    tie = f", not told apart from {some([quote(row.name) for row in rivals])}" if rivals else ""
    answers = Counter(AGAINST_REFERENCE[verdict.answer] for verdict in judged)
    counted = ", ".join(f"{answers[word]} {word}" for word in AGAINST_REFERENCE.values())
    return f"{first}{tie}. Against {quote(reference.name)}: {counted}."


def _without_ratios(at: str, timed: Sequence[Row], quote: Quote, *, has_reference: bool) -> str:
    best = min(timed, key=lambda row: row.latency.value if row.latency else 0.0)
    if len(timed) == 1:
        text = f"{at} {quote(best.name)} takes {_latency_text(best)}"
    else:
        of = f"of {plural(len(timed), 'entry')}"
        text = f"{at} {quote(best.name)} is fastest {of}: {_latency_text(best)}"
    if best.latency and best.latency.low is None:
        text += "; one launch gives no interval"
    if len(timed) > 1:
        why = (
            "the reference entry was not timed with them"
            if has_reference
            else ("no reference entry is set")
        )
        text += f"; {why}, so there are no ratios"
    return f"{text}."


def _lowest(what: str, key: str, group: Sequence[Row], quote: Quote) -> str:
    values = [(row, value) for row in group if isinstance(value := row.readings[key], int)]
    if not values:
        return ""
    least = min(value for _, value in values)
    best = [row for row, value in values if value == least]
    names = some([quote(row.name) for row in best])
    of = f"{what} of {plural(len(values), 'entry')}" if len(values) > 1 else what
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


def _not_ranked(rows: Sequence[Row], quote: Quote) -> str:
    if not rows:
        return ""
    return f" Not ranked, as their input is another: {some([quote(row.name) for row in rows])}."


def _told_apart(row: Row, best: Row) -> bool:
    ratio = latency_ratio(row.record, best.record)
    return ratio is not None and ratio.low is not None and ratio.low > 1


def _latency_text(row: Row) -> str:
    latency = row.latency
    assert latency is not None
    interval = estimate_text(latency, milliseconds).partition(" ")[2]
    return f"{milliseconds(latency.value)} ms" + (f" {interval}" if interval else "")


def _ratio_text(row: Row) -> str:
    assert row.ratio is not None
    return estimate_text(row.ratio, ratio_text)


def _launches(table: Sequence[Row]) -> tuple[int, int]:
    """The fewest and the most launches of a case that was timed at all."""
    counts = [row.latency.launches for row in table if row.latency]
    return (min(counts), max(counts)) if counts else (0, 0)


def _launches_text(fewest: int, most: int, asked: int) -> str:
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
    ending = "es" if noun.endswith("ch") else "s"
    return f"{number:,} " + (f"{noun[:-1]}ies" if noun.endswith("y") else noun + ending)


def _range(values: Iterable[float]) -> str:
    ordered = sorted(values)
    low, high = f"{ordered[0]:.2f}", f"{ordered[-1]:.2f}"
    return low if low == high else f"{low}–{high}"


def _joined(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))


def _thop(run: Run) -> str:
    distribution = run.info.environment.thop_distribution
    version = run.info.environment.packages.get(distribution, "")
    return version if distribution == "thop" else f"{distribution} {version}".strip()
