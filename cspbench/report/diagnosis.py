"""The output of `doctor`: a conclusion, the findings, and how to fix them."""

from typing import Any

from ..plan.labels import plain
from ..records.diagnosis import Diagnosis
from ..text import printable_lines
from ..units import percent_text
from .tables import WIDTH, Strip, draw, filled, headed, wrap

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
    remedies = [
        f"{finding.name}: {plain(finding.remedy)}"
        for finding in diagnosis.findings
        if finding.remedy
    ]
    parts = [filled(sentence), _table(diagnosis)]
    if remedies:
        parts.append(headed("How to fix it", remedies))
    floor_text = (
        "The noise floor is kept: later runs here use it for their verdicts."
        if diagnosis.is_kept
        else "This noise floor is not kept, as most launches were contended: ask again on an idle "
        "machine."
    )
    parts.append(filled(floor_text))
    return printable_lines("\n\n".join(parts))


def _table(diagnosis: Diagnosis) -> str:
    names = [plain(finding.name) for finding in diagnosis.findings]
    levels = [finding.level for finding in diagnosis.findings]
    width = WIDTH - max(map(len, names)) - 20
    texts = ["\n".join(wrap(plain(finding.text), width)) for finding in diagnosis.findings]
    return draw(
        [
            Strip(header="check", cells=tuple(names), left=True),
            Strip(header="grade", cells=tuple(levels), left=True),
            Strip(header="finding", cells=tuple(texts), left=True),
        ]
    )


def plain_values(diagnosis: Diagnosis) -> dict[str, Any]:
    """The diagnosis as plain values, for JSON."""
    return {
        "grade": diagnosis.grade,
        "in_turns": diagnosis.in_turns,
        "between_runs": diagnosis.between_runs,
        "findings": [
            {
                "name": finding.name,
                "grade": finding.level,
                "text": finding.text,
                "remedy": finding.remedy,
            }
            for finding in diagnosis.findings
        ],
        "floor": diagnosis.floor.to_dict(),
        "is_kept": diagnosis.is_kept,
    }
