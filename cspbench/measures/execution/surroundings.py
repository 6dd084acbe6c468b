"""What a case finds around it while it is built and called: its modules and its own settings."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import Any

from ...catalogue.codebase import Codebase
from ...machine import patches
from ...machine.process_state import QUICK, RANDOM, SLOW, Setting

_THOROUGH_AFTER_S = 0.1  # a thorough look takes below a thousandth of it


class Surroundings:
    """The modules, settings and patches of one case, in force during its own calls only.

    What a case's code changes in the process is put back when its context ends, and is put into
    force again, for it alone, when the next one begins.
    """

    def __init__(self, codebase: Codebase | None = None) -> None:
        self._codebase = codebase
        self._own: dict[Setting, Any] = {}
        self._patches: patches.Patches = {}
        self._alters: dict[str, None] = {}
        self._depth = 0
        self._unseen_s = 0.0

    @property
    def alters(self) -> tuple[str, ...]:
        """What the case changes in its process, in sentences without a subject."""
        return tuple(self._alters)

    @contextlib.contextmanager
    def running(self, *, generators: bool = True) -> Iterator[None]:
        """Run the case's code inside the context; what it changes is put back, on errors too.

        ``generators``: the states of random generators, too. Inside another such context, changes
        of settings stay in force until that one ends.
        """
        settings = (*QUICK, *SLOW, *([RANDOM] if generators and not self._depth else []))
        before = patches.snapshot()
        patches.put(self._patches)
        try:
            with self._settings_in_force(settings):
                yield
        finally:
            self._collect_patches(before)
            self._unseen_s = 0.0

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """`running` for a short while; what takes long to see is looked for now and then only."""
        started = perf_counter()
        is_thorough = (
            self._unseen_s >= _THOROUGH_AFTER_S or self._patches or not self._own.keys() <= _QUICK
        )
        with self.running() if is_thorough else self._settings_in_force(QUICK):
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
        self._own = {**imports._own, **self._own}
        self._patches = {**imports._patches, **self._patches}
        self._alters = {**imports._alters, **self._alters}
        self._put_in_force()

    @contextlib.contextmanager
    def _settings_in_force(self, settings: Sequence[Setting]) -> Iterator[None]:
        before = [setting.read() for setting in settings]
        threads = threading.active_count()
        self._put_in_force()
        in_force = [setting.read() for setting in settings] if self._own else before
        self._depth += 1
        try:
            with contextlib.nullcontext() if self._codebase is None else self._codebase.active():
                yield
        finally:
            self._depth -= 1
            for setting, old, given in zip(settings, before, in_force, strict=True):
                new = setting.read()
                if new != given:
                    self._keep(setting, new)
                if new != old:
                    setting.write(old)
            if self._depth:
                self._put_in_force()
            self._describe(threading.active_count() - threads)

    def _put_in_force(self) -> None:
        for setting, value in self._own.items():
            (setting.apply or setting.write)(value)
        patches.put(self._patches)

    def _keep(self, setting: Setting, value: Any) -> None:
        if setting.is_own:
            self._own[setting] = value
        if setting.said is not None:
            self._alters[setting.said(value)] = None

    def _collect_patches(self, before: patches.Snapshot) -> None:
        """Keep the patches that have been made, and put back what stood in their places."""
        made = patches.replaced(before, patches.snapshot())
        if made:
            self._patches |= made
            self._alters[patches.said(self._patches)] = None
            patches.put(patches.values(made, before))
            if self._depth:
                patches.put(self._patches)

    def _describe(self, threads: int) -> None:
        if self._codebase is not None and self._codebase.has_added_folders:
            self._alters["adds folders to the search path"] = None
        if threads > 0:
            self._alters[f"leaves {threads} thread{'s' * (threads > 1)} running"] = None


_QUICK = set(QUICK)
_of_imports: dict[Codebase, Surroundings] = {}
"""What the import of each codebase has changed."""
