"""The check of wheel and sdist: what is missing or too many is named."""

import io
import tarfile
import zipfile
from pathlib import Path

import dist_check
import pytest

import cspbench

REPOSITORY = {"cspbench/__init__.py", "cspbench/py.typed", "README.md", "tests/a.py", ".ci/run"}


def write_wheel(path: Path, names: set[str]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in [*names, "cspbench-1.0.0.dist-info/METADATA"]:
            archive.writestr(name, "")


def write_sdist(path: Path, names: set[str]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name in [*names, "PKG-INFO", "cspbench.egg-info/SOURCES.txt", "setup.cfg"]:
            archive.addfile(tarfile.TarInfo(f"cspbench-1.0.0/{name}"), io.BytesIO())


def test_what_git_tracks_is_what_is_shipped(tmp_path: Path) -> None:
    """The package in the wheel, in the sdist all but what a clone needs; metadata aside."""
    write_wheel(tmp_path / "a.whl", {"cspbench/__init__.py", "cspbench/py.typed"})
    write_sdist(tmp_path / "a.tar.gz", REPOSITORY - {".ci/run"})
    wheel = dist_check.wheel_files(tmp_path / "a.whl")
    sdist = dist_check.sdist_files(tmp_path / "a.tar.gz")
    assert dist_check.complaints(wheel, sdist, REPOSITORY) == []


def test_a_missing_and_an_untracked_file_are_named() -> None:
    """A marker of types that the wheel lacks; an environment in the sdist."""
    source = REPOSITORY - {".ci/run"}
    assert dist_check.complaints(
        {"cspbench/__init__.py"}, {*source, ".venv/bin/python"}, REPOSITORY
    ) == [
        "the wheel lacks cspbench/py.typed",
        "the sdist holds .venv/bin/python, which git does not track",
    ]


def test_the_clone_is_listed_with_the_data_of_the_package() -> None:
    """Suites, published figures and the marker of types, which a wheel must hold."""
    files = dist_check.repository_files()
    assert {
        "cspbench/py.typed",
        "cspbench/plan/suites/smoke.toml",
        "cspbench/catalogue/published.toml",
        "LICENSE",
    } <= files
    assert not [name for name in files if name.startswith(".venv/")]


@pytest.mark.parametrize(
    ("names", "held"), [((), "none"), (("a.whl", "b.whl"), "a.whl, b.whl")], ids=["none", "two"]
)
def test_other_than_one_file_is_an_error(names: tuple[str, ...], held: str, tmp_path: Path) -> None:
    """An older wheel beside the new one would be tried in its place."""
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(dist_check.DistError, match=rf"holds {held}: make dist$"):
        dist_check.single(tmp_path, "*.whl")


def test_the_version_is_read_without_an_import() -> None:
    """The environment that checks may have another cspbench."""
    assert dist_check.version() == cspbench.__version__
