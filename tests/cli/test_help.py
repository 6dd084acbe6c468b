"""Help pages: their text and layout; that their examples run and their defaults are the real ones.

``python tests/help_pages.py`` makes the golden pages anew.
"""

import argparse
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from compared_runs import make_small_run
from factories import lines_of
from help_pages import GOLDEN, golden_file, pages

from cspbench.cli.examples import EXAMPLES, Example
from cspbench.cli.exit_codes import ExitCode
from cspbench.cli.options import parse
from cspbench.cli.parser import Parser
from cspbench.cli.verbs import EXIT_CODES, VERBS, make_parser
from cspbench.records.folder import RunFolder

VERB_NAMES = ("", *VERBS)
PARSER = make_parser()
DEFAULT = re.compile(r" \(default: (.*)\)$")
ROOT = Path(__file__).parents[2]


def parser_of(verb: str) -> Parser:
    return PARSER.verbs[verb] if verb else PARSER


def actions() -> Iterator[tuple[str, argparse.Action]]:
    for verb in VERBS:
        for group in PARSER.verbs[verb].groups:
            for action in group.actions:
                yield verb, action


def test_there_is_a_golden_page_for_each_verb_and_no_other() -> None:
    """And one of all verbs."""
    assert set(GOLDEN.iterdir()) == {golden_file(verb) for verb in VERB_NAMES}


@pytest.mark.parametrize("verb", VERB_NAMES)
def test_a_help_page_meets_its_golden_text(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At 80 columns, with every version of Python, in colour or not."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert pages()[verb] == golden_file(verb).read_text(encoding="utf-8")


@pytest.mark.parametrize(("columns", "widest"), [(70, 70), (80, 80), (120, 100), (300, 100)])
@pytest.mark.parametrize("verb", VERB_NAMES)
def test_a_help_page_fits_its_terminal(
    verb: str, columns: int, widest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to 100 columns; usage, examples and exit codes keep their lines, which fit into 80."""
    monkeypatch.setenv("COLUMNS", str(columns))
    usage, _, rest = pages()[verb].partition("\n")
    options, _, end = rest.partition("\nexamples:\n")
    kept = [usage, *(line for line in end.splitlines() if line.startswith(" "))]
    assert max(map(len, kept)) <= 80
    filled = [*options.splitlines(), *(line for line in end.splitlines() if line not in kept)]
    assert max(map(len, filled)) <= widest
    if columns > 100:
        assert max(map(len, filled)) > 80


def test_a_wide_page_breaks_no_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with hyphens stays whole, so that it can be copied."""
    for columns in range(50, 110):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert "github-action-benchmark" in pages()["report"]


def test_every_option_stands_in_a_group_with_a_title() -> None:
    """Groups have the same titles and the same order in all verbs; help comes last."""
    orders = [[group.title for group in parser_of(verb).groups] for verb in VERB_NAMES]
    order = [
        *("runs", "revisions", "what to measure", "how it runs", "sampling", "GPU", "training"),
        *("verdict", "output", "resuming", "other"),
    ]
    for titles in orders:
        assert titles == sorted(titles, key=order.index)
        assert titles[-1] == "other"
    for verb in VERBS:
        parser = PARSER.verbs[verb]
        grouped = [action for group in parser.groups for action in group.actions]
        assert set(grouped) == set(parser._actions)
        assert all(action.help for action in grouped)


def test_the_verbs_stand_in_the_order_of_the_parser() -> None:
    """Each with its summary."""
    assert tuple(PARSER.verbs) == VERBS == tuple(verb for verb in EXAMPLES if verb)
    assert all(PARSER.verbs[verb].summary in pages()[""] for verb in VERBS)


def test_every_exit_code_is_explained() -> None:
    """In the order of their numbers."""
    assert list(EXIT_CODES) == list(ExitCode)


@pytest.mark.parametrize("verb", VERB_NAMES)
def test_a_page_ends_with_examples_of_its_verb(verb: str) -> None:
    """Two of each verb, each with a command that can be copied and half a line on what it does."""
    examples = parser_of(verb).examples
    assert examples == EXAMPLES[verb]
    assert len(examples) == (2 if verb else 3)
    text = "".join(f"  {example.command}\n      {example.does}\n" for example in examples)
    assert f"\nexamples:\n{text}" in pages()[verb]
    for command, _ in examples:
        assert command.startswith(f"python -m cspbench {verb}".strip())


@pytest.mark.parametrize("example", [example for verb in EXAMPLES.values() for example in verb])
def test_an_example_is_understood(example: Example) -> None:
    """By the parser of the command line."""
    words = shlex.split(example.command)
    assert words[:3] == ["python", "-m", "cspbench"]
    request = parse(words[3:])
    assert request


MEASURING = {"run", "ab", "doctor"}
TAKES_LONG = {"python -m cspbench gradients", "python -m cspbench verify --json"}
NET = """from torch import nn


class Net(nn.Sequential):
    def __init__(self):
        layers = nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)
        super().__init__(*layers)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder that holds what the examples name."""
    results = tmp_path / "results"
    results.mkdir()
    subprocess.run(["cp", "-r", ROOT / "results" / "reference", results], check=True)
    run = make_small_run()
    for name in ("before", "after"):
        with RunFolder.create(results / name, run.info) as open_folder:
            open_folder.append(lines_of(run))
    (tmp_path / "net.py").write_text(NET)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    "example",
    [
        example
        for verb, examples in EXAMPLES.items()
        for example in examples
        if verb and verb not in MEASURING and example.command not in TAKES_LONG
    ],
)
def test_an_example_that_takes_seconds_runs(example: Example, folder: Path) -> None:
    """As it is typed; those that take minutes are parsed only."""
    if "report.md" in example.command:
        report = folder / "results" / "before" / "report.md"
        command = [sys.executable, "-m", "cspbench", "report", str(report.parent)]
        subprocess.run(command, check=True, capture_output=True)
        report.rename(folder / "report.md")
    completed = subprocess.run(
        [sys.executable, *shlex.split(example.command)[1:]],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    assert completed.stdout


@pytest.mark.slow
def test_an_example_of_run_runs_in_one_launch(folder: Path) -> None:
    """The model of the user's own, as it is typed, but briefly."""
    words = EXAMPLES["run"][1].command.split()[1:]
    completed = subprocess.run(
        [sys.executable, *words, "--launches", "1", "--turns", "2"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
