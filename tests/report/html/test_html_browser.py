"""The page of a run in a browser: what a reader can do with it, and what it never does."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from browsing import draw_all, labels, serious_violations
from factories import CEILINGS, make_times
from measured_series import make_series
from rendered import hostile
from synthetic import change, make_counts, make_large_run, make_run, render_report
from test_html_modules import with_layers
from test_roofline_plot import measured
from trained_runs import DENSE, make_trained_run

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
expect = sync_api.expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

FOUR = ("dense", "csp", "csp_fusion_first", "c3")
Open = Callable[..., "Page"]


@pytest.fixture
def open_page(open_html: Open) -> Open:
    """Opens the page of a run."""
    return lambda run, **options: open_html(render_report(run, "html"), **options)


def names(page: "Page", table: int = 0) -> list[str]:
    """The entries of a table that can be seen, from top to bottom."""
    rows = page.locator("table.sortable").nth(table).locator("tbody tr:visible th")
    return rows.all_inner_texts()


def test_a_click_on_a_header_sorts_and_a_third_restores(open_page: Open) -> None:
    """Ascending, descending, as the suite has it; the header says which."""
    page = open_page(make_run(FOUR, modes=("infer",)))
    head = page.locator("table.sortable").first.locator("th", has_text="latency").first
    button = head.locator("button")
    button.click()
    assert names(page) == ["c3", "csp_fusion_first", "csp", "dense (reference)"]
    assert head.get_attribute("aria-sort") == "ascending"
    button.press("Enter")  # as by the keyboard
    assert names(page) == ["dense (reference)", "csp", "csp_fusion_first", "c3"]
    assert head.get_attribute("aria-sort") == "descending"
    button.click()
    assert names(page) == ["dense (reference)", "csp", "csp_fusion_first", "c3"]
    assert head.get_attribute("aria-sort") is None


def test_rows_without_a_figure_are_last_either_way(open_page: Open) -> None:
    """The reference has no verdict and no change."""
    page = open_page(make_run(FOUR, modes=("infer",)))
    button = page.locator("table.sortable").first.locator("th button", has_text="verdict")
    for _ in range(2):
        button.click()
        assert names(page)[-1] == "dense (reference)"


def test_a_mark_says_what_it_is_and_nothing_that_it_lacks(open_page: Open) -> None:
    """The reference has no verdict, and no ratio to itself that would be an interval of 0."""
    page = open_page(make_run(("dense", "csp"), modes=("infer",)))
    draw_all(page)
    marks = page.locator("#latency-infer [aria-label]")
    said = [str(mark.get_attribute("aria-label")) for mark in marks.all()]
    dense, csp = (
        next(text for text in said if text.startswith(name)) for name in ("dense,", "csp,")
    )
    assert "latency [ms] " in dense
    assert "verdict" not in dense
    assert not dense.endswith(", ")
    assert csp.endswith(", faster")


def test_a_share_with_an_interval_has_its_bar(open_page: Open) -> None:
    """As long as the share: half of the call, whatever the interval over three processes."""
    run = with_layers(make_run(("dense",), modes=("infer",)))
    case = run.records[0].case
    times = [
        make_times(case, number, model=0.001, body=0.003 + number / 1e4, head=0.004 + number / 1e4)
        for number in range(3)
    ]
    page = open_page(change(run, 0, module_times=tuple(times)))
    cell = page.locator(".trees tbody tr", has_text="head").locator("td", has_text="±")
    text = cell.inner_text()
    assert cell.evaluate("cell => cell.style.getPropertyValue('--share')") == text.split(" ")[0]
    assert "%" in cell.evaluate("cell => getComputedStyle(cell).backgroundSize")


def test_the_filter_hides_rows_and_marks(open_page: Open) -> None:
    """In all tables and all figures; it says how many cases remain."""
    page = open_page(make_run(FOUR))
    draw_all(page)
    page.get_by_label("Filter").fill("csp inference")
    expect(page.locator("#filter-state")).to_have_text("2 of 8 cases")
    assert names(page) == ["csp", "csp_fusion_first"]
    expect(page.locator("#latency-infer svg")).not_to_contain_text("c3")
    assert {"csp", "csp_fusion_first"} <= set(labels(page, "latency-infer"))
    page.get_by_label("Filter").fill("nothing like it")
    expect(page.locator("#latency-infer .remark")).to_contain_text("Nothing to draw")
    assert names(page) == []


def test_other_axes_make_another_plot(open_page: Open) -> None:
    """Their titles, their values, and the Pareto front of just these two."""
    page = open_page(make_run(FOUR, modes=("infer",)))
    draw_all(page)
    figure = page.locator("#trade-offs")
    before = figure.locator("svg").inner_html()
    assert {"MACs", "latency [ms]"} <= set(labels(page, "trade-offs"))
    assert figure.locator(".remark").inner_text().endswith("up is better: c3.")
    figure.locator(".controls").get_by_label("up").select_option(label="peak RSS [MiB]")
    expect(figure.locator("svg")).to_contain_text("peak RSS")
    assert "latency [ms]" not in labels(page, "trade-offs")
    assert figure.locator("svg").inner_html() != before
    figure.locator(".controls").get_by_label("across").select_option(label="activations [elements]")
    expect(figure.locator("svg")).to_contain_text("activations")


def test_the_front_is_what_no_other_case_betters(open_page: Open) -> None:
    """Each case is faster than the one before; b has more MACs than c, which is faster."""
    run = make_run(("dense", "b", "c", "d"), modes=("infer",))
    for index, share in enumerate((0.2, 0.5, 0.3, 0.9)):
        run = change(run, index, make_counts(run.records[index].case, share))
    page = open_page(run)
    draw_all(page)
    figure = page.locator("#trade-offs")
    assert figure.locator(".remark").inner_text().endswith("is better: dense, c, d.")
    figure.locator(".controls").get_by_label("up").select_option(label="peak RSS [MiB]")
    figure.locator(".controls").get_by_label("across").select_option(label="latency [ms]")
    expect(figure.locator(".remark")).to_contain_text("is better: d.")


def test_the_pointer_over_a_mark_shows_its_figures(open_page: Open) -> None:
    """The entry, its latency, the interval, the verdict."""
    page = open_page(make_run(FOUR, modes=("infer",), noise=0.001))
    draw_all(page)
    page.locator("#latency-infer .mark-symbol path").nth(1).hover()
    tooltip = page.locator("#tooltip")
    tooltip.wait_for(state="visible")
    lines = dict(re.findall(r"(.+)\n(.+)", tooltip.inner_text()))
    assert lines["entry"] == "csp"
    assert lines["verdict"] == "faster"
    assert lines["latency [ms]"].startswith("18.")
    page.mouse.move(5, 5)
    tooltip.wait_for(state="hidden")


def paper(page: "Page") -> str:
    """The colour behind everything."""
    colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return colour


def test_the_theme_is_that_of_the_system_unless_the_reader_chooses(open_page: Open) -> None:
    """A choice is remembered for the next time."""
    run = make_run(FOUR, modes=("infer",), launches=2, turns=2)
    light, dark = "rgb(255, 255, 255)", "rgb(20, 23, 26)"
    page = open_page(run, color_scheme="dark")
    assert paper(page) == dark
    page.get_by_label("Theme").select_option("light")
    assert paper(page) == light
    page.reload()
    assert paper(page) == light
    assert page.get_by_label("Theme").input_value() == "light"
    page.get_by_label("Theme").select_option("")
    assert paper(page) == dark


def test_plots_follow_the_theme_without_being_drawn_again(open_page: Open) -> None:
    """Their colours are those of the style sheet."""
    page = open_page(make_run(FOUR, modes=("infer",), launches=2, turns=2))
    draw_all(page)
    read = "getComputedStyle(document.querySelector('#latency-infer .role-axis-title text')).fill"
    before = page.evaluate(read)
    page.get_by_label("Theme").select_option("dark")
    assert page.evaluate(read) != before


def test_without_storage_the_theme_can_still_be_chosen(open_page: Open) -> None:
    """Browsers may refuse it to files."""
    page = open_page(make_run(FOUR, modes=("infer",), launches=2, turns=2))
    page.add_init_script("Object.defineProperty(window, 'localStorage', {get() {throw Error()}})")
    page.reload()
    page.get_by_label("Theme").select_option("dark")
    assert paper(page) == "rgb(20, 23, 26)"


def test_on_paper_the_page_is_light_and_whole(open_page: Open) -> None:
    """Whatever the theme: no bar, no scrolling, and each figure is drawn."""
    page = open_page(make_run(FOUR), color_scheme="dark")
    page.get_by_label("Theme").select_option("dark")
    page.emulate_media(media="print")
    assert paper(page) == "rgb(255, 255, 255)"
    assert not page.locator(".bar").is_visible()
    assert page.pdf().startswith(b"%PDF")
    figures = page.locator("figure.plot")
    assert figures.count() == figures.locator("svg").count() == 4


def test_modules_open_and_close(open_page: Open) -> None:
    """With the keyboard, too; another case has its own."""
    page = open_page(make_run(FOUR, modes=("infer",), launches=2, turns=2))
    rows = page.locator("#module-tree tbody tr:visible")
    assert rows.count() == 4
    whole = page.get_by_label("parts of model")
    whole.press("Enter")
    assert rows.count() == 1
    assert whole.get_attribute("aria-expanded") == "false"
    page.locator("#module-tree").get_by_label("levels").select_option("all")
    assert rows.count() == 4
    page.locator("#module-tree").get_by_label("case").select_option(label="csp (inference)")
    assert "67,281" in rows.first.inner_text()


def test_a_group_of_figures_by_module_can_be_seen_alone(open_page: Open) -> None:
    """Its choice holds for other cases, too."""
    page = open_page(measured(CEILINGS))
    draw_all(page)
    tree = page.locator("#module-tree")
    tree.get_by_label("figures").select_option("time")
    tree.get_by_label("case").select_option(label="csp (inference)")
    heads = tree.locator("thead th:visible").all_text_contents()
    assert heads[:3] == ["module", "type", "self [ms]"]
    assert "MACs" not in heads
    assert tree.locator("tbody tr:visible").first.locator("td:visible").count() == len(heads) - 1
    expect(page.locator("#roofline svg")).to_contain_text("memory, 10.0 GB/s")
    expect(page.locator("#roofline svg")).to_contain_text("fp32, 100 GFLOP/s")
    legend = page.locator("#roofline svg .role-legend-label").all_text_contents()
    assert legend == ["module", "call"]


def test_of_too_many_entries_some_are_drawn_and_the_filter_shows_others(open_page: Open) -> None:
    """The page says which, and how to see the rest."""
    page = open_page(make_large_run(50, launches=2, turns=2))
    draw_all(page)
    remark = page.locator("#latency-infer .remark")
    assert re.match("40 of 50 entries: the reference and those", remark.inner_text())
    page.get_by_label("Filter").fill("layers=3")
    expect(remark).to_have_text("")
    assert [text for text in labels(page, "latency-infer") if "layers" in text]
    assert not [text for text in labels(page, "latency-infer") if "layers=1" in text]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["timed", "trained", "by module"])
def test_axe_finds_nothing_serious(open_page: Open, theme: str, kind: str) -> None:
    """Contrast, names, roles, order: in both themes."""
    run = make_run(FOUR, noise=0.001)
    if kind == "trained":
        run = make_trained_run({"dense": DENSE, "csp": (0.2, 0.3, 0.25, 0.22)})
    if kind == "by module":
        run = measured(CEILINGS)
        run = change(run, 0, make_series(run))
    page = open_page(run, color_scheme=theme)
    draw_all(page)
    assert serious_violations(page) == []


def test_on_a_phone_the_kinds_of_memory_stand_within_the_screen(open_page: Open) -> None:
    """Their legend has as many columns as there is room for; phases are named."""
    run = make_run(("dense",), modes=("train",))
    series = msgspec.structs.replace(make_series(run), begins=(0, 2))
    page = open_page(change(run, 0, series), width=390)
    draw_all(page)
    labels_of_kinds = page.locator("#memory .role-legend-label text").all()
    assert len(labels_of_kinds) == 7
    for label in labels_of_kinds:
        box = label.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 390
    assert "backward" in labels(page, "memory")


def test_on_a_phone_nothing_is_wider_than_the_screen(open_page: Open) -> None:
    """Tables scroll in a place of their own."""
    page = open_page(make_run(FOUR), width=375, is_mobile=True)
    draw_all(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    assert page.evaluate("document.querySelector('.scroll').scrollWidth") > 375


def test_a_hostile_run_runs_nothing(open_page: Open) -> None:
    """Its names show as text, in tables, plots, tooltips and trees."""
    run = hostile(
        make_run(FOUR, launches=2, turns=3), frozenset({"stage", "stages", "measurements"})
    )
    page = open_page(run)
    draw_all(page)
    page.locator("#latency-infer .mark-symbol path").first.hover()
    page.locator("#tooltip").wait_for(state="visible")
    assert "<img src=x onerror=alert(1)>" in page.locator("#tooltip").inner_text()
    expect(page.locator("#module-tree tbody")).to_contain_text("onerror=alert")
    assert page.locator("img").count() == 0
    assert page.evaluate("document.querySelectorAll('script').length") == 4
    page.wait_for_timeout(200)


def test_the_policy_forbids_what_a_page_never_needs(chromium: "Browser", tmp_path: Path) -> None:
    """A script that got in all the same would not run, and nothing would be fetched."""
    text = render_report(make_run(FOUR, launches=2, turns=2), "html")
    path = tmp_path / "report.html"
    intruders = "<script>window.ran = 1</script><img src='x.png' onerror='window.ran = 1'>"
    path.write_text(text.replace("</main>", f"{intruders}</main>"))
    page = chromium.new_page()
    refused: list[str | None] = []
    page.on("requestfailed", lambda request: refused.append(request.failure))
    page.goto(path.as_uri())
    assert page.evaluate("window.ran") is None
    assert refused == ["csp"]
    page.close()
