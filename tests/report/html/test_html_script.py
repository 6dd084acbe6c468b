"""The script of the plots' library: made once, kept, and made again if it was damaged."""

from pathlib import Path

import pytest
import vl_convert

from cspbench.report.html import script


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The scripts made in the test, instead of real ones; the cache is a new folder."""
    scripts: list[str] = []

    def make(_: str) -> str:
        scripts.append("window.vegaEmbed = 1")
        return scripts[-1]

    monkeypatch.setattr(vl_convert, "javascript_bundle", make)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return scripts


def read() -> str:
    """The script as a new process would get it."""
    return script.library.__wrapped__()


def test_the_script_is_made_once_and_then_kept(made: list[str], tmp_path: Path) -> None:
    """By the version of its package, below the user's cache folder."""
    assert read() == read() == made[0]
    assert len(made) == 1
    (kept,) = tmp_path.rglob("*.js")
    assert kept.parent == tmp_path / "cspbench"
    assert kept.name.startswith("vega-")


def test_a_damaged_script_is_made_again(made: list[str], tmp_path: Path) -> None:
    """Its hash is in its name: half a file, or another's, is no script of ours."""
    read()
    (kept,) = tmp_path.rglob("*.js")
    kept.write_text("window.veg")
    assert read() == made[0]
    assert len(made) == 2
    assert kept.read_text() == made[0]


def test_without_a_cache_folder_the_script_is_made_each_time(
    made: list[str], tmp_path: Path
) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "cspbench").write_text("")
    assert read() == read() == made[0]
    assert len(made) == 2


def test_another_version_is_not_taken(
    made: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script stays with its version."""
    read()
    monkeypatch.setattr(script, "version", lambda name: "99")
    read()
    assert len(made) == 2
    assert len(list(tmp_path.rglob("*.js"))) == 2
