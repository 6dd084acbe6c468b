"""Names of cases, and any text from outside, as they may stand on a page."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from ..catalogue.entry import Shape
from ..units import shape_text
from .case import Case, Mode

_ABSOLUTE_PATH = re.compile(r"(?<![\w.:/~-])/(?:[^\s/'\"]+/)*([^\s/'\"]+)")


def plain(text: str) -> str:
    r"""Text from outside as one printable line: no control characters and no absolute paths.

    >>> plain("cannot read /home/me/suite.toml \x1b[31m twice\n")
    'cannot read …/suite.toml ?[31m twice'
    """
    visible = "".join(
        character if character.isprintable() else "?" if not character.isspace() else " "
        for character in text
    )
    return " ".join(_ABSOLUTE_PATH.sub(r"…/\1", visible).split())


def names(cases: Sequence[Case]) -> dict[str, str]:
    """Each case's label by its key, made unique among the cases of its mode.

    An input's shape that all cases share is left out: a title says it once.
    """
    shapes = {case.input_shape for case in cases}
    shared = f" {shape_text(*shapes)}" if len(shapes) == 1 else "\0"
    found = {case.key: plain(case.label.replace(shared, "")) or "?" for case in cases}
    for refine in (_with_shape, _with_device, _with_number):
        seen = Counter((case.mode, found[case.key]) for case in cases)
        repeated = [case for case in cases if seen[case.mode, found[case.key]] > 1]
        found |= refine(repeated, found)
    return found


def _with_shape(cases: Sequence[Case], found: Mapping[str, str]) -> dict[str, str]:
    """Inputs behind names that hold none, as those of models without a usual input."""
    shapes: dict[tuple[Mode, str], set[Shape]] = defaultdict(set)
    for case in cases:
        shapes[case.mode, found[case.key]].add(case.input_shape)
    return {
        case.key: f"{name} {shape_text(case.input_shape)}"
        for case in cases
        if len(shapes[case.mode, name := found[case.key]]) > 1
    }


def _with_device(cases: Sequence[Case], found: Mapping[str, str]) -> dict[str, str]:
    return {case.key: f"{found[case.key]} {plain(case.device)}" for case in cases}


def _with_number(cases: Sequence[Case], found: Mapping[str, str]) -> dict[str, str]:
    numbers: Counter[tuple[Mode, str]] = Counter()
    result = {}
    for case in cases:
        numbers[case.mode, found[case.key]] += 1
        number = numbers[case.mode, found[case.key]]
        result[case.key] = f"{found[case.key]} #{number}"
    return result
