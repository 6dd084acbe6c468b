"""The script of the library that draws a page's plots, as vl-convert carries it.

To bundle it takes seconds, so it is kept in the user's cache folder, by the library's version.
"""

import hashlib
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

from ...errors import CspbenchError
from ...files import read_file, replace_file

_MAX_BYTES = 16 << 20


@cache
def library() -> str:
    """The script that defines ``vegaEmbed``: 0.9 MB, equal for equal versions."""
    folder, release = _folder(), version("vl-convert-python")
    for path in sorted(folder.glob(f"vega-{release}-*.js")):
        if (kept := _kept(path)) is not None:
            return kept
    import vl_convert

    script = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    content = script.encode()
    with suppress(OSError):  # without a cache, each process makes it again
        replace_file(folder / f"vega-{release}-{_digest(content)}.js", content)
    return script


def _folder() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("cspbench")


def _kept(path: Path) -> str | None:
    """The script in ``path``; None unless it is whole, as its name says by a hash."""
    try:
        content = read_file(path, _MAX_BYTES)
    except (OSError, CspbenchError):
        return None
    return content.decode() if path.stem.endswith(f"-{_digest(content)}") else None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
