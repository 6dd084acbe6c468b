"""The lines of a comparison below its table: how it was made, warnings, and what decides it."""

from collections.abc import Iterator

from ...comparison.result import Answer, Comparison, Setup
from ...plan.labels import plain
from ...records.gate import LATENCY, THRESHOLD, Gate
from ...text import listing, shortened
from ...units import is_noisy, percent_text, seconds_text, shape_text
from ..quoting import Quote
from ..words import AT, plural
from .rows import entries, one_sided

_COMMIT = 12  # characters
_ONE_SIDED: tuple[Answer, Answer] = ("added", "removed")


def setup_line(comparison: Comparison, quote: Quote) -> str:
    """Commits, machine, threads, torch's version, launches and thresholds, in one line."""
    setup = comparison.setup
    threads = _sides(setup.threads, plain)
    parts = [
        _sides((_commit(setup.commits[0]), _commit(setup.commits[1])), quote),
        _sides(setup.device, plain),
        f"{threads} {'thread' if threads == '1' else 'threads'}" if threads else "",
        f"torch {torch}" if (torch := _sides(setup.torch, plain)) else "",
        _launches(comparison),
        _thresholds(comparison, quote),
    ]
    return "; ".join(filter(None, parts))


def warnings(comparison: Comparison, quote: Quote) -> list[str]:
    """Sentences on what a reader has to know before trusting the verdict."""
    return [*_withheld(comparison, quote), *_own(comparison)]


def one_sided_line(comparison: Comparison, quote: Quote) -> str:
    """The entries, or single cases, that only one side has; '' without any."""
    sides = {answer: one_sided(comparison, answer) for answer in _ONE_SIDED}
    labels = [{entry.label for entry in side} for side in (*sides.values(), entries(comparison))]
    parts = []
    for answer, side in sides.items():
        names = []
        for entry in side:
            name = entry.label
            if name in labels[0] & labels[1]:  # both sides have it, with other inputs
                name = f"{name} {shape_text(entry.input_shape)}".strip()
            modes = f" {listing([AT[mode] for mode in entry.cases])}"
            names.append(quote(name) + (modes if name in labels[2] else ""))
        if names:
            parts.append(f"{answer}: {listing(names)}")
    return _capital("; ".join(parts))


def deciding_line(comparison: Comparison, quote: Quote) -> str:
    """What to run to decide undecided latencies; '' if there are none."""
    deciding = comparison.deciding
    if deciding is None:
        return ""
    again = "run ab again" if comparison.in_turns else "measure both again"
    takes = f" (about {seconds_text(deciding.seconds)})" if deciding.seconds else ""
    turns = f"let both revisions take turns: {quote(deciding.command)}" if deciding.command else ""
    if not deciding.undecided:
        return f"To compare latency, {turns}" if turns else ""
    if not deciding.option:
        latencies = plural(deciding.undecided, "undecided latency")
        never = (
            f"More launches would not decide the {latencies.removeprefix('1 ')} in reasonable time"
        )
        return f"{never}; {turns}" if turns else f"{never}."
    if deciding.undecided == 1:
        goal = "the undecided latency"
    elif deciding.decided == deciding.undecided:
        goal = f"the {deciding.undecided} undecided latencies"
    else:
        goal = f"{deciding.decided} of the {deciding.undecided} undecided latencies"
    ways = [f"{again} with {quote(deciding.option)}{takes}", *filter(None, [turns])]
    end = "" if turns else "."  # which would be copied with a command
    return f"To decide {goal}, {', or '.join(ways)}{end}"


def counts(comparison: Comparison) -> str:
    """A sentence with the number of cases of each verdict."""
    answers = ", ".join(
        f"{number} {answer}" for answer, number in comparison.answers.items() if number
    )
    failed = f"; {len(comparison.failed)} failed in the candidate" if comparison.failed else ""
    return f"Cases: {answers or 'none'}{failed}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _commit(text: str) -> str:
    """The first characters of a commit, and whether there were changes besides."""
    commit, _, changes = text.partition(" ")
    return f"{commit[:_COMMIT]} {changes}".strip()


def _sides(sides: tuple[str, str], quote: Quote) -> str:
    baseline, candidate = (shortened(plain(side), 100) for side in sides)
    if not (baseline or candidate):
        return ""
    if baseline == candidate:
        return quote(baseline)
    return f"{quote(baseline or 'unknown')} → {quote(candidate or 'unknown')}"


def _launches(comparison: Comparison) -> str:
    setup: Setup = comparison.setup
    if not comparison.in_turns:
        fewest, most = min(setup.launches), max(setup.launches)
        if not fewest or fewest == most:
            return plural(most, "launch") if most else ""
        return f"{setup.launches[0]} and {setup.launches[1]} launches"
    numbers = [
        case.latency.launches for case in comparison.cases if case.latency and case.latency.launches
    ]
    if not numbers:
        return plural(setup.launches[0], "launch")
    fewest, most = min(numbers), max(numbers)
    return plural(most, "launch") if fewest == most else f"{fewest}–{most} launches per case"


def _thresholds(comparison: Comparison, quote: Quote) -> str:
    """``thresholds: latency 1%, others 0; noise floor 2.5%``: of the two, the higher counts."""
    if not entries(comparison):
        return ""
    rules = list(_rules(comparison.gate, quote))
    if not any(case.latency for case in comparison.cases):
        return f"thresholds: {', '.join([*rules, 'others 0'])}" if rules else "threshold 0"
    latency = _latency(comparison.gate)
    others = f"thresholds: {', '.join([f'latency {percent_text(latency)}', *rules, 'others 0'])}"
    if comparison.setup.noise_floor is not None:
        # A case's own noise floor depends on its mode and falls with its number of launches.
        low, high = map(percent_text, comparison.setup.noise_floor)
        floor = low if low == high else f"{low} to {high}"
        raised = " (where higher)" if comparison.setup.noise_floor[1] > latency else ""
        kind = "noise floor" if comparison.in_turns else "noise floor between runs"
        return f"{others}; {kind} {floor}{raised}"
    return f"{others}; noise floor not measured" if comparison.in_turns else others


def _latency(gate: Gate) -> float:
    """The threshold of latency that holds for all entries without a rule of their own."""
    shares = [rule.share for rule in gate.rules if (rule.measure, rule.glob) == (LATENCY, "*")]
    return shares[-1] if shares else THRESHOLD


def _rules(gate: Gate, quote: Quote) -> Iterator[str]:
    for rule in gate.rules:
        if (rule.measure, rule.glob) != (LATENCY, "*"):
            name = rule.measure if rule.glob == "*" else f"{rule.glob}:{rule.measure}"
            yield f"{quote(shortened(plain(name), 60))} {percent_text(rule.share)}"


def _withheld(comparison: Comparison, quote: Quote) -> Iterator[str]:
    """Why latencies are not compared, if none is, or not those of some cases."""
    misleading = [item for item in comparison.discrepancies if item.misleads]
    if misleading:
        differences = [
            f"{plain(item.what)} ({quote(plain(item.baseline))} → {quote(plain(item.candidate))})"
            for item in misleading
        ]
        yield f"Latency is not compared: the runs differ in {listing(differences)}."
        return
    if comparison.is_latency_comparable or comparison.verdict == "not_comparable":
        return
    reasons = {case.latency.reason for case in comparison.cases if case.latency}
    if len(reasons) == 1:
        yield f"Latency is not compared: {shortened(plain(reasons.pop()), 200)}."


def _own(comparison: Comparison) -> Iterator[str]:
    """The comparison's own warnings, and one on noisy intervals of latency."""
    yield from comparison.warnings
    are_noisy = [
        is_noisy(*case.latency.interval, case.latency.launches or 0)
        for case in comparison.cases
        if case.latency and case.latency.interval
    ]
    if any(are_noisy):
        intervals = f"{sum(are_noisy)} of {plural(len(are_noisy), 'interval')}"
        yield (
            f"Poor timings: {intervals} too noisy to tell; python -m cspbench doctor says what "
            "disturbs this machine."
        )
