"""The page of many runs in a browser."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from browsing import draw_all, labels, serious_violations
from rendered import hostile
from synthetic import make_large_run
from test_history import on
from test_html_history import COMMAND, elsewhere, make_runs, needs_ruptures

from cspbench.records.run import Run
from cspbench.report.history import histories
from cspbench.report.html import history_page
from cspbench.report.results import derive

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
expect = sync_api.expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

Open = Callable[..., "Page"]


@pytest.fixture
def open_page(open_html: Open) -> Open:
    """Opens the page of runs, and draws its figures."""

    def open_runs(runs: list[Run], **options: object) -> "Page":
        page = open_html(history_page(histories([*map(derive, runs)]), "", COMMAND), **options)
        draw_all(page)
        return page

    return open_runs


def test_another_measure_and_mode_make_another_plot(open_page: Open) -> None:
    """Its axis has the title of the measure, and its points are those of the mode."""
    page = open_page(make_runs(3))
    figure = page.locator("#across-machines")
    assert "ratio" in labels(page, "across-machines")
    figure.locator(".controls").get_by_label("measure").select_option(label="MACs")
    expect(figure.locator("svg")).to_contain_text("MACs")
    figure.locator(".controls").get_by_label("mode").select_option(label="Training")
    figure.locator("summary").click()
    expect(figure.locator("tbody tr")).to_have_count(6)
    assert figure.locator("tbody tr").first.inner_text().split("\t")[:3] == [
        "2026-11-01 1111111",
        "dense",
        "231,211,000",
    ]


def test_absolute_values_are_of_the_machine_that_was_chosen(open_page: Open) -> None:
    """The runs of others are not on the axis."""
    page = open_page([*make_runs(2), elsewhere(on(3, "c"))])
    figure = page.locator("#by-machine")
    assert "2026-11-03 ccccccc" not in labels(page, "by-machine")
    figure.locator(".controls").get_by_label("machine").select_option(label="Imaginary EPYC 9000")
    expect(figure.locator("svg")).to_contain_text("2026-11-03 ccccccc")
    assert "2026-11-01 1111111" not in labels(page, "by-machine")
    assert {"2026-11-01 1111111", "2026-11-03 ccccccc", "Imaginary EPYC 9000"} <= set(
        labels(page, "across-machines")
    )


@needs_ruptures
def test_a_change_has_a_ring_and_the_pointer_tells_its_size(open_page: Open) -> None:
    """Of the first run after it."""
    page = open_page(make_runs())
    figure = page.locator("#by-machine")
    ring = figure.locator('.mark-symbol path[fill="transparent"]')
    expect(ring).to_have_count(1)
    figure.locator('path[aria-label*="csp, 2026-11-06"]').hover()
    tooltip = page.locator("#tooltip")
    tooltip.wait_for(state="visible")
    assert "2026-11-06 6666666" in tooltip.inner_text()
    assert "95% CI" in tooltip.inner_text()


def test_the_filter_restricts_plots_and_the_table_of_points(open_page: Open) -> None:
    """Also one that is open."""
    page = open_page(make_runs(2))
    figure = page.locator("#across-machines")
    figure.locator("summary").click()
    expect(figure.locator("tbody tr")).to_have_count(4)
    page.get_by_label("Filter").fill("csp")
    expect(figure.locator("tbody tr")).to_have_count(2)
    expect(figure.locator("svg")).not_to_contain_text("dense")


def test_of_too_many_entries_ten_are_drawn(open_page: Open) -> None:
    """Each with a colour of its own; the page says which."""
    page = open_page([on(day, "a", make_large_run(20, launches=2, turns=2)) for day in (1, 2)])
    remark = page.locator("#across-machines .remark")
    expect(remark).to_contain_text(
        "10 of 20 entries: those with the most changes, then in the most runs."
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_page: Open, theme: str) -> None:
    """With the tables of points open."""
    page = open_page([*make_runs(3), elsewhere(on(4, "d"))], color_scheme=theme)
    for fold in page.locator("summary").all():
        fold.click()
    assert serious_violations(page) == []


def test_on_a_phone_nothing_is_wider_than_the_screen(open_page: Open) -> None:
    """Names of machines may be long."""
    runs = [*make_runs(2), elsewhere(on(3, "c"))]
    page = open_page(runs, width=375, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 375


def test_hostile_runs_run_nothing(open_page: Open) -> None:
    """Their names show as text, in plots, lists and tables."""
    kept = frozenset({"stage", "stages", "measurements", "started"})
    page = open_page([hostile(run, kept) for run in make_runs(2)])
    page.locator("#by-machine summary").click()
    expect(page.locator("#by-machine tbody")).to_contain_text("<img src=x onerror=alert(1)>")
    assert page.locator("img").count() == 0
    page.wait_for_timeout(200)
