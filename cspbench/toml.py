"""Reading of TOML from outside, in a time and a depth that are bounded."""

import re
import tomllib
from typing import Any

from .errors import CspbenchError

MAX_BYTES = 1 << 20
"""The most that is read of a TOML file."""

_MAX_PARTS = 64
_DEEP_KEY = re.compile(  # tomllib takes minutes for a key of 20,000 parts
    rf"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){{{_MAX_PARTS}}}"""
)


def parse_toml(text: str) -> dict[str, Any]:
    """The table that ``text`` holds; raises `CspbenchError` for damaged or excessive TOML."""
    if _DEEP_KEY.search(text):
        raise CspbenchError(f"cannot read TOML: a key has more than {_MAX_PARTS} parts")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CspbenchError(f"not valid TOML: {error}") from error
    except ValueError as error:  # Python converts up to 4,300 digits
        raise CspbenchError(
            "not valid TOML: an integer has more digits than 64 bits hold"
        ) from error
    except RecursionError as error:
        raise CspbenchError("cannot read TOML: nested too deeply") from error
