"""Codebases: the modules below one root, imported apart from modules of the same name elsewhere."""

import builtins
import contextlib
import importlib
import importlib.util
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import AbsentError

_PACKAGE = Path(__file__).resolve().parents[1]
_PROGRAM = _PACKAGE.name
_SCHEMES = ("stdlib", "platstdlib", "purelib", "platlib")
_INSTALLED = {
    Path(folder).resolve()
    for folder in (
        *map(sysconfig.get_path, _SCHEMES),
        *site.getsitepackages(),
        site.getusersitepackages(),
    )
}
_FOLDERS_OF_PACKAGES = {"site-packages", "dist-packages"}
_NEVER_HIDDEN = {"torch", "numpy", _PROGRAM}  # a process can load the first two only once


class Codebase:
    """The modules whose files lie below ``root``, as the models of one folder or package see them.

    `active` puts them into the import table and takes them out again, so that of two codebases with
    modules of one name each gets its own. Folders that their code adds to the search path belong to
    the codebase, too; installed packages and the running cspbench do not. ``first`` are folders
    that are searched before the interpreter's, as the folder of a script is; ``last`` are searched
    after them. Nothing may be imported from the folders ``strangers``, which hold other revisions
    of the same code: folders of the search path in them are replaced by those of ``root``.
    """

    def __init__(
        self,
        root: Path,
        first: Sequence[Path] = (),
        last: Sequence[Path] = (),
        strangers: Sequence[Path] = (),
    ) -> None:
        self.root = root
        self._first, self._last = first, last
        self._strangers = strangers
        self._modules: dict[str, ModuleType] = {}
        self._path: list[str] | None = None  # with what the code itself has added
        self._added: set[Path] = set()
        self.has_removed_folders = False
        """Whether its code has removed folders from the search path while it was active last."""
        self._is_active = False
        provided = {name: file for folder in reversed(first) for name, file in _provided(folder)}
        self._hidden_names = set(provided) - sys.stdlib_module_names - _NEVER_HIDDEN
        self._own_names = {name for folder in (*first, *last) for name, _ in _provided(folder)}
        self._has_program = any(_is_other_program(folder / _PROGRAM) for folder in first)
        self._siblings = _Siblings(
            self,
            {
                name: file
                for name, file in provided.items()
                if name in sys.stdlib_module_names and name not in sys.builtin_module_names and file
            },
        )
        importlib.invalidate_caches()

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that are searched for its modules, in order."""
        return tuple(dict.fromkeys([*self._first, *self._last, *sorted(self._added)]))

    @property
    def has_added_folders(self) -> bool:
        """Whether its code has added folders to the search path."""
        return bool(self._added)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of all modules loaded so far."""
        modules = [*self._modules.values(), *self._siblings.modules.values()]
        files = filter(None, map(_file, modules))
        return tuple(dict.fromkeys(Path(file).resolve() for file in files))

    def owns(self, file: str | Path) -> bool:
        """Whether a module in ``file`` belongs to this codebase."""
        path = Path(file).resolve()
        return any(
            path.is_relative_to(folder) and not _is_installed(path, folder)
            for folder in (self.root, *self._added)
        )

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Import from this codebase inside the context; entering it again has no effect.

        Raises `AbsentError` on exit if a module came from one of the strangers.
        """
        if self._is_active:
            yield
            return
        path_before, import_before = sys.path.copy(), builtins.__import__
        self._is_active, self.has_removed_folders = True, False
        hidden, path = self._enter(), sys.path.copy()
        known = set(sys.modules)
        try:
            yield
            self._check_no_stranger(sys.modules.keys() - known)
        finally:
            self._added |= {Path(entry).resolve() for entry in sys.path if entry not in path}
            removed = [entry for entry in path if entry not in sys.path]
            self.has_removed_folders = bool(removed)
            self._collect(sys.modules.keys() - known)
            _remove(self._modules)
            sys.modules.update(hidden)
            self._path, sys.path[:] = [*sys.path, *removed], path_before
            builtins.__import__ = import_before
            self._is_active = False

    @contextlib.contextmanager
    def building(self) -> Iterator[None]:
        """`active`, with the codebase's own cspbench, if it has one, in place of the running one.

        Nothing of the running cspbench can be imported inside the context.
        """
        with self.active():
            if not self._has_program:
                yield
                return
            running = {name: sys.modules[name] for name in list(sys.modules) if _is_program(name)}
            _remove(running)
            sys.modules.update({n: m for n, m in self._modules.items() if _is_program(n)})
            try:
                yield
            finally:
                own = [name for name in sys.modules if _is_program(name)]
                self._collect(own)
                _remove(self._modules, own)
                sys.modules.update(running)

    def _enter(self) -> dict[str, ModuleType]:
        """Put the codebase's modules into the import table; returns those that they hide."""
        if self._path is None:
            self._path = self._search_path()
        sys.path[:] = self._path
        hidden = {}
        for top in self._own_names & sys.modules.keys() - _NEVER_HIDDEN:
            file = _file(sys.modules[top])
            is_foreign = file is None or not _is_installed(Path(file), self.root)
            if top in self._hidden_names or (top not in sys.stdlib_module_names and is_foreign):
                names = [name for name in sys.modules if name.partition(".")[0] == top]
                hidden.update({name: sys.modules.pop(name) for name in names})
        for name, module in self._modules.items():
            if not _is_program(name):
                if name in sys.modules:
                    hidden[name] = sys.modules[name]
                sys.modules[name] = module
        self._siblings.install()
        return hidden

    def _collect(self, names: Iterable[str]) -> None:
        """Take the modules of these names into the codebase, as far as they are its own."""
        for name in names:
            module = sys.modules[name]
            file = _file(module)
            folders = [file] if file else _namespace(module)
            if any(map(self.owns, folders)):
                self._modules[name] = module

    def _check_no_stranger(self, names: set[str]) -> None:
        for name in sorted(names):
            file = _file(sys.modules[name])
            for tree in self._strangers if file else ():
                path = Path(str(file)).resolve()
                if path.is_relative_to(tree) and not _is_installed(path, tree):
                    raise AbsentError(
                        f"{name} is imported from {path} instead of the revision, because an "
                        "editable install puts that folder first; uninstall it, then run again"
                    )

    def _search_path(self) -> list[str]:
        between = [entry for text in sys.path if (entry := self._counterpart(text)) is not None]
        return [*map(str, self._first), *between, *map(str, self._last)]

    def _counterpart(self, entry: str) -> str | None:
        """The folder of ``root`` that stands for one of a stranger; None if it has none."""
        path = Path(entry).resolve()
        for tree in self._strangers:
            if path.is_relative_to(tree) and not _is_installed(path, tree):
                folder = self.root / path.relative_to(tree)
                return str(folder) if folder.is_dir() else None
        return entry


class _Siblings:
    """Modules beside a model that are named like modules of the standard library.

    The library itself must not get them, so they are not in the import table: the codebase's own
    ``import`` statements find them. A name that only the library's module has is imported from it.
    """

    def __init__(self, codebase: Codebase, files: Mapping[str, Path]) -> None:
        self._codebase = codebase
        self._files = files
        self._import = builtins.__import__
        self.modules: dict[str, ModuleType] = {}

    def install(self) -> None:
        """Replace ``__import__`` if there are any siblings."""
        if self._files:
            self._import, builtins.__import__ = builtins.__import__, self._import_by_caller

    def _import_by_caller(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 -- the names of the built-in
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        file = (globals or {}).get("__file__")
        if level == 0 and name in self._files and file and self._codebase.owns(file):
            module = self._sibling(name)
            if all(hasattr(module, attribute) for attribute in fromlist or ()):
                return module
        return self._import(name, globals, locals, fromlist or (), level)

    def _sibling(self, name: str) -> ModuleType:
        if name not in self.modules:
            spec = importlib.util.spec_from_file_location(name, self._files[name])
            assert spec is not None
            assert spec.loader is not None
            module = self.modules[name] = importlib.util.module_from_spec(spec)
            try:
                spec.loader.exec_module(module)
            except BaseException:
                del self.modules[name]
                raise
        return self.modules[name]


def is_installed(path: Path) -> bool:
    """Whether ``path`` belongs to an installed package, to Python, or to the running cspbench."""
    return any(path.is_relative_to(folder) for folder in (*_INSTALLED, _PACKAGE))


def _is_installed(path: Path, root: Path) -> bool:
    """`is_installed`, unless ``root`` itself lies there; also packages in any folder for them."""
    if is_installed(root):
        return False
    return is_installed(path) or bool(_FOLDERS_OF_PACKAGES & set(path.parts))


def _provided(folder: Path) -> Iterator[tuple[str, Path | None]]:
    """The names of the modules (with their files) and packages in ``folder``."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.suffix == ".py":
            yield path.stem, path
        elif path.is_dir() and any(path.glob("*.py")):
            yield path.name, None


def _file(module: object) -> str | None:
    file = getattr(module, "__file__", None)
    return file if isinstance(file, str) else None


def _namespace(module: object) -> list[str]:
    try:
        return [folder for folder in getattr(module, "__path__", ()) if isinstance(folder, str)]
    except Exception:  # noqa: BLE001 -- some modules are objects that answer anything
        return []


def _is_other_program(folder: Path) -> bool:
    return folder.is_dir() and folder.resolve() != _PACKAGE


def _is_program(name: str) -> bool:
    return name.partition(".")[0] == _PROGRAM


def _remove(modules: Mapping[str, ModuleType], names: Sequence[str] | None = None) -> None:
    """Remove ``modules`` from the import table, or only those of these ``names``."""
    for name in modules if names is None else names:
        if name in modules and sys.modules.get(name) is modules[name]:
            del sys.modules[name]
