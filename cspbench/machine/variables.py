"""Environment variables for a time."""

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def variables(**values: str) -> Iterator[None]:
    """A context in which environment variables have ``values``; afterwards those they had, or none.

    >>> with variables(CSPBENCH_EXAMPLE="1"):
    ...     os.environ["CSPBENCH_EXAMPLE"]
    '1'
    >>> "CSPBENCH_EXAMPLE" in os.environ
    False
    """
    previous = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in previous.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
