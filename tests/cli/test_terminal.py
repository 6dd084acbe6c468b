"""The boundary through which all output goes: what is printable, and streams that fail."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from factories import make_case, make_info

from cspbench.cli import terminal
from cspbench.cli.progress import LiveProgress, PlainProgress
from cspbench.cli.terminal import SteadyStream
from cspbench.records.lines import CaseFailure
from cspbench.report import tones

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


@pytest.fixture
def paints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., bool]:
    """Whether a page is printed in colour under an environment, on a terminal or not."""

    def paints(*, is_terminal: bool = True, **variables: str) -> bool:
        for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLORTERM"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {"TERM": "xterm", **variables}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
        words = [tones.toned(word, word) for word in ("better", "worse", "undecided", "same")]
        terminal.print_page(" ".join(words))
        printed = capsys.readouterr().out
        is_coloured = "\x1b" in printed
        if is_coloured:
            assert printed == (
                "\x1b[32mbetter\x1b[0m \x1b[1;31mworse\x1b[0m \x1b[33mundecided\x1b[0m same\n"
            )
        else:
            assert printed == "better worse undecided same\n"
        return is_coloured

    return paints


def test_a_page_is_in_colour_on_a_terminal_alone(paints: Callable[..., bool]) -> None:
    """The words stay where there is none."""
    assert paints()
    assert not paints(is_terminal=False)


@pytest.mark.parametrize(
    ("variables", "on_terminal", "elsewhere"),
    [
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, False, False),
    ],
)
def test_variables_of_the_environment_decide_on_colours(
    variables: dict[str, str], on_terminal: bool, elsewhere: bool, paints: Callable[..., bool]
) -> None:
    """As in other programs; an empty one is none."""
    assert paints(**variables) == on_terminal
    assert paints(**variables, is_terminal=False) == elsewhere


def test_no_escape_sequence_of_a_page_is_printed_but_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither beside a word with a tone nor in it."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal.print_page(HOSTILE + tones.toned("x\x1b[5my", "worse") + "\u2061")
    assert capsys.readouterr().out == f"{SAFE}\x1b[1;31mx?[5my\x1b[0m?\n"


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
