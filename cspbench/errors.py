"""The base class of all errors that users see, and the message for an unknown name."""

import difflib
from collections.abc import Iterable


class CspbenchError(Exception):
    """Bad input or an unreadable file: one line on stderr and exit code 2, never a traceback."""


class AbsentError(CspbenchError):
    """The measured code lacks an entry or a builder: it is absent, which is not a failed case."""


class NotMeasuredError(CspbenchError, AttributeError):
    """A figure of a record whose measure was not asked for: to `hasattr`, it is not there."""


def unknown(
    kind: str, name: object, allowed: Iterable[str], *, owner: str = "", hint: str = ""
) -> CspbenchError:
    """An error that quotes ``name`` and offers the nearest ``allowed`` names, or all of a few.

    ``owner`` is what lacks the name; ``hint`` says what else is allowed, or where all are listed.

    >>> str(unknown("catalogue entry", "csp_fusion_lst", ["csp_fusion_last", "dense"]))
    "no catalogue entry 'csp_fusion_lst'; nearest: 'csp_fusion_last'"
    >>> str(unknown("mode", "fast", ["infer", "train"]))
    "no mode 'fast'; allowed: 'infer', 'train'"
    >>> str(unknown("parameter", "gama", ["gamma", "t1"], owner="csp"))
    "csp has no parameter 'gama'; nearest: 'gamma'"
    """
    names = list(allowed)
    nearest = difflib.get_close_matches(str(name), names, n=3, cutoff=0.7)
    if nearest:
        offer = "nearest: " + ", ".join(map(repr, nearest))
    elif len(names) <= 15:
        offer = "allowed: " + (", ".join(map(repr, names)) or "none")
    else:
        offer = f"{len(names)} are known"
    subject = f"{owner} has no {kind}" if owner else f"no {kind}"
    return CspbenchError(f"{subject} {str(name)!r}; {offer}" + (f" ({hint})" if hint else ""))


_MAX_MESSAGE = 100_000


def message_of(error: BaseException) -> str:
    """The message of an error of a model, the first 100,000 characters of it."""
    try:
        return str(error)[:_MAX_MESSAGE]
    except Exception:  # noqa: BLE001 -- a class of the model's own may raise anything
        return "its message cannot be shown"
