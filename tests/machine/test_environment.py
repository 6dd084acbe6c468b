"""What a run says of its machine and its commit."""

import os
import subprocess
from pathlib import Path

import pytest
from factories import make_gpu

from cspbench.machine import environment
from cspbench.records.base import Failure


@pytest.mark.usefixtures("every_core")
def test_threads_default_to_the_cores_that_the_process_may_use() -> None:
    """An affinity to one core means one thread."""
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    assert environment.physical_cores() == 1
    assert environment.describe().affinity == (core,)


def test_the_environment_names_which_thop_ran() -> None:
    """Two distributions install a module of that name, under different licences."""
    described = environment.describe()
    assert described.thop_distribution == "thop"
    assert described.packages["torch"].startswith("2.")


@pytest.mark.parametrize(
    ("cpuinfo", "int8"),
    [
        ("flags\t\t: fpu avx512_vnni amx_tile amx_int8", "AMX, VNNI"),
        ("flags\t\t: fpu avx2 avx_vnni", "VNNI"),
        ("flags\t\t: fpu avx2 amx_bf16", "none"),
        ("Features\t: fp asimd asimddp i8mm", "dot product, i8mm"),
        ("Features\t: fp asimd", "none"),
        ("", Failure(reason="/proc/cpuinfo lists no flags")),
    ],
)
def test_the_processors_instructions_for_8_bit_products_are_named(
    cpuinfo: str, int8: str | Failure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On x86 and on Arm; where nothing can be read, that is said."""
    monkeypatch.setattr(Path, "read_text", lambda path, encoding: f"processor\t: 0\n{cpuinfo}\n")
    monkeypatch.setattr(environment, "_governor", lambda: "performance")
    assert environment.describe().int8 == int8


def test_runtimes_that_are_not_installed_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """And those of the forms that a run has are told apart from the others."""
    versions = {"onnxruntime": "1.32.0", "onnx": "1.23.2", "nncf": "3.4.0"}
    monkeypatch.setattr(environment, "_version", lambda name: versions.get(name, "not installed"))
    described = environment.describe()
    assert described.runtimes == versions
    assert described.runtimes_of(["eager", "onnxruntime", "onnxruntime:int8"]) == {
        "onnxruntime": "1.32.0",
        "onnx": "1.23.2",
    }
    assert list(described.runtimes_of(["openvino:int8"])) == ["nncf", "onnx"]
    assert described.runtimes_of(["eager", "compiled"]) == {}


def test_a_run_on_gpus_names_them_once_and_keeps_what_drives_them() -> None:
    """Two of one kind are one name; each has its description."""
    gpus = [make_gpu("one kind"), make_gpu("one kind")]
    described = environment.describe([gpu.description for gpu in gpus])
    assert described.device == "one kind"
    assert [gpu.cuda for gpu in described.gpus] == ["12.8", "12.8"]


def test_memory_is_planned_for_where_the_cases_run() -> None:
    """On the fuller of two GPUs; in the main memory only without one."""
    assert environment.memory_budget_bytes([10_000, 5_000]) == 3_000
    assert environment.memory_budget_bytes() > 1 << 28


def _git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    completed = subprocess.run(
        ["git", "-C", str(folder), *identity, *words], capture_output=True, text=True, check=True
    )
    return completed.stdout.strip()


def test_the_commit_and_a_dirty_tree_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkout that holds the package; none where the package is not tracked in one."""
    package = tmp_path / "cspbench"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(environment, "_PACKAGE", package)
    assert environment.git() is None
    _git(tmp_path, "init", "-q")
    assert environment.git() is None
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-qm", "first")
    git = environment.git()
    assert git is not None
    assert (git.commit, git.dirty) == (_git(tmp_path, "rev-parse", "HEAD"), False)
    (package / "new.py").write_text("")
    git = environment.git()
    assert git is not None
    assert git.dirty
