"""What a case finds around it while it is built and called: its modules and its own settings."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Self

from ...catalogue.codebase import Codebase
from ...machine import patches
from ...machine.children import running_children
from ...machine.process_state import QUICK, RANDOM, SLOW, Unreadable, values
from ...machine.setting import Setting
from ...machine.threads import count_threads
from ...records.lines import Alterations

_OWN, _PUT_BACK, _STAYS = "kept for its own calls only", "put back", "cannot be put back"
_THOROUGH_AFTER_S = 0.25  # of a case's turns; a thorough look takes a millisecond


@dataclass(slots=True)
class _Changes:
    """Settings and patches that a case's code has made, and what is said of them."""

    own: dict[Setting, Any] = field(default_factory=dict)
    patched: patches.Patches = field(default_factory=dict)
    said: dict[str, None] = field(default_factory=dict)
    harms: bool = False  # it replaces parts of cspbench: each of its turns is looked at
    lingers: bool = False  # a thread or a process of it runs on, or a setting stays

    def __or__(self, other: "_Changes") -> "_Changes":
        """The changes of both; where both change one setting, those of ``other``."""
        return _Changes(
            own=self.own | other.own,
            patched=self.patched | other.patched,
            said=self.said | other.said,
            harms=self.harms or other.harms,
            lingers=self.lingers or other.lingers,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The settings and functions that hold between the calls of cases."""

    quick: Sequence[Any]
    slow: Sequence[Any]
    functions: patches.Snapshot

    @classmethod
    def take(cls) -> Self:
        """Those in force."""
        return cls(quick=values(QUICK), slow=values(SLOW), functions=patches.snapshot())


class Surroundings:
    """The modules, settings and patches of one case, in force during its own calls only.

    What a case's code changes in the process is put back when its context ends, and is put into
    force again, for it alone, when the next one begins.
    """

    def __init__(self, codebase: Codebase | None = None) -> None:
        self._codebase = codebase
        self.changes = _Changes()
        self._depth = 0
        self._unseen_s = 0.0

    @property
    def alters(self) -> tuple[str, ...]:
        """What the case changes in its process, in sentences without a subject."""
        return tuple(self.changes.said)

    def alterations(self, case: str) -> Alterations:
        """What ``case``, a key, changes in its process."""
        return Alterations(case=case, alters=self.alters, lingers=self.changes.lingers)

    @contextlib.contextmanager
    def running(self, *, generators: bool = True) -> Iterator[None]:
        """Run the case's code inside the context; what it changes is put back, on errors too.

        ``generators``: the states of random generators, too. Inside another such context, changes
        stay in force until that one ends.
        """
        if self._depth:
            yield
        else:
            with self._thoroughly(Outside.take(), generators=generators):
                yield

    @contextlib.contextmanager
    def turn(self, outside: Outside) -> Iterator[None]:
        """`running` for a short while; what takes long to see is looked for now and then only.

        ``outside`` is what holds between turns. What another case has left is put back first, and
        said, when it is looked for; after all turns, `put_back` does so.
        """
        started = perf_counter()
        changes, is_due = self.changes, self._unseen_s >= _THOROUGH_AFTER_S
        is_suspect = changes.harms or changes.patched or not changes.own.keys() <= _QUICK
        if is_due or is_suspect:
            put_back(outside, [self])
            context = self._thoroughly(outside, generators=True)
        else:
            context = self._in_force(QUICK, outside.quick, outside.functions, quick=True)
        with context:
            yield
        self._unseen_s += perf_counter() - started

    def load(self, name: str, action: Callable[[], object]) -> None:
        """Import ``name`` of the case's code by ``action``, unless that was done before.

        What importing changes holds for all cases of the code. To be called while `running`.
        """
        if self._codebase is None:
            return
        imports = _of_imports.setdefault(self._codebase, Surroundings(self._codebase))
        if (self._codebase, name) not in _imported:
            with imports.running():
                action()
            _imported.add((self._codebase, name))
        self.changes = imports.changes | self.changes
        self._put_in_force()

    @contextlib.contextmanager
    def _thoroughly(self, outside: Outside, *, generators: bool) -> Iterator[None]:
        settings = (*QUICK, *SLOW, *([RANDOM] if generators else []))
        before = [*outside.quick, *outside.slow, *([RANDOM.read()] if generators else [])]
        children = running_children()
        try:
            with self._in_force(settings, before, outside.functions):
                yield
        finally:
            if running_children() - children:
                self.changes.lingers = True
                self.changes.said["leaves a process running"] = None
            self._unseen_s = 0.0

    @contextlib.contextmanager
    def _in_force(
        self,
        settings: Sequence[Setting],
        before: Sequence[Any],
        functions: patches.Snapshot,
        *,
        quick: bool = False,
    ) -> Iterator[None]:
        threads = count_threads()
        self._put_in_force()
        in_force = values(settings) if self.changes.own else before
        self._depth += 1
        try:
            with contextlib.nullcontext() if self._codebase is None else self._codebase.active():
                yield
        finally:
            self._depth -= 1
            if patches.has_changed(functions, quick=quick):
                self._collect_patches(functions)
            left = values(settings)
            if self.changes.own or left != in_force:
                self._restore(settings, before, in_force, left)
            if self._depth:
                self._put_in_force()
            self._describe(count_threads() - threads)

    def _restore(
        self,
        settings: Sequence[Setting],
        before: Sequence[Any],
        in_force: Sequence[Any],
        left: Sequence[Any],
    ) -> None:
        """Write the settings that have changed or were the case's own, and keep the changes."""
        for setting, old, given, new in zip(settings, before, in_force, left, strict=True):
            is_changed = new != given
            if not is_changed and given is old:
                continue
            is_restored = _write(setting, old)
            if is_changed:
                self._keep(setting, new, is_restored=is_restored)

    def _put_in_force(self) -> None:
        for setting, value in self.changes.own.items():
            (setting.apply or setting.write)(value)
        patches.put(self.changes.patched)

    def _keep(self, setting: Setting, value: Any, *, is_restored: bool) -> None:
        is_own = setting.is_own and is_restored and not isinstance(value, Unreadable)
        is_own = is_own and bool(setting.holds_own(value))
        if is_own:
            self.changes.own[setting] = value
        if not is_restored:
            self.changes.lingers = True
        if (sentence := _sentence(setting, value)) is not None:
            effect = _OWN if is_own else _PUT_BACK
            self.changes.said[f"{sentence}: {effect if is_restored else _STAYS}"] = None

    def _collect_patches(self, before: patches.Snapshot) -> None:
        """Keep the patches that have been made, and put back what stood in their places."""
        made = patches.undo(before)
        ours = patches.of_program(made)
        if ours:
            self.changes.harms = True
            self.changes.said[f"{patches.said(ours)}: {_PUT_BACK}"] = None
        own = {key: value for key, value in made.items() if key not in ours}
        if new := {key: own[key] for key in own.keys() - self.changes.patched.keys()}:
            self.changes.said[f"{patches.said(new)}: {_OWN}"] = None
        self.changes.patched |= own

    def _describe(self, threads: int) -> None:
        if self._codebase is not None and self._codebase.has_added_folders:
            self.changes.said[f"adds folders to the search path: {_OWN}"] = None
        if self._codebase is not None and self._codebase.has_removed_folders:
            self.changes.said[f"removes folders from the search path: {_PUT_BACK}"] = None
        if threads > 0:
            self.changes.lingers = True
            self.changes.said["leaves a thread running"] = None


def put_back(outside: Outside, cases: Iterable[Surroundings]) -> None:
    """Put back what was not looked for in quick turns; it is said of ``cases``, which ran so."""
    sentences = []
    if patches.has_changed(outside.functions) and (left := patches.undo(outside.functions)):
        sentences.append(patches.said(left))
    for setting, old, new in zip(SLOW, outside.slow, values(SLOW), strict=True):
        if new != old:
            _write(setting, old)
            sentences.append(_sentence(setting, new) or "")
    said = {
        f"ran in turns with a case that {text}: {_PUT_BACK}": None for text in sentences if text
    }
    for case in cases:
        case.changes.said |= said


def _write(setting: Setting, value: Any) -> bool:
    """Restore ``value``; False if that cannot be done."""
    try:
        setting.write(value)
    except Exception:  # noqa: BLE001 -- a limit may not be raised, an own class may raise anything
        return False
    return True


def _sentence(setting: Setting, value: Any) -> str | None:
    if setting.said is None:
        return None
    try:
        return setting.said(value)
    except Exception:  # noqa: BLE001 -- of a value that a model has made
        return "changes the process"


_QUICK = set(QUICK)
_of_imports: dict[Codebase, Surroundings] = {}
"""What the import of each codebase has changed."""

_imported: set[tuple[Codebase, str]] = set()
"""The names that have been imported of each codebase."""
