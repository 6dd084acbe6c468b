"""Parsers of option values; each raises `CspbenchError` for text that is not allowed."""

import re
from collections.abc import Callable, Mapping, Sequence

from ..choices import FORMS, HEADS, MODES, PRECISIONS, REPORT_FORMATS, Depth, Form, Mode
from ..errors import CspbenchError, unknown

AUTO = "auto"
BACKENDS: Mapping[str, Form] = {
    "inductor": "compiled",
    "cudagraphs": "compiled:cudagraphs",
    "aot_eager": "compiled:aot_eager",
    "eager": "compiled:eager",
}
"""The forms that the backends of ``--compile`` stand for; the first is its default."""
_MAX_QUOTE = 40
_MAX_SECONDS = 1_000_000
_MAX_COUNT = 1_000_000


def named(option: str, parse: Callable[[str], object]) -> Callable[[str], object]:
    """``parse`` whose errors begin with the ``option`` that the value was given to."""

    def parse_named(text: str) -> object:
        try:
            return parse(text)
        except CspbenchError as error:
            raise CspbenchError(f"{option}: {error}") from error

    return parse_named


def word(kind: str, allowed: Sequence[str]) -> Callable[[str], str]:
    """A parser that accepts one of the ``allowed`` words; ``kind`` names them in errors."""

    def parse(text: str) -> str:
        if text not in allowed:
            raise unknown(kind, text, allowed)
        return text

    return parse


def report_format(text: str) -> str:
    """The name of a format of reports."""
    return word("format", REPORT_FORMATS)(text)


def precision(text: str) -> str:
    """The name of a precision."""
    return word("precision", PRECISIONS)(text)


def modes(text: str) -> tuple[Mode, ...]:
    """The modes that ``infer``, ``train`` or ``both`` stands for."""
    word("mode", (*MODES, "both"))(text)
    return tuple(mode for mode in MODES if text in {mode, "both"})


def forms(text: str) -> tuple[Form, ...]:
    """Forms, separated by commas, without repetition."""
    names = ["compiled" if name == "compiled:default" else name for name in text.split(",")]
    known = {form: form for form in FORMS}
    for name in names:
        word("form", FORMS)(name)
    if len(set(names)) < len(names):
        raise CspbenchError(f"expected each form once, got {text!r}")
    return tuple(known[name] for name in names)  # type: ignore[index]


def depth(text: str) -> Depth:
    """A number of levels of modules, or ``all``."""
    return "all" if text == "all" else _integer(text, 1, _MAX_COUNT, alternative=", or all")


def head(text: str) -> str:
    """The name of the layers that follow a block in training."""
    return word("head", HEADS)(text)


def device(text: str) -> str:
    """The name of a device, or of several GPUs separated by commas."""
    names = text.split(",")
    for name in names:
        if not re.fullmatch(r"cpu|cuda|auto|cuda:[0-9]{1,4}", name):
            raise unknown("device", name, ("cpu", "cuda", "cuda:0", "cuda:0,cuda:1", "auto"))
        if len(names) > 1 and ":" not in name:
            raise CspbenchError(f"expected one device, or GPUs as in cuda:0,cuda:1, got {text!r}")
    if len(set(names)) < len(names):
        raise CspbenchError(f"expected each device once, got {text!r}")
    return text


def count(text: str) -> int:
    """A positive integer."""
    return _integer(text, 1, _MAX_COUNT)


def counts(text: str) -> tuple[int, ...]:
    """Positive integers, separated by commas, without repetition."""
    return _counts(text)


def batch_sizes(text: str) -> tuple[int, ...] | str:
    """Positive integers separated by commas, or `AUTO`."""
    return AUTO if text == AUTO else _counts(text, alternative=", or auto")


def steps(text: str) -> int:
    """A number of training steps, at least 4."""
    return _integer(text, 4, _MAX_COUNT)


def seed(text: str) -> int:
    """A seed from 0 to `MAX_SEED`."""
    from ..records.run import MAX_SEED

    return _integer(text, 0, MAX_SEED)


def seconds(least: float) -> Callable[[str], float]:
    """A parser of a time in seconds, from ``least`` to a million."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not least <= value <= _MAX_SECONDS:
            raise CspbenchError(
                f"expected seconds from {least:g} to {_MAX_SECONDS:,}, got {_quote(text)}"
            )
        return value

    return parse


def input_word(text: str) -> str:
    """One argument of a model: its shape, its type, or what makes it (`parse_words`)."""
    from ..catalogue.input_text import parse_words

    parse_words([text])
    return text


def names(text: str) -> tuple[str, ...]:
    """Names of columns of a report, separated by commas."""
    from ..report.columns import choose

    keys = tuple(text.split(","))
    choose(keys)
    return keys


def code_names(text: str) -> tuple[str, ...]:
    """Names of callables, separated by commas."""
    return tuple(text.split(","))


def _counts(text: str, alternative: str = "") -> tuple[int, ...]:
    numbers = tuple(map(_number, text.split(",")))
    if not all(1 <= number <= _MAX_COUNT for number in numbers):
        raise CspbenchError(
            f"expected integers from 1 to {_MAX_COUNT:,} separated by commas{alternative}, got "
            f"{_quote(text)}"
        )
    if len(set(numbers)) < len(numbers):
        raise CspbenchError(f"expected each number once, got {_quote(text)}")
    return numbers


def _integer(text: str, minimum: int, maximum: int, alternative: str = "") -> int:
    number = _number(text)
    if not minimum <= number <= maximum:
        raise CspbenchError(
            f"expected an integer from {minimum} to {maximum:,}{alternative}, got {_quote(text)}"
        )
    return number


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text, re.ASCII) else -1


def _quote(text: str) -> str:
    return repr(text if len(text) <= _MAX_QUOTE else f"{text[:_MAX_QUOTE]}…")
