"""How large pages of 100 and 1,000 cases are, and how soon a browser shows them.

    PYTHONPATH=tests:tests/report python bench/page_opening.py    # both, five openings each
    python bench/page_opening.py --cases 100 --openings 10

Times are from the start of navigation, in a new context each, medians: to the first content
(paint), until the page's own script has ended, and until all plots are drawn, also those that are
off the screen, which a reader never waits for. Exits 1 if a page of 100 cases takes 1 s or more
to the plots on the screen, or one of 1,000 cases 3 s.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, sync_playwright
from synthetic import make_large_run, render_report

BOUNDS_S = {100: 1.0, 1000: 3.0}
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN"
_ON_SCREEN = """
() => [...document.querySelectorAll("figure.plot")]
  .filter((figure) => figure.getBoundingClientRect().top < innerHeight)
  .every((figure) => figure.querySelector("svg.marks"))
"""
_ALL = """
async () => {
  dispatchEvent(new Event("beforeprint"));
  const figures = [...document.querySelectorAll("figure.plot")];
  while (!figures.every((figure) => figure.querySelector("svg.marks"))) {
    await new Promise((done) => setTimeout(done, 5));
  }
  return performance.now();
}
"""


def opening_s(browser: Browser, path: Path) -> tuple[float, float, float]:
    """Seconds to the first content, to the plots on the screen, and to all plots."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(path.as_uri(), wait_until="load")
    while not page.evaluate(_ON_SCREEN):
        time.sleep(0.005)
    on_screen_ms = page.evaluate("performance.now()")
    all_ms = page.evaluate(_ALL)
    paint_ms = page.evaluate(_PAINT)
    context.close()
    return paint_ms / 1e3, on_screen_ms / 1e3, all_ms / 1e3


def main() -> int:
    """Print sizes and times; 1 if one is beyond its bound."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, nargs="*", default=[*BOUNDS_S])
    parser.add_argument("--openings", type=int, default=5)
    arguments = parser.parse_args()
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    if executable is None:
        print("no Chromium on the PATH")
        return 1
    is_late = False
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable)
        for cases in arguments.cases:
            path = Path(folder) / f"{cases}.html"
            run = make_large_run(cases // 2, launches=12, turns=16)
            start = time.perf_counter()
            path.write_text(render_report(run, "html"))
            made_s = time.perf_counter() - start
            times = [opening_s(browser, path) for _ in range(arguments.openings)]
            paint_s, on_screen_s, all_s = map(median, zip(*times, strict=True))
            is_late |= on_screen_s >= BOUNDS_S.get(cases, float("inf"))
            print(
                f"{cases:,} cases: {path.stat().st_size / 1e6:.2f} MB, made in {made_s:.1f} s; "
                f"first content {paint_s:.2f} s, plots on the screen {on_screen_s:.2f} s, "
                f"all plots {all_s:.2f} s"
            )
        browser.close()
    return int(is_late)


if __name__ == "__main__":
    sys.exit(main())
