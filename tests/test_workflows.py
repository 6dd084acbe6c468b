"""The workflows: their commands exist, actions are pinned, forks get no write permission."""

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from cspbench.cli.options import parse
from cspbench.engine.request import AbRequest

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(path.name for path in FOLDER.iterdir())


def workflow(name: str) -> dict[Any, Any]:
    content: dict[Any, Any] = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return content


def steps(content: dict[Any, Any]) -> list[dict[str, Any]]:
    return [step for job in content["jobs"].values() for step in job["steps"]]


def scripts(content: dict[Any, Any]) -> list[str]:
    return [step["run"] for step in steps(content) if "run" in step]


def test_there_are_these_workflows() -> None:
    """Each is held by the tests below."""
    assert WORKFLOWS == ["benchmark.yml", "check.yml", "comment.yml"]


def test_the_benchmark_workflow_calls_ab_as_it_is() -> None:
    """Its options parse; the base comes first; what is written to the summary is the Markdown."""
    joined = "\n".join(scripts(workflow("benchmark.yml"))).replace("\\\n", " ")
    (line,) = [line for line in joined.splitlines() if "-m cspbench" in line]
    command = line.partition("-m cspbench ")[2].partition(" > ")[0]
    request = parse(shlex.split(command))
    assert isinstance(request, AbRequest)
    assert (request.baseline, request.candidate, request.suite) == ("$BASE", "$HEAD", "smoke")
    assert request.judging.format == "markdown"
    assert 'cat ab/comment.md >> "$GITHUB_STEP_SUMMARY"' in joined
    assert joined.rstrip().endswith('exit "$code"')


def test_the_comment_is_an_artifact_of_its_own() -> None:
    """Of one file, so that nothing else need be downloaded where there is permission to write."""
    uploads = [
        step["with"]
        for step in steps(workflow("benchmark.yml"))
        if step.get("uses", "").startswith("actions/upload-artifact@")
    ]
    assert [upload["path"] for upload in uploads if upload["name"] == "comment"] == [
        "ab/comment.md"
    ]


@pytest.mark.parametrize("name", ["benchmark.yml", "check.yml"])
def test_code_of_a_fork_runs_without_secrets_and_writes_nothing(name: str) -> None:
    """`pull_request`, not `pull_request_target`; read-only; no credentials left in the checkout."""
    content = workflow(name)
    assert set(content[True]) <= {"pull_request", "push"}  # YAML 1.1 reads `on` as true
    assert content["permissions"] == {"contents": "read"}
    for job in content["jobs"].values():
        assert "permissions" not in job
        assert job["steps"][0]["with"]["persist-credentials"] is False
    assert "secrets" not in (FOLDER / name).read_text(encoding="utf-8")


def test_the_project_is_checked_as_it_is_by_hand() -> None:
    """With each supported Python, on pushes to main and on pull requests; then the wheel."""
    content = workflow("check.yml")
    assert content[True] == {"push": {"branches": ["main"]}, "pull_request": None}
    assert scripts(content) == ["make check", "make smoke FULL=1"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    classified = [
        version[1]
        for classifier in project["classifiers"]
        if (version := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", classifier))
    ]
    tested = content["jobs"]["check"]["strategy"]["matrix"]["python"]
    assert tested == classified == ["3.11", "3.12", "3.13", "3.14"]
    assert project["requires-python"] == f">={tested[0]}"


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_ends_and_its_actions_are_pinned(name: str) -> None:
    """By the hash of a commit, with the version beside it; `make` is given verbs that exist."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    content = workflow(name)
    assert all(job["timeout-minutes"] <= 60 for job in content["jobs"].values())
    assert "group" in content["concurrency"]
    for line in text.splitlines():
        if "uses:" in line:
            assert re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line
    verbs = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    called = re.findall(r"\bmake ([a-z-]+)", "\n".join(scripts(content)))
    assert set(called) <= set(verbs)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_expression_stands_inside_a_script(name: str) -> None:
    """A branch's name is text from outside: it reaches a shell as a variable only."""
    for script in scripts(workflow(name)):
        assert "${{" not in script


def test_the_comment_workflow_checks_out_nothing_and_has_least_permissions() -> None:
    """It may comment, so nothing that a fork wrote becomes a command."""
    content = workflow("comment.yml")
    assert content["permissions"] == {}
    (job,) = content["jobs"].values()
    assert job["permissions"] == {"actions": "read", "pull-requests": "write"}
    assert not [step for step in job["steps"] if "uses" in step]
    for script in scripts(content):
        assert not re.search(r"\b(source|eval|exec|subprocess|unzip|extractall)\b", script)
        assert "--edit-last" not in script
