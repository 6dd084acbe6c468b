"""The hash of a model's files."""

import hashlib
import sys
from pathlib import Path

import pytest
from fake_channel import FakeChannel

from cspbench.engine import worker


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
        worker.load(channel, (f"{name}.py:Block",), None)  # type: ignore[arg-type]
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
