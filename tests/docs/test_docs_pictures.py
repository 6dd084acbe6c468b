"""The terminal pictures of the README are what their transcripts say, and those what is printed."""

import shlex
from pathlib import Path

import pytest
from pictures import PICTURES, svg

from cspbench import cli
from cspbench.cli.options import parse

TRANSCRIPTS = sorted(PICTURES.glob("*.txt"))


def command_of(transcript: str) -> list[str]:
    first, _, _ = transcript.partition("\n")
    return shlex.split(first.removeprefix("$ python -m cspbench "))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_picture_is_drawn_from_its_transcript(path: Path) -> None:
    """To the byte; `python bench/pictures.py` draws all anew."""
    transcript = path.read_text(encoding="utf-8")
    picture = path.with_suffix(".svg").read_text(encoding="utf-8")
    assert picture == svg(transcript, path.stem)
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")  # nothing is fetched


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_picture_shows_a_command_of_the_readme(path: Path) -> None:
    """As the README spells it, and as the parser takes it."""
    transcript = path.read_text(encoding="utf-8")
    parse(command_of(transcript))
    readme = (PICTURES.parent.parent / "README.md").read_text(encoding="utf-8")
    assert transcript.partition("\n")[0].removeprefix("$ ") in readme
    assert f"docs/pictures/{path.stem}.svg" in readme


def test_the_picture_of_exact_figures_shows_what_show_prints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each line but the last sentence, which depends on the machine's memory."""
    transcript = (PICTURES / "fit.txt").read_text(encoding="utf-8")
    assert cli.main(command_of(transcript)) == 0
    printed = capsys.readouterr().out.splitlines()
    _, *lines = transcript.partition("\ndensenet121 fits")[0].splitlines()
    assert len(lines) > 10
    assert set(lines) - {"…"} <= set(printed)
