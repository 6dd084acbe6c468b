"""The description of a measure, and the decorator that registers one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from ..plan.case import Case
from ..records.lines import Line, Stage
from ..records.measurement import BASES, Basis
from ..records.run import Settings

Command = Literal["run", "gradients"]
Place = Literal["static", "real", "isolated", "profiles", "turns", "seeds"]
PLACES: tuple[Place, ...] = ("static", "real", "isolated", "profiles", "turns", "seeds")
"""Where measures run, in the order in which a case is measured.

``static``: on meta or fake tensors where that is possible, so that nothing is allocated.
``real``: on real tensors on the case's device. ``isolated``: in a process of its own. ``profiles``:
in several processes of its own, numbered from 1. ``turns``: in launches in which cases take turns.
``seeds``: in trainings, one a seed.
"""

_Function = TypeVar("_Function", bound=Callable[..., Any])


def always(_settings: Settings) -> bool:
    """True for any settings."""
    return True


def is_by_module(settings: Settings) -> bool:
    """Whether what is measured by module was asked for."""
    return settings.by_module


def calls_modules(case: Case) -> bool:
    """Whether modules run as such: compilers and runtimes make one program of them."""
    return case.form in {"eager", "fused"}


def any_case(_case: Case) -> bool:
    """True for any case."""
    return True


def fails_the_case(_case: str, _reason: str) -> None:
    """None: if the process of the measure ends early, the case has failed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """A measure of a case: ``stage`` is the tag of its record, ``help`` its line in ``list``.

    The ``commands`` take it of the cases that it ``covers`` if it ``applies`` to the settings. How
    ``measure`` is called depends on ``place``:

    - static: with a `Subject` and the first of ``bases`` that it can be counted on;
    - real and isolated: with a `Subject`; it returns the record;
    - profiles: with a `Subject`, the ``number`` of the profile, and ``begin_round``, which it calls
      before each of its parts; it returns the record of one profile;
    - turns: with a `Subject`, a `Timer` and ``graph``; it returns the `Benchmark` that takes turns;
    - seeds: with a `Subject`, the `TrainingSettings`, ``seed`` and ``threads``; it returns the
      record of one training.

    ``after_exit`` takes the key of a case and the reason why the process of the measure ended
    early; it returns a record that says so, or None if the case has failed. ``is_destructive``: it
    may leave torch unable to measure anything else in the same process. ``is_essential``: a case of
    which it fails is measured no further.
    """

    stage: Stage
    help: str
    place: Place
    commands: tuple[Command, ...]
    measure: Callable[..., Any]
    bases: tuple[Basis, ...] = BASES
    applies: Callable[[Settings], bool] = always
    after_exit: Callable[[str, str], Line | None] = fails_the_case
    is_destructive: bool = False
    is_essential: bool = False
    covers: Callable[[Case], bool] = any_case

    @property
    def in_process(self) -> bool:
        """Whether `cspbench.profile` can take it in the caller's process."""
        return self.place in {"static", "real", "turns"} and not self.is_destructive


def measure(
    *,
    stage: Stage,
    place: Place,
    help: str,  # noqa: A002 -- the name that argparse and `Quantity` use
    commands: tuple[Command, ...] = ("run",),
    bases: tuple[Basis, ...] = BASES,
    applies: Callable[[Settings], bool] = always,
    after_exit: Callable[[str, str], Line | None] = fails_the_case,
    is_destructive: bool = False,
    is_essential: bool = False,
    covers: Callable[[Case], bool] = any_case,
) -> Callable[[_Function], _Function]:
    """Register the decorated function as the measure of ``stage``.

    Raises ValueError if the stage has a measure already.
    """

    def register(function: _Function) -> _Function:
        if stage in _registered:
            raise ValueError(
                f"stage {stage!r} is registered twice: by {_registered[stage].measure.__module__} "
                f"and by {function.__module__}"
            )
        _registered[stage] = Measure(
            stage=stage,
            help=help,
            place=place,
            commands=commands,
            measure=function,
            bases=bases,
            applies=applies,
            after_exit=after_exit,
            is_destructive=is_destructive,
            is_essential=is_essential,
            covers=covers,
        )
        return function

    return register


def registered() -> Mapping[Stage, Measure]:
    """The measures of all files imported so far, by stage."""
    return MappingProxyType(_registered)


_registered: dict[Stage, Measure] = {}
