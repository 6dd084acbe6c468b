"""A hash of the files that name and define a model."""

import contextlib
import hashlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path


def model_hash(builder: str, model: Callable[..., object]) -> str:
    """The first 16 digits of the SHA-256 of the file named in ``builder`` and that of ``model``.

    ``builder`` is the reference that resolves to ``model``, ``package.module:callable`` or
    ``path/to/file.py:callable``. If both are the same file, it counts once.
    """
    module = builder.rpartition(":")[0]
    named_file = module if module.endswith(".py") else sys.modules[module].__file__
    paths = [] if named_file is None else [Path(named_file).resolve()]
    with contextlib.suppress(TypeError):  # a callable written in C or created in memory has no file
        paths.append(Path(inspect.getfile(model)).resolve())
    files = [path for path in dict.fromkeys(paths) if path.is_file()]
    contents = b"".join(path.read_bytes() for path in files)
    return hashlib.sha256(contents).hexdigest()[:16]
