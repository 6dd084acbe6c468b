"""Other libraries at work without what they print, log and warn of."""

import contextlib
import io
import logging
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def quiet(folder: Path | None = None) -> Iterator[None]:
    """A context in which nothing is printed to stdout, logged or warned of.

    Python's temporary files are made in ``folder``, if given, so that they go with it if the
    process is killed. What the libraries set up for logging does not stay.
    """
    root = logging.getLogger()
    handlers, disabled = root.handlers[:], root.manager.disable
    logging.disable(logging.CRITICAL)
    temporary = tempfile.tempdir
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            if folder is not None:
                tempfile.tempdir = str(folder)
            yield
    finally:
        tempfile.tempdir = temporary
        logging.disable(disabled)
        root.handlers[:] = handlers  # to which logging by the root's functions adds one


@contextlib.contextmanager
def without_module(name: str) -> Iterator[None]:
    """A context in which the module ``name`` cannot be imported."""
    known = sys.modules.get(name)
    sys.modules[name] = None  # type: ignore[assignment]  # which import takes for absent
    try:
        yield
    finally:
        del sys.modules[name]
        if known is not None:
            sys.modules[name] = known
