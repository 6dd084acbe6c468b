"""comment.yml: it posts nothing live, checks what it downloads, and edits its own comment alone."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from rendered import HOSTILE, PARTS
from revisions import make_ab_run
from test_workflows import steps, workflow

from cspbench.comparison import readers
from cspbench.comparison.in_turns import in_turns
from cspbench.comparison.sides import excerpts, side_excerpt
from cspbench.records.run import SIDES
from cspbench.report import comparison as views

pytestmark = pytest.mark.slow

MARKER = "<!-- cspbench -->"


def harmless(folder: Path, files: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the step of comment.yml that reads the artifact, which holds ``files``."""
    with zipfile.ZipFile(folder / "comment.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text.encode(errors="surrogatepass"))
    (script,) = [step["run"] for step in steps(workflow("comment.yml")) if "shell" in step]
    return subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )


DISGUISES = (
    "<details>`@someone`",  # no code inside HTML
    "| h |\n|--|\n| ` | @someone ` |",
    "&#64;someone &commat;someone \\@someone",
    "```\n@someone\n``` `\n@someone",
    "![p](http://e.com) ![p][r]\n\n[r]: http://e.com\n\n<img/src=x> <IMG src=x> < img>",
    "<details open><summary onclick=x><a href=x>",
    "<!-- cspbench -->\n<http://e.com> <m@e.com> [^1]\n\n[^1]: x",
)


@pytest.mark.parametrize("text", [HOSTILE, *DISGUISES, PARTS * 20])
def test_no_comment_mentions_people_or_loads_pictures(tmp_path: Path, text: str) -> None:
    """Whatever a fork writes, code or not: no live tag, mention, reference, picture or link."""
    from cmarkgfm import github_flavored_markdown_to_html
    from cmarkgfm.cmark import Options

    assert harmless(tmp_path, {"comment.md": text}).returncode == 0
    comment = (tmp_path / "comment.md").read_text(encoding="utf-8")
    assert comment.startswith(f"{MARKER}\n")
    assert comment.count("<!--") == 1
    page = github_flavored_markdown_to_html(comment, Options.CMARK_OPT_UNSAFE)
    assert not re.search(r"<(?:a|img|script|input|section|sup)\b|@\w|://|www\.|#\d", page)
    assert set(re.findall(r"<(?:details|summary)[^>]*>", page)) <= {"<details>", "<summary>"}


@pytest.mark.parametrize(
    "files",
    [
        {"../comment.md": "x"},
        {"comment.md": "x", "other": "y"},
        {"comment.md": "x" * 600_000},
        {"comment.md/x": "y"},
        {},
    ],
)
def test_an_artifact_that_is_not_one_comment_is_refused(
    tmp_path: Path, files: dict[str, str]
) -> None:
    """In one line; nothing of it is written."""
    process = harmless(tmp_path, files)
    assert process.returncode == 1
    assert len(process.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["comment.zip"]


def test_a_comment_that_was_made_harmless_reads_as_before(tmp_path: Path) -> None:
    """Its figures and its commits, and its records, which `compare` reads from it."""
    from cmarkgfm import github_flavored_markdown_to_html
    from cmarkgfm.cmark import Options

    run = make_ab_run()
    page = views.markdown(in_turns(run), excerpts(run))
    assert harmless(tmp_path, {"comment.md": page}).returncode == 0
    path = tmp_path / "comment.md"
    shown = github_flavored_markdown_to_html(path.read_text("utf-8"), Options.CMARK_OPT_UNSAFE)
    text = re.sub("<[^>]+>|\u200b", "", shown)
    assert "Regression: csp is 5.00% slower in training (95% CI" in text
    assert "aaaaaaaaaaaa → bbbbbbbbbbbb; Imaginary Xeon 8000 (cpu); 2 threads; torch 2.13.0" in text
    for side in SIDES:
        assert readers.read(path, side) == side_excerpt(run, side)


def test_commits_in_a_note_stay_whole(tmp_path: Path) -> None:
    """The entity that keeps GitHub from linking a commit is not made visible."""
    page = "commit 012345&#8203;6789ab and &#64;someone"
    assert harmless(tmp_path, {"comment.md": page}).returncode == 0
    comment = (tmp_path / "comment.md").read_text(encoding="utf-8")
    assert comment.endswith("commit 012345&#8203;6789ab and &\u200b#\u200b64;someone")


def test_an_empty_comment_is_none_and_a_long_one_is_cut_at_a_line(tmp_path: Path) -> None:
    """A run that failed before it compared wrote nothing; GitHub takes 65,536 characters."""
    assert harmless(tmp_path, {"comment.md": "\n"}).returncode == 0
    assert not (tmp_path / "comment.md").exists()
    assert harmless(tmp_path, {"comment.md": "| row |\n" * 20_000}).returncode == 0
    comment = (tmp_path / "comment.md").read_text(encoding="utf-8")
    assert 60_000 < len(comment) < 65_536
    assert comment.endswith("| row |")


GH = """#!{python}
import json, os, subprocess, sys
arguments = sys.argv[2:]
endpoint = next(word for word in arguments if word.startswith("repos/"))
with open("calls", "a") as calls:
    method = arguments[arguments.index("--method") + 1] if "--method" in arguments else "GET"
    calls.write(f"{{method}} {{endpoint}}\\n")
answer = json.load(open("answers.json")).get(endpoint, {{}})
if "--jq" in arguments:
    query = arguments[arguments.index("--jq") + 1]
    text = json.dumps(answer)
    subprocess.run(["jq", "--raw-output", query], input=text, text=True, check=True)
elif method == "GET":
    print(json.dumps(answer))
"""
PULLS, COMMENTS = "repos/us/cspbench/pulls", "repos/us/cspbench/issues/7/comments"
ARTIFACTS = "repos/us/cspbench/actions/runs/5/artifacts"


def run_step(folder: Path, index: int, answers: dict[str, Any]) -> list[str]:
    """Run a step of comment.yml with a `gh` that gives ``answers``; the calls that it made."""
    if shutil.which("jq") is None:
        pytest.skip("jq, which GitHub's runners have, is not installed")
    (folder / "gh").write_text(GH.format(python=sys.executable))
    (folder / "gh").chmod(0o755)
    (folder / "answers.json").write_text(json.dumps(answers))
    environment = os.environ | {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "REPO": "us/cspbench",
        "RUN_ID": "5",
        "HEAD_SHA": "abc",
        "HEAD_LABEL": "them:a'$(touch x)",
        "NUMBER": "7",
        "GITHUB_OUTPUT": str(folder / "output"),
    }
    script = steps(workflow("comment.yml"))[index]["run"]
    subprocess.run(["bash", "-e", "-c", script], cwd=folder, env=environment, check=True)
    return (folder / "calls").read_text().splitlines()


@pytest.mark.parametrize(
    ("pulls", "artifacts"),
    [
        ([], [{"size_in_bytes": 5}]),
        ([{"sha": "other"}], [{"size_in_bytes": 5}]),
        ([{"sha": "abc"}], []),
        ([{"sha": "abc"}], [{"size_in_bytes": 5, "expired": True}]),
        ([{"sha": "abc"}], [{"size_in_bytes": 10**9}]),
        ([{"sha": "abc"}], [{"size_in_bytes": 5}, {"size_in_bytes": 5}]),
        ([{"sha": "abc"}], [{"size_in_bytes": 5, "name": "ab"}]),
    ],
)
def test_a_run_without_a_comment_is_quiet(
    tmp_path: Path, pulls: list[dict[str, Any]], artifacts: list[dict[str, Any]]
) -> None:
    """Nothing is downloaded, nothing said, and the workflow is not red."""
    listed = [{"name": "comment", "expired": False, "id": 9} | item for item in artifacts]
    answers = {
        PULLS: [{"number": 7, "head": pull} for pull in pulls],
        ARTIFACTS: {"artifacts": listed},
    }
    calls = run_step(tmp_path, 0, answers)
    assert not [call for call in calls if "zip" in call]
    assert not (tmp_path / "output").exists()


def test_the_comment_of_a_run_is_downloaded(tmp_path: Path) -> None:
    """And the number of the pull request is the one that the service names."""
    artifact = {"name": "comment", "expired": False, "id": 9, "size_in_bytes": 5}
    answers = {
        PULLS: [{"number": 7, "head": {"sha": "abc"}}],
        ARTIFACTS: {"artifacts": [artifact]},
    }
    calls = run_step(tmp_path, 0, answers)
    assert calls[-1] == "GET repos/us/cspbench/actions/artifacts/9/zip"
    assert (tmp_path / "output").read_text() == "number=7\n"
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("comments", "expected"),
    [
        ([], f"POST {COMMENTS}"),
        ([("someone", MARKER)], f"POST {COMMENTS}"),
        ([("github-actions[bot]", f"coverage {MARKER}")], f"POST {COMMENTS}"),
        (
            [("someone", MARKER), ("github-actions[bot]", f"{MARKER}\nold")],
            "PATCH repos/us/cspbench/issues/comments/1",
        ),
    ],
)
def test_only_the_comment_made_here_is_edited(
    tmp_path: Path, comments: list[tuple[str, str]], expected: str
) -> None:
    """It begins with the marker and is of the bot; comments of others are left alone."""
    (tmp_path / "comment.md").write_text(f'{MARKER}\n"quoted" $(touch x)\n')
    listed = [
        {"id": index, "user": {"login": login}, "body": body}
        for index, (login, body) in enumerate(comments)
    ]
    calls = run_step(tmp_path, 2, {COMMENTS: listed})
    assert calls == [f"GET {COMMENTS}", expected]
    body = json.loads((tmp_path / "body.json").read_text())["body"]
    assert body == (tmp_path / "comment.md").read_text()
    assert not (tmp_path / "x").exists()
