"""Messages for a wrong command line: what is wrong, the nearest word, and where to look."""

import difflib
import re
import shlex
from collections.abc import Collection, Iterable, Mapping

from ..errors import CspbenchError, unknown
from ..text import listing

PROGRAM = "python -m cspbench"
_CUTOFF = 0.6  # of `difflib`: lower than for names, as verbs are short and options few

_MISSING = re.compile(r"the following arguments are required: (.*)")
_WITHOUT_VALUE = re.compile(r"argument (\S+): expected one argument")
_WITH_VALUE = re.compile(r"argument (\S+): ignored explicit argument (.*)", re.DOTALL)


def unknown_verb(word: str, verbs: Collection[str]) -> CspbenchError:
    """The error for a first ``word`` that is no verb, such as the name of a suite or entry."""
    if word == "help":
        return CspbenchError(f"no verb 'help'; for help: {PROGRAM} --help")
    if _is_measurable(word):
        return CspbenchError(f"no verb {word!r}; to measure it: {PROGRAM} run {shlex.quote(word)}")
    if nearest := _nearest(word, verbs):
        return CspbenchError(
            f"no verb {word!r}; nearest: {_quoted(nearest)} ({PROGRAM} --help lists all verbs)"
        )
    return unknown("verb", word, verbs, hint=f"to measure a suite or entry: {PROGRAM} run NAME")


def unexpected(
    words: Iterable[str], verb: str, options: Mapping[str, Collection[str]], usage: str
) -> CspbenchError:
    """The error for ``words`` that ``verb`` cannot take; ``options`` are those of each verb."""
    words = list(words)
    hint = f"({PROGRAM} {verb} --help lists all options)"
    option = next((word.partition("=")[0] for word in words if word.startswith("-")), None)
    if option is None:
        several = "s" if len(words) > 1 else ""
        given = ", ".join(map(repr, words))
        return CspbenchError(f"{verb}: unexpected argument{several} {given}; usage: {usage}")
    owners = [other for other, names in options.items() if option in names]
    if owners:
        return CspbenchError(
            f"{verb} has no option {option!r}; it is an option of {listing(owners)} {hint}"
        )
    if nearest := _nearest(option, options[verb]):
        return CspbenchError(f"{verb} has no option {option!r}; nearest: {_quoted(nearest)} {hint}")
    return CspbenchError(f"{verb} has no option {option!r} {hint}")


def refused(message: str, prog: str, forms: Mapping[str, str], example: str) -> CspbenchError:
    """Argparse's ``message`` in our words.

    ``forms`` shows how each option of ``prog`` is written, ``example`` is a command that is right.
    """
    hint = f"({prog} --help lists all options)"
    if match := _MISSING.fullmatch(message):
        verb = prog.removeprefix(f"{PROGRAM} ")
        missing = listing(match[1].split(", "))
        return CspbenchError(f"{verb} needs {missing}; for example: {example}")
    if match := _WITHOUT_VALUE.fullmatch(message):
        return CspbenchError(f"{match[1]} needs a value: {forms[match[1]]} {hint}")
    if match := _WITH_VALUE.fullmatch(message):
        return CspbenchError(f"{match[1]} takes no value, got {match[2]} {hint}")
    return CspbenchError(f"{message} {hint}")


def _is_measurable(word: str) -> bool:
    """Whether ``word`` names a suite, entries or a model."""
    from ..catalogue import ENTRIES
    from ..plan.suite import built_in

    names = word.split(",")
    is_path = word.endswith((".toml", ".py")) or ":" in word
    return is_path or word in built_in() or all(name in ENTRIES for name in names)


def _nearest(word: str, names: Iterable[str]) -> list[str]:
    """Up to three of ``names``, the likeliest first: those that begin so, or else similar ones."""
    by_letters = {name.lstrip("-"): name for name in names}
    letters = word.lstrip("-")
    longer = [bare for bare in by_letters if letters and bare.startswith(letters)]
    similar = difflib.get_close_matches(letters, by_letters, n=3, cutoff=_CUTOFF)
    return [by_letters[bare] for bare in (longer or similar)[:3]]


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
