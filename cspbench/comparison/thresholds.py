"""The gate of a comparison from options and ``pyproject.toml``.

A rule is ``[GLOB:]MEASURE``, where the glob matches entries; the last matching rule applies. The
nearest ``pyproject.toml`` is read, table ``[tool.cspbench]``.
"""

from collections.abc import Iterable
from pathlib import Path

from ..errors import CspbenchError, unknown
from ..files import read_file
from ..records.gate import LATENCY, MAX_SHARE, Gate, Rule
from ..records.measurements import EXACT
from ..text import shortened
from ..toml import MAX_BYTES, parse_toml

MEASURES = (*EXACT, LATENCY)


def gate(options: Iterable[str] = (), *, strict: bool = False, start: Path | None = None) -> Gate:
    """The rules of the nearest ``pyproject.toml`` in ``start`` or above it, then ``options``.

    An option is ``1%``, ``0.01``, ``MEASURE=1%`` or ``GLOB:MEASURE=1%``. Raises `CspbenchError`
    for an invalid option or setting; the message names the file of a setting.
    """
    rules, is_strict = _configured(start or Path.cwd())
    return Gate(rules=(*rules, *map(parse, options)), is_strict=strict or is_strict)


def parse(option: str) -> Rule:
    """The rule of one option.

    >>> parse("2%"), parse("c3*:params=0.5%")
    (Rule(glob='*', measure='latency', share=0.02), Rule(glob='c3*', measure='params', share=0.005))
    """
    name, equals, share = option.rpartition("=")
    return _rule(name if equals else LATENCY, share)


def _rule(name: str, share: object) -> Rule:
    glob, _, measure = name.rpartition(":")
    if measure not in MEASURES:
        raise unknown("measure", measure, MEASURES)
    return Rule(glob=glob or "*", measure=measure, share=_share(share))


def _share(raw_threshold: object) -> float:
    value: float = -1.0
    if isinstance(raw_threshold, str) and len(raw_threshold) < 40:
        number, percent, rest = raw_threshold.partition("%")
        try:
            value = -1.0 if rest else float(number) / (100 if percent else 1)
        except ValueError:
            value = -1.0
    elif isinstance(raw_threshold, int | float) and not isinstance(raw_threshold, bool):
        value = raw_threshold
    if not 0 <= value <= MAX_SHARE:
        raise CspbenchError(
            f"invalid threshold {shortened(repr(raw_threshold), 40)}: give a share from 0 to "
            f"{MAX_SHARE:.0%}, such as 1% or 0.01"
        )
    return float(value)


def _configured(start: Path) -> tuple[tuple[Rule, ...], bool]:
    path = next(
        (
            folder / "pyproject.toml"
            for folder in (start, *start.parents)
            if (folder / "pyproject.toml").is_file()
        ),
        None,
    )
    if path is None:
        return (), False
    try:
        tool = parse_toml(read_file(path, MAX_BYTES).decode()).get("tool", {})
    except (OSError, ValueError, CspbenchError) as error:
        raise CspbenchError(f"cannot read {path}: {error}") from error
    try:
        return _read(tool.get("cspbench", {}) if isinstance(tool, dict) else {})
    except CspbenchError as error:
        raise CspbenchError(f"{path}, [tool.cspbench]: {error}") from error


def _read(table: object) -> tuple[tuple[Rule, ...], bool]:
    if not isinstance(table, dict):
        raise CspbenchError(f"expected a table, got {table!r}")
    for key in table:
        if key not in {"strict", "thresholds"}:
            raise unknown("setting", key, ("strict", "thresholds"))
    strict, thresholds = table.get("strict", False), table.get("thresholds", {})
    if not isinstance(strict, bool):
        raise CspbenchError(f"strict: expected true or false, got {strict!r}")
    if not isinstance(thresholds, dict):
        raise CspbenchError(
            f"thresholds: expected a table such as {{latency = '2%'}}, got {thresholds!r}"
        )
    return tuple(_rule(name, share) for name, share in thresholds.items()), strict
