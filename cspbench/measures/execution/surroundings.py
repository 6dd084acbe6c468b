"""What a case finds around it while it is built and called: its modules and its own settings."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from ...catalogue.codebase import Codebase
from ...machine import patches
from ...machine.process_state import QUICK, RANDOM, SLOW, Setting
from ...records.lines import Alterations

_OWN = "its own calls run so"
_THOROUGH_AFTER_S = 0.25  # of a case's turns; a thorough look takes a millisecond


@dataclass(slots=True)
class _Changes:
    """Settings and patches that a case's code has made, and what is said of them."""

    own: dict[Setting, Any] = field(default_factory=dict)
    patched: patches.Patches = field(default_factory=dict)
    said: dict[str, None] = field(default_factory=dict)
    lingers: bool = False  # a thread of it runs on

    def __or__(self, other: "_Changes") -> "_Changes":
        """The changes of both; where both change one setting, those of ``other``."""
        return _Changes(
            own=self.own | other.own,
            patched=self.patched | other.patched,
            said=self.said | other.said,
            lingers=self.lingers or other.lingers,
        )


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
        of settings stay in force until that one ends.
        """
        settings = (*QUICK, *SLOW, *([RANDOM] if generators and not self._depth else []))
        before = patches.snapshot()
        patches.put(self.changes.patched)
        try:
            with self._settings_in_force(settings):
                yield
        finally:
            self._collect_patches(before)
            self._unseen_s = 0.0

    @contextlib.contextmanager
    def turn(self, outside: Sequence[Any]) -> Iterator[None]:
        """`running` for a short while; what takes long to see is looked for now and then only.

        ``outside`` are the `quick_values` that hold between turns.
        """
        started = perf_counter()
        changes, is_due = self.changes, self._unseen_s >= _THOROUGH_AFTER_S
        is_thorough = is_due or changes.patched or not changes.own.keys() <= _QUICK
        with self.running() if is_thorough else self._settings_in_force(QUICK, outside):
            yield
        self._unseen_s += perf_counter() - started

    def load(self, action: Callable[[], object]) -> None:
        """Import the case's code by ``action``; what that changes holds for all cases of the code.

        To be called while `running`.
        """
        if self._codebase is None:
            return
        imports = _of_imports.setdefault(self._codebase, Surroundings(self._codebase))
        with imports.running():
            action()
        self.changes = imports.changes | self.changes
        self._put_in_force()

    @contextlib.contextmanager
    def _settings_in_force(
        self, settings: Sequence[Setting], outside: Sequence[Any] | None = None
    ) -> Iterator[None]:
        before = [setting.read() for setting in settings] if outside is None else outside
        threads = threading.active_count()
        self._put_in_force()
        in_force = [setting.read() for setting in settings] if self.changes.own else before
        self._depth += 1
        try:
            with contextlib.nullcontext() if self._codebase is None else self._codebase.active():
                yield
        finally:
            self._depth -= 1
            left = [setting.read() for setting in settings]
            if self.changes.own or left != in_force:
                self._restore(settings, before, in_force, left)
            if self._depth:
                self._put_in_force()
            self._describe(threading.active_count() - threads)

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
            if is_changed:
                self._keep(setting, new)
            if is_changed or given is not old:
                setting.write(old)

    def _put_in_force(self) -> None:
        for setting, value in self.changes.own.items():
            (setting.apply or setting.write)(value)
        patches.put(self.changes.patched)

    def _keep(self, setting: Setting, value: Any) -> None:
        if setting.is_own:
            self.changes.own[setting] = value
        if setting.said is not None:
            effect = _OWN if setting.is_own else "put back"
            self.changes.said[f"{setting.said(value)}: {effect}"] = None

    def _collect_patches(self, before: patches.Snapshot) -> None:
        """Keep the patches that have been made, and put back what stood in their places."""
        made = patches.replaced(before, patches.snapshot())
        if made:
            self.changes.patched |= made
            self.changes.said[f"{patches.said(made)}: {_OWN}"] = None
            patches.put(patches.values(made, before))
            if self._depth:
                patches.put(self.changes.patched)

    def _describe(self, threads: int) -> None:
        if self._codebase is not None and self._codebase.has_added_folders:
            self.changes.said[f"adds folders to the search path: {_OWN}"] = None
        if threads > 0:
            self.changes.lingers = True
            self.changes.said["leaves a thread running"] = None


_QUICK = set(QUICK)
_of_imports: dict[Codebase, Surroundings] = {}
"""What the import of each codebase has changed."""
