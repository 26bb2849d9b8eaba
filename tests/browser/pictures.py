"""Draws the pictures of README and of the guide: ``python -m tests.browser.pictures``.

That of research is a search over the recorded hours of bitcoin; without ``shared/data`` beside the
checkout it stays as it is.
"""

from __future__ import annotations

import shutil

from playwright.sync_api import Page, expect, sync_playwright

from deploy.local.dashboard import SOURCE, build_dashboard
from tests.browser import research, scenes
from tests.browser.conftest import FLAGS
from tests.browser.research import Bench
from tests.browser.stage import Stage
from tests.real_data import REAL_DATA
from workers.backtest.compute import prepare
from workers.bars.arrays import Bars

WAIT_MS = 300_000
HOURS = REAL_DATA / "ohlcv" / "BTCUSDT_perp_1h.parquet"
FUNDING = REAL_DATA / "funding_mark"


def draw_signals(page: Page) -> None:
    """Draw the signals of markets played for the tests."""
    with Stage(scenes.several(scenes.live(120))) as stage:
        page.goto(stage.url + "#/signals")
        expect(page.get_by_text("Shares of the pooled attribution")).to_be_visible()
        expect(page.get_by_test_id("price-chart")).to_be_visible()
        page.screenshot(path=SOURCE / "docs" / "dashboard.png")


def draw_research(page: Page) -> None:
    """Draw what a search over recorded hours comes to, as the form asks for it at first."""
    prepare()  # as the process does before it says that it runs
    paid, mark = (FUNDING / f"BTCUSDT_{name}.parquet" for name in ("funding", "mark_1h"))
    bench = Bench({"BTCUSDT": Bars.from_file(str(HOURS), paid, mark)})
    records = [*research.records(bench.held), *scenes.running(0)]
    with Stage(records, bench=bench, timeframes="1h") as stage:
        page.goto(stage.url + "#/research")
        expect(page.get_by_role("form")).to_be_visible()
        page.keyboard.press("Control+Enter")
        expect(page.get_by_role("slider").first).to_be_visible()
        stage.feed(*scenes.running(0))  # who is silent for long is called so
        expect(page.get_by_text("silent")).to_have_count(0)
        page.screenshot(path=SOURCE / "docs" / "research.png")
        bench.join()


def main() -> None:
    """Draw both."""
    build_dashboard(print)
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as running:
        browser = running.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(FLAGS)
        )
        page = browser.new_page(viewport={"width": 1600, "height": 1000}, color_scheme="dark")
        draw_signals(page)
        if HOURS.is_file():
            draw_research(page)
        browser.close()


if __name__ == "__main__":
    main()
