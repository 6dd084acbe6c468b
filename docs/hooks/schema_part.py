"""The schema of a run's files, from the types that write and read them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from typing import get_args

import msgspec
from markdown_text import code, prose, table
from msgspec import inspect as types

from cspbench.comparison.result import Comparison
from cspbench.records.lines import Line
from cspbench.records.run import RunInfo

_UNITS = {
    "_s": "s",
    "_bytes": "bytes",
    "_j": "J",
    "_mhz": "MHz",
    "_share": "share, 0 to 1",
}
_UNITS_OF = {
    "mhz_before": "MHz",
    "mhz_after": "MHz",
    "celsius": "°C",
    "watts": "W",
    "seconds": "s",
    "top1": "%",
    "img_size": "pixels",
    "macs": "MACs",
    "started": "UTC time",
}

_PLAIN: dict[type[types.Type], str] = {
    types.AnyType: "any",
    types.BoolType: "`true` or `false`",
    types.FloatType: "number",
    types.IntType: "whole number",
    types.NoneType: "`null`",
    types.StrType: "text",
}


def info_schema() -> str:
    """The tables of ``run.json``."""
    return _sections([RunInfo])


def lines_schema() -> str:
    """The tables of ``records.jsonl``, those of `run.json`'s types left out."""
    return _sections(get_args(Line), leave_out={kind.cls for kind in _reached([RunInfo])})


def result_fields() -> str:
    """The tables of what ``compare --format json`` prints, those of a run's files left out."""
    known = _reached([RunInfo, *get_args(Line)])
    return _sections([Comparison], leave_out={kind.cls for kind in known})


def _sections(kinds: Iterable[type], leave_out: Iterable[type] = ()) -> str:
    left_out = set(leave_out)
    return "\n\n".join(_section(kind) for kind in _reached(kinds) if kind.cls not in left_out)


def _section(kind: types.StructType) -> str:
    """One type: its docstring and a table of its fields."""
    rows = [_field_row(field) for field in kind.fields]
    if kind.tag_field is not None:
        rows.insert(0, (code(kind.tag_field), f'`"{kind.tag}"`', "", ""))
    header = ("field", "type", "unit", "default")
    return f"### {title(kind.cls)}\n\n{prose(kind.cls.__doc__)}\n\n{table(header, rows)}"


def title(kind: type) -> str:
    """The name of a type; where two types share one, with the module that it is from."""
    if Counter(each.__name__ for each in _all())[kind.__name__] == 1:
        return kind.__name__
    return f"{kind.__name__} of {kind.__module__.rpartition('.')[2].replace('_', ' ')}"


def _field_row(field: types.Field) -> tuple[str, str, str, str]:
    default = "" if field.required else _default(field)
    return code(field.encode_name), type_text(field.type), unit(field.encode_name), default


def _default(field: types.Field) -> str:
    if field.default_factory is not msgspec.NODEFAULT:
        return code(msgspec.json.encode(field.default_factory()).decode())
    return code(msgspec.json.encode(field.default).decode())


def unit(name: str) -> str:
    """The unit of a field, which its name ends in; '' where it has none.

    >>> unit("samples_s"), unit("peak_rss_bytes"), unit("launch")
    ('s', 'bytes', '')
    """
    if name in _UNITS_OF:
        return _UNITS_OF[name]
    return next((unit for suffix, unit in _UNITS.items() if name.endswith(suffix)), "")


def type_text(kind: types.Type) -> str:
    """A type in words, with links to the structures in it."""
    match kind:
        case types.UnionType():
            text = " or ".join(map(type_text, kind.types))
        case types.StructType():
            name = title(kind.cls)
            text = f"[{name}](#{name.lower().replace(' ', '-')})"
        case types.LiteralType():
            text = ", ".join(code(msgspec.json.encode(value).decode()) for value in kind.values)
        case types.VarTupleType() | types.ListType():
            text = f"list of {type_text(kind.item_type)}"
        case types.TupleType():
            text = f"[{', '.join(map(type_text, kind.item_types))}]"
        case types.DictType():
            text = f"object of {type_text(kind.value_type)}"
        case _:
            text = _PLAIN[type(kind)]
    return text


@cache
def _all() -> tuple[type, ...]:
    """All types of the page."""
    return tuple(kind.cls for kind in _reached([RunInfo, *get_args(Line), Comparison]))


def _reached(kinds: Iterable[type]) -> list[types.StructType]:
    """The structures of ``kinds`` and all in their fields, each once, outer ones first."""
    found: dict[type, types.StructType] = {}
    waiting = [types.type_info(kind) for kind in kinds]
    while waiting:
        kind = waiting.pop(0)
        if isinstance(kind, types.StructType):
            if kind.cls in found:
                continue
            found[kind.cls] = kind
        waiting += _parts(kind)
    return list(found.values())


def _parts(kind: types.Type) -> Iterator[types.Type]:
    match kind:
        case types.StructType():
            yield from (field.type for field in kind.fields)
        case types.UnionType():
            yield from kind.types
        case types.VarTupleType() | types.ListType():
            yield kind.item_type
        case types.TupleType():
            yield from kind.item_types
        case types.DictType():
            yield kind.value_type
