"""Draws the picture of README: ``python -m tests.browser.pictures``."""

from __future__ import annotations

import shutil

from playwright.sync_api import expect, sync_playwright

from deploy.local.dashboard import SOURCE, build_dashboard
from tests.browser import scenes
from tests.browser.conftest import FLAGS
from tests.browser.stage import Stage

WAIT_MS = 120_000


def main() -> None:
    """Draw the signals of markets played for the tests."""
    build_dashboard(print)
    expect.set_options(timeout=WAIT_MS)
    with Stage(scenes.several(scenes.live(120))) as stage, sync_playwright() as running:
        browser = running.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(FLAGS)
        )
        page = browser.new_page(viewport={"width": 1600, "height": 1000}, color_scheme="dark")
        page.goto(stage.url + "#/signals")
        expect(page.get_by_text("Shares of the pooled attribution")).to_be_visible()
        page.screenshot(path=SOURCE / "docs" / "dashboard.png")
        browser.close()


if __name__ == "__main__":
    main()
