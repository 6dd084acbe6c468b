"""What a release ships with: one version, metadata, a citation, forms for issues."""

import ast
import datetime as dt
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import cspbench

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))


def test_the_version_stands_in_one_place() -> None:
    """`cspbench.__version__`, which the build reads; the citation names the same."""
    assert re.fullmatch(r"\d+\.\d+\.\d+", cspbench.__version__)
    assert "version" in PROJECT["dynamic"]
    assert "version" not in PROJECT
    assert CITATION["version"] == cspbench.__version__


def test_the_citation_has_what_its_format_requires() -> None:
    """CFF 1.2.0: the four keys that it requires, and those that name a release."""
    assert CITATION["cff-version"] == "1.2.0"
    assert CITATION["message"]
    assert CITATION["title"].startswith("cspbench")
    assert CITATION["type"] == "software"
    assert CITATION["license"] == PROJECT["license"]
    holder = re.search(r"Copyright \(c\) \d+ (.*)", (ROOT / "LICENSE").read_text(encoding="utf-8"))
    assert holder is not None
    assert CITATION["authors"] == [{"name": holder[1]}]
    assert isinstance(CITATION["date-released"], dt.date)


def test_the_citation_refers_to_both_papers() -> None:
    """CSPNet and DenseNet, by the number, year and authors that arXiv lists."""
    papers = {
        paper["identifiers"][0]["value"]: (
            paper["type"],
            paper["year"],
            [
                f"{author.get('name-particle', '')} {author['family-names']}".strip()
                for author in paper["authors"]
            ],
        )
        for paper in CITATION["references"]
    }
    assert papers == {
        "arXiv:1911.11929": ("article", 2019, ["Wang", "Liao", "Yeh", "Wu", "Chen", "Hsieh"]),
        "arXiv:1608.06993": ("article", 2016, ["Huang", "Liu", "van der Maaten", "Weinberger"]),
    }
    for paper in CITATION["references"]:
        assert paper["url"].endswith(paper["identifiers"][0]["value"].removeprefix("arXiv:"))


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_for_issues_is_one_that_github_reads(path: Path) -> None:
    """Its keys, the types of its fields, and names of fields that are all different."""
    form: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert set(form) == {"name", "description", "labels", "body"}
    ids = [field["id"] for field in form["body"]]
    assert len(ids) == len(set(ids))
    assert any(field.get("validations", {}).get("required") for field in form["body"])
    for field in form["body"]:
        assert field["type"] in {"input", "textarea", "dropdown"}
        assert set(field) <= {"type", "id", "attributes", "validations"}
        known = {"label", "description", "placeholder", "render", "options"}
        assert {"label"} <= set(field["attributes"]) <= known
        assert ("options" in field["attributes"]) == (field["type"] == "dropdown")
        assert "render" not in field["attributes"] or field["type"] == "textarea"


def test_there_are_forms_for_what_contributors_are_told() -> None:
    """CONTRIBUTING.md names the one for wrong numbers."""
    assert [path.stem for path in FORMS] == ["bug", "feature", "wrong-number"]
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert "*Wrong number* form" in text


def test_contributors_are_told_of_targets_and_folders_that_exist() -> None:
    """On one page."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 80
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"\bmake ([a-z-]+)", text)) <= set(targets)
    folders = re.findall(r"`(cspbench/[a-z_./]+)`", text)
    assert folders
    assert [folder for folder in folders if not (ROOT / folder).exists()] == []
    wings = {path.parent.name for path in (ROOT / "cspbench").glob("*/__init__.py")}
    assert {Path(folder).name for folder in folders} >= wings


def imported(path: Path) -> set[str]:
    """The first names of all modules that a file imports, at its head or inside a function."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(str(node.module).partition(".")[0])
    return names - set(sys.stdlib_module_names)


USED = ("gradients", "gpu", "counters", "onnxruntime", "openvino", "tensorboard", "history")
"""The extras that the package itself imports, where they are installed."""


def test_every_library_that_the_package_imports_is_declared() -> None:
    """As a dependency, or as an extra; a wheel's user has nothing else."""
    extras = PROJECT["optional-dependencies"]
    declared = {
        re.split(r"[^\w.-]", requirement)[0].lower()
        for requirement in [
            *PROJECT["dependencies"],
            *(name for extra in USED for name in extras[extra]),
        ]
    }
    distributions = importlib.metadata.packages_distributions()
    installed = {"pynvml": ["nvidia-ml-py"], "fvcore": ["fvcore"]}  # may be absent
    for path in (ROOT / "cspbench").rglob("*.py"):
        for name in imported(path) - {"cspbench"}:
            providers = distributions.get(name) or installed.get(name, [name])
            assert declared & {provider.lower() for provider in providers}, f"{path}: {name}"
