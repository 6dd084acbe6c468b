"""Names of cases in sentences: the label, and the mode in words."""

from collections.abc import Sequence

from ..plan.case import Mode

MODE_WORDS: dict[Mode, str] = {"infer": "inference", "train": "training"}

_SHOWN = 3  # names in a sentence before "and N more"


def case_name(label: str, mode: Mode) -> str:
    """A case within a sentence.

    >>> case_name("csp gamma=0.25", "infer")
    'csp gamma=0.25 (inference)'
    """
    return f"{label} ({MODE_WORDS[mode]})"


def joined(names: Sequence[str], shown: int = _SHOWN) -> str:
    """Names as part of a sentence, only the first few of many.

    >>> joined(["a", "b"]), joined(list("abcdef"))
    ('a and b', 'a, b, c and 3 more')
    """
    first, rest = list(names[:shown]), len(names) - shown
    last = f"{rest} more" if rest > 0 else first.pop()
    return f"{', '.join(first)} and {last}" if first else last
