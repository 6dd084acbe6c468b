"""The workflows: their commands are commands of this version, and forks get no write permission."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from cspbench.cli.options import parse
from cspbench.engine.request import AbRequest

FOLDER = Path(__file__).parent.parent / ".github" / "workflows"


def workflow(name: str) -> dict[Any, Any]:
    content: dict[Any, Any] = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return content


def scripts(content: dict[Any, Any]) -> list[str]:
    return [
        step["run"] for job in content["jobs"].values() for step in job["steps"] if "run" in step
    ]


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


def test_code_of_a_fork_runs_without_secrets_and_writes_nothing() -> None:
    """`pull_request`, not `pull_request_target`; read-only; no credentials left in the checkout."""
    content = workflow("benchmark.yml")
    assert list(content[True]) == ["pull_request"]  # YAML 1.1 reads `on` as true
    assert content["permissions"] == {"contents": "read"}
    checkout = content["jobs"]["ab"]["steps"][0]
    assert checkout["with"]["persist-credentials"] is False
    assert "secrets" not in (FOLDER / "benchmark.yml").read_text(encoding="utf-8")


def test_the_comment_workflow_checks_out_nothing_and_runs_nothing_of_the_artifact() -> None:
    """It may comment, so nothing that a fork wrote becomes a command."""
    content = workflow("comment.yml")
    assert content["permissions"]["pull-requests"] == "write"
    steps = content["jobs"]["comment"]["steps"]
    assert not [step for step in steps if "uses" in step]
    (script,) = scripts(content)
    assert "--body-file comment.md" in script
    assert "65536" in script
    assert not re.search(r"(source|bash|sh|python|eval)\b", script)


@pytest.mark.parametrize("name", ["benchmark.yml", "comment.yml"])
def test_no_expression_stands_inside_a_script(name: str) -> None:
    """A branch's name is text from outside: it reaches a shell as a variable only."""
    for script in scripts(workflow(name)):
        assert "${{" not in script
