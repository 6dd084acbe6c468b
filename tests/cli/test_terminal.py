"""The boundary through which all output goes: what is printable, and streams that fail."""

import json
import os
import sys
from pathlib import Path

import pytest
from factories import make_case, make_info

from cspbench.cli import terminal
from cspbench.cli.progress import LiveProgress, PlainProgress
from cspbench.cli.terminal import SteadyStream
from cspbench.records.lines import CaseFailure

HOSTILE = "a\x1b]0;title\x07b\x9b2Jc\u202ed\u2066e\u200bf\u200fg\x7f\rh\udce9"
SAFE = "a?]0;title?b?2Jc?d?e?f?g? h?"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        (HOSTILE, SAFE),
        ("two\nlines é × …", "two\nlines é × …"),
        ("\u2028 \xa0tab\t", "   tab "),
    ],
)
def test_only_printable_characters_and_line_breaks_are_printed(
    text: str, result: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Escape sequences, direction marks and characters without width reach no terminal."""
    terminal.print_text(text)
    terminal.print_to_stderr(text)
    assert capsys.readouterr() == (f"{result}\n", f"{result}\n")


def test_an_error_is_one_line_of_limited_length(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever it quotes."""
    terminal.print_error(f"first\n{HOSTILE}" + "x" * 5000)
    message = capsys.readouterr().err
    assert message.startswith(f"cspbench: first {SAFE}x")
    assert message.count("\n") == 1
    assert len(message) < 1020


def test_json_keeps_all_characters_as_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    """The data is whole, and what is printed is plain ASCII."""
    terminal.print_json({"label": HOSTILE})
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert all(mark.isprintable() or mark == "\n" for mark in printed)
    assert json.loads(printed) == {"label": HOSTILE}


@pytest.mark.parametrize("display", [PlainProgress, LiveProgress])
def test_a_failures_reason_reaches_the_progress_as_text(
    display: "type[PlainProgress | LiveProgress]", tmp_path: Path
) -> None:
    """An exception's text cannot move the cursor or set a title, nor begin a line."""
    case = make_case("Raises")
    failure = CaseFailure(
        case=case.key, stage="counts", cause="raised", reason=f"no\nhow {HOSTILE}"
    )
    path = tmp_path / "stream"
    with path.open("w", encoding="utf-8") as stream:
        progress = display(SteadyStream(stream))
        progress.began(make_info(case))
        progress.case_measured(1, 1, case, [failure])
        progress.close()
    text = path.read_text(encoding="utf-8")
    assert f"FAILED (raised): no how {SAFE}" in " ".join(text.split())
    assert not {"\x07", "\x9b", "\u202e", "\u2066", "\u200b", "\x7f"} & set(text)
    assert "\x1b]" not in text


def test_a_display_outlives_its_terminal() -> None:
    """Its stream drops what cannot be written, and is asked no more."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as stream:
        progress = LiveProgress(SteadyStream(stream))
        progress.began(make_info(make_case("dense")))
        progress.launch_started(1, 6, 1, 1.0)
        progress.close()


def test_a_stream_that_was_closed_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python has none, or the object is closed."""
    monkeypatch.setattr(sys, "stdout", None)
    terminal.print_text("text")
    assert terminal.take_output_error() is None
    with Path(os.devnull).open("w", encoding="utf-8") as closed:
        pass
    monkeypatch.setattr(sys, "stdout", closed)
    terminal.print_text("text")
    assert terminal.take_output_error() is None
    assert not SteadyStream(closed).isatty()
    assert not SteadyStream(None).isatty()


def test_characters_that_the_terminal_cannot_show_are_escaped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A terminal in ASCII ends no command."""
    with (tmp_path / "out").open("w", encoding="ascii") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        terminal.print_text("5 × 3 …")
    assert (tmp_path / "out").read_text(encoding="ascii") == "5 \\xd7 3 \\u2026\n"
