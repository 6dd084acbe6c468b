"""All settings of this process that a model's code may change.

Some are read around each turn of a case, the others around builds and from time to time only
(`measures.execution.surroundings`), because reading them takes longer.
"""

from collections.abc import Iterable
from typing import Any

from . import python_state, system_state, torch_state
from .random_state import random_states, set_random_states
from .setting import Setting

QUICK: tuple[Setting, ...] = (*system_state.QUICK, *python_state.QUICK, *torch_state.QUICK)
"""Settings that can be read in about a microsecond or less."""

SLOW: tuple[Setting, ...] = (*system_state.SLOW, *python_state.SLOW, *torch_state.SLOW)
"""Settings that take longer to read, or that are hardly ever changed."""

RANDOM = Setting(random_states, set_random_states, None, is_own=False)
"""The states of all random generators, which building a model normally advances."""


class Unreadable:
    """Stands for the value of a setting that a model's code has broken."""


_UNREADABLE = Unreadable()


def values(settings: Iterable[Setting]) -> list[Any]:
    """The values of ``settings`` in force."""
    return [_value(setting) for setting in settings]


def _value(setting: Setting) -> Any:
    try:
        return setting.read()
    except Exception:  # noqa: BLE001 -- what a model has put there may raise anything
        return _UNREADABLE
