"""Where torch's compiler keeps what it has compiled."""

import contextlib
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from ...machine import temporary
from ...machine.variables import variables

_WITHOUT_CACHES = {
    "force_disable_caches": True,
    "cpp_cache_precompile_headers": False,
    "aot_inductor.precompile_headers": False,
}


@contextlib.contextmanager
def without_compiler_caches() -> Iterator[None]:
    """Make torch's compiler use no caches inside the context and leave none.

    Headers are not precompiled either: torch keeps those in the system's temporary folder, some
    150 MB each, so that compiling would take longer where it has not been done before.
    """
    # Processes of the compiler may still write into the folder while it is removed.
    cache = tempfile.TemporaryDirectory(dir=temporary.folder(), ignore_cleanup_errors=True)
    with warnings.catch_warnings(), cache as folder, compiler_cache(Path(folder)):
        warnings.simplefilter("ignore")  # about disabled caches, and from code that torch imports
        from torch._inductor import config

        with config.patch(_WITHOUT_CACHES):
            yield


@contextlib.contextmanager
def compiler_cache(folder: Path) -> Iterator[None]:
    """Make torch's compiler keep in ``folder`` what it compiles inside the context.

    So do the processes of the C++ compiler with their temporary files.
    """
    folder.mkdir(exist_ok=True)
    with variables(TORCHINDUCTOR_CACHE_DIR=str(folder), TMPDIR=str(folder)):
        yield
