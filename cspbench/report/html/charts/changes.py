"""The ratio of each case, candidate over baseline, with its interval and its threshold."""

from collections.abc import Iterator, Mapping, Sequence

from ....comparison.result import RANK, Answer, CaseComparison, Change, Comparison
from ....plan.case import MODES, Mode
from ....plan.labels import MODE_WORDS, label
from ....records.gate import LATENCY
from ....records.quantities import NAMES
from ....records.trainings import COMPARED
from ....units import ratio_text, span_text
from ..elements import Control, Dataset, Figure, Option, Plain
from . import base

_LOOKS: Mapping[Answer, tuple[str, str]] = {
    "worse": ("triangle-right", "var(--worse)"),
    "better": ("triangle-left", "var(--better)"),
    "undecided": ("diamond", "var(--hue-1)"),
    "same": ("circle", "var(--muted)"),
}
"""The shape and colour of each verdict; a worse or better ratio lies where its triangle points."""

_COLUMNS = (
    *("subject", "entry", "mode", "measure", "ratio", "low", "high", "interval"),
    *("least", "most", "verdict", "chosen"),
)


def dataset(comparison: Comparison, subjects: Mapping[tuple[str, str], int]) -> Dataset:
    """A row for each case and measure with a ratio, by measure, the worst first.

    ``subjects`` are by key of the case and measure. ``least`` and ``most`` bound the ratios that
    are within the threshold in force, the noise floor if that is higher.
    """
    rows: list[list[Plain]] = []
    for measure in _measures(comparison):
        numbers = dict.fromkeys(MODES, 0)
        for case, change in sorted(_compared(comparison, measure), key=_order):
            numbers[case.mode] += 1
            is_chosen = numbers[case.mode] <= base.MAX_ENTRIES
            about = (subjects[case.key, measure], label(case.label), case.mode, measure)
            rows.append([*about, *_figures(change), change.verdict, is_chosen])
    return Dataset(columns=_COLUMNS, rows=rows)


def changes(comparison: Comparison) -> list[Figure]:
    """A figure for each mode; the reader chooses among measures, of which latency comes first."""
    measures = _measures(comparison)
    modes = [
        mode
        for mode in MODES
        if any(case.mode == mode for of in measures for case, _ in _compared(comparison, of))
    ]
    return [_figure(comparison, measures, mode) for mode in modes]


def _measures(comparison: Comparison) -> list[str]:
    """Latency, and the exact figures of which some changed, if there are ratios of them."""
    names = dict.fromkeys(name for case in comparison.cases for name in case.measures)
    changed = {
        name
        for case in comparison.cases
        for name, change in case.measures.items()
        if change.verdict != "same" and name not in COMPARED
    }
    return [
        name
        for name in sorted(names, key=lambda name: name != LATENCY)
        if (name == LATENCY or name in changed) and any(_compared(comparison, name))
    ]


def _compared(comparison: Comparison, measure: str) -> Iterator[tuple[CaseComparison, Change]]:
    for case in comparison.cases:
        change = case.measures.get(measure)
        if change is not None and change.is_comparable:
            yield case, change


def _order(compared: tuple[CaseComparison, Change]) -> tuple[int, float]:
    _, change = compared
    assert change.ratio is not None
    return RANK.index(change.verdict), -change.ratio


def _figures(change: Change) -> Iterator[Plain]:
    """The ratio, its interval as ends and as text, and the ends of the threshold."""
    yield change.ratio
    if change.interval is None:
        yield from (None, None, "")
    else:
        yield from change.interval
        yield span_text(*change.interval, ratio_text, change.launches or 0)
    if change.threshold is None:
        yield from (None, None)
    else:
        yield from (1 / (1 + change.threshold), 1 + change.threshold)


def _figure(comparison: Comparison, measures: Sequence[str], mode: Mode) -> Figure:
    import altair as alt

    title = "candidate over baseline"
    line = alt.Chart().encode(y=base.entry_line())
    scale = alt.Scale(zero=False)
    threshold = line.mark_rect(aria=False).encode(
        x=alt.X("least:Q", title=title, scale=scale), x2="most:Q", color=alt.value("var(--band)")
    )
    one = (
        alt.Chart()
        .mark_rule(strokeDash=[4, 3], strokeWidth=1, aria=False)
        .encode(x=alt.datum(1, type="quantitative", title=title), color=alt.value("var(--muted)"))
    )
    interval = line.mark_rule(strokeWidth=2, aria=False).encode(
        x=alt.X("low:Q", title=title, scale=scale), x2="high:Q"
    )
    shapes, colours = zip(*_LOOKS.values(), strict=True)
    ratio = line.mark_point(opacity=1, size=80).encode(
        x=alt.X("ratio:Q", title=title, scale=scale),
        color=alt.Color(
            "verdict:N", title=None, scale=alt.Scale(domain=[*_LOOKS], range=[*colours])
        ),
        shape=alt.Shape(
            "verdict:N", title=None, scale=alt.Scale(domain=[*_LOOKS], range=[*shapes])
        ),
        **base.told(entry="entry", ratio="#ratio", interval="95% interval", verdict="verdict"),
    )
    options = [Option(value=name, label=NAMES[name]) for name in measures]
    name = NAMES[measures[0]] if len(measures) == 1 else "Ratio"
    drawn = [change for of in measures for _, change in _compared(comparison, of)]
    notes = ["marker: candidate over baseline"]
    notes += ["line: its 95% interval"] if any(change.interval for change in drawn) else []
    notes += ["band: too small to count"] if any(change.threshold for change in drawn) else []
    return Figure(
        key=f"changes-{mode}",
        title=f"{name[:1].upper()}{name[1:]}, {MODE_WORDS[mode]}",
        alt=f"The ratio of each case, candidate over baseline, with its 95% interval and verdict, "
        f"{MODE_WORDS[mode]}, the worst first. The tables have the same figures.",
        note="; ".join(notes),
        spec=base.spec(threshold, one, interval, ratio, height=base.by_line()),
        dataset="changes",
        only={"mode": mode},
        controls=[Control(label="measure", field="measure", options=options)]
        if len(options) > 1
        else [],
        log={"x": ["ratio", "low", "high"]},
        max_entries=base.MAX_ENTRIES,
        choice="those with the worst verdicts",
    )
