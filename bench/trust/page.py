"""The page: what was measured at the product's defaults, beside the rules of other tools."""

from collections.abc import Iterator, Sequence

from cspbench.report.tables import Strip, draw

from . import time_figures, verdict_figures
from .lines import EARLY_S, Results
from .own_costs import memory
from .schedule import CYCLES, cells
from .sizes import CHANGES
from .tools import is_missing
from .wording import NONE, Row

_SHOWN = ("budget_s", "launches", "turns", "min_time_s", "threads", "allocator")


def page(results: Results) -> str:
    """The whole page."""
    return (
        "\n\n".join(
            [
                "How far the verdicts can be trusted\n===================================",
                "\n".join(f"{label:12} {text}" for label, text in _header(results)),
                *(
                    f"{title}\n{_draw(headers, rows)}"
                    for title, headers, rows in _tables(results)
                    if _says_anything(rows)
                ),
            ]
        )
        + "\n"
    )


def _header(results: Results) -> Iterator[tuple[str, str]]:
    about = results.about
    samplings = [trial.sampling for trial in results.in_turns]
    samplings += [run.sampling for run in results.runs]
    yield "device", f"{about.environment['device']}, {about.threads} threads"
    yield "software", f"torch {about.environment['packages']['torch']}"
    wanted = sum(cell.kind != "tools" for cell in cells(CYCLES))
    yield (
        "trials",
        f"{len(results.in_turns)} ab and {len(results.runs)} run of {wanted} in all"
        + (f"; {len(results.failed)} failed: {results.failed[0].reason}" if results.failed else ""),
    )
    sizes = [f"{size.size_ms:g} ms ({size.latency_s * 1e3:.2f})" for size in about.sizes]
    yield "blocks", f"{', '.join(sizes)} when they were sized"
    for defaults in results.defaults:
        settings = {name: defaults.settings.get(name) for name in _SHOWN}
        shown = [f"{name} {value}" for name, value in settings.items() if value is not None]
        yield defaults.command, f"no options: {', '.join(shown)}"
    thresholds = {
        verdict.threshold
        for trial in results.in_turns
        if (verdict := trial.verdict).threshold is not None
    }
    if thresholds:
        texts = [f"{threshold:.2%}" for threshold in sorted(thresholds)]
        yield "threshold", f"{', '.join(texts)}, the default: no noise floor was stored"
    launches = sum(sampling.launches for sampling in samplings)
    contended = sum(sampling.contended for sampling in samplings)
    yield "contention", f"{contended} of {launches} launches"
    for name, version in about.tools.items():
        yield ("skipped" if is_missing(version) else "beside"), f"{name}, {version}"
    yield "code", f"commit {', then '.join(map(str, results.code)) or 'unknown'}"
    yield "repeat", "make fidelity" + (" FULL=1" if len(samplings) >= wanted else "")


def _tables(results: Results) -> Iterator[tuple[str, Sequence[str], Sequence[Row]]]:
    changes = tuple(f"{change}%" for change in CHANGES)
    alarms = ["rule, at its default", "identical, in turns", "identical, between runs"]
    if any(trial.cell.change for trial in results.in_turns):
        alarms.append(f"planted in turns, idle: {', '.join(changes)}")
    yield (
        "What each rule calls a change: of identical code, all are false alarms",
        alarms,
        verdict_figures.alarms(results),
    )
    yield (
        "`ab` of identical code: one case, no options",
        (
            *("block", "same", "undecided", "false alarms", "seconds to\na verdict"),
            *("seconds\nin all", "95% interval", "turns"),
        ),
        verdict_figures.identical(results),
    )
    yield (
        "`ab` of planted changes: one case, no options",
        (
            *("planted", "true size, idle", "found", "undecided", "same", "better"),
            *("95% interval", "seconds"),
        ),
        verdict_figures.planted(results),
    )
    yield (
        "Wrong verdicts of `ab`",
        ("", "share"),
        [('"same" at a true change of 1% or more, idle', verdict_figures.wrong_same(results))],
    )
    yield (
        "Planted changes found by `ab`, idle, at their true size",
        ("block", *changes),
        verdict_figures.planted_by_size(results),
    )
    yield (
        "`compare` of two runs of three blocks, each with up to three before it: no options",
        ("planted", "found", "false alarms", "undecided", "same", "95% interval"),
        verdict_figures.between_runs(results),
    )
    yield (
        "Intervals of `ab`: how often the stated one holds the ratio over all idle trials",
        ("planted", "95% interval", "holds the ratio"),
        time_figures.coverage(results),
    )
    yield (
        f"`run` of three blocks: the widest 95% interval after {EARLY_S:g} s and at the end",
        (
            *("block", f"latency,\n{EARLY_S:g} s", f"ratio,\n{EARLY_S:g} s", "latency,\nend"),
            *("ratio,\nend", "seconds", "runs"),
        ),
        time_figures.run_widths(results),
    )
    yield (
        "Time until the stated interval is ±1%, and how often the last one holds the truth",
        ("", "seconds to ±1%", "reached it", "seconds to\nits end", "then states", "holds"),
        time_figures.times(results),
    )
    if results.overhead:
        share = results.overhead[0].seconds / 1e-3
        yield "Overhead", ("", "value"), [("of the harness on a call of 1 ms", f"{share:.3%}")]
    if results.peaks:
        yield "Memory", ("", "value"), memory(results.peaks)


def _says_anything(rows: Sequence[Row]) -> bool:
    return any(set(row[1:]) != {NONE} for row in rows)


def _draw(headers: Sequence[str], rows: Sequence[Row]) -> str:
    return draw(
        [
            Strip(header=header, cells=tuple(row[index] for row in rows), left=index == 0)
            for index, header in enumerate(headers)
        ]
    )
