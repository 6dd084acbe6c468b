"""Blocks that quote results, suites, settings: they equal or load as what they claim to be."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from doc_pages import PAGES, README, ROOT, blocks, name_of

from cspbench.catalogue import find
from cspbench.catalogue.graphs import is_graph_file
from cspbench.comparison.thresholds import gate
from cspbench.plan import suite
from cspbench.records.folder import read

REFERENCE = ROOT / "results" / "reference"


def _lines(text: str) -> str:
    """The text with a line end before and after it and no space at the ends of lines."""
    return "\n" + "\n".join(line.rstrip() for line in text.strip("\n").splitlines()) + "\n"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_quoted_result_is_in_the_file_that_it_is_from(page: Path) -> None:
    """Whole lines, to the letter."""
    for block in blocks(page.read_text(encoding="utf-8"), "text"):
        if block.source:
            text = (ROOT / block.source).read_text(encoding="utf-8")
            assert _lines(block.text) in _lines(text), f"line {block.line}: not in {block.source}"


def test_every_text_block_of_the_readme_is_of_a_committed_report() -> None:
    """With or without a comment that names the file; diagrams of arrows are no results."""
    reports = [
        _lines(path.read_text(encoding="utf-8"))
        for path in sorted(REFERENCE.rglob("*"))
        if path.suffix in {".txt", ".md"}
    ]
    for block in blocks(README.read_text(encoding="utf-8"), "text"):
        is_quoted = any(_lines(block.text) in report for report in reports)
        assert is_quoted or "►" in block.text, f"line {block.line}: in no report"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_toml_and_json_of_a_page_can_be_read(page: Path, tmp_path: Path) -> None:
    """Settings as a pyproject.toml, graphs, and all other TOML as suites."""
    for block in blocks(page.read_text(encoding="utf-8"), "toml", "json"):
        if block.language == "json":
            json.loads(block.text)
        elif "tool" in tomllib.loads(block.text):
            (tmp_path / "pyproject.toml").write_text(block.text, encoding="utf-8")
            assert gate(start=tmp_path).rules
        else:
            (tmp_path / "shown.toml").write_text(block.text, encoding="utf-8")
            shown = str(tmp_path / "shown.toml")
            assert find(shown).parameters if is_graph_file(shown) else suite.load(shown).cases


def test_the_thresholds_that_are_shown_apply(tmp_path: Path) -> None:
    """As the page explains them: strict, 2% of latency, 5% of some entries' latency."""
    page = ROOT / "docs" / "how-to" / "thresholds.md"
    (block,) = blocks(page.read_text(encoding="utf-8"), "toml")
    (tmp_path / "pyproject.toml").write_text(block.text, encoding="utf-8")
    thresholds = gate(start=tmp_path)
    assert thresholds.is_strict
    assert thresholds.threshold("dense", "latency") == 0.02
    assert thresholds.threshold("c3x", "latency") == 0.05


def test_the_suite_that_is_shown_has_the_cases_that_the_page_counts(tmp_path: Path) -> None:
    """Two batch sizes, each with six combinations and the reference."""
    page = (ROOT / "docs" / "reference" / "suite-file.md").read_text(encoding="utf-8")
    (tmp_path / "shown.toml").write_text(blocks(page, "toml")[0].text, encoding="utf-8")
    assert len(suite.load(str(tmp_path / "shown.toml")).cases) == 14
    assert "This suite has 14 cases" in page


def test_the_tables_of_gradients_are_of_clean_runs() -> None:
    """All that the page says of the trainings: 15 seeds of four designs, at a commit."""
    page = (ROOT / "docs" / "explanation" / "gradients.md").read_text(encoding="utf-8")
    sources = [block.source for block in blocks(page, "text")]
    assert sources == [
        "results/reference/gradients/report.txt",
        "results/reference/gradients_conv/report.txt",
    ]
    for source in sources:
        run = read((ROOT / source).parent)
        assert run.info.git is not None
        assert not run.info.git.dirty
        assert [len(record.trainings) for record in run.records] == [15] * 4


def test_the_wings_of_the_diagram_are_those_of_the_package() -> None:
    """Every box but the worker's process and the folder of results."""
    page = (ROOT / "docs" / "how-to" / "extend.md").read_text(encoding="utf-8")
    (diagram,) = (block.text for block in blocks(page, "text") if "►" in block.text)
    boxes = {box.strip() for box in re.split(r"[─►├└│\n]", diagram)} - {""}
    assert {"engine", "measures", "report"} < boxes
    wings = {path.parent.name for path in (ROOT / "cspbench").glob("*/__init__.py")}
    assert boxes - {"worker process", "results/"} <= wings
