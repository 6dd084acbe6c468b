"""What `doctor` prints: a sentence that concludes, the findings, and what mends them."""

from typing import Any

from ..plan.labels import plain
from ..records.diagnosis import Diagnosis
from ..units import percent_text
from .tables import WIDTH, Strip, draw, wrap

_MEANINGS = {
    "good": "good to measure on",
    "unknown": "good to measure on, as far as it can be seen",
    "fair": "fair to measure on",
    "poor": "poor to measure on",
}


def text(diagnosis: Diagnosis) -> str:
    """The conclusion, a table of the findings, and the remedies."""
    floor = diagnosis.floor
    sentence = (
        f"This machine is {_MEANINGS[diagnosis.grade]}: with {diagnosis.launches} launches "
        f"x {floor.turns} turns, identical code seems to differ by up to "
        f"{percent_text(diagnosis.in_turns['infer'])} at inference and "
        f"{percent_text(diagnosis.in_turns['train'])} in training where it takes turns, "
        f"{percent_text(diagnosis.between_runs['infer'])} and "
        f"{percent_text(diagnosis.between_runs['train'])} between runs (95%)."
    )
    names = [plain(one.name) for one in diagnosis.findings]
    room = WIDTH - max(map(len, names)) - 20
    findings = draw(
        [
            Strip(header="check", cells=tuple(names), left=True),
            Strip(header="grade", cells=tuple(one.level for one in diagnosis.findings), left=True),
            Strip(
                header="finding",
                cells=tuple("\n".join(wrap(plain(one.text), room)) for one in diagnosis.findings),
                left=True,
            ),
        ]
    )
    remedies = [
        line
        for one in diagnosis.findings
        if one.remedy
        for line in _item(f"{one.name}: {plain(one.remedy)}")
    ]
    parts = ["\n".join(wrap(sentence, WIDTH)), findings]
    if remedies:
        parts.append("\n".join(["What would mend it", *remedies]))
    kept = (
        "The noise floor is kept: later runs here use it for their verdicts."
        if diagnosis.is_kept
        else "This noise floor is not kept, as most launches were contended: ask again on an idle "
        "machine."
    )
    parts.append("\n".join(wrap(kept, WIDTH)))
    return "\n\n".join(parts)


def _item(text: str) -> list[str]:
    first, *rest = wrap(text, WIDTH - 2)
    return [f"- {first}", *(f"  {line}" for line in rest)]


def plain_values(diagnosis: Diagnosis) -> dict[str, Any]:
    """The same as plain values, for machines."""
    return {
        "grade": diagnosis.grade,
        "in_turns": diagnosis.in_turns,
        "between_runs": diagnosis.between_runs,
        "findings": [
            {"name": one.name, "grade": one.level, "text": one.text, "remedy": one.remedy}
            for one in diagnosis.findings
        ],
        "floor": diagnosis.floor.to_dict(),
        "is_kept": diagnosis.is_kept,
    }
