"""A comparison on a page: the sentence first, the counts, the rows that changed, the rest."""

from collections.abc import Callable, Iterator, Sequence
from statistics import median_high

from ..comparison.result import RANK, CaseComparison, Change, Comparison, Overall
from ..comparison.thresholds import LATENCY
from ..plan.labels import plain
from ..records.trainings import COMPARED
from ..units import ratio_text, significant_text
from .columns import COLUMNS
from .pages import code
from .prose import MODE_TITLES, plural, some
from .tables import WIDTH, Strip, draw, wrap

MOST_CHARACTERS = 65_536
"""Of a comment on GitHub."""

_MOST_ROWS = 60  # of one table in a terminal
_SAYS: dict[Overall, str] = {
    "regression": "Regression",
    "improvement": "Improvement",
    "same": "No change",
    "undecided": "Undecided",
    "not_comparable": "Not comparable",
}
_WORDS = {column.key: " ".join(column.header.split("[")[0].split()) for column in COLUMNS}

Quote = Callable[[str], str]
Cells = tuple[str, ...]
_EXACT_HEADERS = ("entry", "mode", "measure", "baseline", "candidate", "ratio", "verdict")
_TRAINED_HEADERS = (*_EXACT_HEADERS[:5], "difference", "verdict")
_LATENCY_HEADERS = ("entry", "mode", "baseline", "candidate", "ratio", "95%\ninterval", "verdict")


def text(found: Comparison) -> str:
    """For a terminal, at most 100 columns wide."""
    blocks = [_filled(conclusion(found, _same)), _filled(counts(found))]
    if differences := _differences(found, _same):
        blocks.append("\n".join(["The runs differ in", *map(_item, differences)]))
    blocks += map(_filled, map(plain, found.notes))
    for title, headers, changed, _ in _tables(found):
        if changed:
            blocks.append(f"{title}\n{_drawn(headers, changed[:_MOST_ROWS])}")
        if len(changed) > _MOST_ROWS:
            blocks.append(f"{len(changed) - _MOST_ROWS} further rows: --format json has all")
    if reasons := _reasons(found, _same):
        blocks.append("\n".join(map(_item, reasons)))
    blocks += filter(None, [_filled(_rest(found))])
    return "\n\n".join(blocks)


def markdown(found: Comparison) -> str:
    """For a comment: the verdict is never shortened, the details are, to fit into one."""
    head = [f"**{conclusion(found, code)}**", counts(found)]
    if differences := _differences(found, code):
        head.append("\n".join(["The runs differ in:", "", *(f"- {one}" for one in differences)]))
    head += map(plain, found.notes)
    reasons = [f"- {one}" for one in _reasons(found, code)]
    tables = _tables(found)
    changed = sum(len(rows) for *_, rows, _ in tables)
    same = sum(len(rows) for *_, rows in tables)
    for most, folded in ((changed, same), (changed, 0), (100, 0), (10, 0), (0, 0)):
        page = "\n\n".join([*head, *_markdown_blocks(tables, reasons, most, folded)]) + "\n"
        if len(page) <= MOST_CHARACTERS:
            break
    return page[:MOST_CHARACTERS]


def _markdown_blocks(
    tables: Sequence["Table"], reasons: Sequence[str], most: int, folded: int
) -> Iterator[str]:
    for title, headers, changed, _ in tables:
        if changed[:most]:
            yield f"### {title}"
            yield _markdown_table(headers, changed[:most])
        if len(changed) > most:
            yield f"{len(changed) - most} further rows are left out here."
    if reasons[:most]:
        yield "\n".join(reasons[:most])
    same = [(headers, rows) for _, headers, _, rows in tables if rows]
    if folded and same:
        number = sum(len(rows) for _, rows in same)
        drawn = "\n\n".join(_markdown_table(headers, rows) for headers, rows in same)
        yield f"<details><summary>{number} measures without a change</summary>"
        yield drawn
        yield "</details>"


def conclusion(found: Comparison, quote: Quote) -> str:
    """One sentence: the verdict, and what it rests on."""
    says = _SAYS[found.verdict]
    wanted = {"regression": "worse", "improvement": "better"}.get(found.verdict)
    if wanted is not None:
        cases = [case for case in found.cases if case.verdict == wanted]
        named = some([_named_with_changes(case, wanted, quote) for case in cases])
        return f"{says}: {len(cases)} of {len(found.cases)} cases {wanted}: {named}."
    if found.verdict == "same":
        measures = {name for case in found.cases for name in case.measures}
        parts = ["what is exact is equal"]
        parts += ["every latency is within its threshold"] if LATENCY in measures else []
        parts += ["trainings differ by less than matters"] if measures & set(COMPARED) else []
        return f"{says}: {', and '.join(parts)}."
    if found.verdict == "undecided":
        open_cases = [case for case in found.cases if case.verdict in {"undecided", "changed"}]
        named = some([_named(case, quote) for case in open_cases])
        return f"{says}: nothing is worse as far as it can be told; open: {named}."
    if all(case.verdict in {"added", "removed"} for case in found.cases):
        return f"{says}: the two runs have no case in common."
    return f"{says}: no latency of these runs can be compared; no count is worse."


def counts(found: Comparison) -> str:
    """How many cases have each verdict."""
    shown = ", ".join(f"{number} {answer}" for answer, number in found.answers.items() if number)
    failed = f"; {len(found.failed)} failed in the candidate" if found.failed else ""
    return f"Cases: {shown or 'none'}{failed}."


def _named(case: CaseComparison, quote: Quote) -> str:
    return f"{quote(plain(case.label))} ({MODE_TITLES[case.mode].lower()})"


def _named_with_changes(case: CaseComparison, wanted: str, quote: Quote) -> str:
    parts = [
        f"{_WORDS[name]} {ratio_text(change.ratio)}"
        + (f" ({it})" if (it := _interval(change)) else "")
        for name, change in case.measures.items()
        if change.verdict == wanted and change.ratio is not None
    ]
    return f"{_named(case, quote)}: {some(parts)}" if parts else _named(case, quote)


def _differences(found: Comparison, quote: Quote) -> list[str]:
    return [
        f"{plain(one.what)}: {quote(plain(one.baseline))} → {quote(plain(one.candidate))}"
        + (", so latency is not compared" if one.misleads else "")
        for one in found.discrepancies
    ]


def _reasons(found: Comparison, quote: Quote) -> list[str]:
    """What would decide what is open, and why something cannot be decided, a reason an item."""
    undecided: list[str] = []
    needed: list[int] = []
    gathered: dict[str, list[str]] = {}
    for case in found.cases:
        for name, change in case.measures.items():
            if change.verdict == "undecided" and change.interval is not None:
                undecided.append(_named(case, quote))
                needed += [] if change.more_launches is None else [change.more_launches]
            elif change.verdict == "undecided" or (
                change.verdict == "changed" and None in (change.baseline, change.candidate)
            ):
                reason = f"no verdict on {_WORDS[name]}: {quote(plain(change.reason))}"
                gathered.setdefault(reason, []).append(_named(case, quote))
    items = []
    if undecided:
        text = f"latency of {some(undecided)} is undecided"
        if needed:
            enough = median_high(needed)
            decided = sum(number <= enough for number in needed)
            which = "it" if len(undecided) == 1 else f"{decided} of them"
            text += f": {plural(enough, 'more launch')} on each side should decide {which}"
        items.append(text)
    return [*items, *(f"{some(names)}: {reason}" for reason, names in gathered.items())]


def _rest(found: Comparison) -> str:
    number = sum(change.verdict == "same" for c in found.cases for change in c.measures.values())
    measures, cases = plural(number, "measure"), plural(len(found.cases), "case")
    return f"{measures} of {cases} {'is' if number == 1 else 'are'} the same." if number else ""


Table = tuple[str, Sequence[str], list[Cells], list[Cells]]


def _tables(found: Comparison) -> list[Table]:
    """Of what is exact and of latency: title, headers, rows that say something, the rest."""
    unit = "milliseconds, in turns" if found.in_turns else "in units of the yardstick"
    ordered = sorted(found.cases, key=lambda case: RANK.index(case.verdict))
    exact: tuple[list[Cells], list[Cells]] = [], []
    timed: tuple[list[Cells], list[Cells]] = [], []
    trained: tuple[list[Cells], list[Cells]] = [], []
    for case in ordered:
        who = (plain(case.label), case.mode)
        if case.verdict in {"added", "removed"}:
            exact[0].append((*who, "", "", "", "", case.verdict))
            continue
        for name, change in case.measures.items():
            same = change.verdict == "same"
            ratio = "" if change.ratio is None else ratio_text(change.ratio)
            if name == LATENCY:
                sides = (
                    _time(change, change.baseline, found),
                    _time(change, change.candidate, found),
                )
                timed[same].append((*who, *sides, ratio, _interval(change), change.verdict))
            elif name in COMPARED:
                trained[same].append((*who, _WORDS[name], *_means(change), change.verdict))
            else:
                values = (_count(change.baseline), _count(change.candidate))
                exact[same].append((*who, _WORDS[name], *values, ratio, change.verdict))
    return [
        ("Counts, tensor peaks and gradient terms, exact", _EXACT_HEADERS, *exact),
        ("Trained, means over seeds", _TRAINED_HEADERS, *trained),
        (f"Latency, {unit}", _LATENCY_HEADERS, *timed),
    ]


def _means(change: Change) -> tuple[str, str, str]:
    """Both means and their difference."""
    if change.baseline is None or change.candidate is None:
        return "–", "–", ""
    difference = change.candidate - change.baseline
    return f"{change.baseline:.3f}", f"{change.candidate:.3f}", f"{difference:+.3f}"


def _time(change: Change, value: float | None, found: Comparison) -> str:
    if value is None:
        return "–"
    if found.in_turns:
        return significant_text(value * 1e3)
    return significant_text(value) if change.ratio is not None else f"{value * 1e3:.4g} ms"


def _count(value: float | None) -> str:
    return "–" if value is None else f"{value:,}"


def _interval(change: Change) -> str:
    if change.interval is None:
        return ""
    low, high = change.interval
    return f"{ratio_text(low)}–{ratio_text(high)}"


def _drawn(headers: Sequence[str], lines: Sequence[Cells]) -> str:
    strips = []
    for header, cells in zip(headers, zip(*lines, strict=True), strict=True):
        width = {"entry": 20, "measure": 12}.get(header, 20)
        wrapped = tuple("\n".join(wrap(cell, width)) for cell in cells)
        left = header in {"entry", "mode", "measure", "verdict"}
        strips.append(Strip(header=header, cells=wrapped, left=left))
    return draw(strips)


def _markdown_table(headers: Sequence[str], lines: Sequence[Cells]) -> str:
    head = " | ".join(header.replace("\n", " ") for header in headers)
    rule = " | ".join(
        ":--" if header in {"entry", "mode", "measure"} else "--:" for header in headers
    )
    rows = [" | ".join((code(line[0]).replace("|", r"\|"), *line[1:])) for line in lines]
    return "\n".join(f"| {row} |" for row in (head, rule, *rows))


def _filled(sentence: str) -> str:
    return "\n".join(wrap(sentence, WIDTH))


def _item(sentence: str) -> str:
    first, *rest = wrap(sentence, WIDTH - 2)
    return "\n".join([f"- {first}", *(f"  {line}" for line in rest)])


def _same(words: str) -> str:
    return words
