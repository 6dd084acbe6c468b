"""The page of `doctor`: findings as they are made, the conclusion, and how to fix the machine."""

from collections.abc import Sequence
from typing import Any

from ..plan.labels import plain
from ..records.diagnosis import Diagnosis, Finding
from ..text import printable_lines
from ..units import percent_text
from .tables import filled, headed

_MEANINGS = {
    "good": "good to measure on",
    "unknown": "good to measure on, as far as it can be seen",
    "fair": "fair to measure on",
    "poor": "poor to measure on",
}
_NAME_WIDTH = 19  # of "noise, between runs"


def finding_text(finding: Finding) -> str:
    """The name, the grade and the text of a finding."""
    label = f"{plain(finding.name):<{_NAME_WIDTH}}  {finding.level:<7}  "
    return printable_lines(filled(plain(finding.text), label))


def remedies_text(findings: Sequence[Finding]) -> str:
    """How to fix what is not good; '' if nothing is to be fixed."""
    remedies = [
        f"{plain(finding.name)}: {plain(finding.remedy)}" for finding in findings if finding.remedy
    ]
    return printable_lines(headed("How to fix it", remedies)) if remedies else ""


def text(diagnosis: Diagnosis) -> str:
    """What follows the findings: the conclusion, the remedies, and whether the floor is kept."""
    parts = [filled(_conclusion(diagnosis)), remedies_text(diagnosis.findings)]
    if diagnosis.is_kept:
        parts.append(filled("The noise floor is kept: later runs here use it for their verdicts."))
    elif diagnosis.floor:
        parts.append(
            filled(
                "This noise floor is not kept, as most launches were contended: ask again on an "
                "idle machine."
            )
        )
    return printable_lines("\n\n".join(filter(None, parts)))


def _conclusion(diagnosis: Diagnosis) -> str:
    start = f"This machine is {_MEANINGS[diagnosis.grade]}"
    if diagnosis.floor is None:
        return f"{start}: it is too busy for its noise floor to be measured."
    return (
        f"{start}: with {diagnosis.launches} launches x {diagnosis.floor.turns} turns, identical "
        "code seems to differ by "
        f"{percent_text(diagnosis.in_turns['infer'])} at inference and "
        f"{percent_text(diagnosis.in_turns['train'])} in training where it takes turns, "
        f"{percent_text(diagnosis.between_runs['infer'])} and "
        f"{percent_text(diagnosis.between_runs['train'])} between runs (95%)."
    )


def plain_values(findings: Sequence[Finding], diagnosis: Diagnosis | None) -> dict[str, Any]:
    """The findings and the diagnosis as plain values, for JSON; the rest is None without one."""
    return {
        "grade": diagnosis and diagnosis.grade,
        "in_turns": diagnosis and diagnosis.in_turns,
        "between_runs": diagnosis and diagnosis.between_runs,
        "findings": [
            {
                "name": finding.name,
                "grade": finding.level,
                "text": finding.text,
                "remedy": finding.remedy,
            }
            for finding in findings
        ],
        "floor": diagnosis.floor.to_dict() if diagnosis and diagnosis.floor else None,
        "is_kept": diagnosis and diagnosis.is_kept,
    }
