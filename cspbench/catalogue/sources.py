"""Where the module of a builder is, and the codebase that it belongs to; nothing is imported."""

import ast
import contextlib
import hashlib
import importlib.util
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from ..errors import AbsentError, CspbenchError
from ..files import read_file
from .codebase import Codebase, is_installed
from .entry import GRAPH_SUFFIX

_MAX_BYTES = 1 << 22  # of a module, whose syntax tree takes a hundred times as much

_codebases: dict[Path, Codebase] = {}
"""The codebases by the folder or the package of their models, so that each is loaded once."""
_files: dict[str, Path] = {}
"""The files that were located by their names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The module of a builder: its ``name`` in the reference, and that by which it is imported.

    ``file`` is the file of a module that is in no package, or of a graph. A module without a
    codebase is an installed one, one of cspbench, or one that the calling program has imported
    itself.
    """

    name: str
    attribute: str
    module: str
    codebase: Codebase | None = None
    file: Path | None = None

    @property
    def is_graph(self) -> bool:
        """Whether this is the file of a graph, and not a module."""
        return self.name.endswith(GRAPH_SUFFIX)

    def is_owned(self, module: ModuleType) -> bool:
        """Whether ``module`` belongs to the codebase."""
        file = getattr(module, "__file__", None)
        return self.codebase is not None and file is not None and self.codebase.owns(file)

    def is_of_library(self, entry: str) -> bool:
        """Whether this builds the model of a library that ``entry`` names, ``timm:NAME``."""
        return entry not in {f"{self.name}:{self.attribute}", self.name}


def locate(reference: str, checkout: Path | None = None) -> Source:
    """The source of the builder ``reference``, in the revision in ``checkout`` if that is given.

    Raises `CspbenchError` if ``reference`` has no callable or there is no such file, `AbsentError`
    if the checkout has none.
    """
    name, colon, attribute = reference.rpartition(":")
    if not colon:
        raise CspbenchError(
            f"expected package.module:callable, path/to/file.py:callable or "
            f"path/to/graph.toml:scale, got {reference!r}"
        )
    if not name.endswith((".py", GRAPH_SUFFIX)):
        codebase = _codebase_of_module(name) if checkout is None else _of_checkout(name, checkout)
        return Source(name=name, attribute=attribute, module=name, codebase=codebase)
    path = Path(name) if checkout is None else checkout / name
    if checkout is None and not path.is_file():  # after a model has changed the working directory
        path = _files.get(name, path)
    if not path.exists():
        if checkout is None:
            raise CspbenchError(f"no file {path}; paths are relative to the current folder")
        raise AbsentError(f"{name} is not in this revision")
    _check_source(path)
    path = path.resolve()
    if checkout is None:
        _files[name] = path
    if name.endswith(GRAPH_SUFFIX):
        return Source(name=name, attribute=attribute, module="", file=path)
    module, file, codebase = _of_file(path, checkout and checkout.resolve())
    return Source(name=name, attribute=attribute, module=module, codebase=codebase, file=file)


def _of_file(path: Path, checkout: Path | None) -> tuple[str, Path | None, Codebase | None]:
    """The name of the module in ``path``, its file if it is in no package, and its codebase."""
    top = path.parent  # searched for absolute imports: the parent of the outermost package
    while (top / "__init__.py").is_file() and "." not in top.name:
        top = top.parent
    if top == path.parent and (levels := _levels(path)):
        top = _top_of_namespace(path, levels, checkout)
    if top != path.parent:
        names = path.relative_to(top).with_suffix("").parts
        name = ".".join(names[:-1] if names[-1] == "__init__" else names)
        if is_installed(path):
            return name, None, None
        return name, None, _of_folder(top / names[0], [top], [path.parent], checkout)
    name, first, last = path.stem, [top], []
    if "." in name or _is_installed_name(name):
        name = f"cspbench_file_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
        first, last = [], [top]  # such a file can import the installed module of its own name
    return name, path, _of_folder(top, first, last, checkout)


def _of_folder(key: Path, first: list[Path], last: list[Path], checkout: Path | None) -> Codebase:
    """The codebase of the models in the folder or package ``key``."""
    if key not in _codebases:
        project = checkout or _project(next(iter([*first, *last])))
        others = [project / "src", project]
        if checkout is not None and first:  # before an installed copy of the same code
            _codebases[key] = Codebase(project, [*first, *others], last, _other_checkouts(checkout))
        else:
            _codebases[key] = Codebase(project, first, [*last, *others])
    return _codebases[key]


def _of_checkout(module: str, checkout: Path) -> Codebase:
    """The codebase of ``module`` in the revision in ``checkout``."""
    checkout = checkout.resolve()
    top = "cspbench" if module.startswith(".") else module.partition(".")[0]
    return _of_folder(checkout / top, [checkout / "src"], [], checkout)


def _codebase_of_module(module: str) -> Codebase | None:
    """The codebase of a module that the search path has; None if it belongs to none."""
    top = module.partition(".")[0]
    if not top:
        return None
    location = _location(top)
    if location is None:
        source_folder = Path.cwd() / "src"
        if not any((source_folder / name).exists() for name in (top, f"{top}.py")):
            return None  # an import says what is missing
        return _of_folder(source_folder / top, [source_folder], [], None)
    if is_installed(location):
        return None
    if location not in _codebases and top in sys.modules:
        return None  # the calling program's own
    return _of_folder(location, [], [location.parent], None)


def _location(top: str) -> Path | None:
    """The folder of the package ``top``, or that of the file of the module ``top``."""
    with contextlib.suppress(ImportError, ValueError):
        if spec := importlib.util.find_spec(top):
            if spec.submodule_search_locations:
                return Path(next(iter(spec.submodule_search_locations))).resolve()
            if spec.origin and spec.has_location:
                return Path(spec.origin).resolve().parent
            return Path(sysconfig.get_path("stdlib")).resolve()
    return None


def _is_installed_name(name: str) -> bool:
    """Whether ``name`` is that of an installed module, or of one of Python's."""
    if name in sys.stdlib_module_names:
        return True
    location = _location(name)
    return location is not None and is_installed(location)


def _levels(path: Path) -> int:
    """The number of folders up to which the module in ``path`` imports relatively."""
    tree = syntax_tree(path)  # of a file that has none, the import says why
    nodes = () if tree is None else ast.walk(tree)
    return max((node.level for node in nodes if isinstance(node, ast.ImportFrom)), default=0)


def syntax_tree(path: Path) -> ast.Module | None:
    """The syntax tree of the module in ``path``; None if it is not Python or cannot be read."""
    try:
        return ast.parse(read_file(path, _MAX_BYTES))
    except (CspbenchError, OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _check_source(path: Path) -> None:
    """Raise `CspbenchError` for what is no regular file of a usual size."""
    try:
        read_file(path, _MAX_BYTES)
    except OSError as error:
        raise CspbenchError(f"cannot read {path}: {error.strerror}") from error


def _top_of_namespace(path: Path, levels: int, checkout: Path | None) -> Path:
    """The folder above the namespace package that a file with relative imports is in."""
    project = checkout or _project(path.parent)
    folders = path.relative_to(project).parts[:-1]
    is_deep_enough = len(folders) >= levels
    return project if is_deep_enough else path.parents[min(levels, len(path.parents) - 1)]


def _project(folder: Path) -> Path:
    """The repository of ``folder``, else the working directory if it holds it, else itself."""
    for parent in (folder, *folder.parents):
        if (parent / ".git").exists():
            return parent
    current = Path.cwd()
    return current if folder.is_relative_to(current) and current.parent != current else folder


def _other_checkouts(checkout: Path) -> tuple[Path, ...]:
    """The other working trees of the repository of which ``checkout`` is a linked one."""
    link = checkout / ".git"
    if not link.is_file():
        return ()
    repository = Path(link.read_text(encoding="utf-8").partition(":")[2].strip()).parents[1]
    links = (path.read_text(encoding="utf-8") for path in repository.glob("worktrees/*/gitdir"))
    trees = [repository.parent, *(Path(text.strip()).parent for text in links)]
    return tuple(tree.resolve() for tree in trees if tree.resolve() != checkout)
