"""Numbers as text: counts, bytes, seconds, ratios, all given in base units."""

import math
from collections.abc import Callable

MIB = 1 << 20
"""The bytes of a MiB."""

_WIDE = 4  # factor between the ends of an interval: a factor of 2, or 100%, to either side
_FEW = 3  # launches; Student's t makes an interval of fewer wide, however quiet the machine
_DECIMAL = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BINARY = (
    (1 << 60, "EiB"),
    (1 << 50, "PiB"),
    (1 << 40, "TiB"),
    (1 << 30, "GiB"),
    (MIB, "MiB"),
    (1 << 10, "KiB"),
)


def count_text(count: float, largest: float = 0) -> str:
    """A count to four significant digits with a decimal prefix, that of ``largest`` if it is less.

    >>> count_text(1_143_209_984), count_text(992), count_text(0)
    ('1.143 G', '992', '0')
    >>> count_text(963_379_200, largest=1_143_209_984)
    '0.9634 G'
    """
    for scale, prefix in _DECIMAL:
        if max(abs(count), largest) >= scale:
            value = count / scale
            return f"{significant_text(value) if value < 1e-3 else f'{value:.4g}'} {prefix}"
    return f"{count:.4g}"


def bytes_text(count: float, like: float | None = None) -> str:
    """Bytes with a binary prefix, their own or that of the bytes that they are ``like``.

    >>> bytes_text(9_232_384), bytes_text(512)
    ('8.80 MiB', '512 B')
    >>> bytes_text(9_232_384_000, like=9_232_384), bytes_text(512, like=9_232_384)
    ('8,804.69 MiB', '0.000488 MiB')
    """
    for scale, prefix in _BINARY:
        if abs(count if like is None else like) >= scale:
            return f"{_hundredths(count / scale)} {prefix}"
    return f"{count:,.0f} B"


def exact_bytes_text(count: float) -> str:
    """Bytes with all their digits, as tables and sentences of reports have exact sizes.

    >>> exact_bytes_text(9_232_384)
    '9,232,384 bytes'
    """
    return f"{count:,.0f} bytes"


def mebibytes_text(count: float) -> str:
    """Bytes in MiB, without the unit, as `bytes_text` has them.

    >>> mebibytes_text(9_232_384), mebibytes_text(4000)
    ('8.80', '0.00381')
    """
    return _hundredths(count / MIB)


def _hundredths(value: float) -> str:
    """A size with two decimals, three significant digits below 1."""
    return significant_text(value, 3) if value < 1 else f"{value:,.2f}"


def decibels_text(decibels: float) -> str:
    """A ratio of powers in whole decibels.

    >>> decibels_text(34.2), decibels_text(-0.3)
    ('34 dB', '0 dB')
    """
    return f"{decibels:z.0f} dB"


def seconds_text(seconds: float) -> str:
    """A duration to three significant digits, from nanoseconds to hours.

    >>> seconds_text(0.01234), seconds_text(75), seconds_text(4e-7), seconds_text(7260)
    ('12.3 ms', '1 min 15 s', '400 ns', '2 h 1 min')
    >>> seconds_text(59.9), seconds_text(419.7)
    ('59.9 s', '7 min 0 s')
    """
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    if minutes and seconds >= 60:
        return f"{minutes} min {rest} s"
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape with its sizes joined by ``x``.

    >>> shape_text((1, 64, 56, 56))
    '1x64x56x56'
    """
    return "x".join(map(str, shape))


def significant_text(value: float, digits: int = 4) -> str:
    """A number with that many significant digits, thousands separated, without an exponent.

    >>> significant_text(18.934), significant_text(0.0234567), significant_text(1234567.8)
    ('18.93', '0.02346', '1,234,568')
    """
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


def ratio_text(ratio: float) -> str:
    """A ratio to three decimals, or three significant digits below 0.1; ``1`` means exactly 1.

    >>> ratio_text(0.78349), ratio_text(1.0), ratio_text(1.0001), ratio_text(0.00123)
    ('0.783', '1', '1.000', '0.00123')
    """
    if ratio == 1:
        return "1"
    return f"{ratio:.3f}" if abs(ratio) >= 0.1 else significant_text(ratio, 3)


def percent_text(share: float) -> str:
    """A share in percent: two significant digits below 10%, whole percents from there to 100%.

    >>> percent_text(0.01), percent_text(0.0123), percent_text(0.0004), percent_text(0.31)
    ('1%', '1.2%', '0.04%', '31%')
    >>> percent_text(1.2)
    'over 100%'
    """
    percent = 100 * share
    if percent > 100:
        return "over 100%"
    return f"{percent:.0f}%" if percent >= 10 else f"{percent:.2g}%"


def span_text(low: float, high: float, text: Callable[[float], str], launches: int) -> str:
    """``low–high`` of a time or a ratio over ``launches``, or `wide_text` if that `is_wide`.

    >>> span_text(0.98, 1.02, ratio_text, 6), span_text(0.4, 2.5, ratio_text, 6)
    ('0.980–1.020', 'too noisy to tell')
    """
    return wide_text(launches) if is_wide(low, high) else f"{text(low)}–{text(high)}"


def wide_text(launches: int) -> str:
    """What stands for an interval that `is_wide`, by the number of its launches.

    >>> wide_text(2), wide_text(3)
    ('not yet known', 'too noisy to tell')
    """
    return "not yet known" if launches < _FEW else "too noisy to tell"


def is_noisy(low: float, high: float, launches: int) -> bool:
    """Whether an interval `is_wide` for noise, not for want of launches."""
    return is_wide(low, high) and launches >= _FEW


def is_wide(low: float, high: float) -> bool:
    """Whether an interval of a time or a ratio exceeds a factor of 2 to either side of its middle.

    >>> is_wide(0.6, 1.6), is_wide(0.4, 2.5)
    (False, True)
    """
    return high > _WIDE * low
