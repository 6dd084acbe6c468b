"""The module of a builder: only a regular file of a usual size is one."""

import os
from pathlib import Path

import pytest

from cspbench.catalogue.sources import locate, syntax_tree
from cspbench.engine.model_hash import model_hash
from cspbench.errors import CspbenchError


def test_a_model_that_is_a_fifo_a_device_or_a_folder_is_refused(tmp_path: Path) -> None:
    """Reading it would wait, or never end."""
    fifo, device, folder = (tmp_path / name for name in ("fifo.py", "device.py", "folder.py"))
    os.mkfifo(fifo)
    device.symlink_to("/dev/zero")
    folder.mkdir()
    for path in (fifo, device, folder):
        with pytest.raises(CspbenchError, match=f"{path.name} is not a regular file"):
            locate(f"{path}:net")


def test_a_giant_is_no_model(tmp_path: Path) -> None:
    """Its syntax tree would take gigabytes."""
    path = tmp_path / "net.py"
    with path.open("wb") as file:
        file.truncate((1 << 22) + 1)
    with pytest.raises(CspbenchError, match="at most 4,194,304 are read"):
        locate(f"{path}:net")
    assert syntax_tree(path) is None


@pytest.mark.parametrize("text", ["(" * 5_000, "-" * 100_000 + "1", "x = \0", "def"])
def test_what_python_cannot_parse_has_no_tree(tmp_path: Path, text: str) -> None:
    """Nested too deeply, or no Python at all; the import says why."""
    path = tmp_path / "net.py"
    path.write_text(text)
    assert syntax_tree(path) is None
    assert locate(f"{path}:net").module == "net"


def test_another_content_has_another_hash(tmp_path: Path) -> None:
    """Files are hashed in parts."""
    path = tmp_path / "net.py"
    path.write_text("def net():\n    ...\n")
    hashes = {model_hash(f"{path}:net", len)}
    path.write_text("def net():\n    return\n")
    assert len({model_hash(f"{path}:net", len), *hashes}) == 2
