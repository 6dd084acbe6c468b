"""Loading of builders by reference, from this process's packages or from other checkouts.

The modules of each checkout are imported from its own root and kept apart from modules of the same
name that this process, or another checkout, has loaded.
"""

import contextlib
import hashlib
import importlib
import importlib.util
import operator
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import AbsentError, CspbenchError
from .entries import find
from .entry import Value, is_own

_modules_by_root: dict[Path, dict[str, ModuleType]] = {}


def resolve(reference: str, *, package: str = __package__.rpartition(".")[0]) -> Callable[..., Any]:
    """The callable that ``reference`` names, after importing its module.

    ``reference`` is ``.blocks.csp:CSP``, ``package.module:callable`` or
    ``path/to/file.py:callable``. Raises `CspbenchError` if the module cannot be imported, lacks the
    name, or the name cannot be called.
    """
    module_name, colon, attribute = reference.rpartition(":")
    if not colon:
        raise CspbenchError(f"a builder is written package.module:callable, got {reference!r}")
    try:
        module = (
            _module_of_file(Path(module_name))
            if module_name.endswith(".py")
            else importlib.import_module(module_name, package)
        )
    except (ImportError, ValueError) as error:
        raise CspbenchError(f"cannot import {module_name!r} of {reference!r}: {error}") from error
    try:
        builder: Callable[..., Any] = operator.attrgetter(attribute)(module)
    except AttributeError as error:
        raise CspbenchError(f"{module_name!r} has no {attribute!r}") from error
    if not callable(builder):
        raise CspbenchError(f"{reference!r} is {builder!r}, which cannot be called")
    return builder


def _module_of_file(path: Path) -> ModuleType:
    """The module in a file, loaded once; it can import other modules from the file's folder."""
    name = f"cspbench_file_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise CspbenchError(f"there is no file {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise CspbenchError(f"{path} cannot be loaded: {type(error).__name__}: {error}") from error
    return module


def build_from(root: Path, entry: str, builder: str, arguments: Mapping[str, Value]) -> Any:
    """The module that the checkout at ``root`` builds for ``entry`` with ``builder``.

    An entry of the catalogue is built by the checkout's own catalogue, with its own defaults; only
    arguments that differ from the defaults of this catalogue are passed. Raises `AbsentError` if
    the checkout lacks the entry or the builder.
    """
    with imported_from(root):
        if is_own(builder):
            return _build_entry(root, entry, arguments)
        path, _, attribute = builder.rpartition(":")
        if path.endswith(".py"):
            if not (root / path).is_file():
                raise AbsentError(f"{path} is not in this revision")
            return resolve(f"{root / path}:{attribute}")(**arguments)
        try:
            build = resolve(builder)
        except CspbenchError as error:
            raise AbsentError(str(error)) from error
        return build(**arguments)


def _build_entry(root: Path, name: str, arguments: Mapping[str, Value]) -> Any:
    defaults = find(name).arguments()
    changed = {
        argument: value
        for argument, value in arguments.items()
        if argument in defaults and value != defaults[argument]
    }
    try:
        catalogue = importlib.import_module("cspbench.catalogue")
    except ImportError as error:
        raise AbsentError(f"this revision has no catalogue: {error}") from error
    if not Path(str(catalogue.__file__)).is_relative_to(root):
        raise AbsentError(
            "this repository has no catalogue: name its modules package.module:callable"
        )
    if name not in catalogue.ENTRIES:
        raise AbsentError(f"this revision has no entry {name!r}")
    entry = catalogue.find(name)
    return resolve(entry.build)(**dict(entry.fixed), **entry.arguments(changed))


@contextlib.contextmanager
def imported_from(root: Path) -> Iterator[None]:
    """Import the top-level modules of ``root`` and ``root/src`` from there, inside the context."""
    folders = [folder for folder in (root / "src", root) if folder.is_dir()]
    names = {
        path.stem
        for folder in folders
        for path in folder.iterdir()
        if path.suffix == ".py" or (path.is_dir() and any(path.glob("*.py")))
    }
    hidden = _pop_modules(names)
    search_path = sys.path.copy()
    sys.path[:0] = map(str, folders)
    sys.modules.update(_modules_by_root.get(root, {}))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        _modules_by_root[root] = _pop_modules(names)
        sys.modules.update(hidden)
        sys.path[:] = search_path


def _pop_modules(names: set[str]) -> dict[str, ModuleType]:
    """Remove the top-level modules of these names and their submodules from ``sys.modules``."""
    modules = [name for name in sys.modules if name.partition(".")[0] in names]
    return {name: sys.modules.pop(name) for name in modules}
