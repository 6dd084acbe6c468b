"""The page of a comparison in a browser."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from browsing import draw_all, labels, serious_violations
from rendered import hostile
from test_html_comparison import changed_run

from cspbench.comparison.in_turns import in_turns
from cspbench.report.html import comparison_page

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
expect = sync_api.expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

Open = Callable[..., "Page"]


@pytest.fixture
def page(open_html: Open) -> "Page":
    """The page of a comparison, all of whose plots are drawn."""
    opened = open_html(comparison_page(in_turns(changed_run())))
    draw_all(opened)
    return opened


def test_the_worst_case_stands_at_the_top_of_its_plot(page: "Page") -> None:
    """Whatever its place in the suite."""
    names = [text for text in labels(page, "changes-train") if text.startswith(("csp", "dense"))]
    assert names[:2] == ["csp", "csp_fusion_last"]
    boxes = {
        name: page.locator("#changes-train svg text", has_text=name).first.bounding_box()
        for name in ("csp_fusion_last", "dense")
    }
    assert boxes["csp_fusion_last"] is not None
    assert boxes["dense"] is not None
    assert boxes["csp_fusion_last"]["y"] < boxes["dense"]["y"]


def test_another_measure_makes_another_plot(page: "Page") -> None:
    """Of each case, the ratio of its MACs."""
    figure = page.locator("#changes-infer")
    before = figure.locator("svg").inner_html()
    figure.get_by_label("measure").select_option(label="MACs")
    page.wait_for_function(
        "before => document.querySelector('#changes-infer svg')?.innerHTML !== before", arg=before
    )
    figure.locator(".mark-symbol path").first.hover()
    tooltip = page.locator("#tooltip")
    tooltip.wait_for(state="visible")
    assert tooltip.inner_text().split("\n")[1:4:2] == ["csp", "1.05"]


def test_the_filter_finds_figures_and_the_entries_that_have_them(page: "Page") -> None:
    """Of a row for each entry, those remain of which some figure does."""
    page.get_by_label("Filter").fill("faster")
    expect(page.locator("#filter-state")).to_contain_text("1 of ")
    for table in page.locator("#conclusion table, #changes-2 table").all():
        rows = table.locator("tbody tr:visible th").all_inner_texts()
        assert rows == ["csp_fusion_last"]
    expect(page.locator("#changes-infer .remark")).to_contain_text("Nothing to draw")


def test_verdicts_are_sorted_by_rank(page: "Page") -> None:
    """Worse before better, not by the alphabet."""
    table = page.locator("table.sortable", has_text="Latency, milliseconds").first
    table.locator("th button", has_text="verdict").click()
    verdicts = table.locator("tbody tr td:last-child").all_inner_texts()
    assert verdicts == ["worse", "worse", "better"]


def test_unchanged_figures_can_be_unfolded(page: "Page") -> None:
    """By the keyboard, too."""
    fold = page.locator("summary", has_text="Figures without a change")
    table = page.locator("details", has=fold).locator("table").first
    assert not table.is_visible()
    fold.press("Enter")
    assert table.is_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_html: Open, theme: str) -> None:
    """With all that is folded shown."""
    page = open_html(comparison_page(in_turns(changed_run())), color_scheme=theme)
    draw_all(page)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert serious_violations(page) == []


def test_on_a_phone_nothing_is_wider_than_the_screen(open_html: Open) -> None:
    """Tables scroll in a place of their own."""
    page = open_html(comparison_page(in_turns(changed_run())), width=375, is_mobile=True)
    draw_all(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 375


def test_a_hostile_comparison_runs_nothing(open_html: Open) -> None:
    """Its labels show as text, in plots and tooltips, too."""
    page = open_html(
        comparison_page(hostile(in_turns(changed_run()), frozenset({"measures"})), "<b>x")
    )
    draw_all(page)
    page.locator("#changes-infer .mark-symbol path").first.hover()
    page.locator("#tooltip").wait_for(state="visible")
    assert "<img src=x onerror=alert(1)>" in page.locator("#tooltip").inner_text()
    assert page.locator("img").count() == 0
    page.wait_for_timeout(200)
