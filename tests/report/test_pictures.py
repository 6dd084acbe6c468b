"""Plots on a Markdown page: each with words on what it shows, and a path that GitHub resolves."""

import re
from pathlib import Path

import pytest
from cmarkgfm import github_flavored_markdown_to_html
from rendered import hostile, refuse_foreign_markup
from synthetic import change_case, make_run, write_report
from trained_runs import make_trained_run

from cspbench import report
from cspbench.records.run import Run

THREE = ("dense", "csp", "csp_fusion_first")


def page_with_all(run: Run) -> str:
    return report.render(report.derive(run), "markdown", has_plots=True)


def test_a_page_shows_the_plots_that_lie_beside_it(tmp_path: Path) -> None:
    """Each path leads from the page to a picture; printed, a page has no pictures beside it."""
    run = make_run(THREE, launches=2, turns=2)
    write_report(run, tmp_path)
    html = github_flavored_markdown_to_html((tmp_path / "report.md").read_text(encoding="utf-8"))
    sources = re.findall(r'<img src="([^"]*)" alt="[^"]+"', html)
    assert sorted(sources) == sorted(
        path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("plots/*.png")
    )
    assert len(sources) == 4
    assert "![" not in report.render(report.derive(run), "markdown")


def test_plots_stand_in_the_part_of_their_figures() -> None:
    """Times before counts; those of trainings with the means over seeds."""
    timed, exact = page_with_all(make_run(THREE)).split("## Exact")
    assert "plots/latency.png" in timed
    assert "plots/peak_memory.png" in exact
    trained, exact = page_with_all(make_trained_run({"dense": (0.2, 0.21)})).split("## Exact")
    assert "plots/gradient_course.png" in trained
    assert "plots/gradient_terms.png" in exact


@pytest.mark.parametrize("name", ["](http://e.com)![x", "`](x)", "a]: b", "[a][b]\\"])
def test_no_name_ends_a_picture_or_begins_another(name: str) -> None:
    """Its words are text from outside."""
    run = change_case(make_run(THREE, modes=("infer",)), 0, label=name)
    page = page_with_all(run)
    refuse_foreign_markup(page)
    sources = re.findall(r'src="([^"]*)"', github_flavored_markdown_to_html(page))
    assert all(re.fullmatch(r"plots/\w+\.png", source) for source in sources)
    refuse_foreign_markup(
        page_with_all(hostile(run, frozenset({"stage", "stages", "measurements"})))
    )
