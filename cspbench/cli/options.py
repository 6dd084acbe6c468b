"""Parsing of a command line into a request; only this wing uses argparse."""

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from ..errors import CspbenchError, unknown
from . import wrong_usage
from .values import AUTO, BACKENDS
from .verbs import VERBS, make_parser

if TYPE_CHECKING:
    from .requests import Request

_WITH_SUITE = ("run", "ab", "gradients")


def parse(words: list[str]) -> "Request":
    """The request that the command line ``words`` stands for.

    Raises `CspbenchError` for invalid options, and `SystemExit` after ``--help``.
    """
    _check_text(words)
    first = words[0] if words else "--"
    if first.startswith("-") and first not in {"-h", "--help", "--version"}:
        words = ["run", *words]
    elif not first.startswith("-") and first not in VERBS:
        raise wrong_usage.unknown_verb(first, VERBS)
    parser = make_parser()
    namespace, rest = parser.parse_known_args(words)
    options = vars(namespace)
    verb = options.pop("verb")
    # argparse does not match an optional positional after options: ab main HEAD --mode infer SUITE
    may_be_suite = verb in _WITH_SUITE and "suite" not in options
    if len(rest) == 1 and not rest[0].startswith("-") and may_be_suite:
        options["suite"] = rest[0]
    elif rest:
        parser.refuse(rest, verb)
    if "compiler" in options:
        _set_compiled_form(options)
    if options.get("batch_size") == AUTO:
        _set_fitted_batches(verb, options)
    return _request(verb, options)


def _check_text(words: list[str]) -> None:
    """Raise `CspbenchError` for a word that no record can hold: bytes that are not UTF-8, a NUL."""
    for word in words:
        if "\0" in word or any("\ud800" <= character <= "\udfff" for character in word):
            raise CspbenchError(
                f"{word!r} is not text (UTF-8), so a run cannot record it; rename the file, or "
                "name a link to it"
            )


def _set_compiled_form(options: dict[str, Any]) -> None:
    """Make the backend of ``--compile`` a form; the word may be the suite instead.

    Raises `CspbenchError` for an unknown backend, and beside ``--form``.
    """
    backend = options.pop("compiler")
    if "form" in options:
        raise CspbenchError(
            "--compile stands for --form compiled, so give one of the two: --form eager,compiled"
        )
    if backend not in BACKENDS:
        if "suite" in options:
            raise CspbenchError(f"--compile: {unknown('backend', backend, BACKENDS)}")
        options["suite"], backend = backend, next(iter(BACKENDS))
    options["form"] = (BACKENDS[backend],)


def _set_fitted_batches(verb: str, options: dict[str, Any]) -> None:
    if verb != "run":
        raise CspbenchError(
            "--batch-size auto works only with run: both sides of ab need the same batch"
        )
    del options["batch_size"]
    options["is_batch_fitted"] = True


def _request(verb: str, options: dict[str, Any]) -> "Request":
    """The request of ``verb``, with each option in the (nested) field of its name."""
    from .requests import REQUESTS

    request: Request = _filled(REQUESTS[verb], options)
    assert not options, f"no request holds {sorted(options)}"
    return request


def _filled(kind: type[Any], options: dict[str, Any]) -> Any:
    """An instance of ``kind`` with the ``options`` that it has fields for, removing these."""
    arguments: dict[str, Any] = {}
    for field in fields(kind):
        if isinstance(field.type, type) and is_dataclass(field.type):
            arguments[field.name] = _filled(field.type, options)
        elif field.name in options:
            value = options.pop(field.name)
            arguments[field.name] = tuple(value) if isinstance(value, list) else value
    return kind(**arguments)
