"""The one base error, and the sentence for a name that is not known."""

import difflib
from collections.abc import Iterable


class CspbenchError(Exception):
    """Bad input or an unreadable file: one line on stderr and exit code 2, never a traceback."""


class AbsentError(CspbenchError):
    """What was asked for is not in the code that was searched: no failure of what is there."""


def unknown(kind: str, given: object, allowed: Iterable[str], *, hint: str = "") -> CspbenchError:
    """An error that says what arrived, the nearest allowed names and where to see them all.

    >>> str(unknown("catalogue entry", "csp_fusion_lst", ["csp_fusion_last", "dense"]))
    "no catalogue entry 'csp_fusion_lst'; nearest: 'csp_fusion_last'"
    >>> str(unknown("mode", "fast", ["infer", "train"]))
    "no mode 'fast'; allowed: 'infer', 'train'"
    """
    names = list(allowed)
    nearest = difflib.get_close_matches(str(given), names, n=3, cutoff=0.7)
    if nearest:
        offer = "nearest: " + ", ".join(map(repr, nearest))
    elif len(names) <= 12:
        offer = "allowed: " + (", ".join(map(repr, names)) or "none")
    else:
        offer = f"{len(names)} are known"
    return CspbenchError(f"no {kind} {str(given)!r}; {offer}" + (f" ({hint})" if hint else ""))
