"""A hash of the files that a model is made from."""

import contextlib
import hashlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path


def model_hash(builder: str, model: Callable[..., object]) -> str:
    """The first 16 digits of SHA-256 over the files that name ``model`` and that define it.

    ``builder`` is the reference that was resolved to ``model``, ``package.module:callable`` or
    ``path/to/file.py:callable``. A file that does both counts once.
    """
    module = builder.rpartition(":")[0]
    naming = module if module.endswith(".py") else sys.modules[module].__file__
    paths = [] if naming is None else [Path(naming).resolve()]
    with contextlib.suppress(TypeError):  # written in C, or made in memory
        paths.append(Path(inspect.getfile(model)).resolve())
    files = [path for path in dict.fromkeys(paths) if path.is_file()]
    contents = b"".join(path.read_bytes() for path in files)
    return hashlib.sha256(contents).hexdigest()[:16]
