"""States that are not the usual one: each is designed, says what it is and what comes next."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route, expect

from schemas.signals import Signal
from tests.browser import scenes
from tests.browser.conftest import MINUTES
from tests.build import status

pytestmark = pytest.mark.browser


def test_before_the_topics_are_read_the_page_says_so_and_then_goes_on(new_stage, new_page, market):
    stage = new_stage(market.past, ready=False)
    watched = new_page(stage)
    expect(watched.page.get_by_role("heading", name="Reading the topics")).to_be_visible()

    stage.set_ready(ready=True)

    expect(watched.page.get_by_role("option").first).to_be_visible()
    assert watched.errors == []


def test_without_anything_the_page_says_what_it_waits_for(new_stage, new_page):
    watched = new_page(new_stage())

    expect(watched.page.get_by_role("heading", name="Waiting for the first bars")).to_be_visible()
    expect(watched.page.get_by_text("No signals yet")).to_be_visible()
    assert watched.errors == []


def test_a_venue_that_does_not_answer_is_told_before_the_first_bar(new_stage, new_page):
    away = "binanceusdm has not answered since 2026-01-01 12:00:00 UTC (Name or service not known)"
    page = new_page(new_stage([status("ingest", state="degraded", detail=away, models=())])).page

    expect(page.get_by_role("heading", name="Bars do not come")).to_be_visible()
    expect(page.get_by_role("region", name="Getting ready")).to_contain_text(away)
    banner = page.get_by_role("status").filter(has_text="Degraded")
    expect(banner).to_contain_text(f"ingest is degraded: {away}")
    expect(page.get_by_role("button", name="Processes")).to_contain_text("1 degraded")


def test_first_training_shows_its_stages_and_gives_way_to_signals(new_stage, new_page, market):
    stage = new_stage(scenes.learning(MINUTES))
    watched = new_page(stage)
    page = watched.page
    expect(page.get_by_role("heading", name="Training the first model")).to_be_visible()
    beginning = page.get_by_role("region", name="Getting ready")
    expect(beginning.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "62")
    expect(beginning.locator("[aria-current=step]")).to_contain_text("LSTM")
    expect(beginning.locator("[aria-current=step]")).to_contain_text("epoch 7 of 12")
    expect(page.get_by_role("button", name="Model")).to_contain_text("Training 62%")

    stage.feed(scenes.training("calibration", 0.97, "1200 rows"))
    expect(beginning.locator("[aria-current=step]")).to_contain_text("Calibrate")
    stage.feed(scenes.training("done", 1.0, "qualified"), scenes.in_service())
    stage.feed(*scenes.running(MINUTES), *market.closes[0], *market.closes[1], *market.closes[2])

    expect(page.get_by_role("option").first).to_be_visible()
    expect(beginning).to_have_count(0)
    expect(page.get_by_role("button", name="Model")).to_contain_text("Qualified")
    assert watched.errors == []


def test_failed_training_is_said(new_stage, new_page):
    stage = new_stage([*scenes.learning(20), scenes.training("failed", 0.0, "too few rows: 12")])
    page = new_page(stage).page

    expect(page.get_by_role("heading", name="Training failed")).to_be_visible()
    expect(page.get_by_role("region", name="Getting ready")).to_contain_text("too few rows: 12")


def test_trouble_is_told_in_the_gateways_words_and_on_the_lights(new_stage, new_page, market):
    stage = new_stage([*market.past, *scenes.trouble()])
    page = new_page(stage).page

    banner = page.get_by_role("status").filter(has_text="Degraded")
    expect(banner).to_contain_text("explain is failed")
    expect(banner).to_contain_text("is unqualified: log_loss")
    expect(banner).to_contain_text(re.compile(r"BTCUSDT is 4\.\d bars old"))
    expect(page.get_by_role("button", name="Lag")).to_contain_text("4 stale")
    expect(page.get_by_role("button", name="Model")).to_contain_text("Unqualified")
    expect(page.get_by_role("button", name="Processes")).to_contain_text("1 failed")
    expect(page.get_by_role("button", name="Rejected")).to_contain_text("1")
    expect(page.get_by_role("region", name="chart")).to_contain_text("stale")
    banner.get_by_role("button", name="Hide").click()
    expect(banner).to_have_count(0)


def test_a_lost_broker_is_seen_while_the_page_goes_on(stage, new_page):
    page = new_page(stage).page
    expect(page.get_by_role("option").first).to_be_visible()

    stage.set_connected(connected=False)

    expect(page.get_by_role("button", name="Lag")).to_contain_text("Broker away")
    expect(page.get_by_role("status").filter(has_text="Degraded")).to_contain_text("broker")
    expect(page.get_by_role("option").first).to_be_visible()


@pytest.mark.parametrize("name", ["signal-of-last-year", "..%2Fsystem%2Fhealth", "100%", "a%20b"])
def test_a_link_to_a_signal_that_is_not_held_says_so_and_offers_the_newest(stage, new_page, name):
    page = new_page(stage, f"#{name}").page

    expect(page.get_by_text("This signal is not here")).to_be_visible()
    expect(page.get_by_role("heading", level=2, name=re.compile("USDT"))).to_have_count(0)
    page.get_by_role("button", name="Show the newest signal").click()
    expect(page.get_by_role("heading", level=2, name=re.compile("USDT"))).to_be_visible()
    expect(page.get_by_role("option").first).to_have_attribute("aria-selected", "true")


def test_a_filter_that_hides_everything_is_said_and_can_be_left(new_stage, new_page, market):
    low = [r for r in market.past if not isinstance(r, Signal) or r.grade == "C"]
    page = new_page(new_stage(low)).page
    page.get_by_role("button", name="Grade C").click()
    page.goto("about:blank")
    page.go_back()
    page.reload()

    detail = page.locator("#detail")
    expect(detail).to_contain_text("No signal passes the filter")
    expect(detail).to_contain_text(re.compile(r"[1-9]\d+ signals are held"))
    expect(page.get_by_text("first signal comes")).to_have_count(0)
    detail.get_by_role("button", name="Show all signals").click()
    expect(page.get_by_role("option").first).to_have_attribute("aria-selected", "true")


def test_nothing_that_the_list_does_not_show_is_opened_by_itself(stage, new_page, market):
    page = new_page(stage).page
    page.get_by_role("button", name=re.compile("^ETHUSDT")).click()
    expect(page.get_by_role("heading", level=2, name="ETHUSDT")).to_be_visible()
    late: list[Route] = []
    page.route(re.compile(r"api/signals\?limit"), lambda route: late.append(route))  # noqa: PLW0108 - Playwright marks its handler
    page.goto(f"{stage.url}?symbol=ETHUSDT#/signals")
    page.reload()
    expect(page.get_by_role("button", name="Stream")).to_contain_text("Live")
    others = [r for r in market.closes[0] if getattr(r, "symbol", "") != "ETHUSDT"]
    stage.feed(*others)

    expect(page.get_by_role("navigation", name="Markets")).to_contain_text("BTCUSDT")
    expect(page.get_by_test_id("price-chart")).to_be_attached()
    expect(page.get_by_role("heading", level=2, name=re.compile("USDT"))).to_have_count(0)
    for route in late:
        route.continue_()
    expect(page.get_by_role("heading", level=2, name="ETHUSDT")).to_be_visible()


@pytest.mark.parametrize("body", ["", "null", "<html>", '{"success": true, "data": null}'])
def test_an_answer_that_cannot_be_read_is_said_where_it_is_missing(stage, new_page, market, body):
    [*_, signal] = [s for s in market.past if isinstance(s, Signal) and s.direction == "buy"]
    watched = new_page(stage)
    page = watched.page
    page.route(
        re.compile("api/signals/[^?]+$"),
        lambda route: route.fulfill(body=body, content_type="application/json"),
    )
    page.locator(f"#signal-{signal.signal_id}").click()

    why = page.get_by_role("region", name="Why")
    expect(why.get_by_role("alert")).to_contain_text("The gateway's answer cannot be read")
    page.unroute_all()
    why.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("table", name=re.compile("Share of each feature"))).to_be_visible()
    assert watched.errors == []


def test_a_refused_acknowledgement_shows_its_correlation_id(stage, new_page):
    page = new_page(stage).page
    expect(page.get_by_role("heading", level=2, name=re.compile("USDT"))).to_be_visible()
    stage.set_ready(ready=False)

    page.get_by_role("button", name="Acknowledge").click()

    alert = page.get_by_test_id("signal-head").get_by_role("alert")
    expect(alert).to_contain_text("Status 503")
    expect(alert).to_contain_text(re.compile("Correlation id [0-9a-f]{16}"))
