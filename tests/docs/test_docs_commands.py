"""Every command of the documentation runs as written, and prints what the page shows."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from doc_pages import PAGES, ROOT, Block, blocks, name_of

from cspbench.cli.options import parse

WITH_COMMANDS = [page for page in PAGES if blocks(page.read_text(encoding="utf-8"), "sh", "python")]
_AUTHOR = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "A reader",
    "GIT_AUTHOR_EMAIL": "reader@example.org",
    "GIT_COMMITTER_NAME": "A reader",
    "GIT_COMMITTER_EMAIL": "reader@example.org",
}

_shared: dict[str, str] = {}
"""What commands printed that need nothing but the committed runs: each runs on one page only."""


class Reader:
    """Somebody who follows one page in a folder, line by line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed = ""
        shutil.copytree(ROOT / "results" / "reference", folder / "results" / "reference")

    def follow(self, block: Block) -> None:
        """Do what a block says: write a file, run commands or code, look for output."""
        if block.title:
            (self.folder / block.title).write_text(block.text, encoding="utf-8")
        if block.language == "sh":
            *others, last = block.commands
            code = int(block.comment.removeprefix("exits ")) if block.comment else 0
            for command in others:
                self._run(command, code=0)
            self._run(last, code=code)
        elif block.language == "python" and not block.title:
            self._python(["-c", block.text], code=0)
        elif block.comment == "output":
            assert self.printed, f"line {block.line}: no command of this page printed anything"
            missing = _missing_lines(block.text, self.printed)
            assert not missing, f"line {block.line}: not printed: {missing}"

    def _run(self, command: str, code: int) -> None:
        first, *rest = shlex.split(command)
        if first == "make":
            check_make_target(command)
        elif first == "git":
            completed = subprocess.run(
                [first, *rest], cwd=self.folder, env=os.environ | _AUTHOR, check=False
            )
            assert completed.returncode == code, command
        elif command in _shared and self._is_shared(rest):
            self.printed = _shared[command]
        else:
            assert rest[:2] == ["-m", "cspbench"], f"a command of no known kind: {command}"
            self.printed = self._python(rest, code)
            if self._is_shared(rest):
                _shared[command] = self.printed

    def _is_shared(self, arguments: list[str]) -> bool:
        """Whether a command says the same on every page: it names no file of this one."""
        own = {path.name for path in self.folder.iterdir()} - {"results"}
        return (
            not any(name in word for name in own for word in arguments)
            and not {"--out", "--resume", "ab"} & set(arguments)
            and all(
                word.startswith("results/reference")
                for word in arguments
                if word.startswith("results/")
            )
        )

    def _python(self, arguments: list[str], code: int) -> str:
        environment = os.environ | {"PYTHONPATH": str(ROOT), "GIT_CONFIG_GLOBAL": os.devnull}
        completed = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if "cuda" in arguments and completed.returncode == 2:  # where there is none
            assert "sees no CUDA device" in completed.stderr
            return completed.stderr
        assert completed.returncode == code, f"{shlex.join(arguments)}\n{completed.stderr}"
        assert completed.stdout, f"{shlex.join(arguments)} printed nothing"
        return completed.stdout


def _missing_lines(text: str, printed: str) -> list[str]:
    """The lines of ``text`` that were not printed, each after the one before it."""
    waiting = [line.rstrip() for line in printed.splitlines()]
    missing = []
    for line in (line.rstrip() for line in text.splitlines() if line.strip() not in {"", "…"}):
        if line in waiting:
            waiting = waiting[waiting.index(line) + 1 :]
        else:
            missing.append(line)
    return missing


def check_make_target(command: str) -> None:
    """Run dry: some of these targets call this test."""
    completed = subprocess.run(
        [*shlex.split(command), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert completed.returncode == 0, completed.stderr
    assert completed.stdout


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name_of)
def test_the_commands_of_a_page_run_as_written(page: Path, tmp_path: Path) -> None:
    """In an empty folder that holds the committed runs, with the files that the page shows."""
    reader = Reader(tmp_path)
    for block in blocks(page.read_text(encoding="utf-8")):
        reader.follow(block)


@pytest.mark.parametrize(
    "command",
    sorted(
        {
            command
            for page in PAGES
            for block in blocks(page.read_text(encoding="utf-8"), "console")
            for command in block.commands
        }
    ),
)
def test_a_command_that_cannot_run_everywhere_is_one_that_exists(command: str) -> None:
    """Its options and their values are accepted; make knows its targets."""
    words = shlex.split(command, comments=True)
    if words[:3] == ["python", "-m", "cspbench"]:
        parse(words[3:])
    elif words[0] == "cspbench":
        parse(words[1:])
    elif words[0] == "make":
        check_make_target(command)
    else:
        assert words[0] in {"pip", "python", "git", "source", "cd", "OUT=findings"}, command


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_block_of_commands_escapes_these_tests(page: Path) -> None:
    """Each is marked as one of the languages that the tests know, and a console has its prompt."""
    for block in blocks(page.read_text(encoding="utf-8")):
        known = {"sh", "console", "python", "toml", "json", "text", "yaml", "bibtex"}
        assert block.language in known, f"line {block.line}: {block.language or 'no language'}"
        if block.language in {"sh", "console"}:
            assert block.commands, f"line {block.line}: no command"
        if block.comment.startswith("exits"):
            assert block.language == "sh", f"line {block.line}"


def test_an_output_that_is_shown_must_have_been_printed() -> None:
    """Line by line, in order, with an ellipsis for what is left out."""
    printed = "a\nb  \nc\n"
    assert _missing_lines("a\n…\nc\n", printed) == []
    assert _missing_lines("c\na\n", printed) == ["a"]
    assert _missing_lines("b c\n", printed) == ["b c"]


def test_the_reader_has_every_tool() -> None:
    """The pages call git and make."""
    assert shutil.which("git")
    assert shutil.which("make")
