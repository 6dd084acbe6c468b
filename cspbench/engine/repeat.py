"""The command that repeats a run, written from its request."""

import os
import shlex
from pathlib import Path

from ..plan.case import MODES
from .option_names import OPTIONS
from .request import SuiteRequest, chosen_options, suite_name

_POSITIONALS = ("baseline", "candidate", "suite")
_NOT_REPEATED = ("columns", "out", "resume", "trust", "format")
_PATHS = ("path",)
_REPEATED = ("overrides", "inputs", "thresholds")


def command(request: SuiteRequest) -> str:
    """The command that repeats the run of ``request`` from the current folder.

    Options that choose the run folder or the output are left out.
    """
    entries = suite_name(request).split(",")
    values = chosen_options(request) | {"suite": ",".join(map(repeatable, entries))}
    for name in _NOT_REPEATED:
        values.pop(name, None)
    words = ["python", "-m", "cspbench", request.verb]
    words += [str(values.pop(name)) for name in _POSITIONALS if name in values]
    for name in _PATHS:
        if name in values:
            values[name] = repeatable(str(values[name]))
    values["inputs"] = tuple(map(repeatable, request.inputs))
    for name in sorted(values, key=list(OPTIONS).index):
        words += option_words(name, values[name])
    return shlex.join(words)


def option_words(name: str, value: object) -> list[str]:
    """The words of a command line that set the option of the field ``name`` to ``value``.

    >>> option_words("batch_size", (1, 8))
    ['--batch-size', '1,8']
    >>> option_words("cold", True)
    ['--cold']
    """
    option = OPTIONS[name]
    if value is True:
        return option.split()
    if name in _REPEATED and isinstance(value, tuple):
        return [word for text in value for word in _with_value(option, text)]
    return _with_value(option, value_text(value))


def _with_value(option: str, text: str) -> list[str]:
    """Option and value as two words, or joined by ``=`` if the value looks like an option."""
    return [f"{option}={text}"] if text.startswith("-") else [option, text]


def value_text(value: object) -> str:
    """``value`` in the form that the command line accepts.

    >>> value_text(0.001), value_text(300.0), value_text(("infer", "train"))
    ('0.001', '300', 'both')
    """
    if value == MODES:
        return "both"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    return str(value)


def repeatable(name: str) -> str:
    """``name`` with an absolute path made relative to the current folder, else unchanged.

    If the two share nothing below the home folder, only the last part of the path is kept, so that
    no private path is recorded.
    """
    path = Path(name)
    if not path.is_absolute():
        return name
    shared = Path(os.path.commonpath([Path.cwd(), path]))
    if shared == Path.home() or shared in Path.home().parents:
        return path.name
    return os.path.relpath(path)
