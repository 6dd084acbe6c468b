"""The output of `verify`: a conclusion, then every published figure beside ours."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from ..records.verification import CONVENTIONS, Answer, Check
from ..text import listing
from ..units import percent_text
from .layout import FILE, Layout
from .tables import Grid, Strip
from .tones import Tone, toned

_DIFFERING = {"differs, as known": "differ for a known reason", "differs": "differ"}
_KNOWN = {"differs, as known": "known", "differs": "unknown"}
_TONES: dict[Answer, Tone] = {"differs, as known": "undecided", "differs": "worse"}


def text(checks: Sequence[Check], layout: Layout = FILE) -> str:
    """The conclusion, the table, why figures differ, and the sources."""
    used = [word for word in CONVENTIONS if any(check.convention == word for check in checks)]
    key = "; ".join(f"{word}: {CONVENTIONS[word]}" for word in used)
    blocks = [layout.filled(conclusion(checks)), _grid(checks).text(layout), layout.filled(key)]
    reasons = dict.fromkeys(
        f"{check.entry}, {check.convention}: {check.reason or 'the reason is not known'}"
        for check in checks
        if check.answer.startswith("differs")
    )
    if reasons:
        blocks.append(layout.headed("Where figures differ", reasons))
    sources: dict[str, dict[str, None]] = defaultdict(dict)
    for check in checks:
        sources[check.source][check.entry] = None
    listed = [f"{source}: {', '.join(names)}" for source, names in sources.items()]
    blocks.append(layout.headed("Sources", listed))
    return layout.page(blocks)


def conclusion(checks: Sequence[Check]) -> str:
    """Sentences with the numbers of figures that are met, and the entries that differ."""
    published = [check for check in checks if check.is_published]
    derived = [check for check in checks if not check.is_published]
    sentences = [_met(published, "published figures"), _met(derived, "figures derived by hand")]
    text = " ".join(sentences).strip()
    for answer, words in _DIFFERING.items():
        differing = [check for check in checks if check.answer == answer]
        if differing:
            names = listing([f"{check.entry} ({check.convention})" for check in differing])
            text += f" {len(differing)} {words}: {names}."
    return text


def _met(checks: Sequence[Check], noun: str) -> str:
    answers = Counter(check.answer for check in checks)
    met = answers["equal"] + answers["equal as rounded"]
    if not checks:
        return ""
    rounded = answers["equal as rounded"]
    precision = f": {answers['equal']} exactly, {rounded} as they were rounded" if rounded else ""
    return f"{met} of {len(checks)} {noun} {'is' if met == 1 else 'are'} met{precision}."


def _grid(checks: Sequence[Check]) -> Grid:
    names = tuple(
        " ".join([check.entry, *(f"{key}={value}" for key, value in check.arguments.items())])
        for check in checks
    )
    columns = (
        Strip(header="what", cells=tuple(check.convention for check in checks), left=True),
        Strip(header="published", cells=tuple(check.published for check in checks)),
        Strip(header="ours", cells=tuple(check.ours_text for check in checks)),
        Strip(header="answer", cells=tuple(map(_answer, checks)), left=True),
    )
    return Grid(names=Strip(header="entry", cells=names, left=True), bundles=(columns,))


def _answer(check: Check) -> str:
    """The answer in few words; where figures differ, by how much."""
    if check.answer not in _DIFFERING:
        return check.answer.removeprefix("equal ")
    sign = "+" if check.difference > 0 else "-"
    text = f"{sign}{percent_text(abs(check.difference))}, {_KNOWN[check.answer]}"
    return toned(text, _TONES[check.answer])
