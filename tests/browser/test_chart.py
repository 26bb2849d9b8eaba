"""The chart of a market: it moves by keys, reads the past, draws trades, and takes prices."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from schemas.ideas import IdeaEvent
from schemas.timeframes import MINUTE_MS
from tests.browser.test_now import newest_ideas
from tests.build import bar, close_time, journal_command
from tests.fakes.command_processor import CommandProcessor

pytestmark = pytest.mark.browser

AT = "?symbol=BTCUSDT#/signals"
NAMED = re.compile(r"candles, (.+) UTC to (.+) UTC")
OLDER = 1_000  # bars before those of the market
CHART_BARS = 720  # are read at first
MARKET_MS = close_time(100)
SHOWS_ALL_FROM = """name => {
    // Bars come meanwhile: all of them are asked for until the first one is in sight.
    document.body.dispatchEvent(new KeyboardEvent('keydown', { key: '0', bubbles: true }))
    return document.querySelector('[data-testid=price-chart]').ariaLabel.includes(name)
}"""


def chart(page: Page) -> Locator:
    return page.get_by_role("application", name=NAMED)


def in_sight(page: Page) -> tuple[datetime, datetime]:
    """Return the closes of the first and the last bar in sight, as the chart's name tells them."""
    found = NAMED.search(chart(page).get_attribute("aria-label") or "")
    assert found is not None
    first, last = (datetime.strptime(text, "%d %b %Y, %H:%M") for text in found.groups())  # noqa: DTZ007 - all are UTC
    return first, last


def moved(page: Page, before: tuple[datetime, datetime]) -> tuple[datetime, datetime]:
    """Return what is in sight once it is not what it was."""
    label = chart(page).get_attribute("aria-label") or ""
    if in_sight(page) == before:
        expect(chart(page)).not_to_have_attribute("aria-label", label)
    return in_sight(page)


def wait_for_bars(page: Page, newest: datetime, count: int) -> None:
    """Wait until all bars are so many."""
    oldest = newest - timedelta(minutes=count - 1)
    page.wait_for_function(SHOWS_ALL_FROM, arg=f"candles, {oldest:%d %b %Y, %H:%M} UTC")


def test_keys_bring_bars_nearer_further_back_on_and_all_of_them_into_sight(stage, new_page):
    page = new_page(stage, AT).page
    expect(chart(page)).to_be_visible()
    first = in_sight(page)

    page.keyboard.press("+")
    near = moved(page, first)
    assert near[0] > first[0]
    assert near[1] == first[1]
    page.keyboard.press("ArrowLeft")
    past = moved(page, near)
    assert past[0] < near[0]
    assert past[1] < near[1]
    page.keyboard.press("ArrowRight")
    back = moved(page, past)
    # A bar that is half in sight at the edge counts by a hair.
    assert all(
        abs(one - other) <= timedelta(minutes=1) for one, other in zip(back, near, strict=True)
    )
    page.keyboard.press("0")
    whole = moved(page, back)
    assert whole[1] - whole[0] == timedelta(minutes=119)
    page.keyboard.press("h")
    begun = moved(page, whole)
    assert begun[0] > whole[0]
    assert begun[1] == whole[1]
    page.keyboard.press("?")
    help_sheet = page.get_by_role("dialog", name="Keyboard")
    expect(help_sheet).to_contain_text("Chart: nearer, further")


def test_buttons_do_the_same_by_touch(stage, new_page):
    page = new_page(stage, AT, viewport={"width": 420, "height": 800}, has_touch=True).page
    page.get_by_role("option").first.tap()
    expect(chart(page)).to_be_visible()
    first = in_sight(page)

    page.get_by_role("button", name="Nearer").tap()
    near = moved(page, first)
    assert near[0] > first[0]
    page.get_by_role("button", name="All bars").tap()
    whole = moved(page, near)
    assert whole[1] - whole[0] == timedelta(minutes=119)


def test_the_past_is_read_when_it_is_looked_at(new_stage, new_page, market):
    price = {"open": 64_180.0, "high": 64_181.0, "low": 64_179.0, "close": 64_180.5}
    older = [bar(minute, symbol="BTCUSDT", **price) for minute in range(-OLDER, 0)]
    page = new_page(new_stage([*older, *market.past]), AT).page
    expect(chart(page)).to_be_visible()
    newest = in_sight(page)[1]
    wait_for_bars(page, newest, CHART_BARS)

    for _ in range(4):
        page.keyboard.press("-")
        page.keyboard.press("ArrowLeft")

    wait_for_bars(page, newest, OLDER + 120)


def test_the_volume_stands_beside_the_prices_and_in_the_table(stage, new_page):
    watched = new_page(stage, AT)
    page = watched.page
    region = page.get_by_role("region", name="BTCUSDT chart")
    expect(region.get_by_text(re.compile(r"^V [\d.]+[KM]?$"))).to_be_visible()
    answer = page.request.get(f"{stage.url}api/bars/BTCUSDT?limit=1").json()

    region.get_by_role("button", name="Table").click()

    volume = answer["data"]["bars"][0]["volume"]
    cell = region.get_by_role("row").nth(1).get_by_role("cell").nth(4)
    shown = cell.inner_text().replace("K", "e3").replace("M", "e6")
    assert float(shown) == pytest.approx(volume, rel=0.006)
    assert watched.errors == []


def drawn(page: Page) -> bytes:
    """Return the chart as pixels."""
    return chart(page).screenshot(animations="disabled")


def under_pointer(page: Page, idea: IdeaEvent) -> Locator:
    """Move the pointer over the mark at which an idea was entered; return the words it shows."""
    box = chart(page).bounding_box()
    assert box is not None
    close = datetime.fromtimestamp((idea.opened_ms + MINUTE_MS) / 1_000, UTC)
    told = page.get_by_text(f"{close:%d %b %Y %H:%M}", exact=True)
    words = page.get_by_text(re.compile("^Idea [▲▼]"))
    x, y = 2, 60
    while not told.is_visible():
        x += 5  # a bar is 7 px wide
        chart(page).hover(position={"x": x, "y": y})
    for y in range(20, round(box["height"]), 5):
        chart(page).hover(position={"x": x + 1, "y": y})
        if words.is_visible():
            break
    return words


def test_ideas_are_drawn_told_under_the_pointer_and_lead_to_what_is_known_of_them(
    stage, new_page, market
):
    watched = new_page(stage, "?symbol=BTCUSDT#/analysis")
    page = watched.page
    [*_, idea] = [i for i in newest_ideas(market.past) if i.symbol == "BTCUSDT" and i.closed_ms]
    table = page.get_by_role("region", name="BTCUSDT chart").get_by_role("button", name="Table")
    table.click()
    expect(page.get_by_role("row").filter(has_text="Idea").first).to_be_visible()  # they are read
    table.click()
    expect(chart(page)).to_be_visible()

    words = under_pointer(page, idea)

    expect(words).to_contain_text("after costs")
    page.mouse.down()
    page.mouse.up()
    expect(page).to_have_url(re.compile(f"#/now/{idea.idea_id}$"))
    assert watched.errors == []


def test_each_kind_of_trade_can_be_hidden_and_stands_in_the_table(new_stage, new_page, market):
    processor = CommandProcessor()
    note = journal_command("add", 100, trade_id="mine", entry="63900", opened_ms=MARKET_MS)
    stage = new_stage([*market.past, *processor.decide(note)], processor=processor)
    page = new_page(stage, "?symbol=BTCUSDT#/analysis").page
    region = page.get_by_role("region", name="BTCUSDT chart")
    expect(chart(page)).to_be_visible()
    region.get_by_role("button", name="Table").click()
    rows = region.get_by_role("table").nth(1).get_by_role("row")
    entered = [i for i in newest_ideas(market.past) if i.symbol == "BTCUSDT" and i.entry_price]
    expect(rows).to_have_count(1 + len(entered) + 1)
    expect(rows.filter(has_text="Journal")).to_contain_text("runs")

    region.get_by_role("button", name="Table").click()
    both = drawn(page)
    region.get_by_role("button", name="Ideas").click()
    alone = drawn(page)
    region.get_by_role("button", name="Journal").click()

    assert len({both, alone, drawn(page)}) == 3


def test_prices_dragged_on_the_chart_stand_in_the_form_and_typed_ones_on_the_chart(
    new_stage, new_page, market
):
    stage = new_stage(market.past, processor=CommandProcessor())
    watched = new_page(stage, "?symbol=BTCUSDT#/performance/journal/new")
    page = watched.page
    form = page.get_by_role("region", name="New trade")
    entry, exit_ = (page.get_by_role("slider", name=f"{n} price") for n in ("Entry", "Exit"))
    expect(entry).to_have_attribute("aria-valuetext", "not set")

    form.get_by_label("Entry price").fill("63700")
    expect(entry).to_contain_text("63,700.0")
    box = exit_.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 10, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 10, box["y"] - 30, steps=5)
    page.mouse.up()

    left = float(form.get_by_label("Exit price").input_value())
    assert left > 63_700
    expect(exit_).to_contain_text(f"+{left / 63_700 - 1:.2%} before costs")
    exit_.press("ArrowUp")
    expect(form.get_by_label("Exit price")).to_have_value(f"{left + 0.1:.1f}")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("region", name="Trade", exact=True)).to_contain_text("Net return")
    assert watched.errors == []
