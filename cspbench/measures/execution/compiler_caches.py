"""Compilation without what torch's compiler keeps of earlier ones."""

import contextlib
import os
import tempfile
import warnings
from collections.abc import Iterator

from ...machine import temporary


@contextlib.contextmanager
def without_compiler_caches() -> Iterator[None]:
    """Make torch's compiler use no caches inside the context and leave none."""
    name = "TORCHINDUCTOR_CACHE_DIR"
    previous = os.environ.get(name)
    # Processes of the compiler may still write into the folder while it is removed.
    cache = tempfile.TemporaryDirectory(dir=temporary.folder(), ignore_cleanup_errors=True)
    with warnings.catch_warnings(), cache as folder:
        warnings.simplefilter("ignore")  # about disabled caches, and from code that torch imports
        from torch._inductor import config

        os.environ[name] = folder
        try:
            with config.patch(force_disable_caches=True):
                yield
        finally:
            del os.environ[name]
            if previous is not None:
                os.environ[name] = previous
