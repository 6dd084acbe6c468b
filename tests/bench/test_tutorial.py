"""The tutorial notebook: stored without outputs, public names only, and true when it is run."""

import ast
import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
import tutorial

import cspbench


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_notebook_is_stored_without_outputs() -> None:
    """Nor counts of executions, nor what a machine or an editor adds; `make notebook` strips it."""
    notebook = tutorial.read()
    nbformat.validate(notebook)
    assert notebook == tutorial.stripped(notebook)
    assert [cell.outputs for cell in code_cells(notebook)] == [[]] * len(code_cells(notebook))


def test_stripping_leaves_source_and_names_of_cells_alone() -> None:
    """Everything else that a run or an editor adds is gone."""
    notebook = tutorial.read()
    touched = nbformat.from_dict(notebook)
    cell = code_cells(touched)[0]
    cell.execution_count = 7
    cell.outputs = [nbformat.v4.new_output("stream", text="/home/me")]
    cell.metadata["execution"] = {"shell.execute_reply": "2026-01-02T03:04:05Z"}
    touched.metadata["kernelspec"]["display_name"] = ".venv (3.11.9)"
    assert touched != notebook
    assert tutorial.stripped(touched) == notebook


def test_the_notebook_teaches_with_public_names_only() -> None:
    """Prose before each step; of cspbench, what `import cspbench` gives."""
    notebook = tutorial.read()
    assert 10 <= len(notebook.cells) <= 16
    source = "\n".join(cell.source for cell in code_cells(notebook))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert not str(node.module).startswith("cspbench")
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "cspbench":
                assert node.attr in cspbench.__all__
            assert not node.attr.startswith("_")
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for sentence in re.split(r"(?<=[.:?])\s+|\n", prose):
        assert len(sentence.split()) <= 30, sentence


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, nbformat.NotebookNode]:
    """The result of each cell by the cell's id, from a run in an empty folder."""
    folder = tmp_path_factory.mktemp("tutorial")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tutorial.ROOT))
        patch.setenv("PYTHONWARNINGS", "default")
        patch.setenv("XDG_STATE_HOME", str(folder))
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        ran = tutorial.executed(tutorial.read(), folder)
    streams = [output for cell in code_cells(ran) for output in cell.outputs if "name" in output]
    assert streams == [], "a cell printed, or warned"
    return {cell.id: output["data"] for cell in code_cells(ran) for output in cell.outputs[-1:]}


class Cells(HTMLParser):
    """The rows of the tables on a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.is_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.is_cell = tag in {"th", "td"}
        if tag == "tr":
            self.rows.append([])
        if self.is_cell:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self.is_cell = False

    def handle_data(self, data: str) -> None:
        if self.is_cell:
            self.rows[-1][-1] += data


@pytest.mark.slow
def test_a_profile_is_shown_as_a_table(outputs: dict[str, nbformat.NotebookNode]) -> None:
    """With the parameters and MACs of csp_fusion_last, and its layers folded."""
    page = outputs["profile-one"]["text/html"]
    figures = {row[0]: row[1] for row in Cells(page).rows}
    assert figures["params"] == "335,616"
    assert figures["MACs"] == "1,042,055,168"
    assert "csp_fusion_last" in page
    assert "DenseBlock" in page.partition("<pre>")[2]
    assert outputs["profile-one"]["text/plain"].startswith("csp_fusion_last, input 1x64x56x56")


@pytest.mark.slow
def test_the_designs_are_one_table(outputs: dict[str, nbformat.NotebookNode]) -> None:
    """Six rows; every figure is a number, the latencies are times."""
    header, *rows = Cells(outputs["compare-designs"]["text/html"]).rows
    assert header[1:] == ["entry", "params", "macs", "peak_tensor_bytes", "latency_s"]
    assert [row[1] for row in rows] == [
        *("dense", "csp", "csp_fusion_first", "csp_fusion_last"),
        *("csp_split_only", "csp_both_transitions"),
    ]
    assert {row[1]: row[3] for row in rows}["csp_fusion_last"] == "260513792"
    assert all(0 < float(row[5]) < 60 for row in rows)


@pytest.mark.slow
def test_the_plot_is_a_figure(outputs: dict[str, nbformat.NotebookNode]) -> None:
    """One image, which is no blank page."""
    assert "Figure" in outputs["plot-designs"]["text/plain"]
    assert len(outputs["plot-designs"]["image/png"]) > 10_000


@pytest.mark.slow
def test_a_run_is_shown_as_tables(outputs: dict[str, nbformat.NotebookNode]) -> None:
    """Its counts, and its latency in milliseconds."""
    page = outputs["read-run"]["text/html"]
    (counts, timed) = [row for row in Cells(page).rows if row[0].startswith("net.py:net")]
    assert counts[1] == f"{32 * 27 + 32 + 64 * 9 * 8 + 64:,}"
    assert 0 < float(timed[1].replace(",", "")) < 60_000
    assert "whole report" in page


@pytest.mark.slow
def test_the_versions_are_compared(outputs: dict[str, nbformat.NotebookNode]) -> None:
    """The grouped convolution has fewer MACs: by hand, 64 * 64 * (27 * 32 + 9 * 32 / 4 * 64)."""
    header, row = Cells(outputs["compare-versions"]["text/html"]).rows
    before, after = 64 * 64 * (27 * 32 + 9 * 32 * 64), 64 * 64 * (27 * 32 + 9 * 8 * 64)
    assert dict(zip(header, row, strict=True))["MACs"] == "-71.6%"
    assert f"{after / before - 1:.1%}" == "-71.6%"
    text = outputs["compare-versions"]["text/plain"]
    assert f"{before:,}" in text
    assert f"{after:,}" in text
    measures = [row[1] for row in Cells(outputs["changes"]["text/html"]).rows]
    assert {"measure", "params", "macs"} <= set(measures)
    assert "activations" not in measures  # which are the same


def test_the_notebooks_folder_holds_the_tutorial_alone() -> None:
    """What a run writes lies in a temporary folder."""
    assert [path.name for path in Path(tutorial.NOTEBOOK).parent.iterdir()] == ["tutorial.ipynb"]
