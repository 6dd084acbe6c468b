"""What `verify` prints: a sentence that concludes, then every figure beside ours."""

from collections import Counter
from collections.abc import Sequence

from ..records.verification import CONVENTIONS, Check
from ..units import percent_text
from .prose import some
from .tables import WIDTH, Strip, draw, wrap

_HEADERS = ("entry", "what", "published", "ours", "difference", "answer")
_LEFT = (True, True, False, False, False, True)


def text(checks: Sequence[Check]) -> str:
    """The conclusion, the table, why figures differ, and the sources."""
    used = [word for word in CONVENTIONS if any(one.convention == word for one in checks)]
    key = "; ".join(f"{word}: {CONVENTIONS[word]}" for word in used)
    blocks = ["\n".join(wrap(conclusion(checks), WIDTH)), _table(checks)]
    blocks.append("\n".join(wrap(key, WIDTH)))
    reasons = dict.fromkeys(
        f"{one.entry}, {one.convention}: {one.reason or 'the reason is not known'}"
        for one in checks
        if one.answer.startswith("differs")
    )
    if reasons:
        blocks.append("\n".join(["Where figures differ", *map(_item, reasons)]))
    sources: dict[str, list[str]] = {}
    for one in checks:
        names = sources.setdefault(one.source, [])
        if one.entry not in names:
            names.append(one.entry)
    listed = (_item(f"{source}: {', '.join(names)}") for source, names in sources.items())
    blocks.append("\n".join(["Sources", *listed]))
    return "\n\n".join(blocks)


def conclusion(checks: Sequence[Check]) -> str:
    """One sentence."""
    answers = Counter(one.answer for one in checks)
    sentence = " ".join(
        _met([one for one in checks if one.is_published is is_published], what)
        for is_published, what in ((True, "published figures"), (False, "figures derived by hand"))
    ).strip()
    for answer in ("differs, as known", "differs"):
        if answers[answer]:
            named = some(
                [f"{one.entry} ({one.convention})" for one in checks if one.answer == answer]
            )
            word = "differ for a known reason" if answer == "differs, as known" else "differ"
            sentence += f" {answers[answer]} {word}: {named}."
    return sentence


def _met(checks: Sequence[Check], what: str) -> str:
    answers = Counter(one.answer for one in checks)
    met = answers["equal"] + answers["equal as rounded"]
    if not checks:
        return ""
    rounded = answers["equal as rounded"]
    how = f": {answers['equal']} exactly, {rounded} as they were rounded" if rounded else ""
    return f"{met} of {len(checks)} {what} {'is' if met == 1 else 'are'} met{how}."


def _table(checks: Sequence[Check]) -> str:
    rows = [
        (
            " ".join([one.entry, *(f"{name}={value}" for name, value in one.arguments.items())]),
            one.convention,
            one.published,
            one.ours_text,
            _difference(one),
            one.answer,
        )
        for one in checks
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


def _item(sentence: str) -> str:
    first, *rest = wrap(sentence, WIDTH - 2)
    return "\n".join([f"- {first}", *(f"  {line}" for line in rest)])
