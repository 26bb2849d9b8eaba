"""The performance page: the journal is written, filled from a signal, corrected, and summed up."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from gateway.access.keys import draw_key
from schemas.signals import Signal
from tests.browser import operated
from tests.fakes.command_processor import CommandProcessor
from tests.gateway.access.conftest import stored

pytestmark = pytest.mark.browser

JOURNAL = "#/performance/journal"


@pytest.fixture
def processor() -> CommandProcessor:
    return CommandProcessor()


@pytest.fixture
def journal(new_stage, processor, market):
    """A gateway with a journal of twenty trades."""
    return new_stage([*market.past, *operated.journal(processor)], processor=processor)


def trades(page):
    return page.get_by_role("navigation", name="Trades").get_by_role("link")


def test_the_form_fills_itself_from_a_signal_and_the_trade_names_it(
    new_stage, new_page, market, processor
):
    stage = new_stage(market.past, processor=processor)
    signal = [s for s in market.past if isinstance(s, Signal) and s.direction == "sell"][-1]
    watched = new_page(stage, f"#{signal.signal_id}")
    page = watched.page
    expect(page.get_by_test_id("signal-head")).to_contain_text("Sell")

    page.keyboard.press("l")
    form = page.get_by_role("region", name="New trade")
    expect(form).to_contain_text(f"grade {signal.grade}")
    expect(form.get_by_label("Market")).to_have_value(signal.symbol)
    expect(form.get_by_role("button", name="Sell")).to_have_attribute("aria-pressed", "true")
    expect(form.get_by_label("Entry price")).to_have_value(str(signal.reference_price))
    form.get_by_label("Quantity").fill("0.25")
    page.keyboard.press("Control+Enter")

    trade = page.get_by_role("region", name="Trade", exact=True)
    expect(trade).to_contain_text("open")
    expect(trade).to_contain_text("0.25")
    expect(trade.get_by_role("link", name="the signal")).to_have_attribute(
        "href", f"#{signal.signal_id}"
    )
    expect(trades(page)).to_have_count(1)
    assert watched.errors == []


def test_a_trade_gets_its_exit_by_a_correction_and_every_revision_stays(journal, new_page):
    page = new_page(journal, JOURNAL).page
    expect(trades(page)).to_have_count(20)
    trades(page).first.click()
    expect(page.get_by_role("table")).to_contain_text("typed twice as much")

    page.keyboard.press("e")
    form = page.get_by_role("region", name="Correct the trade")
    expect(form.get_by_label("Market")).to_be_disabled()
    form.get_by_label("Exit price").fill("63000")
    form.get_by_role("button", name="Record it").click()

    trade = page.get_by_role("region", name="Trade", exact=True)
    expect(trade).to_contain_text("Net return")
    expect(page.get_by_role("table").get_by_role("row")).to_have_count(4)
    expect(trades(page).first).to_contain_text("→ 63,000.0")


def test_what_the_gateway_refuses_is_said_and_the_form_stays(journal, new_page):
    page = new_page(journal, JOURNAL).page
    expect(trades(page)).to_have_count(20)
    page.keyboard.press("n")
    form = page.get_by_role("region", name="New trade")
    form.get_by_label("Entry price").fill("0")

    form.get_by_role("button", name="Record it").click()

    expect(form.get_by_role("alert")).to_contain_text("expected more than 0")
    expect(form.get_by_label("Entry price")).to_have_value("0")


def test_the_market_stands_in_the_address_and_narrows_list_and_figures(journal, new_page):
    page = new_page(journal, JOURNAL).page
    expect(trades(page)).to_have_count(20)

    page.get_by_label("Market").select_option("ETHUSDT")

    expect(trades(page)).to_have_count(9)
    expect(page).to_have_url(re.compile(r"\?symbol=ETHUSDT#/performance/journal$"))
    figures = page.get_by_role("region", name="What it has earned")
    expect(figures).to_contain_text("ETHUSDT")
    page.get_by_role("button", name="Passed").click()
    expect(page.get_by_text("No trade is like that")).to_be_visible()
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Signals").click()
    expect(page.get_by_role("button", name="Show all symbols, not only ETHUSDT")).to_be_visible()


def test_an_empty_journal_says_what_will_come(new_stage, new_page, market, processor):
    page = new_page(new_stage(market.past, processor=processor), JOURNAL).page

    expect(page.get_by_text("No trade is recorded yet")).to_be_visible()
    page.get_by_role("button", name="Record the first trade").click()

    expect(page.get_by_role("region", name="New trade")).to_be_visible()


def test_the_account_shows_what_it_is_worth_and_how_far_each_position_is_from_its_end(
    new_stage, new_page, market
):
    held = operated.account()
    page = new_page(new_stage([*market.past, held]), "#/performance").page

    page.get_by_role("button", name="Account").click()

    expect(page.get_by_role("region", name="Balance")).to_contain_text(
        f"${held.equity:,.2f} equity"
    )
    row = page.get_by_role("row", name="BTCUSDT long")
    expect(row).to_contain_text(re.compile(r"35\.2%\s*41,250\.0"))
    exposed = page.get_by_role("region", name="Exposure", exact=True)
    expect(exposed.get_by_role("row", name="All")).to_contain_text("+$3,700.15")


def test_without_a_key_the_account_says_what_to_set(new_stage, new_page, market):
    page = new_page(new_stage(market.past), "#/performance/account").page

    expect(page.get_by_text("No account is shown")).to_be_visible()
    expect(page.get_by_text("set REGIMEFLOW_BINANCE_API_KEY")).to_be_visible()


def test_who_may_only_read_sees_the_journal_and_why_he_cannot_write(
    new_stage, new_page, processor, market
):
    key = draw_key()
    past = [*market.past, *operated.journal(processor), stored(key)]
    page = new_page(new_stage(past, processor=processor, api_keys=True), JOURNAL).page
    page.get_by_label("API key").fill(key.text)
    page.get_by_role("button", name="Use this key").click()

    expect(trades(page)).to_have_count(20)
    expect(page.get_by_role("button", name="New trade")).to_be_disabled()
    expect(page.get_by_text("This needs the scope operate; prometheus has read")).to_be_visible()
