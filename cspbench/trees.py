"""Modules built from the code of other checkouts, several of them in one process.

Each tree's modules are imported from below its own folder and kept apart from those of the same
name that this process, or another tree, has loaded.
"""

import contextlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from .case import Case
from .catalogue import find
from .catalogue.entry import resolve
from .errors import AbsentError, CspbenchError

_loaded: dict[Path, dict[str, ModuleType]] = {}


def build(root: Path, case: Case) -> Any:
    """What the tree below ``root`` builds for ``case``.

    An entry of the catalogue is built as that tree's catalogue says, defaults included; only
    arguments that the case sets are handed on. Raises `AbsentError` where the tree has none such.
    """
    with imported_from(root):
        if case.build.startswith("."):
            return _entry_of(root, case)
        path, _, attribute = case.build.rpartition(":")
        if path.endswith(".py"):
            if not (root / path).is_file():
                raise AbsentError(f"{path} is not in this revision")
            return resolve(f"{root / path}:{attribute}")(**case.arguments)
        try:
            builder = resolve(case.build)
        except CspbenchError as error:
            raise AbsentError(str(error)) from error
        return builder(**case.arguments)


def _entry_of(root: Path, case: Case) -> Any:
    defaults = find(case.entry).arguments()
    changed = {
        name: value
        for name, value in case.arguments.items()
        if name in defaults and value != defaults[name]
    }
    try:
        catalogue = importlib.import_module("cspbench.catalogue")
        entries = importlib.import_module("cspbench.catalogue.entry")
    except ImportError as error:
        raise AbsentError(f"this revision has no catalogue: {error}") from error
    if not Path(str(catalogue.__file__)).is_relative_to(root):
        raise AbsentError(
            "this repository has no catalogue: name its modules package.module:callable"
        )
    if case.entry not in catalogue.ENTRIES:
        raise AbsentError(f"this revision has no entry {case.entry!r}")
    entry = catalogue.find(case.entry)
    return entries.resolve(entry.build)(**dict(entry.fixed), **entry.arguments(changed))


@contextlib.contextmanager
def imported_from(root: Path) -> Iterator[None]:
    """Inside, whatever lies below ``root`` (or its ``src``) is imported from there."""
    folders = [folder for folder in (root / "src", root) if folder.is_dir()]
    own = {
        path.stem
        for folder in folders
        for path in folder.iterdir()
        if path.suffix == ".py" or (path.is_dir() and any(path.glob("*.py")))
    }
    others = _taken_out(own)
    path_before = sys.path.copy()
    sys.path[:0] = map(str, folders)
    sys.modules.update(_loaded.get(root, {}))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        _loaded[root] = _taken_out(own)
        sys.modules.update(others)
        sys.path[:] = path_before


def _taken_out(names: set[str]) -> dict[str, ModuleType]:
    """The loaded modules below these names, no longer loaded."""
    taken = [name for name in sys.modules if name.partition(".")[0] in names]
    return {name: sys.modules.pop(name) for name in taken}
