"""Draws the pictures of README and guide: ``python -m tests.browser.pictures signals``.

``python -m tests.browser.pictures research --bars BTCUSDT_perp_1h.parquet`` searches those bars.
"""

from __future__ import annotations

import argparse
import shutil

from playwright.sync_api import Page, expect, sync_playwright

from deploy.local.dashboard import SOURCE, build_dashboard
from tests.browser import research, scenes
from tests.browser.conftest import FLAGS
from tests.browser.research import Bench
from tests.browser.stage import Stage
from workers.bars.arrays import Bars
from workers.bars.sources import file_source

FOLDER = SOURCE / "docs"
WAIT_MS = 120_000


def main() -> None:
    """Draw what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", choices=("signals", "research"))
    parser.add_argument("--bars", help="file of hourly bars, for research")
    chosen = parser.parse_args()
    build_dashboard(print)
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as running:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = running.chromium.launch(executable_path=chromium, args=list(FLAGS))
        size = {"width": 1600, "height": 1000}
        page = browser.new_page(viewport=size, color_scheme="dark")  # type: ignore[arg-type]  # its own words
        if chosen.picture == "signals":
            signals(page)
        else:
            searched(page, chosen.bars)
        browser.close()


def signals(page: Page) -> None:
    """Draw the signals of markets played for the tests."""
    with Stage(scenes.several(scenes.live(120))) as stage:
        page.goto(stage.url + "#/signals")
        expect(page.get_by_text("Shares of the pooled attribution")).to_be_visible()
        page.screenshot(path=FOLDER / "dashboard.png")


def searched(page: Page, path: str) -> None:
    """Draw what the search that stands in the form finds in the bars of a file."""
    source = file_source(path)
    bars = Bars.from_file(source.path, source.funding, source.mark)
    bench = Bench({source.symbol: bars})
    records = [*research.records(bench.held), *scenes.running(0)]
    with Stage(records, bench=bench, timeframes="1h") as stage:
        page.goto(stage.url + "#/research")
        expect(page.get_by_role("form")).to_be_visible()
        page.keyboard.press("Control+Enter")
        equity = page.get_by_role("region", name="Equity")
        expect(equity.get_by_role("slider")).to_be_visible()
        page.screenshot(path=FOLDER / "research.png")
        bench.join()


if __name__ == "__main__":
    main()
