"""Words and phrases that several pages use: numbers with their nouns, short lists of names."""

from collections.abc import Sequence

from ..plan.case import Mode
from .quoting import Quote
from .rows import Row

MODE_TITLES: dict[Mode, str] = {"infer": "Inference", "train": "Training"}
AT: dict[Mode, str] = {"infer": "At inference", "train": "In training"}

_MOST_NAMES = 4  # in a sentence before "and N more": a list of sixty is not read


def listing(names: Sequence[str]) -> str:
    """Names in a sentence, the first few of many.

    >>> listing(["a", "b", "c"]), listing(["a"]), listing(list("abcdef"))
    ('a, b and c', 'a', 'a, b, c, d and 2 more')
    """
    first = list(names[:_MOST_NAMES])
    if len(names) > _MOST_NAMES:
        return f"{', '.join(first)} and {len(names) - _MOST_NAMES} more"
    return " and ".join(filter(None, [", ".join(first[:-1]), *first[-1:]]))


def plural(number: int, noun: str) -> str:
    """A number and its noun.

    >>> plural(1, "launch"), plural(6, "launch"), plural(1200, "entry")
    ('1 launch', '6 launches', '1,200 entries')
    """
    if number == 1:
        return f"1 {noun}"
    ending = "es" if noun.endswith(("ch", "ss")) else "s"
    return f"{number:,} " + (f"{noun[:-1]}ies" if noun.endswith("y") else noun + ending)


def in_cases(numbers: Sequence[int], noun: str) -> str:
    """A number of things in all, and in how many cases; ``numbers`` holds that of each case."""
    return f"{plural(sum(numbers), noun)} in {plural(len(numbers), 'case')}"


def case_name(row: Row, quote: Quote) -> str:
    """A row's name and mode."""
    return f"{quote(row.name)} ({MODE_TITLES[row.mode].lower()})"


def case_listing(rows: Sequence[Row], quote: Quote) -> str:
    """Names and modes of some rows in a sentence, the first few of many."""
    return listing([case_name(row, quote) for row in rows])


def launches_text(fewest: int, most: int, asked: int) -> str:
    """How many launches there were of those asked for."""
    if fewest == most:
        return plural(most, "launch") if most >= asked else f"{most} of {plural(asked, 'launch')}"
    return f"{fewest}–{most} launches a case ({asked} asked for)"
