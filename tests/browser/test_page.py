"""The page itself: clean, operable by keyboard, readable in both themes and at any width."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from pydantic import JsonValue

from schemas.signals import Signal, SignalAcknowledged
from schemas.symbols import DEFAULT_UNIVERSE
from tests.browser import scenes
from tests.browser.axe import faults, load_axe
from tests.browser.conftest import MINUTES
from tests.browser.played import explanation_of
from tests.build import account_snapshot, close_time, features, refdata

pytestmark = pytest.mark.browser

CONTRACTS: list[dict[str, JsonValue]] = [
    {"symbol": symbol, "step_size": 0.001} for symbol in DEFAULT_UNIVERSE
]
NARROW = {"width": 360, "height": 740}


def ready(page: Page) -> None:
    expect(page.get_by_role("option").first).to_be_visible()
    expect(page.get_by_role("heading", level=2, name=re.compile("USDT"))).to_be_visible()
    expect(page.get_by_role("table", name=re.compile("Share of each feature"))).to_be_visible()


def chosen(page: Page) -> str:
    return page.locator("[role=option][aria-selected=true]").get_attribute("id") or ""


def wider_than_itself(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


def test_page_loads_without_errors_or_policy_violations(stage, new_page):
    watched = new_page(stage)
    ready(watched.page)
    watched.page.get_by_role("button", name="Stream").click()
    expect(watched.page.get_by_role("dialog")).to_contain_text("Canary")

    assert watched.errors == []
    assert {url.split("/", 3)[2] for url in watched.asked} == {stage.url.split("/")[2]}
    policy = watched.page.request.get(stage.url).headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_chosen_signal_shows_what_the_gateway_says_of_it(stage, new_page, market):
    signal = [s for s in market.past if isinstance(s, Signal) and s.direction == "buy"][-30]
    page = new_page(stage, f"#{signal.signal_id}").page
    ready(page)

    head = page.get_by_role("heading", level=2, name=signal.symbol)
    expect(head).to_contain_text("Buy")
    expect(page.get_by_role("region", name="Provenance")).to_contain_text(signal.signal_id)
    expect(page.get_by_role("region", name="Provenance")).to_contain_text(signal.model_version)
    expect(page.get_by_role("region", name="Levels")).to_contain_text("Came to")
    low, high = signal.confidence_interval or (0.0, 0.0)
    sure = page.get_by_test_id("signal-head")
    expect(sure).to_contain_text(f"calibrated confidence, {low:.0%} to {high:.0%}")
    assert signal.expected_net_return is not None
    expected = f"{abs(signal.expected_net_return.mean):.2%}"
    expect(page.get_by_role("region", name="Levels")).to_contain_text(expected)
    for check in signal.confirmations:
        expect(page.get_by_role("region", name="Confirmations")).to_contain_text(check.detail)


def test_chart_has_a_table_twin_with_the_same_bars(stage, new_page):
    page = new_page(stage).page
    ready(page)
    chart = page.get_by_role("region", name="chart")
    expect(chart.locator("canvas").first).to_be_visible()

    chart.get_by_role("button", name="Table").click()

    rows = chart.get_by_role("region", name="Bars as a table").get_by_role("row")
    expect(rows).to_have_count(61)
    expect(rows.nth(1).get_by_role("rowheader")).to_have_text("17:07")


def test_reasons_are_words_with_how_usual_each_value_is_and_numbers_on_hover(
    new_stage, new_page, market
):
    [*_, signal] = [s for s in market.past if isinstance(s, Signal) and s.direction == "buy"]
    at = MINUTES - 1 - (close_time(MINUTES - 1) - signal.event_time_ms) // signal.timeframe_ms
    drivers = {d.feature for d in explanation_of(signal).positive[:1]}
    vectors = [
        features(minute, signal.symbol, **dict.fromkeys(drivers, float(at - minute)))
        for minute in range(at - 600, at + 1)
    ]
    stage = new_stage([*vectors, *market.past, explanation_of(signal)])
    page = new_page(stage, f"#{signal.signal_id}").page
    why = page.get_by_role("region", name="Why")
    expect(why.get_by_role("table")).to_be_visible()

    [name] = drivers
    row = why.get_by_role("row").nth(1)
    expect(row).to_contain_text(re.compile("low.*bottom 1%"))
    expect(row).to_have_attribute("title", re.compile(f"^{name} "))
    expect(why).to_contain_text("601 bars, 10 h")
    expect(why.locator("p").first).to_contain_text(re.compile(r"^Buy, mostly because .* is low"))
    expect(why).not_to_contain_text(re.compile("[a-z]_[a-z0-9]"))


def test_what_a_signal_means_for_an_account_is_told_when_it_is_asked_for(stage, new_page):
    page = new_page(stage).page
    ready(page)

    checks = page.get_by_role("region", name="Confirmations")

    checks.get_by_role("button", name="Check against my account").click()
    expect(checks).to_contain_text("No quantity: data missing: no account is connected")
    expect(checks.get_by_role("listitem").filter(has_text="limit")).to_have_count(0)
    stage.feed(account_snapshot(), refdata("symbol", *CONTRACTS))
    checks.get_by_role("button", name="Check again").click()
    expect(checks.get_by_role("listitem").filter(has_text="limit")).to_have_count(2)


def test_the_fonts_come_from_the_gateway(stage, new_page):
    watched = new_page(stage)
    ready(watched.page)

    fonts = watched.page.evaluate(
        "document.fonts.ready.then(() => [...document.fonts]"
        ".filter((font) => font.status === 'loaded').map((font) => font.family))"
    )

    assert any("Inter" in font for font in fonts)
    asked = [url for url in watched.asked if url.endswith(".woff2")]
    assert asked
    assert all(url.startswith(stage.url) for url in asked)


FILLED = """() => {
    // Rows of the price pane, above the regime band, that hold pixels of a falling bar's colour.
    const all = document.querySelectorAll('[data-testid=price-chart] canvas')
    const pane = [...all].find((canvas) => canvas.width > 300)
    if (pane === undefined) return false  // not drawn yet
    const high = Math.floor(pane.height * 0.9)
    const { data } = pane.getContext('2d').getImageData(0, 0, pane.width, high)
    let [top, bottom] = [high, 0]
    for (let at = 0; at < data.length; at += 4)
        if (data[at] === 255 && data[at + 1] === 156 && data[at + 2] === 94) {
            const row = Math.floor(at / 4 / pane.width)
            top = Math.min(top, row)
            bottom = Math.max(bottom, row)
        }
    return (bottom - top) / high > 0.15  // the levels of the idea take the rest
}"""


def test_bars_fill_their_pane_after_another_market_was_chosen(stage, new_page, market):
    signals = [s for s in market.past if isinstance(s, Signal) and s.direction != "neutral"]
    page = new_page(stage).page
    ready(page)
    page.wait_for_function(FILLED)

    for name in ("ETHUSDT", "BTCUSDT"):
        newest = next(signal for signal in reversed(signals) if signal.symbol == name)
        page.locator(f"#signal-{newest.signal_id}").click()
        expect(page.get_by_role("region", name=f"{name} chart")).to_be_visible()
        page.wait_for_function(FILLED)


def test_keys_walk_the_list_open_find_and_help(stage, new_page):
    page = new_page(stage).page
    ready(page)
    rows = page.get_by_role("option")
    ids = [rows.nth(place).get_attribute("id") for place in range(3)]

    page.keyboard.press("Home")
    assert chosen(page) == ids[0]
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    expect(rows.nth(2)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("k")
    expect(rows.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=2, name=re.compile("USDT"))).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("sol")
    expect(rows.first).to_contain_text("SOLUSDT")
    expect(page.get_by_role("option").filter(has_text="BTCUSDT")).to_have_count(0)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_acknowledging_is_published_and_stays(stage, new_page):
    page = new_page(stage).page
    ready(page)
    signal_id = chosen(page).removeprefix("signal-")

    page.keyboard.press("a")

    head = page.get_by_role("main")
    expect(head.get_by_text(re.compile("Acknowledged by operator|Acknowledged$"))).to_be_visible()
    [(seen, trace_id)] = stage.bus.published
    assert isinstance(seen, SignalAcknowledged)
    assert seen.signal_id == signal_id
    assert trace_id
    page.goto(f"{stage.url}#{signal_id}")
    page.reload()
    expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)


def test_neutral_signals_show_until_the_first_direction_and_explain_on_demand(
    new_stage, new_page, market
):
    quiet = [r for r in market.past if not isinstance(r, Signal) or r.direction == "neutral"]
    stage = new_stage(quiet)
    page = new_page(stage).page
    expect(page.get_by_text("Nothing but neutral so far")).to_be_visible()

    page.get_by_role("option").first.click()
    page.get_by_role("button", name="Explain this signal").click()
    expect(page.get_by_role("region", name="Why")).to_contain_text("Being explained")
    signal_id = chosen(page).removeprefix("signal-")
    [signal] = [s for s in quiet if isinstance(s, Signal) and s.signal_id == signal_id]
    stage.feed(explanation_of(signal))
    expect(page.get_by_role("table", name=re.compile("Share of each feature"))).to_be_visible()

    stage.feed(*market.closes[0], *market.closes[1])
    expect(page.get_by_text("Nothing but neutral so far")).to_have_count(0)
    expect(page.get_by_role("option").filter(has_text="Neutral")).to_have_count(0)
    page.keyboard.press("n")
    expect(page.get_by_role("option").filter(has_text="Neutral").first).to_be_visible()


def test_score_of_past_signals_is_the_gateways(stage, new_page):
    watched = new_page(stage)
    ready(watched.page)
    answer = watched.page.request.get(f"{stage.url}api/signals?scored=true&limit=1").json()

    table = watched.page.get_by_role("table", name=re.compile("Hit rate"))

    assert answer["data"]["summary"][0]["known"] > 0
    for row in answer["data"]["summary"]:
        name = {"directional": "All directional", "neutral": "Neutral"}.get(
            row["group"], f"Grade {row['group']}"
        )
        shown = table.get_by_role("row").filter(has=watched.page.get_by_text(name, exact=True))
        expect(shown).to_contain_text(str(row["known"]))
        expect(shown).to_contain_text(f"{row['hit_rate']:.0%}")


def test_theme_follows_the_system_until_chosen_and_is_remembered(stage, new_page):
    page = new_page(stage, color_scheme="light").page
    ready(page)
    body = page.locator("body")
    light, dark = "rgb(238, 241, 245)", "rgb(9, 12, 17)"
    expect(body).to_have_css("background-color", light)
    page.emulate_media(color_scheme="dark")
    expect(body).to_have_css("background-color", dark)

    page.keyboard.press("t")
    expect(body).to_have_css("background-color", light)
    page.reload()
    ready(page)

    expect(body).to_have_css("background-color", light)


def test_narrow_page_shows_list_or_signal_and_never_scrolls_sideways(stage, new_page):
    page = new_page(stage, viewport=NARROW).page
    expect(page.get_by_role("option").first).to_be_visible()
    assert not wider_than_itself(page)

    page.get_by_role("option").nth(1).click()
    ready_detail = page.get_by_role("button", name="Acknowledge")
    expect(ready_detail).to_be_visible()
    expect(page.get_by_role("listbox")).to_be_hidden()
    assert not wider_than_itself(page)
    page.get_by_role("button", name="Stream").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert not wider_than_itself(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Signals", exact=True).click()

    expect(page.get_by_role("listbox")).to_be_visible()


SIZES = {
    "wide": (1440, 900),
    "widest": (1920, 1080),
    "laptop": (1024, 768),
    "low": (1280, 480),
    "narrow": (420, 800),
    "phone": (320, 568),
}


def scrolls_as_a_whole(page: Page) -> bool:
    return bool(
        page.evaluate(
            """() => {
                const { scrollHeight, scrollWidth } = document.documentElement
                return scrollHeight > innerHeight || scrollWidth > innerWidth
            }"""
        )
    )


@pytest.mark.parametrize("size", SIZES)
def test_the_top_bar_stays_no_page_scrolls_as_a_whole(stage, new_page, size):
    width, height = SIZES[size]
    page = new_page(stage, viewport={"width": width, "height": height}).page
    expect(page.get_by_role("option").first).to_be_visible()
    assert not scrolls_as_a_whole(page)

    page.get_by_role("option").first.click()
    ready_detail = page.get_by_role("table", name=re.compile("Hit rate"))
    ready_detail.scroll_into_view_if_needed()
    expect(ready_detail).to_be_visible()
    assert not scrolls_as_a_whole(page)
    page.mouse.move(width / 2, 20)
    page.mouse.wheel(0, 600)
    expect(page.get_by_role("banner").first).to_be_in_viewport()

    page.get_by_role("link", name="Research").click()
    expect(page.get_by_role("main")).to_be_visible()
    assert not scrolls_as_a_whole(page)


OUTSIDE = """() => {
    // What reaches beyond its panel, but for what scrolls inside it.
    const scrolls = (box) => /auto|scroll|hidden|clip/.test(getComputedStyle(box).overflowX)
    const inside = (element, panel) => {
        for (let box = element.parentElement; box !== panel; box = box.parentElement)
            if (scrolls(box)) return true
        return element.getBoundingClientRect().right <= panel.getBoundingClientRect().right + 1
    }
    const panels = document.querySelectorAll('main section, nav button, [role=option], main header')
    return [...panels].flatMap((panel) =>
        [...panel.querySelectorAll('*')]
            .filter((element) => element.checkVisibility() && !inside(element, panel))
            .map((element) => element.outerHTML.slice(0, 120)))
}"""


@pytest.mark.parametrize("size", ["wide", "laptop", "narrow", "phone"])
def test_the_longest_symbol_stays_inside_its_panel(new_stage, new_page, market, size):
    long = "1000000" + "LONGESTOFALLSYMBOLS" + "USDT"
    assert len(long) == 30
    renamed = [
        r.model_copy(update={"symbol": long}) if getattr(r, "symbol", "") == "SOLUSDT" else r
        for r in market.past
    ]
    width, height = SIZES[size]
    page = new_page(new_stage(renamed), viewport={"width": width, "height": height}).page
    page.get_by_role("searchbox").fill("longest")
    expect(page.get_by_role("option").first).to_contain_text(long)
    assert page.evaluate(OUTSIDE) == []

    page.get_by_role("option").first.click()
    expect(page.get_by_role("heading", level=2, name=long)).to_be_visible()

    assert page.evaluate(OUTSIDE) == []
    assert not wider_than_itself(page)


def test_back_returns_to_the_signal_before_and_a_walk_is_one_step(stage, new_page):
    page = new_page(stage).page
    ready(page)
    rows = page.get_by_role("option")
    first, second, third = (rows.nth(place).get_attribute("id") for place in range(3))
    rows.nth(2).click()
    rows.nth(0).click()
    for _ in range(4):
        page.keyboard.press("j")
    expect(rows.nth(4)).to_have_attribute("aria-selected", "true")

    page.go_back()
    expect(page.locator(f"#{first}")).to_have_attribute("aria-selected", "true")
    page.go_back()
    expect(page.locator(f"#{third}")).to_have_attribute("aria-selected", "true")
    page.go_forward()
    expect(page.locator(f"#{first}")).to_have_attribute("aria-selected", "true")
    page.reload()
    ready(page)
    expect(page.locator(f"#{first}")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("r")
    expect(page.get_by_role("link", name="Research")).to_have_attribute("aria-current", "page")
    page.go_back()
    expect(page.locator(f"#{first}")).to_have_attribute("aria-selected", "true")
    assert second not in page.url


def test_back_on_a_narrow_page_leads_from_the_signal_to_the_list(stage, new_page):
    page = new_page(stage, viewport=NARROW).page
    rows = page.get_by_role("option")
    rows.nth(1).click()
    expect(rows.first).to_be_hidden()

    page.go_back()
    expect(rows.first).to_be_visible()
    page.go_forward()
    expect(rows.first).to_be_hidden()
    page.keyboard.press("Escape")
    expect(rows.first).to_be_visible()


@pytest.mark.parametrize("scene", ["system", "training", "degraded", "reading", "lost", "filtered"])
def test_accessibility_has_no_known_fault(new_stage, new_page, market, scene):
    records = {"training": scenes.learning(), "degraded": [*market.past, *scenes.trouble()]}
    stage = new_stage(records.get(scene, market.past))
    at = "#of-last-year" if scene == "lost" else "#/signals"
    page = new_page(stage, at, bypass_csp=True, reduced_motion="reduce").page
    if scene == "reading":
        page.route(re.compile("api/signals"), lambda _: None)
        page.reload()
        expect(page.get_by_role("status", name="Signals are being read")).to_be_visible()
    elif scene == "lost":
        expect(page.get_by_text("This signal is not here")).to_be_visible()
    elif scene == "filtered":
        for grade in ("A+", "A", "B", "C"):
            page.get_by_role("button", name=f"Grade {grade}", exact=True).click()
        expect(
            page.locator("#detail").or_(page.get_by_text("No signal passes")).first
        ).to_be_visible()
    elif scene == "training":
        expect(page.get_by_role("heading", name="Training the first model")).to_be_visible()
    else:
        expect(page.get_by_role("option").first).to_be_visible()
    if scene == "system":
        page.keyboard.press("s")
        expect(page.get_by_role("dialog")).to_be_visible()

    load_axe(page)
    assert faults(page) == []
