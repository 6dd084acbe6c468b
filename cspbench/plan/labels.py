"""Labels of cases, unique within a report, and text from outside made safe to print."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from ..text import printable, shortened
from .case import Case, Mode, input_text

_MAX_TEXT = 10_000  # characters of any text from outside on a page
_MAX_LABEL = 200  # characters of a label: a table has a row of up to six lines for it
REFERENCE_MARK = " (reference)"
"""What stands behind the name of the reference in a table or a legend."""

_ABSOLUTE_PATH = re.compile(r"(?<![\w.:/~…-])/(?:[^\s/'\"]+/)+([^\s/'\"]+)")


def plain(text: str) -> str:
    r"""Text from outside as one printable line, without absolute paths, cut if it is very long.

    >>> plain("cannot read /home/me/suite.toml \x1b[31m twice\n")
    'cannot read …/suite.toml ?[31m twice'
    """
    visible = printable(shortened(text, _MAX_TEXT))
    return " ".join(_ABSOLUTE_PATH.sub(r"…/\1", visible).split())


def label(text: str) -> str:
    """Text from outside as the name of a case, short enough for a table."""
    return shortened(plain(text), _MAX_LABEL)


def names(cases: Sequence[Case]) -> dict[str, str]:
    """The label of each case by its key, made unique among the cases of its mode.

    Inputs that all cases share are left out: the title of a table names it.
    """
    inputs = {input_text(case) for case in cases}
    common = f" {plain(*inputs)}" if len(inputs) == 1 else "\0"
    labels = {case.key: label(case.label.replace(common, "")) or "?" for case in cases}
    for refine in (_with_inputs, _with_device, _with_number):
        uses = Counter((case.mode, labels[case.key]) for case in cases)
        repeated = [case for case in cases if uses[case.mode, labels[case.key]] > 1]
        labels |= refine(repeated, labels)
    return labels


def _with_inputs(cases: Sequence[Case], labels: Mapping[str, str]) -> dict[str, str]:
    """Labels with the inputs appended, where cases of one label differ in them."""
    inputs: dict[tuple[Mode, str], set[str]] = defaultdict(set)
    for case in cases:
        inputs[case.mode, labels[case.key]].add(input_text(case))
    return {
        case.key: f"{name} {label(input_text(case))}"
        for case in cases
        if len(inputs[case.mode, name := labels[case.key]]) > 1
    }


def _with_device(cases: Sequence[Case], labels: Mapping[str, str]) -> dict[str, str]:
    return {case.key: f"{labels[case.key]} {label(case.device)}" for case in cases}


def _with_number(cases: Sequence[Case], labels: Mapping[str, str]) -> dict[str, str]:
    numbers: Counter[tuple[Mode, str]] = Counter()
    numbered = {}
    for case in cases:
        name = labels[case.key]
        numbers[case.mode, name] += 1
        numbered[case.key] = f"{name} #{numbers[case.mode, name]}"
    return numbered


MODE_WORDS: dict[Mode, str] = {"infer": "inference", "train": "training"}


def case_name(label: str, mode: Mode) -> str:
    """A case within a sentence.

    >>> case_name("csp gamma=0.25", "infer")
    'csp gamma=0.25 (inference)'
    """
    return f"{label} ({MODE_WORDS[mode]})"
