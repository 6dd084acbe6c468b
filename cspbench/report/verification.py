"""The output of `verify`: a conclusion, then every published figure beside ours."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from ..records.verification import CONVENTIONS, Check
from ..text import listing, printable_lines
from ..units import percent_text
from .tables import Strip, draw, filled, headed, wrap

_HEADERS = ("entry", "what", "published", "ours", "difference", "answer")
_DIFFERING = {"differs, as known": "differ for a known reason", "differs": "differ"}
_LEFT = (True, True, False, False, False, True)


def text(checks: Sequence[Check]) -> str:
    """The conclusion, the table, why figures differ, and the sources."""
    used = [word for word in CONVENTIONS if any(check.convention == word for check in checks)]
    key = "; ".join(f"{word}: {CONVENTIONS[word]}" for word in used)
    blocks = [filled(conclusion(checks)), _table(checks), filled(key)]
    reasons = dict.fromkeys(
        f"{check.entry}, {check.convention}: {check.reason or 'the reason is not known'}"
        for check in checks
        if check.answer.startswith("differs")
    )
    if reasons:
        blocks.append(headed("Where figures differ", reasons))
    sources: dict[str, dict[str, None]] = defaultdict(dict)
    for check in checks:
        sources[check.source][check.entry] = None
    listed = [f"{source}: {', '.join(names)}" for source, names in sources.items()]
    blocks.append(headed("Sources", listed))
    return printable_lines("\n\n".join(blocks))


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


def _table(checks: Sequence[Check]) -> str:
    rows = [
        (
            " ".join([check.entry, *(f"{key}={value}" for key, value in check.arguments.items())]),
            check.convention,
            check.published,
            check.ours_text,
            _difference(check),
            check.answer,
        )
        for check in checks
    ]
    columns = zip(*rows, strict=True)
    strips = [
        Strip(header=header, cells=tuple("\n".join(wrap(cell, 24)) for cell in cells), left=left)
        for header, cells, left in zip(_HEADERS, columns, _LEFT, strict=True)
    ]
    return draw(strips)


def _difference(check: Check) -> str:
    if check.answer.startswith("equal"):
        return ""
    sign = "+" if check.difference > 0 else "-"
    return f"{sign}{percent_text(abs(check.difference))}"
