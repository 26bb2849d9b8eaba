"""The page of the moment: ideas that run, why there are no others; what they came to."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from schemas.ideas import IdeaEvent
from schemas.market import Bar
from schemas.signals import Signal
from tests.browser import scenes
from tests.browser.conftest import MINUTES
from tests.browser.played import explanation_of
from tests.build import idea_event
from tests.fakes.command_processor import CommandProcessor

pytestmark = pytest.mark.browser


def newest_ideas(records) -> list[IdeaEvent]:
    """Return each idea as it stands after some records."""
    return list({r.idea_id: r for r in records if isinstance(r, IdeaEvent)}.values())


def test_ideas_that_run_are_shown_by_rank_with_what_they_expect(stage, new_page, market):
    watched = new_page(stage, "#/now")
    page = watched.page
    running = [idea for idea in newest_ideas(market.past) if idea.action != "closed"]
    cards = page.get_by_role("region", name="Open ideas").get_by_role("article")
    expect(cards).to_have_count(len(running))
    best = max(running, key=lambda idea: idea.rank or 0.0)
    expect(cards.first).to_contain_text(best.symbol)
    expect(page.get_by_role("region", name="The day so far")).to_contain_text("Ideas")

    page.get_by_role("button", name="I know it").click()
    page.keyboard.press("j")

    expect(page.get_by_role("region", name="The idea")).to_contain_text(f"grade {best.grade}")
    page.reload()
    expect(page.get_by_role("region", name="The idea")).to_be_visible()
    expect(page.get_by_role("region", name="What you see")).to_have_count(0)
    assert watched.errors == []


def test_a_market_without_an_idea_says_what_its_best_signal_expects(stage, new_page, market):
    busy = {idea.symbol for idea in newest_ideas(market.past) if idea.action != "closed"}
    quiet = next(s for s in ("ETHUSDT", "SOLUSDT", "BTCUSDT", "BNBUSDT") if s not in busy)
    page = new_page(stage, f"?symbol={quiet}#/now").page

    expect(page.get_by_text("Nothing to act on")).to_be_visible()
    reasons = page.get_by_role("region", name="Why no other idea")
    expect(reasons.get_by_role("table").first).to_contain_text(
        "not surely worth more than its costs"
    )
    expect(reasons).to_contain_text(quiet)


def test_a_trade_is_noted_on_an_idea_and_the_results_set_both_side_by_side(
    new_stage, new_page, market
):
    stage = new_stage(market.past, processor=CommandProcessor())
    ended = next(i for i in newest_ideas(market.past) if i.exit_reason == "target")
    page = new_page(stage, f"#/performance/journal/new/idea/{ended.idea_id}").page
    form = page.get_by_role("region", name="New trade")
    expect(form.get_by_label("Entry price")).to_have_value(f"{ended.entry_price:g}")
    opened = datetime.fromtimestamp(ended.opened_ms / 1000, UTC)
    expect(form.get_by_label("Opened")).to_have_value(f"{opened:%Y-%m-%dT%H:%M}")
    form.get_by_label("Exit price").fill(f"{ended.exit_price:.2f}")

    form.get_by_role("button", name="Record it").click()
    expect(page.get_by_role("region", name="Trade", exact=True)).to_contain_text("Net return")
    page.get_by_role("button", name="Results").click()

    both = page.get_by_role("region", name="You and the ideas")
    expect(both).to_contain_text(re.compile(r"Followed\s*1"))
    table = page.get_by_role("region", name="Figures", exact=True).get_by_role("table")
    expect(table.get_by_role("row")).to_have_count(4)
    page.get_by_role("button", name="Regime").click()
    expect(page.get_by_role("region", name="By group", exact=True)).to_contain_text(ended.regime)


def test_ideas_of_other_timeframes_are_counted_and_a_click_away(new_stage, new_page, market):
    there = idea_event(minute=119, idea_id="other-1", timeframe_ms=scenes.QUARTER_MS)
    watched = new_page(new_stage([*scenes.several(market.past), there]), "#/now")
    panel = watched.page.get_by_role("region", name="Open ideas")
    expect(panel).to_contain_text(re.compile(r"\d open at 1m, 1 at 15m"))

    panel.get_by_role("link", name="1 at 15m").click()

    expect(panel).to_contain_text("1 open at 15m")
    expect(panel.get_by_role("article")).to_have_count(1)
    expect(watched.page).to_have_url(re.compile(r"\?tf=15m#/now$"))
    assert watched.errors == []


def test_only_the_ideas_in_sight_are_asked_about_one_by_one(new_stage, new_page, market):
    frame = {"minute": 119, "timeframe_ms": scenes.QUARTER_MS}
    many = [idea_event(idea_id=f"many-{number:02d}", **frame) for number in range(30)]
    watched = new_page(new_stage([*scenes.several(market.past), *many]), "?tf=15m#/now")
    cards = watched.page.get_by_role("region", name="Open ideas").get_by_role("article")
    expect(cards).to_have_count(len(many))
    expect(cards.first).to_contain_text("too few yet")

    asked = {url for url in watched.asked if "/api/ideas/many-" in url}
    assert len(asked) < len(many) / 2
    with watched.page.expect_response(
        lambda reply: "/api/ideas/many-" in reply.url and reply.url not in asked
    ):
        cards.last.scroll_into_view_if_needed()
    assert watched.errors == []


def test_a_card_tells_its_return_after_costs_and_how_often_those_like_it_were_right(
    new_stage, new_page, market
):
    cost = 0.0012
    past = [
        record.changed({"round_trip_cost": cost}) if isinstance(record, Signal) else record
        for record in market.past
    ]
    best = max(
        (idea for idea in newest_ideas(past) if idea.action == "opened"),
        key=lambda idea: idea.rank or 0.0,
    )
    assert best.entry_price is not None
    price = {record.symbol: record.close for record in past if isinstance(record, Bar)}[best.symbol]
    made = (price / best.entry_price - 1.0) * (1 if best.side == "buy" else -1)

    card = new_page(new_stage(past), "#/now").page.get_by_role("article").first

    expect(card).to_contain_text(f"{abs(made - cost):.2%} after costs, before funding")
    expect(card).to_contain_text("Expected after costs")
    expect(card).to_contain_text(re.compile(r"Ideas like it\s*(right \d+ of|too few yet)"))


def test_a_card_whose_costs_are_not_known_says_so(stage, new_page):
    card = new_page(stage, "#/now").page.get_by_role("article").first

    expect(card).to_contain_text("before costs")


def test_why_an_idea_was_decided_is_said_in_words(new_stage, new_page, market):
    [*_, idea] = [i for i in newest_ideas(market.past) if i.action != "closed"]
    [signal] = [r for r in market.past if isinstance(r, Signal) and r.signal_id == idea.signal_id]
    stage = new_stage([*market.past, explanation_of(signal)])

    detail = new_page(stage, f"#/now/{idea.idea_id}").page.get_by_role("region", name="The idea")

    why = detail.locator("p").nth(1)
    expect(why).to_contain_text(re.compile(f"^{idea.side.title()}, mostly because "))
    expect(why).not_to_contain_text(re.compile("[a-z]_[a-z0-9]|usual"))


def test_on_a_phone_an_idea_that_is_opened_takes_the_place_of_the_list(stage, new_page):
    watched = new_page(stage, "#/now", viewport={"width": 420, "height": 800})
    page = watched.page
    card = page.get_by_role("region", name="Open ideas").get_by_role("article").first

    card.get_by_role("link").click()

    expect(page.get_by_role("region", name="The idea")).to_be_in_viewport()
    expect(card).to_be_hidden()
    page.get_by_role("link", name="All of the moment").click()
    expect(card).to_be_visible()
    assert watched.errors == []


def test_an_idea_that_should_have_ended_says_how_late_the_data_are(new_stage, new_page, market):
    late = [scenes.tick(MINUTES + 60)] * 2
    page = new_page(new_stage([*market.past, *late]), "#/now").page

    card = page.get_by_role("article").first

    expect(card).to_contain_text(re.compile(r"should have ended data are at least \d+ bars late"))
    expect(card.get_by_role("button", name="Note a trade")).to_be_disabled()


def test_before_the_first_signal_now_tells_what_it_waits_for(new_stage, new_page):
    page = new_page(new_stage(scenes.learning()), "#/now").page

    expect(page.get_by_role("region", name="Getting ready")).to_contain_text("Training the first")
    expect(page.get_by_role("region", name="Open ideas")).to_contain_text("No idea yet")


def test_the_palette_finds_an_idea_that_runs_by_its_market(stage, new_page, market):
    running = next(i for i in newest_ideas(market.past) if i.action != "closed")
    page = new_page(stage, "#/settings").page
    page.get_by_role("button", name="Go anywhere").click()

    page.get_by_role("combobox", name="Find a page").fill(f"{running.symbol[:3].lower()} idea")
    page.get_by_role("option", name=f"{running.symbol} {running.side.title()} 1m").click()

    expect(page.get_by_role("region", name="The idea")).to_contain_text(running.symbol)


def test_the_journal_has_an_address_of_its_own(stage, new_page):
    page = new_page(stage, "#/journal").page

    expect(page).to_have_url(re.compile("#/performance/journal$"))
    expect(page.get_by_role("region", name="What it has earned")).to_be_visible()
