"""The page of `doctor`: findings as they are made, the conclusion, and how to fix the machine."""

from collections.abc import Sequence
from typing import Any

from ..plan.labels import plain
from ..records.diagnosis import LEVELS, Diagnosis, Finding, Level
from ..units import percent_text
from . import ceilings
from .layout import FILE, Layout
from .tones import Tone, toned

_MEANINGS = {
    "good": "good to measure on",
    "unknown": "good to measure on, as far as it can be seen",
    "fair": "fair to measure on",
    "poor": "poor to measure on",
}
_NAME_WIDTH = 19  # of "noise, between runs"
_LEVEL_WIDTH = max(map(len, LEVELS))
_TONES: dict[Level, Tone] = {
    "good": "better",
    "unknown": "undecided",
    "fair": "undecided",
    "poor": "worse",
}


def finding_text(finding: Finding, layout: Layout = FILE) -> str:
    """The name, the grade and the text of a finding."""
    level = toned(finding.level, _TONES[finding.level])
    gap = " " * (2 + _LEVEL_WIDTH - len(finding.level))
    start = f"{plain(finding.name):<{_NAME_WIDTH}}  {level}{gap}"
    return layout.page([layout.filled(plain(finding.text), start)])


def remedies_text(findings: Sequence[Finding], layout: Layout = FILE) -> str:
    """How to fix what is not good; '' if nothing is to be fixed."""
    remedies = [
        f"{plain(finding.name)}: {plain(finding.remedy)}" for finding in findings if finding.remedy
    ]
    return layout.page([layout.headed("How to fix it", remedies)]) if remedies else ""


def text(diagnosis: Diagnosis, layout: Layout = FILE) -> str:
    """What follows the findings: the conclusion, the remedies, and whether the floor is kept."""
    blocks = [layout.filled(_conclusion(diagnosis)), remedies_text(diagnosis.findings, layout)]
    blocks += [ceilings.text(diagnosis.ceilings, layout)] if diagnosis.ceilings else []
    if diagnosis.is_kept:
        blocks.append(
            layout.filled(
                "The noise floor is kept: later runs here use it for their verdicts. So are the "
                "ceilings, for the rooflines of runs by module (run --by-module)."
                if diagnosis.ceilings
                else "The noise floor is kept: later runs here use it for their verdicts."
            )
        )
    elif diagnosis.floor:
        blocks.append(
            layout.filled(
                "This noise floor is not kept, as most launches were contended: ask again on an "
                "idle machine."
            )
        )
    return layout.page(blocks)


def _conclusion(diagnosis: Diagnosis) -> str:
    grade, _, rest = _MEANINGS[diagnosis.grade].partition(" ")
    start = f"This machine is {toned(grade, _TONES[diagnosis.grade])} {rest}"
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
        "ceilings": (diagnosis.ceilings.to_dict() if diagnosis and diagnosis.ceilings else None),
        "is_kept": diagnosis and diagnosis.is_kept,
    }
