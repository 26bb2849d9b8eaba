"""The analysis page: timeframes side by side at one right edge, by keyboard, at any width."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import scenes
from tests.browser.axe import faults, load_axe
from tests.browser.conftest import MarketScene, NewStage
from tests.browser.stage import Stage
from tests.browser.test_page import NARROW, OUTSIDE, scrolls_as_a_whole, wider_than_itself

pytestmark = pytest.mark.browser

NAMES = ("1m", "15m", "1h")
AT = "?symbol=BTCUSDT#/analysis"


@pytest.fixture
def several(new_stage: NewStage, market: MarketScene) -> Stage:
    return new_stage(scenes.several(market.past))


def column(page: Page, name: str):
    return page.get_by_role("region", name=f"BTCUSDT {name}", exact=True)


def ready(page: Page) -> None:
    for name in NAMES:
        if page.evaluate("innerWidth") < 960:  # stacked: a chart comes once its place is in sight
            column(page, name).evaluate("column => column.scrollIntoView()")
        expect(column(page, name).get_by_test_id("edge")).to_be_visible()


def test_the_timeframes_stand_side_by_side_and_say_what_the_gateway_says(several, new_page):
    watched = new_page(several, AT)
    page = watched.page
    ready(page)
    answer = page.request.get(f"{several.url}api/analysis?ticker=BTCUSDT").json()["data"]

    tops = {round(column(page, name).bounding_box()["y"]) for name in NAMES}
    lefts = [column(page, name).bounding_box()["x"] for name in NAMES]
    assert len(tops) == 1
    assert lefts == sorted(set(lefts))
    for each in answer["timeframes"]:
        part = column(page, each["timeframe"])
        expect(part.get_by_role("heading", level=2)).to_have_text(each["timeframe"])
        expect(part).to_contain_text(f"entropy {each['regime']['entropy']:.2f} of 1")
        expect(part).to_contain_text(each["regime"]["trend_state"].lower())
        expect(part).to_contain_text(f"{each['signal']['confidence']:.0%}")
        expect(part.get_by_role("row").filter(has_text="52 bars")).to_contain_text("%")
        for family in each["families"]:
            for indicator in family["indicators"]:
                row = part.locator(f'tr[title^="{indicator["name"]}. "]')
                word = (indicator["reading"] or "unknown").capitalize()
                expect(row).to_contain_text(re.compile(word, re.IGNORECASE))
    agreement = page.get_by_role("region", name="Agreement of the timeframes")
    score = answer["agreement"]["score"]
    expect(agreement).to_contain_text(f"{abs(score):.2f}" if score else "0")
    assert watched.errors == []


def test_every_chart_ends_at_the_same_moment_at_the_same_distance(several, new_page):
    page = new_page(several, AT).page
    ready(page)

    moments = {
        column(page, name).get_by_test_id("edge").get_attribute("datetime") for name in NAMES
    }
    from_right = {
        round(
            column(page, name).bounding_box()["x"]
            + column(page, name).bounding_box()["width"]
            - column(page, name).locator("figure > i").bounding_box()["x"]
        )
        for name in NAMES
    }

    assert moments == {"2025-06-15T17:07:00.000Z"}
    assert len(from_right) == 1


def test_the_definition_is_one_focus_or_hover_away(several, new_page):
    page = new_page(several, AT).page
    ready(page)
    mark = page.get_by_role("button", name="Agreement: what it means")
    text = page.get_by_role("tooltip").filter(has_text="Mean over the timeframes")
    expect(text).to_be_hidden()

    mark.focus()
    expect(text).to_be_visible()
    page.keyboard.press("Escape")
    expect(text).to_be_hidden()
    mark.hover()
    expect(text).to_be_visible()
    page.mouse.move(5, 5)
    mark.click()
    page.mouse.move(5, 5)
    expect(text).to_be_visible()


def test_keys_walk_markets_timeframes_and_families_and_lead_to_the_signals(several, new_page):
    page = new_page(several, AT).page
    ready(page)

    page.keyboard.press("2")
    expect(column(page, "15m").get_by_role("heading", level=2)).to_be_focused()
    expect(column(page, "15m")).to_have_attribute("aria-current", "true")
    expect(page).to_have_url(re.compile(r"\?symbol=BTCUSDT&tf=15m#/analysis$"))
    page.keyboard.press("f")
    summaries = column(page, "15m").locator("summary")
    expect(summaries.nth(0)).to_be_focused()
    page.keyboard.press("f")
    expect(summaries.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    for name in NAMES:
        expect(column(page, name).locator("details").nth(1)).not_to_have_attribute("open", "")
    page.keyboard.press("e")
    expect(column(page, "1h").locator("details[open]")).to_have_count(0)
    page.keyboard.press("j")
    expect(page).to_have_url(re.compile(r"\?symbol=ETHUSDT&tf=15m#/analysis$"))
    expect(page.get_by_role("region", name="ETHUSDT 15m", exact=True)).to_be_visible()
    page.keyboard.press("k")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_contain_text("Next, previous family")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)

    page.keyboard.press("o")
    expect(page.get_by_test_id("signal-head")).to_contain_text("BTCUSDT")
    expect(page.get_by_test_id("signal-head")).to_contain_text("15m bar closed")
    page.keyboard.press("m")
    expect(page).to_have_url(re.compile(r"\?symbol=BTCUSDT&tf=15m#/analysis$"))
    ready(page)


def test_links_lead_to_the_signals_of_the_market_and_timeframe_without_a_reload(several, new_page):
    watched = new_page(several, AT)
    page = watched.page
    ready(page)
    loads = sum(url == several.url for url in watched.asked)

    column(page, "1h").get_by_role("link", name="newest signal").click()
    expect(page).to_have_url(re.compile(r"\?symbol=BTCUSDT&tf=1h#btcusdt-.+-60m$"))
    expect(page.get_by_test_id("signal-head")).to_contain_text("1h bar closed")
    page.go_back()
    ready(page)
    column(page, "15m").get_by_role("link", name="Signals").click()

    expect(page.get_by_test_id("signal-head")).to_contain_text("15m bar closed")
    expect(page.get_by_role("button", name="Show all symbols, not only BTCUSDT")).to_be_visible()
    assert sum(url == several.url for url in watched.asked) == loads


def test_what_has_no_data_says_why(new_stage, new_page, market, stage):
    page = new_page(stage, AT).page
    expect(column(page, "15m")).to_contain_text("No 15m bars yet")
    expect(column(page, "15m")).to_contain_text("the history is being filled")
    expect(page.locator("main [aria-busy=true]")).to_have_count(0)

    training = new_stage(scenes.several(market.past, hour_model=False))
    page = new_page(training, AT).page
    expect(column(page, "1h")).to_contain_text("the first one is being trained")
    expect(column(page, "1h").get_by_role("progressbar")).to_have_attribute("aria-valuenow", "62")


def test_a_market_that_nobody_knows_is_said(several, new_page):
    page = new_page(several, "?symbol=XYZUSDT#/analysis").page

    expect(page.get_by_text("Nothing is known of XYZUSDT")).to_be_visible()
    page.get_by_role("navigation", name="Markets").get_by_role("button", name="BTCUSDT").click()
    ready(page)


def test_one_timeframe_alone_is_one_column(new_stage, new_page, market):
    page = new_page(new_stage(market.past, timeframes=("1m",)), AT).page

    expect(column(page, "1m").get_by_test_id("edge")).to_be_visible()
    expect(page.locator("[id^=timeframe-]")).to_have_count(1)


@pytest.mark.parametrize("width", [1600, 1200, 420, 320])
def test_the_page_is_accessible_and_fits_at_any_width(several, new_page, width):
    page = new_page(
        several,
        AT,
        viewport={"width": width, "height": 900},
        bypass_csp=True,
        reduced_motion="reduce",
    ).page
    ready(page)
    assert not scrolls_as_a_whole(page)
    assert page.evaluate(OUTSIDE) == []

    load_axe(page)
    assert faults(page) == []


def test_narrow_columns_are_stacked_and_families_open_when_asked_for(several, new_page):
    page = new_page(several, AT, viewport=NARROW).page
    ready(page)

    tops = [column(page, name).bounding_box()["y"] for name in NAMES]
    assert tops == sorted(set(tops))
    expect(page.locator("details[open]")).to_have_count(0)
    column(page, "1m").locator("summary").first.click()
    expect(column(page, "1m").locator("details[open]")).to_have_count(1)
    assert not wider_than_itself(page)
