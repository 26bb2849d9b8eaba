"""The API's document in a real browser: to try under /docs, to read under /redoc, both our own."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewPage
from tests.browser.stage import Stage

pytestmark = pytest.mark.browser

DRAWN_WITHIN_MS = 90_000  # Redoc draws the whole document at once: seconds of work for one core


def test_a_request_is_tried_on_the_docs_page(stage: Stage, new_page: NewPage) -> None:
    watched = new_page(stage, "docs")
    operation = watched.page.locator("#operations-models-models_api_v1_models_get")

    operation.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()

    expect(operation.locator(".live-responses-table .response-col_status").last).to_contain_text(
        "200"
    )
    assert watched.errors == []
    assert all(url.startswith((stage.url, "data:", "blob:")) for url in watched.asked)


def test_the_redoc_page_shows_every_family(stage: Stage, new_page: NewPage) -> None:
    watched = new_page(stage, "redoc")

    for family in ("predict", "signals", "backtest", "hyperopt"):
        section = watched.page.locator(f'[data-section-id="tag/{family}"]')
        expect(section).to_be_attached(timeout=DRAWN_WITHIN_MS)
    assert watched.errors == []
    assert all(url.startswith((stage.url, "data:", "blob:")) for url in watched.asked)
