"""Notes below the tables: missing readings, uncounted operators, and doubts about timings."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from ..plan.case import MODES, Case, Form, can_run_in
from ..plan.labels import plain
from ..records.base import Failure
from ..records.deployment import Deployment, Fusion
from ..text import listing
from ..units import percent_text
from ..verdicts.energy import WHY_NO_VERDICT
from .columns import Column
from .forms import counted_rows
from .memory import checkpoint_sentence, offered_checkpoints
from .quoting import Quote
from .readings import FAILED
from .results import Results
from .roofline import LOW_ROOF, MOST_SHARE
from .rows import Row
from .words import case_listing, case_name, in_cases, plural, printed_text

_STARVED = 0.9  # from this share of issuing on, the device was nearly idle between kernels


def missing(table: Sequence[Row], columns: Iterable[Column], quote: Quote) -> list[str]:
    """Items on cells with a dash, one for each reason; failures are listed elsewhere."""
    headers: dict[tuple[str, str], list[str]] = defaultdict(list)
    for column in columns:
        rows_without: dict[str, list[Row]] = defaultdict(list)
        for row in table:
            reading = row.readings[column.key]
            if isinstance(reading, Failure) and not reading.reason.startswith(FAILED):
                rows_without[plain(reading.reason)].append(row)
        for reason, rows in rows_without.items():
            cases = "all cases" if len(rows) == len(table) else case_listing(rows, quote)
            headers[reason, cases].append(column.title)
    return [
        f"{', '.join(names)} missing for {cases}: {quote(reason)}"
        for (reason, cases), names in headers.items()
    ]


def count_notes(table: Sequence[Row], quote: Quote) -> list[str]:
    """Items on cases counted on real tensors, published accuracies, and what counters do not see.

    There is one item for each source or explanation.
    """
    unseen_calls: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    differing_modules: dict[str, list[int]] = defaultdict(list)
    for counts in (row.record.counts for row in table if row.record.counts):
        for item in counts.uncounted:
            unseen_calls[item.counter, plain(item.name), plain(item.reason)].append(item.calls)
        modules = Counter(plain(item.explanation) for item in counts.disagreements)
        for explanation, number in modules.items():
            differing_modules[explanation].append(number)
    sources = {
        plain(accuracy.source): None for row in table if (accuracy := row.record.case.accuracy)
    }
    return [
        *_basis_notes(table, quote),
        *(f"top-1 is published, not measured here: {quote(source)}" for source in sources),
        *(
            f"not seen by {counter}: {quote(name)}, {in_cases(calls, 'call')}: {quote(reason)}"
            for (counter, name, reason), calls in unseen_calls.items()
        ),
        *(
            f"thop differs from torch, {in_cases(numbers, 'module')}: {quote(explanation)}"
            for explanation, numbers in differing_modules.items()
        ),
    ]


def _basis_notes(table: Sequence[Row], quote: Quote) -> list[str]:
    """Items on cases that could only be counted on real tensors."""
    rows_by_measure: dict[str, list[Row]] = defaultdict(list)
    for row in table:
        for stage, measurement in row.record.measurements.items():
            if getattr(measurement, "counted_on", "") == "real":
                rows_by_measure[stage.replace("_", " ")].append(row)
    return [
        f"{measure} of {case_listing(rows, quote)}: counted on real tensors, as their values are "
        "read"
        for measure, rows in rows_by_measure.items()
    ]


def run_notes(results: Results, quote: Quote) -> list[str]:
    """Items on incomplete records, forms, differing tensor peaks, GPUs, roofs and warm-ups."""
    table = results.rows
    return [
        *(quote(plain(note)) for note in results.run.notes),
        *_form_notes(results, quote),
        *_differing_peaks(table, quote),
        *_path_notes(table, quote),
        *_checkpoint_notes(table, quote),
        *_gpu_notes(table, quote),
        *_energy_notes(table, quote),
        *_roofline_notes(table, quote),
        *_warmup_notes(table, quote),
        *_printed_notes(table, quote),
        *_alteration_notes(table, quote),
    ]


def _form_notes(results: Results, quote: Quote) -> list[str]:
    items = []
    forms = dict.fromkeys(row.record.case.form for row in counted_rows(results.rows))
    if others := [form for form in forms if form not in {"eager", "fused"}]:
        items.append(
            f"counts and tensor peaks of {listing(others)} describe the modules as written, not "
            "what runs"
        )
    if untrained := _untrained(results.run.info.cases):
        items.append(f"not measured in training, which they are not for: {listing(untrained)}")
    items += _fusion_notes(results.rows, quote)
    items += _runtime_notes(results.rows)
    items += _uncompared_notes(results.rows, quote)
    with_breaks = [
        row
        for row in results.rows
        if row.record.allocated and row.record.allocated.is_one_graph is False
    ]
    if with_breaks:
        names = case_listing(with_breaks, quote)
        items.append(f"torch.compile left parts to Python (graph breaks) in {names}")
    return items


def _untrained(cases: Sequence[Case]) -> list[Form]:
    """Forms that are for inference alone, in a run of both modes."""
    if {case.mode for case in cases} != set(MODES):
        return []
    return list(dict.fromkeys(case.form for case in cases if not can_run_in(case.form, "train")))


def _uncompared_notes(table: Sequence[Row], quote: Quote) -> list[str]:
    """Items on forms whose outputs could not be compared with eager's, one for each reason."""
    rows_by_reason: dict[str, list[Row]] = defaultdict(list)
    for row in table:
        if (made := row.record.deployment) and made.reason:
            rows_by_reason[plain(made.reason)].append(row)
    return [
        f"outputs of {case_listing(rows, quote)} not compared: {quote(reason)}"
        for reason, rows in rows_by_reason.items()
    ]


def _fusion_notes(table: Sequence[Row], quote: Quote) -> list[str]:
    """Items on what was folded and merged of fused modules, and what was not and why."""
    rows_by_text: dict[str, list[Row]] = defaultdict(list)
    for row in table:
        if (made := row.record.deployment) and made.fusion:
            rows_by_text[_fusion_text(made.fusion, quote)].append(row)
    return [f"{case_listing(rows, quote)}: {text}" for text, rows in rows_by_text.items()]


def _fusion_text(fusion: Fusion, quote: Quote) -> str:
    norms = fusion.folded + sum(fusion.left.values())
    text = f"{fusion.folded} of {plural(norms, 'batch normalisation')} folded into convolutions"
    if not norms:
        text = "no batch normalisation seen to fold"
    for reason, number in fusion.left.items():
        text += f"; {number} left ({plain(reason)})"
    if fusion.methods:
        text += f"; branches merged by {quote(plain(', '.join(fusion.methods)))}"
    return text


def _runtime_notes(table: Sequence[Row]) -> list[str]:
    """Items on what each runtime was loaded with, who ran its nodes, and which in 8 bits."""
    made_by_form: dict[Form, list[Deployment]] = defaultdict(list)
    for row in table:
        if (made := row.record.deployment) and made.settings:
            made_by_form[row.record.case.form].append(made)
    return [
        "; ".join(filter(None, (_settings_text(form, made), *_nodes_texts(made))))
        for form, made in made_by_form.items()
    ]


def _settings_text(form: Form, made: Sequence[Deployment]) -> str:
    settings = ", ".join(f"{name} {value}" for name, value in made[0].settings.items())
    return f"{form} ran with {plain(settings)}"


def _nodes_texts(made: Sequence[Deployment]) -> Iterator[str]:
    """How many nodes a model has, who ran them, and how many compute in 8 bits."""
    operators = [operator for record in made for operator in record.operators]
    if not operators:
        return
    nodes = [sum(operator.nodes for operator in record.operators) for record in made]
    by_provider: Counter[str] = Counter()
    for operator in operators:
        by_provider[operator.provider] += operator.nodes
    shares = [
        f"{percent_text(number / sum(nodes))} by {plain(name)}"
        for name, number in by_provider.most_common()
    ]
    yield f"{_range(nodes)} nodes, {listing(shares)}"
    if names := dict.fromkeys(operator.name for operator in operators if operator.is_int8):
        in_int8 = [
            sum(operator.nodes for operator in record.operators if operator.is_int8)
            for record in made
        ]
        yield f"{_range(in_int8)} of them compute in 8 bits ({plain(listing(list(names)))})"


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def _differing_peaks(table: Sequence[Row], quote: Quote) -> list[str]:
    return [
        f"{case_name(row, quote)}: the tensor peak is {fake.peak_tensor_bytes:,} bytes with "
        f"fake tensors, {real.peak_tensor_bytes:,} with real ones"
        for row in table
        if (fake := row.record.tensor_peak)
        and (real := row.record.allocated)
        and fake.peak_tensor_bytes != real.peak_tensor_bytes
    ]


def _path_notes(table: Sequence[Row], quote: Quote) -> list[str]:
    """Items on cases that take another path while they are observed."""
    return [
        f"{case_name(row, quote)} runs other code while it is observed, which is what its counts "
        f"and tensor peak describe: {quote(plain(', '.join(names)))} ran more often than otherwise"
        for row in table
        if (allocated := row.record.allocated) and (names := allocated.observed_only)
    ]


def _checkpoint_notes(table: Sequence[Row], quote: Quote) -> list[str]:
    """Items on what to checkpoint in each training step whose memory was measured by module."""
    return [
        f"{case_name(row, quote)}: {sentence[0].lower()}{sentence[1:].rstrip('.')}"
        for row in table
        if (sentence := checkpoint_sentence(row.record, offered_checkpoints(row.record), quote))
    ]


def _gpu_notes(table: Sequence[Row], quote: Quote) -> list[str]:
    items = []
    if throttled := [row for row in table if _is_always_throttled(row)]:
        items.append(f"every sample was throttled: {case_listing(throttled, quote)}")
    if starved := [row for row in table if _waits_for_host(row)]:
        items.append(
            f"the GPU waits for the host in {case_listing(starved, quote)}: the latency is that "
            "of Python and of kernel launches (--cuda-graph also times the kernels alone)"
        )
    return items


def _energy_notes(table: Sequence[Row], quote: Quote) -> list[str]:
    """Items on what energies are of, how finely their sensors tell them, and who else took part."""
    metered = [
        (row, energy, energy.windows)
        for row in table
        if (energy := row.record.energy) and not isinstance(energy.windows, Failure)
    ]
    if not metered:
        return []
    shortest_s = min(window.seconds for _, _, windows in metered for window in windows)
    sensors = [
        f"the counter {_period(energy.counter_period_s for _, energy, _ in metered)}",
        f"the power {_period(energy.power_period_s for _, energy, _ in metered)}",
    ]
    if any(energy.power_sensor == "average" for _, energy, _ in metered):
        sensors.append("the power is an average over about a second on most devices")
    over = f"over windows of {shortest_s:.1f} s or longer"
    items = [
        f"energy is that of the whole device, idle power included, {over}; {WHY_NO_VERDICT}",
        f"sensors of energy: {', '.join(sensors)}; some devices measure only part of the time",
    ]
    if shared := [row for row, energy, _ in metered if energy.others and energy.others != 0]:
        items.append(f"energies include other processes on the GPU: {case_listing(shared, quote)}")
    return items


def _period(periods_s: Iterable[float | None]) -> str:
    known = [period_s for period_s in periods_s if period_s is not None]
    return f"changes every {median(known):.2g} s" if known else "did not change twice"


def _roofline_notes(table: Sequence[Row], quote: Quote) -> list[str]:
    """An item on the cases that are above their roof."""
    shares = [(row, row.readings["roof_share"]) for row in table]
    above = [row for row, share in shares if isinstance(share, float) and share > MOST_SHARE]
    return [f"{case_listing(above, quote)}: {LOW_ROOF}."] if above else []


def _warmup_notes(table: Sequence[Row], quote: Quote) -> list[str]:
    warmups = [line.steady for row in table for line in row.latencies]
    if all(warmups):
        return []
    unsteady = [row for row in table if not all(line.steady for line in row.latencies)]
    number = f"{warmups.count(False)} of {plural(len(warmups), 'warm-up')}"
    cases = case_listing(unsteady, quote)
    return [f"{number} reached the cap before latencies were steady: {cases}"]


def _alteration_notes(table: Sequence[Row], quote: Quote) -> list[str]:
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in table:
        for sentence in row.record.alters:
            rows[sentence].append(row)
    return [f"{case_listing(those, quote)} {plain(text)}" for text, those in rows.items()]


def _printed_notes(table: Sequence[Row], quote: Quote) -> list[str]:
    rows_by_text: dict[str, list[Row]] = defaultdict(list)
    for row in table:
        if words := printed_text(row.record.printed, quote):
            rows_by_text[words].append(row)
    return [f"{case_listing(rows, quote)} {words}" for words, rows in rows_by_text.items()]


def _waits_for_host(row: Row) -> bool:
    """Whether the host issued work nearly until the end of a call, in the median launch."""
    shares = [line.issued_share for line in row.latencies if line.issued_share is not None]
    return bool(shares) and median(shares) >= _STARVED


def _is_always_throttled(row: Row) -> bool:
    """Whether the GPU's clocks were held down during every sample."""
    return bool(row.latencies) and all(
        line.throttled == len(line.samples_s) for line in row.latencies
    )
