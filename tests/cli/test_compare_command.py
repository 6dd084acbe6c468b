"""The verb ``compare``, and `cspbench.compare`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from compared_runs import make_small_run
from factories import lines_of

from cspbench import cli
from cspbench.engine.repeat import repeatable
from cspbench.records.folder import RunFolder, read
from cspbench.records.run import Run


@pytest.fixture
def folders(tmp_path: Path) -> Callable[..., list[str]]:
    """Writes runs into folders, and names them."""

    def write(*runs: Run) -> list[str]:
        names = []
        for index, run in enumerate(runs):
            path = tmp_path / f"run{index}"
            with RunFolder.create(path, run.info) as folder:
                folder.append(lines_of(run))
            names.append(str(path))
        return names

    return write


@pytest.mark.parametrize(
    ("slower", "code", "opening"), [({}, 0, "No change"), ({3: 1.05}, 1, "Regression: ")]
)
def test_the_verb_prints_and_exits_by_the_contract(
    folders: Callable[..., list[str]],
    capsys: pytest.CaptureFixture[str],
    slower: dict[int, float],
    code: int,
    opening: str,
) -> None:
    """Table, Markdown, HTML and JSON of the same comparison."""
    names = folders(make_small_run(), make_small_run(slower=slower, seed=1))
    assert cli.main(["compare", *names]) == code
    assert capsys.readouterr().out.startswith(opening)
    assert cli.main(["compare", *names, "--format", "markdown"]) == code
    assert capsys.readouterr().out.startswith(f"**{opening}")
    assert cli.main(["compare", *names, "--format", "html", "--threshold", "1%"]) == code
    page = capsys.readouterr().out
    assert page.startswith("<!DOCTYPE html>")
    repeated = f"python -m cspbench compare {' '.join(map(repeatable, names))} --threshold 1%"
    assert f">{repeated}</code>" in page
    assert cli.main(["compare", *names, "--format", "json"]) == code
    answer = json.loads(capsys.readouterr().out)
    assert answer["verdict"] == ("regression" if code else "same")
    assert cli.main(["compare", *names, "--threshold", "10%"]) == 0


def test_a_record_file_stands_for_its_folder(
    folders: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """records.jsonl or run.json, as a shell completes them."""
    baseline, candidate = folders(make_small_run(), make_small_run(seed=1))
    assert cli.main(["compare", f"{baseline}/records.jsonl", f"{candidate}/run.json"]) == 0
    assert capsys.readouterr().out.startswith("No change")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere", "nowhere"], "nowhere is not a run folder: there is no such folder"),
        (["a", "b", "--threshold=-1%"], "invalid threshold"),
        (["a", "b", "--threshold", "many"], "invalid threshold"),
        (["a", "b", "--format", "xml"], "format"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is printed but the line."""
    assert cli.main(["compare", *words]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert printed.err.count("\n") == 1


def test_the_python_function_takes_folders_and_runs(folders: Callable[..., list[str]]) -> None:
    """`cspbench.compare`, whose text is the table."""
    import cspbench

    baseline, candidate = folders(make_small_run(), make_small_run(slower={3: 1.05}, seed=1))
    comparison = cspbench.compare(baseline, read(Path(candidate)))
    assert comparison.verdict == "regression"
    assert str(comparison).startswith("Regression")
