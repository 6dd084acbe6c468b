"""Ratios in percent, as sentences and table cells give them: "16% faster (95% CI 15–17%)"."""

from typing import NamedTuple

from ..units import is_wide, significant_text

_MANY = 2.0  # from this ratio on, "2.5 times as long" reads better than "150% slower"
_TIMES = 10.0  # from this ratio on, a cell shows "×12.5" in place of "+1150%"


class Speed(NamedTuple):
    """A ratio of latencies in words, ``16% faster``, and its ``suffix``, `` (95% CI 15–17%)``.

    The suffix is '' if there is no interval.
    """

    change: str
    suffix: str


def speed(ratio: float, low: float | None, high: float | None, *, than: str = "") -> Speed:
    """A ratio of latencies, and its 95% interval, as a comparison with ``than``, if that is named.

    "16% faster" means 16% less time for a call. Percentages have the decimals that the interval
    justifies; where that is too wide, there is no figure.

    >>> "".join(speed(0.841, 0.828, 0.854, than="dense"))
    '16% faster than dense (95% CI 15–17%)'
    >>> "".join(speed(1.0612, 1.0565, 1.0659, than="dense"))
    '6.1% slower than dense (95% CI 5.6–6.6%)'
    >>> "".join(speed(1.012, 0.99, 1.034, than="dense"))
    '1.2% slower than dense (95% CI -1.0% to +3.4%)'
    >>> "".join(speed(2.5, 2.4, 2.6, than="dense"))
    '2.50 times as slow as dense (95% CI 2.40–2.60)'
    >>> "".join(speed(0.841, None, None, than="dense"))
    '16% faster than dense'
    >>> "".join(speed(1.12, 1.10, 1.14)), "".join(speed(0.3, 0.01, 0.9))
    ('12% slower (95% CI 10–14%)', 'faster (too noisy for a figure)')
    """
    word = ("slower" if ratio > 1 else "faster") + (f" than {than}" if than else "")
    if low is not None and high is not None and is_wide(low, high):
        return Speed(word, " (too noisy for a figure)")
    percent = 100 * (ratio - 1)
    decimals = _decimals(percent, low, high)
    change = f"{abs(percent):.{decimals}f}% {word}"
    if ratio >= _MANY:
        change = f"{ratio:.2f} times as slow" + (f" as {than}" if than else "")
    if low is None or high is None:
        return Speed(change, "")
    if ratio >= _MANY:
        interval = f"{low:.2f}–{high:.2f}"
    elif low < 1 < high:
        interval = f"{_signed(low, decimals)} to {_signed(high, decimals)}"
    else:
        ends = [f"{abs(100 * (end - 1)):.{decimals}f}" for end in (low, high)]
        interval = "–".join(ends if ratio > 1 else reversed(ends)) + "%"
    return Speed(change, f" (95% CI {interval})")


def signed_change(ratio: float, low: float, high: float) -> tuple[str, str]:
    """A ratio and its interval as signed changes in percent.

    >>> signed_change(1.12, 1.10, 1.14), signed_change(12.5, 12.0, 13.0)
    (('+12%', '+10% to +14%'), ('×12.5', '+1100% to +1200%'))
    >>> signed_change(0.996, 0.99, 1.002)
    ('-0.4%', '-1.0% to +0.2%')
    """
    decimals = _decimals(100 * (ratio - 1), low, high)
    value = f"×{significant_text(ratio, 3)}" if ratio >= _TIMES else _signed(ratio, decimals)
    return value, f"{_signed(low, decimals)} to {_signed(high, decimals)}"


def amount_text(ratio: float, less: str, more: str) -> str:
    """An exact ratio other than 1 as how much ``less`` or ``more`` there is, in percent.

    >>> amount_text(0.8427, "fewer", "more"), amount_text(1.07, "less", "more")
    ('15.7% fewer', '7.0% more')
    >>> amount_text(1.00004, "less", "more"), amount_text(3.5, "less", "more")
    ('0.0040% more', '250% more')
    """
    return f"{_exact_percent(ratio)} {less if ratio < 1 else more}"


def exact_change_text(ratio: float) -> str:
    """An exact ratio as a signed change in percent, with the digits of `amount_text`.

    >>> exact_change_text(1.108), exact_change_text(0.959), exact_change_text(12.5)
    ('+10.8%', '-4.1%', '×12.5')
    """
    if ratio >= _TIMES:
        return f"×{significant_text(ratio, 3)}"
    return f"{'-' if ratio < 1 else '+'}{_exact_percent(ratio)}"


def _exact_percent(ratio: float) -> str:
    """The size of an exact change: one decimal, more of those below 0.05%, none from 100% on."""
    percent = 100 * abs(ratio - 1)
    if percent < 0.05:
        return f"{significant_text(percent, 2)}%"
    return f"{percent:,.{0 if percent >= 100 else 1}f}%"


def _decimals(percent: float, low: float | None, high: float | None) -> int:
    """The decimals of a percentage that its interval justifies."""
    if low is None or high is None:
        return 0 if abs(percent) >= 10 else 1
    half_width = 50 * (high - low)
    if half_width < 0.1:
        return 2
    return 0 if half_width >= 1 and abs(percent) >= 10 else 1


def _signed(ratio: float, decimals: int) -> str:
    """A ratio as a signed change in percent, without a sign if it rounds to nothing."""
    number = f"{abs(100 * (ratio - 1)):.{decimals}f}"
    sign = "" if not float(number) else "+" if ratio > 1 else "-"
    return f"{sign}{number}%"
