"""Settings of this process that a model's code may change."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of the process.

    ``write`` restores a value that ``read`` returned; ``apply`` puts a value that a case has set
    into force, if that is not the same. ``said`` says what a change to a value does, with the case
    as its subject; where it is None, the change is not worth saying. ``is_own``: the case's own
    calls run with its own value, those of others without; ``holds_own`` says of a value whether
    anything in it is the case's.
    """

    read: Callable[[], Any]
    write: Callable[[Any], object]
    said: Callable[[Any], str] | None
    is_own: bool = True
    apply: Callable[[Any], object] | None = None
    holds_own: Callable[[Any], object] = lambda _: True


def flag(read: Callable[[], bool], write: Callable[[bool], object], name: str) -> Setting:
    """The setting of what is on or off."""
    return Setting(read, write, lambda is_on: f"turns {name} {'on' if is_on else 'off'}")
