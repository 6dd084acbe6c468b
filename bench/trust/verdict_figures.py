"""The page's tables of verdicts: the product's, and those of other tools' rules."""

import math
from collections.abc import Callable, Sequence
from statistics import fmean

from .lines import InTurns, Results, Verdict
from .rules import RULES
from .sizes import CHANGES, SIZES_MS
from .wording import (
    NONE,
    Row,
    circumstance,
    half_width_text,
    median_time,
    middle,
    range_text,
    seconds,
    share,
    shares,
)

_FOUND = ("worse", "better")


def true_ratio(results: Results, size_ms: float, change: int) -> float | None:
    """The ratio over all idle trials of a block and change; 1 for identical code.

    Trials are weighted by the inverse of their variance. None without an idle trial.
    """
    if not change:
        return 1.0
    verdicts = [
        trial.verdict
        for trial in results.in_turns
        if (trial.cell.size_ms, trial.cell.change, trial.cell.busy) == (size_ms, change, False)
    ]
    weights, logs = [], []
    for verdict in verdicts:
        if verdict.ratio and verdict.half_width:
            weights.append(verdict.half_width**-2)
            logs.append(math.log(verdict.ratio))
    return math.exp(fmean(logs, weights)) if logs else None


def identical(results: Results) -> list[Row]:
    """`ab` of identical code, by size and circumstance: verdicts, and the time until one."""
    rows: list[Row] = []
    for size_ms in SIZES_MS:
        for busy in (False, True):
            trials = [
                trial
                for trial in results.in_turns
                if not trial.cell.change
                and (trial.cell.size_ms, trial.cell.busy) == (size_ms, busy)
            ]
            if trials:
                name = f"{size_ms:g} ms, {circumstance(trials[0].cell)}"
                rows.append((name, *_identical_row(trials)))
    everything = [trial for trial in results.in_turns if not trial.cell.change]
    return [*rows, ("all", *_identical_row(everything))]


def _identical_row(trials: Sequence[InTurns]) -> Row:
    answers = [trial.verdict.answer for trial in trials]
    times = [
        None if trial.verdict.answer == "undecided" else trial.sampling.launch_s for trial in trials
    ]
    return (
        share(sum(answer == "same" for answer in answers), len(answers)),
        shares(answers, "undecided"),
        shares(answers, *_FOUND),
        median_time(times),
        middle((trial.sampling.wall_s for trial in trials), seconds),
        middle((trial.verdict.half_width for trial in trials), half_width_text),
        range_text([turns for trial in trials for turns in trial.sampling.turns]),
    )


def planted(results: Results) -> list[Row]:
    """`ab` of planted changes, by change and circumstance: true sizes, and the answers."""
    rows: list[Row] = []
    for busy in (False, True):
        for change in CHANGES:
            trials = [
                trial
                for trial in results.in_turns
                if (trial.cell.change, trial.cell.busy) == (change, busy)
            ]
            if trials:
                name = f"{change}%, {circumstance(trials[0].cell)}"
                rows.append((name, _true_sizes(results, change), *_planted_row(trials)))
    return rows


def _true_sizes(results: Results, change: int) -> str:
    true_ratios = [true_ratio(results, size_ms, change) for size_ms in SIZES_MS]
    known = [ratio - 1 for ratio in true_ratios if ratio is not None]
    return f"{min(known):+.1%} to {max(known):+.1%}" if known else NONE


def _planted_row(trials: Sequence[InTurns]) -> Row:
    answers = [trial.verdict.answer for trial in trials]
    return (
        *(shares(answers, name) for name in ("worse", "undecided", "same", "better")),
        middle((trial.verdict.half_width for trial in trials), half_width_text),
        middle((trial.sampling.launch_s for trial in trials), seconds),
    )


def planted_by_size(results: Results) -> list[Row]:
    """The share of planted changes that `ab` found idle, and the true size, by block and change."""
    rows: list[Row] = []
    for size_ms in SIZES_MS:
        cells = []
        for change in CHANGES:
            answers = [
                trial.verdict.answer
                for trial in results.in_turns
                if (trial.cell.size_ms, trial.cell.change) == (size_ms, change)
                and not trial.cell.busy
            ]
            true_size = true_ratio(results, size_ms, change)
            size_text = f" at {true_size - 1:+.1%}" if true_size is not None else ""
            cells.append(shares(answers, "worse") + size_text)
        rows.append((f"{size_ms:g} ms", *cells))
    return rows


def wrong_same(results: Results) -> str:
    """The share of "same" among changes whose true size is at least 1%, idle.

    Beside a busy process a call mostly waits, so that the same change is a smaller one.
    """
    answers = [
        trial.verdict.answer
        for trial in results.in_turns
        if not trial.cell.busy
        and (true_ratio(results, trial.cell.size_ms, trial.cell.change) or 1.0) >= 1.01
    ]
    return shares(answers, "same")


def between_runs(results: Results) -> list[Row]:
    """Verdicts of `compare` on a run and up to three before it, which share runs."""
    rows: list[Row] = []
    for change, name in ((0, "identical"), (5, "5%"), (10, "10%")):
        for busy in (False, True):
            runs = [run for run in results.runs if run.cell.busy == busy]
            verdicts = [
                verdict for run in runs for verdict in run.verdicts if _is_of(verdict, change)
            ]
            if not verdicts:
                continue
            answers = [verdict.answer for verdict in verdicts]
            right = sum(_is_found(verdict) for verdict in verdicts)
            alarm = sum(map(_is_alarm, verdicts))
            rows.append(
                (
                    f"{name}, {circumstance(runs[0].cell)}",
                    share(right, len(verdicts)) if change else NONE,
                    share(alarm - right, len(verdicts)),
                    shares(answers, "undecided"),
                    shares(answers, "same"),
                    middle((verdict.half_width for verdict in verdicts), half_width_text),
                )
            )
    return rows


def _is_of(verdict: Verdict, change: int) -> bool:
    """Whether that change was planted, or taken away."""
    return round(abs(math.log1p(verdict.change / 100)), 3) == round(math.log1p(change / 100), 3)


def _is_found(verdict: Verdict) -> bool:
    """Whether a planted change has the right verdict."""
    return bool(verdict.change) and verdict.answer == ("worse" if verdict.change > 0 else "better")


def alarms(results: Results) -> list[Row]:
    """False alarms, and planted changes found, by the product and by the rules of other tools."""
    own = _alarm_row("cspbench", results, _is_alarm)
    return [own, *(_alarm_row(name, results, _by_rule(name)) for name in RULES)]


def _is_alarm(verdict: Verdict) -> bool:
    return verdict.answer in _FOUND


def _by_rule(name: str) -> Callable[[Verdict], bool]:
    return lambda verdict: verdict.alarms[name]


def _alarm_row(name: str, results: Results, is_alarm: Callable[[Verdict], bool]) -> Row:
    def rate(verdicts: Sequence[Verdict]) -> str:
        return share(sum(map(is_alarm, verdicts)), len(verdicts))

    between = [verdict for run in results.runs for verdict in run.verdicts]
    rates = []
    for change in CHANGES:
        hits = [
            is_alarm(trial.verdict)
            for trial in results.in_turns
            if trial.cell.change == change and not trial.cell.busy
        ]
        rates.append(f"{fmean(hits):.0%}" if hits else NONE)
    return (
        name,
        rate([trial.verdict for trial in results.in_turns if not trial.cell.change]),
        rate([verdict for verdict in between if not verdict.change]),
        ", ".join(rates),
    )
