"""A hash of the files that a model is made of: its own, and those that these import."""

import ast
import contextlib
import hashlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from ..catalogue.codebase import Codebase
from ..catalogue.sources import locate, syntax_tree
from ..files import open_file

_IMPORTERS = {"import_module", "__import__"}


def model_hash(builder: str, model: Callable[..., object]) -> str:
    """The first 16 digits of the SHA-256 of all files below its root that the model is made of.

    These are the file named in ``builder``, that of ``model``, to which it resolves, and all that
    they import, at once or late: in a function, by name or for type checkers alone. Where a name is
    computed, all modules that have been loaded from below the root count.
    """
    source = locate(builder)
    named_file = source.file
    if named_file is None:
        named_file = _file_of_module(source.module, source.codebase)
    paths = [] if named_file is None else [named_file]
    with contextlib.suppress(TypeError):  # a callable written in C or created in memory has no file
        paths.append(Path(inspect.getfile(model)).resolve())
    files = [path for path in dict.fromkeys(paths) if path.is_file()]
    digest = hashlib.sha256()
    for path in files:
        _add_file(digest, path)
    if source.codebase is not None and files:
        imported = _imported(files, source.codebase) - set(files)
        names = {os.path.relpath(path, files[0].parent): path for path in imported}
        for name, path in sorted(names.items()):
            digest.update(b"\0" + os.fsencode(name) + b"\0")
            _add_file(digest, path)
    return digest.hexdigest()[:16]


def _add_file(digest: "hashlib._Hash", path: Path) -> None:
    with open_file(path) as descriptor:
        while part := os.read(descriptor, 1 << 20):
            digest.update(part)


def _file_of_module(name: str, codebase: Codebase | None) -> Path | None:
    with contextlib.nullcontext() if codebase is None else codebase.active():
        file = getattr(sys.modules.get(name), "__file__", None)
    return None if file is None else Path(file).resolve()


def _imported(files: list[Path], codebase: Codebase) -> set[Path]:
    """All files of ``codebase`` that ``files`` import, directly or not."""
    imported: set[Path] = set()
    queue = list(files)
    while queue:
        path = queue.pop()
        if path in imported or not codebase.owns(path):
            continue
        imported.add(path)
        for name, folder in _imports(path):
            if name is None:
                queue += [file for file in codebase.files if file.is_file()]
            else:
                folders = codebase.folders if folder is None else (folder,)
                queue += _files_of_name(name, folders)
    return imported


def _imports(path: Path) -> Iterator[tuple[str | None, Path | None]]:
    """The names that the file imports, and the folder that a relative one starts from.

    A name that is computed is None.
    """
    tree = syntax_tree(path)
    if tree is None:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            folder = path.parents[node.level - 1] if 0 < node.level <= len(path.parents) else None
            names = (f"{node.module or ''}.{alias.name}".strip(".") for alias in node.names)
            yield from ((name, folder) for name in names)
        elif isinstance(node, ast.Call) and node.args and _called(node) in _IMPORTERS:
            argument = node.args[0]
            is_text = isinstance(argument, ast.Constant) and isinstance(argument.value, str)
            name = ast.literal_eval(argument) if is_text else None
            is_relative = name is not None and name.startswith(".")
            yield (name.strip(".") if name else None), path.parent if is_relative else None


def _called(node: ast.Call) -> str | None:
    return getattr(node.func, "attr", None) or getattr(node.func, "id", None)


def _files_of_name(name: str, folders: tuple[Path, ...]) -> list[Path]:
    """The files of a module and of the packages that hold it, from the first folder that has it."""
    parts = name.split(".")
    for folder in folders:
        files = []
        for depth in range(1, len(parts) + 1):
            path = folder.joinpath(*parts[:depth])
            files += [path / "__init__.py", path.with_name(f"{path.name}.py")]
        existing = [path.resolve() for path in files if path.is_file()]
        if existing or folder.joinpath(parts[0]).is_dir():
            return existing
    return []
