"""The files of a report: the same bytes each time, derived once."""

from pathlib import Path

import pytest
from synthetic import make_run, write_report

from cspbench.errors import CspbenchError
from cspbench.records.run import Run
from cspbench.report.rows import Row, rows

THREE = ("dense", "csp", "csp_fusion_first")


def test_a_report_made_twice_is_identical_to_the_byte(tmp_path: Path) -> None:
    """Tables, PNG and SVG: nothing of the clock or of chance gets in."""
    run = make_run(THREE, launches=2, turns=3)
    contents = {path: path.read_bytes() for path in write_report(run, tmp_path)}
    contents_redrawn = {path: path.read_bytes() for path in write_report(run, tmp_path)}
    assert contents == contents_redrawn
    assert {path.relative_to(tmp_path).as_posix() for path in contents} == {
        *("report.txt", "report.md", "report.csv", "report.html"),
        *(
            f"plots/{name}.{suffix}"
            for name in ("latency", "latency_by_macs", "peak_memory", "samples")
            for suffix in ("png", "svg")
        ),
    }
    assert sorted(tmp_path.rglob("*.tmp")) == []


def test_a_report_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    """A file stands where the plots' folder should be."""
    (tmp_path / "plots").write_text("")
    with pytest.raises(CspbenchError, match=r"^cannot write .*plots"):
        write_report(make_run(THREE, launches=2, turns=3), tmp_path)


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    """Plots of another folder are neither replaced nor removed; a linked file is replaced."""
    (elsewhere := tmp_path / "elsewhere").mkdir()
    for name in ("energy.png", "latency.png"):
        (elsewhere / name).write_text("theirs")
    (run := tmp_path / "run").mkdir()
    (run / "plots").symlink_to(elsewhere)
    with pytest.raises(CspbenchError, match="plots is a link"):
        write_report(make_run(THREE, launches=2, turns=3), run)
    (run / "plots").unlink()
    (elsewhere / "page").write_text("theirs")
    (run / "report.md").symlink_to(elsewhere / "page")
    write_report(make_run(THREE, launches=2, turns=3), run)
    assert {path.read_text() for path in elsewhere.iterdir()} == {"theirs"}
    assert not (run / "report.md").is_symlink()


def test_a_report_derives_its_rows_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All pages and plots of one report stand on the same rows and verdicts."""
    derived = []

    def counting(run: Run) -> tuple[Row, ...]:
        derived.append(run)
        return rows(run)

    monkeypatch.setattr("cspbench.report.results.rows", counting)
    write_report(make_run(THREE, launches=2, turns=3), tmp_path)
    assert len(derived) == 1
