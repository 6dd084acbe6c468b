"""What tests of pages do in a browser, once Playwright is known to be installed."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page


def draw_all(page: "Page") -> None:
    """Draw each figure, also those that are not on the screen."""
    from playwright.sync_api import expect

    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    figures = page.locator("figure.plot")
    expect(figures.locator("svg.marks")).to_have_count(figures.count())


def labels(page: "Page", figure: str) -> list[str]:
    """The texts of a figure."""
    return page.locator(f"#{figure} svg text").all_text_contents()


def serious_violations(page: "Page") -> list[tuple[str, list[str]]]:
    """What axe-core finds serious or critical: the rule, and where it is broken."""
    from axe_playwright_python.sync_playwright import Axe

    violations = Axe().run(page).response["violations"]
    return [
        (violation["id"], [node["html"][:200] for node in violation["nodes"][:3]])
        for violation in violations
        if violation["impact"] in {"serious", "critical"}
    ]
