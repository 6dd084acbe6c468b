"""Modules of one name in two codebases: each model gets its own, whenever it imports them."""

import builtins
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from cspbench.catalogue.loading import build
from cspbench.catalogue.sources import locate
from cspbench.errors import AbsentError, CspbenchError

HELPER = "VALUE = {value!r}\n"
LAYOUTS: dict[str, tuple[str, dict[str, str]]] = {
    "a sibling": (
        "net.py",
        {"net.py": "import parts\ndef net(): return parts.VALUE", "parts.py": HELPER},
    ),
    "a sibling package": (
        "net.py",
        {
            "net.py": "from lib.parts import VALUE\ndef net(): return VALUE",
            "lib/__init__.py": "",
            "lib/parts.py": HELPER,
        },
    ),
    "a sibling that a namespace package holds": (
        "net.py",
        {
            "net.py": "from lib.deep.parts import VALUE\ndef net(): return VALUE",
            "lib/deep/parts.py": HELPER,
        },
    ),
    "a late import in the builder": (
        "net.py",
        {"net.py": "def net():\n    from parts import VALUE\n    return VALUE", "parts.py": HELPER},
    ),
    "a module imported by name": (
        "net.py",
        {
            "net.py": "import importlib\ndef net(): return importlib.import_module('parts').VALUE",
            "parts.py": HELPER,
        },
    ),
    "siblings that import each other": (
        "net.py",
        {
            "net.py": "SCALE = 1\nimport parts\ndef net(): return parts.value()",
            "parts.py": "import net\ndef value(): return [{value!r}, net.SCALE][0]",
        },
    ),
    "imports for type checkers": (
        "net.py",
        {
            "net.py": "from typing import TYPE_CHECKING\nimport parts\n"
            "if TYPE_CHECKING:\n    import nowhere\ndef net(): return parts.VALUE",
            "parts.py": HELPER,
        },
    ),
    "a dataclass in a sibling": (
        "net.py",
        {
            "net.py": "from parts import Config\ndef net(): return Config().value",
            "parts.py": "from __future__ import annotations\nfrom dataclasses import dataclass\n"
            "@dataclass\nclass Config:\n    value: str = {value!r}\n",
        },
    ),
    "a package with relative imports": (
        "pkg/net.py",
        {
            "pkg/__init__.py": "",
            "pkg/net.py": "from .parts import VALUE\ndef net(): return VALUE",
            "pkg/parts.py": HELPER,
        },
    ),
    "a package within a package": (
        "pkg/models/net.py",
        {
            "pkg/__init__.py": "",
            "pkg/models/__init__.py": "",
            "pkg/models/net.py": "from ..parts import VALUE\ndef net(): return VALUE",
            "pkg/parts.py": HELPER,
        },
    ),
    "a package that imports itself by name": (
        "pkg/net.py",
        {
            "pkg/__init__.py": "from pkg.net import net",
            "pkg/net.py": "from pkg.parts import VALUE\ndef net(): return VALUE",
            "pkg/parts.py": HELPER,
        },
    ),
    "a source folder": (
        "src/pkg/net.py",
        {
            "src/pkg/__init__.py": "",
            "src/pkg/net.py": "from pkg import parts\ndef net(): return parts.VALUE",
            "src/pkg/parts.py": HELPER,
        },
    ),
    "a namespace package with relative imports": (
        "space/net.py",
        {
            "space/net.py": "from .parts import VALUE\ndef net(): return VALUE",
            "space/parts.py": HELPER,
        },
    ),
    "a package whose file imports a sibling": (
        "pkg/net.py",
        {
            "pkg/__init__.py": "",
            "pkg/net.py": "from parts import VALUE\ndef net(): return VALUE",
            "pkg/parts.py": HELPER,
        },
    ),
    "the search path extended": (
        "models/net.py",
        {
            "models/net.py": "import sys, pathlib\n"
            "sys.path.append(str(pathlib.Path(__file__).parents[1] / 'lib'))\n"
            "def net():\n    import parts\n    return parts.VALUE",
            "lib/parts.py": HELPER,
        },
    ),
    "a name of the standard library": (
        "net.py",
        {
            "net.py": "import types\nfrom statistics import VALUE\nfrom copy import deepcopy\n"
            "def net(): return deepcopy(VALUE) if types.VALUE == VALUE else None",
            "copy.py": "",
            "types.py": HELPER,
            "statistics.py": "VALUE = {value!r}\n",
        },
    ),
    "a name that this process has loaded": (
        "net.py",
        {
            "net.py": "from conftest import VALUE\nfrom yaml import VALUE as other\n"
            "def net(): return VALUE if other == VALUE else None",
            "conftest.py": HELPER,
            "yaml.py": HELPER,
        },
    ),
    "a file that is named like a library": (
        "scipy.py",
        {
            "scipy.py": "import scipy.signal, parts\n"
            "def net(): return parts.VALUE if scipy.signal else None",
            "parts.py": HELPER,
        },
    ),
    "a file whose name is no identifier": (
        "net-v1.2.py",
        {"net-v1.2.py": "import parts\ndef net(): return parts.VALUE", "parts.py": HELPER},
    ),
}


def write(folder: Path, files: dict[str, str], value: str) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{value!r}", repr(value)) + "\n")


def call(reference: str, checkout: Path | None = None) -> Any:
    """What the builder returns; it leaves no module, folder or import function behind."""
    path, imported, modules = sys.path.copy(), builtins.__import__, dict(sys.modules)
    built = build(reference, reference, {}, checkout)
    assert (sys.path, builtins.__import__) == (path, imported)
    assert all(sys.modules.get(name) is module for name, module in modules.items())
    left = {name.partition(".")[0] for name in sys.modules.keys() - modules.keys()}
    assert not left & {"net", "parts", "pkg", "lib", "models", "space", "mine", "helpers"}
    return built


@pytest.mark.parametrize("layout", LAYOUTS)
def test_two_models_get_modules_of_one_name_from_their_own_folders(
    tmp_path: Path, layout: str
) -> None:
    """In any order, again and again."""
    file, files = LAYOUTS[layout]
    for value in ("old", "new"):
        write(tmp_path / value, files, value)
    for value in ("old", "new", "old"):
        assert call(f"{tmp_path / value / file}:net") == value


@pytest.mark.parametrize("layout", LAYOUTS)
def test_two_revisions_get_modules_of_one_name_from_their_own_checkouts(
    tmp_path: Path, layout: str
) -> None:
    """Also where this process's search path holds a third copy, as that of a working tree."""
    file, files = LAYOUTS[layout]
    for value in ("old", "new"):
        write(tmp_path / value, files, value)
    for value in ("old", "new", "old"):
        assert call(f"{file}:net", tmp_path / value) == value


def test_a_late_import_in_a_call_is_of_the_models_own_codebase(tmp_path: Path) -> None:
    code = (
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def forward(self, x):\n"
        "        from parts import VALUE\n"
        "        return VALUE\n"
    )
    modules = []
    for value in ("old", "new"):
        write(tmp_path / value, {"net.py": code, "parts.py": HELPER}, value)
        reference = f"{tmp_path / value / 'net.py'}:Net"
        modules.append((locate(reference).codebase, call(reference)))
    for codebase, module in (*modules, *modules):
        assert codebase is not None
        with codebase.active():
            assert module(torch.zeros(1)) == codebase.root.name


def test_models_of_one_folder_share_their_modules(tmp_path: Path) -> None:
    """An operator that both register, for example, is registered once."""
    write(
        tmp_path,
        {
            "parts.py": "class Part: pass",
            "one.py": "import parts\ndef net(): return parts.Part",
            "two.py": "import parts\ndef net(): return parts.Part",
        },
        "",
    )
    assert call(f"{tmp_path}/one.py:net") is call(f"{tmp_path}/two.py:net")


def test_the_callers_own_modules_stay_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that the caller has imported is neither given to a model of a file nor replaced."""
    write(tmp_path / "caller", {"parts.py": HELPER}, "caller")
    write(
        tmp_path / "other",
        {"net.py": "import parts\ndef net(): return parts.VALUE", "parts.py": HELPER},
        "other",
    )
    monkeypatch.syspath_prepend(tmp_path / "caller")
    parts = __import__("parts")
    try:
        assert call(f"{tmp_path}/other/net.py:net") == "other"
        assert sys.modules["parts"] is parts
        assert locate("parts:VALUE").codebase is None
    finally:
        del sys.modules["parts"]


def test_modules_named_by_dots_have_codebases_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their packages extend the search path, each by its own folder."""
    code = (
        "import os, sys\nsys.path.insert(0, os.path.dirname(__file__))\nimport helpers\n"
        "def net(): return helpers.VALUE"
    )
    for value in ("first_one", "second_one"):
        write(tmp_path / value, {"__init__.py": "", "net.py": code, "helpers.py": HELPER}, value)
    monkeypatch.syspath_prepend(tmp_path)
    for value in ("first_one", "second_one", "first_one"):
        assert call(f"{value}.net:net") == value


def test_a_package_of_the_source_folder_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        tmp_path / "src" / "mine",
        {
            "__init__.py": "",
            "net.py": "from . import parts\nnet = parts.net",
            "parts.py": "net = dict",
        },
        "",
    )
    monkeypatch.chdir(tmp_path)
    assert call("mine.net:net") == {}


def test_a_revision_takes_nothing_from_another_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of the search path is replaced by the revision's own; a stranger is refused."""
    for tree in ("repository", "revision"):
        write(
            tmp_path / tree,
            {"net.py": "import parts\ndef net(): return parts.VALUE", "lib/parts.py": HELPER},
            tree,
        )
    (tmp_path / "repository" / ".git" / "worktrees" / "revision").mkdir(parents=True)
    link = tmp_path / "repository" / ".git" / "worktrees" / "revision"
    (tmp_path / "revision" / ".git").write_text(f"gitdir: {link}\n")
    (link / "gitdir").write_text(f"{tmp_path / 'revision' / '.git'}\n")
    monkeypatch.syspath_prepend(tmp_path / "repository" / "lib")
    assert call("net.py:net", tmp_path / "revision") == "revision"

    write(
        tmp_path / "revision",
        {
            "late.py": "import sys\n"
            f"sys.path.insert(0, {str(tmp_path / 'repository' / 'more')!r})\n"
            "import stranger\ndef net(): return stranger.VALUE"
        },
        "",
    )
    write(tmp_path / "repository" / "more", {"stranger.py": HELPER}, "repository")
    with pytest.raises(AbsentError, match=r"stranger is imported from .* instead of the revision"):
        call("late.py:net", tmp_path / "revision")


def test_a_module_that_a_revision_lacks_is_absent_though_it_is_installed(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(AbsentError, match=r"^torch\.nn is not in this revision$"):
        call("torch.nn:Identity", tmp_path)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import nowhere_at_all", "cannot import .*: No module named 'nowhere_at_all'"),
        ("def net(:", "cannot import .*: SyntaxError"),
        ("1 / 0", "cannot import .*: ZeroDivisionError: division by zero"),
        ("from .parts import x", "cannot import .*No module named"),
        ("NET = 1", "has no callable 'net'; allowed: none"),
        ("net = 1", "is 1, which cannot be called"),
    ],
)
def test_a_module_that_cannot_be_loaded_is_one_line(
    tmp_path: Path, code: str, message: str
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "net.py").write_text(code)
    with pytest.raises(CspbenchError, match=message) as caught:
        call(f"{tmp_path}/broken/net.py:net")
    assert "\n" not in str(caught.value)
