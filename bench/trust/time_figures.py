"""The page's tables of intervals and times: the product's, and those of other tools."""

import math
from collections.abc import Sequence
from statistics import fmean

from .lines import InTurns, Results, RunTrial, Tool
from .sizes import CHANGES, SIZES_MS
from .verdict_figures import true_ratio
from .wording import NONE, Row, circumstance, half_width_text, median_time, middle, seconds, share


def coverage(results: Results) -> list[Row]:
    """How often the 95% interval of `ab` holds the ratio over all idle trials, by change."""
    rows: list[Row] = []
    for change in (0, *CHANGES):
        trials = [
            trial
            for trial in results.in_turns
            if trial.cell.change == change and not trial.cell.busy
        ]
        intervals = [
            (trial.verdict, ratio)
            for trial in trials
            if (ratio := true_ratio(results, trial.cell.size_ms, change)) is not None
            and trial.verdict.half_width is not None
        ]
        name = f"{change}%, the mean of all trials" if change else "identical, 1 by design"
        if intervals:
            hits = sum(
                (verdict.low or 0.0) <= ratio <= (verdict.high or 0.0)
                for verdict, ratio in intervals
            )
            widths = [verdict.half_width for verdict, _ in intervals]
            rows.append((name, middle(widths, half_width_text), share(hits, len(intervals))))
    return rows


def run_widths(results: Results) -> list[Row]:
    """The half widths that a `run` of three blocks states after 20 s of launches, and at its end.

    The widest of its entries, in the median over runs.
    """
    rows: list[Row] = []
    for size_ms in SIZES_MS:
        for busy in (False, True):
            runs = [
                run for run in results.runs if (run.cell.size_ms, run.cell.busy) == (size_ms, busy)
            ]
            if runs:
                name = f"{size_ms:g} ms, {circumstance(runs[0].cell)}"
                rows.append((name, *_width_row(runs)))
    return rows


def _width_row(runs: Sequence[RunTrial]) -> Row:
    def widest(widths: tuple[float | None, ...]) -> float | None:
        known = [width for width in widths if width is not None]
        return max(known) if len(known) == len(widths) else None

    return (
        middle((widest(run.early.latency) for run in runs), half_width_text),
        middle((widest(run.early.ratio) for run in runs), half_width_text),
        middle((widest(run.final.latency) for run in runs), half_width_text),
        middle((widest(run.final.ratio) for run in runs), half_width_text),
        middle((run.sampling.launch_s for run in runs), seconds),
        str(len(runs)),
    )


def times(results: Results) -> list[Row]:
    """Seconds to a stated interval of 1%: the product's of a ratio; other tools' to their end."""
    rows: list[Row] = []
    for size_ms in SIZES_MS:
        trials = [
            trial
            for trial in results.in_turns
            if trial.cell.size_ms == size_ms and not trial.cell.busy
        ]
        if trials:
            rows.append((f"cspbench ab, ratio, {size_ms:g} ms", *_own_times(results, trials)))
    for name in dict.fromkeys(tool.tool for tool in results.tools):
        for size_ms in SIZES_MS:
            tools = [
                tool for tool in results.tools if tool.tool == name and tool.cell.size_ms == size_ms
            ]
            if tools:
                rows.append((f"{name}, {size_ms:g} ms", *_tool_times(tools)))
    return rows


def _own_times(results: Results, trials: Sequence[InTurns]) -> Row:
    held = [
        (trial.verdict.low or 0.0) <= ratio <= (trial.verdict.high or 0.0)
        for trial in trials
        if (ratio := true_ratio(results, trial.cell.size_ms, trial.cell.change)) is not None
    ]
    return (
        median_time([trial.one_percent_s for trial in trials]),
        share(sum(trial.one_percent_s is not None for trial in trials), len(trials)),
        middle((trial.sampling.launch_s for trial in trials), seconds),
        middle((trial.verdict.half_width for trial in trials), half_width_text),
        share(sum(held), len(held)),
    )


def _tool_times(tools: Sequence[Tool]) -> Row:
    """A tool's own long-run value is the truth that its intervals are to hold."""
    narrow = sum(tool.half_width <= 0.01 for tool in tools)
    truth = math.exp(fmean(math.log(tool.value_s) for tool in tools))
    held = sum(abs(tool.value_s - truth) <= tool.half_width * tool.value_s for tool in tools)
    return (
        median_time([tool.seconds if tool.half_width <= 0.01 else None for tool in tools]),
        share(narrow, len(tools)),
        middle((tool.seconds for tool in tools), seconds),
        middle((tool.half_width for tool in tools), half_width_text),
        share(held, len(tools)) if len(tools) > 1 else NONE,
    )
