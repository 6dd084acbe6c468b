"""Phrases that several pages use: numbers with nouns, short lists of names."""

from collections.abc import Iterable, Sequence

from ..comparison.deciding import WORTH_WAITING
from ..plan import labels
from ..plan.case import Mode
from ..plan.labels import plain
from ..records.lines import Printed
from ..text import listing
from .quoting import Quote
from .rows import Row

MODE_TITLES: dict[Mode, str] = {"infer": "Inference", "train": "Training"}
AT: dict[Mode, str] = {"infer": "at inference", "train": "in training"}

_MAX_QUOTE = 70  # characters of a quoted line


def plural(number: int, noun: str) -> str:
    """A number with its noun in the singular or plural.

    >>> plural(1, "launch"), plural(6, "launch"), plural(1200, "entry")
    ('1 launch', '6 launches', '1,200 entries')
    """
    if number == 1:
        return f"1 {noun}"
    ending = "es" if noun.endswith(("ch", "ss")) else "s"
    return f"{number:,} " + (f"{noun[:-1]}ies" if noun.endswith("y") else noun + ending)


def in_cases(numbers: Sequence[int], noun: str) -> str:
    """The sum of ``numbers`` with its noun, and the number of cases, which have one each."""
    return f"{plural(sum(numbers), noun)} in {plural(len(numbers), 'case')}"


def within_reach(more_launches: Iterable[int | None]) -> list[int]:
    """The numbers of more launches, out of those that should decide a case, that can be waited for.

    >>> within_reach([3, None, 931])
    [3]
    """
    return [number for number in more_launches if number is not None and number <= WORTH_WAITING]


def out_of_reach(cases: int) -> str:
    """A clause on ``cases`` undecided cases of which none is within reach of more launches."""
    return f"more launches would not decide {'it' if cases == 1 else 'them'} in reasonable time"


def case_name(row: Row, quote: Quote) -> str:
    """The name and mode of a row."""
    return labels.case_name(quote(row.name), row.mode)


def case_listing(rows: Sequence[Row], quote: Quote) -> str:
    """The names and modes of rows as part of a sentence, only the first few of many."""
    return listing([case_name(row, quote) for row in rows])


def printed_text(printed: Sequence[Printed], quote: Quote) -> str:
    """Words on what a model printed, with its last line; '' if it printed nothing."""
    lines = [line for item in printed for line in item.text.splitlines() if line.strip()]
    if not lines:
        return ""
    last = plain(lines[-1])
    short = last if len(last) <= _MAX_QUOTE else f"{last[:_MAX_QUOTE]}…"
    return f"printed {plural(len(lines), 'line')}, the last one: {quote(short)}"


def launches_text(fewest: int, largest: int, requested: int) -> str:
    """The smallest and largest number of launches of a case, against the requested number."""
    if fewest != largest:
        launches = f"{fewest}–{largest} launches per case"
        return launches if fewest >= requested else f"{launches} ({requested} requested)"
    if largest >= requested:
        return plural(largest, "launch")
    return f"{largest} of {plural(requested, 'launch')}"
