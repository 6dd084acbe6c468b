"""Random changes of files: of their bytes, or of single values of their JSON or TOML."""

import json
import random
import re
from typing import Any

NUMBERS = (
    *("0", "1", "-1", "-0.0", "0.5", "1.0", "1e6", "1e12", "1e15", "1000000", "null", "true"),
    *(str(2**53), str(2**53 + 1), str(-(2**53)), str(2**63 - 1), str(2**63), str(-(2**63) - 1)),
    *(str(2**64), "1e18", "1e300", "1e308", "1.7976931348623157e308", "-1e308", "1e999", "NaN"),
    *("5e-324", "2e-308", "1e-300", "1e-9", "9" * 400, "1" + "0" * 4_999, "-" + "7" * 5_000),
)
"""Numbers at their extremes, and what is no number, as JSON writes them."""

TEXTS = (
    *("", " ", "\t", "a" * (1 << 20), "漢" * 300, "e" + "\u0301" * 2_000, "\U0010ffff"),
    *("\ufffe", "\ud800", "a\udcffb", "\0", "\x85\u2028", "\x1b[2J\x1b[31mred"),
    *("\x1b]0;title\x07", "\x9b31m", "\x7f", "yardstick @ candidate", "dense @ baseline"),
    *("\u202egnp.exe", "\u2066a\u2069", "\u200f\u200b\ufeff", "a\rb\r\nc", "\n\n# a\n\n- b"),
    *("<script>alert('fuzz')</script>", "<img src=x onerror=fuzz>", "</details><h1>fuzz", "<!-- "),
    *("[fuzz](http://fuzz.example)", "![fuzz](http://fuzz.example/a.png)", "<http://fuzz.example>"),
    *("http://fuzz.example/a", "@fuzzmention", "fuzz/fuzz#2", "GH-20240", "#20240", "`" * 9 + "a"),
    *("```\n# fuzz\n", "a | b | c", "|---|", "**fuzz** _fuzz_ ~~fuzz~~", "&lt;b&gt;&amp;", "\\"),
    *("=HYPERLINK(1)", "+fuzz()", "-fuzz()", "@SUM(A1)", "\t=fuzz()", "\r=fuzz()", '","', "';--"),
    *("$\\frac{1}{0}$", "$", "$$a", "\\N{DASH}", "%s%n", "{0}", "::error::fuzz", "../../fuzz"),
    *("os:system", "fuzz.py:Net", ".blocks.csp:CSP", "timm:fuzz", "yardstick", "dense", "cuda:0"),
)  # fmt: skip
"""Texts that mean something to a terminal, a page, a table or a plot, and texts without end."""

WORDS = (
    *("null", "true", "-1", "0", "1e999", "-0.0", "NaN", "9" * 400, "1" * 25, '""', "{}", "[]"),
    *("[" * 20_000, '{"a":' * 5_000, '"\\u0000\\u001b[31m"', '"\\ud800"', "`" * 9, "|" * 40),
    *("\x1b[2J", "\u202e", "\0", "<script>", "../../etc/passwd", "inf", "1e-320", "\r", "\n\n"),
    *("__import__('os')", "+--+--+", "| entry |", '{"cspbench":1,"made":{}}', "Training, x"),
)
"""What is put between any two bytes."""

_MARK = "@@value {}@@"
_TOML_VALUE = re.compile(rb'(?<![\w"])(-?\d[\d.]*%?|"[^"\n]*")')


def mutated(content: bytes, chance: random.Random) -> bytes:
    """The content after one to six random changes of its bytes, or of one to three values."""
    if chance.random() < 0.5:
        return with_other_values(content, chance)
    for _ in range(chance.randrange(1, 7)):
        content = _with_other_bytes(content, chance)
    return content


def with_other_values(content: bytes, chance: random.Random) -> bytes:
    """The content with one to three numbers or texts replaced; it stays well-formed.

    JSON, also a line of it among others, is changed in its structure; in other text, what looks
    like a number or a string is.
    """
    try:
        return _with_other_json(content, chance)
    except ValueError:
        pass
    lines = content.split(b"\n")
    rows = [index for index, line in enumerate(lines) if line.startswith(b"{")]
    if not rows:
        return _with_other_toml(content, chance)
    for row in chance.sample(rows, min(len(rows), chance.randrange(1, 4))):
        lines[row] = _with_other_json(lines[row], chance)
    return b"\n".join(lines)


def _with_other_json(content: bytes, chance: random.Random) -> bytes:
    """The JSON with one to three values replaced; raises ValueError if it is no JSON."""
    whole = json.loads(content)
    places = list(_places(whole))
    raw: dict[str, str] = {}
    if chance.random() < 0.2:
        _rename_key(whole, chance)
        places = list(_places(whole))
    for place in chance.sample(places, min(len(places), chance.randrange(1, 4))):
        mark = _MARK.format(len(raw))
        raw[json.dumps(mark)] = _other(_value(whole, place), chance)
        whole = _replaced(whole, place, mark)
    text = json.dumps(whole, separators=(",", ":"))
    for mark, value in raw.items():
        text = text.replace(mark, value)
    return text.encode()


def _with_other_toml(content: bytes, chance: random.Random) -> bytes:
    matches = list(_TOML_VALUE.finditer(content))
    for match in sorted(
        chance.sample(matches, min(len(matches), chance.randrange(1, 4))),
        key=lambda match: -match.start(),
    ):
        is_text = match[0].startswith(b'"')
        value = _other("" if is_text else 0, chance).encode()
        content = content[: match.start()] + value + content[match.end() :]
    return content


def _other(value: object, chance: random.Random) -> str:
    """Another value as JSON, mostly of the kind of ``value``."""
    if isinstance(value, str) == (chance.random() < 0.95):
        return (
            json.dumps(chance.choice(TEXTS), ensure_ascii=chance.random() < 0.5)
            .encode("utf-8", "backslashreplace")
            .decode()
        )
    return chance.choice(NUMBERS)


Place = tuple[str | int, ...]


def _places(value: Any, place: Place = ()) -> "list[Place]":
    """Where the numbers and texts of a JSON value are, keys of objects apart."""
    if isinstance(value, dict):
        return [found for key in value for found in _places(value[key], (*place, key))]
    if isinstance(value, list):
        return [found for i, item in enumerate(value) for found in _places(item, (*place, i))]
    return [place]


def _rename_key(whole: Any, chance: random.Random) -> None:
    """Give a key of an object another name, such as one of the figures by name in a report."""
    objects = [whole, *(_value(whole, place[:-1]) for place in _places(whole) if place)]
    chosen = chance.choice(objects)
    if isinstance(chosen, dict) and chosen:
        chosen[chance.choice(TEXTS)] = chosen.pop(chance.choice(list(chosen)))


def _value(whole: Any, place: Place) -> Any:
    for step in place:
        whole = whole[step]
    return whole


def _replaced(whole: Any, place: Place, value: str) -> Any:
    """``whole`` after ``value`` was put at ``place``; it is changed itself."""
    if not place:
        return value
    _value(whole, place[:-1])[place[-1]] = value
    return whole


def _with_other_bytes(content: bytes, chance: random.Random) -> bytes:
    """The content after one random change."""
    place, length = chance.randrange(len(content) + 1), chance.choice((1, 1, 4, 60, 2_000))
    lines = content.splitlines(keepends=True)
    word = chance.choice(WORDS).encode("utf-8", "surrogatepass")
    change = chance.randrange(9)
    if change == 0 and content:
        return content[:place] + bytes([chance.randrange(256)]) + content[place + 1 :]
    if change == 1:
        return content[:place] + content[place + length :]
    if change == 2:
        return content[:place] + content[place : place + length] * 2 + content[place:]
    if change == 3:
        return content[:place]
    if change == 4:
        return content[:place] + word + content[place:]
    if change == 5 and lines:
        chance.shuffle(lines)
        return b"".join(lines)
    if change == 6 and lines:
        return b"".join(line for line in lines if chance.random() > 0.1)
    return _with_another_word(content, word, chance)


def _with_another_word(content: bytes, word: bytes, chance: random.Random) -> bytes:
    """The content with a number or the start of a string replaced by ``word``."""
    marks = [i for i, byte in enumerate(content) if byte in b'0123456789"']
    if not marks:
        return word
    start = chance.choice(marks)
    end = start + 1
    while end < len(content) and content[end] not in b',:}]\n "':
        end += 1
    return content[:start] + word + content[end:]
