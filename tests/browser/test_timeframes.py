"""The switch of timeframes: what it turns, what carries it, and what a timeframe waits for."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from schemas.market import Bar
from schemas.signals import Signal
from tests.browser import scenes
from tests.browser.conftest import MarketScene, NewStage
from tests.browser.stage import Stage
from tests.browser.test_page import wider_than_itself

pytestmark = pytest.mark.browser

LINKS = "[...document.querySelectorAll('a[href]')].map((link) => link.href)"


@pytest.fixture
def several(new_stage: NewStage, market: MarketScene) -> Stage:
    return new_stage(scenes.several(market.past))


def newest(page_stage: Stage, timeframe_ms: int, symbol: str = "BTCUSDT") -> Signal:
    window = page_stage.ctx.views.series(symbol, timeframe_ms).signals
    return Signal.decode(window.items[-1].raw)


def switch(page: Page, name: str) -> None:
    page.get_by_role("group", name="Timeframe").get_by_role("button", name=name, exact=True).click()


def pressed(page: Page) -> str:
    return page.get_by_role("group", name="Timeframe").locator("[aria-pressed=true]").inner_text()


def test_the_switch_turns_list_chart_score_and_markets(several, new_page):
    watched = new_page(several)
    page = watched.page
    expect(page.get_by_role("heading", level=2, name=re.compile("USDT"))).to_be_visible()
    assert pressed(page) == "1m"

    switch(page, "15m")

    expect(page).to_have_url(re.compile(r"/\?tf=15m#/"))
    expect(page.get_by_test_id("signal-head")).to_contain_text("15m bar closed")
    expect(page.get_by_role("region", name="chart").get_by_role("heading")).to_contain_text("15m")
    expect(page.get_by_role("region", name="Score of past 15m signals")).to_contain_text("Grade")
    expect(page.get_by_role("table", name=re.compile("Share of each feature"))).to_be_visible()
    rows = page.get_by_role("option")
    ids = [rows.nth(place).get_attribute("id") or "" for place in range(5)]
    assert all(name.endswith("-15m") for name in ids), ids
    regime = newest(several, scenes.QUARTER_MS).regime
    strongest = max(regime.bull, regime.bear, regime.sideways)
    market = page.get_by_role("navigation", name="Markets").get_by_role("button", name="BTCUSDT")
    expect(market).to_contain_text(f"{strongest:.0%}")
    assert watched.errors == []


def test_every_link_carries_the_timeframe_and_back_returns_to_the_one_before(several, new_page):
    page = new_page(several).page
    expect(page.get_by_role("option").first).to_be_visible()
    first = page.url
    switch(page, "15m")
    switch(page, "1h")
    expect(page).to_have_url(re.compile(r"tf=1h"))
    own = [link for link in page.evaluate(LINKS) if "#" in link]
    assert own
    assert all("?tf=1h" in link for link in own), own

    page.get_by_role("link", name="Research").click()
    expect(page).to_have_url(re.compile(r"\?tf=1h#/research"))
    expect(page.get_by_role("main")).to_be_visible()
    page.keyboard.press("r")
    expect(page.get_by_test_id("signal-head")).to_contain_text("1h bar closed")
    page.get_by_role("option").nth(1).click()
    expect(page).to_have_url(re.compile(r"\?tf=1h#.+-60m$"))
    page.reload()
    expect(page.get_by_test_id("signal-head")).to_contain_text("1h bar closed")
    for _ in range(4):
        page.go_back()
    expect(page).to_have_url(re.compile(r"\?tf=15m#/signals$"))
    expect(page.get_by_test_id("signal-head")).to_contain_text("15m bar closed")
    page.go_back()
    expect(page).to_have_url(first.split("#")[0] + "#/signals")
    expect(page.get_by_test_id("signal-head")).to_contain_text("1m bar closed")


def test_a_digit_turns_to_its_timeframe_and_help_says_so(several, new_page):
    page = new_page(several).page
    expect(page.get_by_role("option").first).to_be_visible()

    page.keyboard.press("3")
    expect(page.get_by_test_id("signal-head")).to_contain_text("1h bar closed")
    assert pressed(page) == "1h"
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_contain_text("Timeframe 1m, 15m, 1h")


def test_the_stream_brings_every_timeframe_and_each_list_its_own(several, new_page, market):
    watched = new_page(several, "?tf=15m#/signals")
    page = watched.page
    expect(page.get_by_role("button", name="Stream")).to_contain_text("Live")
    assert "timeframe=1m&timeframe=15m&timeframe=1h" in watched.streams[-1]
    count = page.get_by_role("option").first
    expect(count).to_be_visible()
    before = newest(several, scenes.QUARTER_MS)
    close_ms = before.event_time_ms + scenes.QUARTER_MS
    later = before.model_copy(
        update={"signal_id": "later-15m", "event_time_ms": close_ms, "direction": "buy"}
    )

    several.feed(*market.closes[0], later)

    expect(page.locator("#signal-later-15m")).to_be_visible()
    others = [r.signal_id for r in market.closes[0] if isinstance(r, Signal)]
    assert others
    for signal_id in others:
        expect(page.locator(f"#signal-{signal_id}")).to_have_count(0)


def test_a_link_to_a_signal_turns_to_its_timeframe(several, new_page):
    signal = newest(several, scenes.HOUR_MS)

    page = new_page(several, f"#{signal.signal_id}").page

    expect(page).to_have_url(re.compile(rf"\?tf=1h#{signal.signal_id}$"))
    expect(page.get_by_test_id("signal-head")).to_contain_text("1h bar closed")
    assert pressed(page) == "1h"


def test_a_timeframe_whose_model_is_in_training_says_so(new_stage, new_page, market):
    stage = new_stage(scenes.several(market.past, hour_model=False))
    page = new_page(stage, "?tf=1h#/signals").page

    getting_ready = page.get_by_role("region", name="Getting 1h ready")
    expect(getting_ready).to_contain_text("Training the first 1h model")
    expect(getting_ready.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "62")
    expect(page.get_by_role("region", name="chart").locator("canvas").first).to_be_visible()
    expect(page.get_by_role("button", name="Model")).to_contain_text("Training 62%")

    switch(page, "1m")
    expect(page.get_by_role("option").first).to_be_visible()


def test_a_timeframe_whose_history_is_being_filled_says_so(stage, new_page):
    page = new_page(stage, "?tf=15m#/signals").page

    getting_ready = page.get_by_role("region", name="Getting 15m ready")
    expect(getting_ready).to_contain_text("Filling the 15m history")
    expect(page.get_by_text("No signals yet")).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


def test_a_timeframe_that_does_not_run_is_said_and_can_be_left(several, new_page):
    page = new_page(several, "?tf=7m#/signals").page

    said = page.get_by_role("status").filter(has_text="Timeframe 7m does not run here")
    expect(said).to_contain_text("1m, 15m, and 1h do")
    expect(page.get_by_test_id("signal-head")).to_contain_text("1m bar closed")
    said.get_by_role("button", name="Go on with 1m").click()
    expect(said).to_have_count(0)
    assert "tf=" not in page.url


def test_one_timeframe_alone_has_no_switch_and_asks_as_it_always_did(new_stage, new_page, market):
    watched = new_page(new_stage(market.past, timeframes=("1m",)))
    page = watched.page
    expect(page.get_by_role("option").first).to_be_visible()
    expect(page.get_by_role("table", name=re.compile("Hit rate"))).to_be_visible()

    expect(page.get_by_role("group", name="Timeframe")).to_have_count(0)
    expect(page.get_by_role("region", name="Score of past signals")).to_be_visible()
    asked = [url for url in [*watched.asked, *watched.streams] if "timeframe" in url]
    # Ideas of every timeframe are listed unless one is named.
    assert [url for url in asked if "/api/ideas?" not in url] == []
    page.keyboard.press("2")
    assert "tf=" not in page.url


def test_the_switch_fits_a_narrow_page(several, new_page):
    page = new_page(several, viewport={"width": 320, "height": 568}).page
    switch(page, "15m")

    expect(page.get_by_role("option").first).to_be_visible()
    assert not wider_than_itself(page)


def test_higher_bars_are_the_sum_of_the_played_ones(market):
    minutes = [b for b in market.past if isinstance(b, Bar) and b.symbol == "BTCUSDT"]
    records = scenes.several(market.past)
    [*_, quarter] = [
        b
        for b in records
        if isinstance(b, Bar) and b.symbol == "BTCUSDT" and b.timeframe_ms == scenes.QUARTER_MS
    ]
    part = [b for b in minutes if quarter.open_time_ms < b.event_time_ms <= quarter.event_time_ms]
    assert len(part) == 15
    assert (quarter.open, quarter.close) == (part[0].open, part[-1].close)
    assert quarter.high == max(b.high for b in part)
