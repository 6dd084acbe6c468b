"""The hash of a model's files."""

import hashlib
import sys
from pathlib import Path

import pytest
from fake_channel import FakeChannel
from test_worktrees import git

from cspbench.engine import session, worker
from cspbench.records.machine import Git


def test_a_models_hash_is_of_the_files_that_name_and_define_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that stands for another's class changes with the file, and with what it stands for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())

    def digest(code: str, name: str) -> str:
        path = tmp_path / f"{name}.py"
        path.write_text(code)
        channel = FakeChannel()
        worker.load(channel, ((f"{name}.py:Block", ()),), None)  # type: ignore[arg-type]
        ((_, model_hash),) = channel.messages
        return str(model_hash)

    source = "from torch import nn\nclass Block(nn.ReLU): pass\n"
    alias = "from torch import nn\nBlock = nn.ReLU\n"
    assert (
        digest(source, "a")
        == hashlib.sha256(source.encode()).hexdigest()[:16]
        == digest(source, "b")
    )
    assert digest(alias, "c") not in {
        digest(source, "d"),
        hashlib.sha256(alias.encode()).hexdigest(),
    }


def test_the_hash_of_a_graph_is_that_of_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = '[scales]\nn = {}\n[parts]\nall = [[-1, 1, "conv"], [-1, 1, "classify"]]'
    Path("net.toml").write_text(text)
    channel = FakeChannel()
    worker.load(channel, (("net.toml:n", ()),), None)  # type: ignore[arg-type]
    assert channel.messages == [("net.toml:n", hashlib.sha256(text.encode()).hexdigest()[:16])]


HELPERS = {
    "imported": ("import parts\nfrom parts import Block\n", "parts.py"),
    "imported late": (
        (
            "from torch import nn\nclass Block(nn.Module):\n"
            "    def forward(self, x):\n        from lib.deep import parts\n"
        ),
        "lib/deep/parts.py",
    ),
    "imported relatively": ("from .parts import Block\n", "parts.py"),
    "imported by another": ("import first\nfrom torch.nn import ReLU as Block\n", "parts.py"),
    "imported by name": (
        "from importlib import import_module\ndef Block():\n    import_module('parts')\n",
        "parts.py",
    ),
    "imported by a computed name": (
        "import importlib\nBlock = importlib.import_module('pa' + 'rts').Block\n",
        "parts.py",
    ),
    "the package of what is imported": (
        "from lib.deep import parts\nBlock = dict",
        "lib/__init__.py",
    ),
    "a sibling of a package": ("import lib.deep.parts\nBlock = dict", "lib/deep/parts.py"),
    "in a folder that the code adds": (
        (
            "import sys, os\nsys.path.append(os.path.dirname(__file__) + '/more')\n"
            "import added\nBlock = dict"
        ),
        "more/added.py",
    ),
}


@pytest.mark.parametrize("how", HELPERS)
def test_a_models_hash_covers_every_file_that_it_imports(tmp_path: Path, how: str) -> None:
    """Equal contents in another folder have the same hash; a changed helper has another."""
    code, helper = HELPERS[how]

    def digest(name: str, *, changed: str = "") -> str:
        parts = "class Block: pass\n"
        files = {
            "net.py": code,
            "first.py": "import parts\n",
            "parts.py": parts,
            "unused.py": "",
            "lib/__init__.py": "",
            "lib/deep/parts.py": parts,
            "more/added.py": "",
        }
        for file, text in files.items():
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + ("# changed\n" if file == changed else ""))
        channel = FakeChannel()
        worker.load(channel, ((f"{tmp_path / name}/net.py:Block", ()),), None)  # type: ignore[arg-type]
        ((_, model_hash),) = channel.messages
        return str(model_hash)

    unchanged = digest("one")
    assert digest("two") == unchanged
    assert digest("three", changed=helper) != unchanged
    assert digest("four", changed="unused.py") == unchanged


def test_a_models_hash_does_not_depend_on_what_was_loaded_before(tmp_path: Path) -> None:
    """Another model of the same folder has helpers of its own."""
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text(f"import {name}_parts\nBlock = dict\n")
        (tmp_path / f"{name}_parts.py").write_text(f"# {name}\n")

    def digests(*names: str) -> dict[str, str]:
        channel = FakeChannel()
        calls = tuple((f"{tmp_path}/{name}.py:Block", ()) for name in names)
        worker.load(channel, calls, None)  # type: ignore[arg-type]
        return dict(channel.messages)

    both = digests("one", "two")
    assert both == digests("two", "one")
    (tmp_path / "one_parts.py").write_text("# changed\n")
    one, two = both
    assert digests("one", "two")[one] != both[one]
    assert digests("one", "two")[two] == both[two]


def test_a_run_names_the_commit_of_its_models(tmp_path: Path) -> None:
    """And whether it was changed; what Python compiles is no change, a new file is one."""
    (tmp_path / "net.py").write_text("import parts\nBlock = dict\n")
    (tmp_path / "parts.py").write_text("")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "one")
    commit = git(tmp_path, "rev-parse", "HEAD")
    name = f"{tmp_path}/net.py:Block"
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "parts.pyc").write_text("")
    assert session._repositories([name]) == {name: Git(commit=commit, dirty=False)}
    (tmp_path / "parts.py").write_text("# changed")
    assert session._repositories([name]) == {name: Git(commit=commit, dirty=True)}
    assert session._repositories(["torch.nn:ReLU"]) == {}
