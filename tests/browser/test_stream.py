"""What arrives is shown: live, after a cut, after an outage, after a pause; each signal once."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from schemas.signals import Signal
from tests.browser import scenes
from tests.browser.conftest import MINUTES
from tests.build import close_time

pytestmark = pytest.mark.browser


def directional(records):
    return [r for r in records if isinstance(r, Signal) and r.direction != "neutral"]


def held(page: Page) -> list[str]:
    """Ids of all rows, read from top to bottom as a reader would scroll."""
    ids: list[str] = page.evaluate(
        """async () => {
            const box = document.querySelector('[role=listbox]')
            const frame = () => new Promise((done) => requestAnimationFrame(done))
            const ids = []
            for (box.scrollTop = 0; ; box.scrollTop += 300) {
                await frame().then(frame)
                for (const row of box.querySelectorAll('[role=option]'))
                    ids[Number(row.ariaPosInSet) - 1] = row.id.replace('signal-', '')
                if (box.scrollTop + box.clientHeight >= box.scrollHeight - 1) break
            }
            box.scrollTop = 0
            await frame().then(frame)
            return ids
        }"""
    )
    return ids


SCROLLED_TO = """id => {
    // The list may still be the short one of before: it is scrolled until the row is there.
    document.querySelector('[role=listbox]').scrollTop = 15 * 4 * 58 - 200
    return document.getElementById(id) !== null
}"""


def live(page: Page) -> None:
    """Wait until the stream runs, and ask for a line a bar: an episode would show its newest."""
    expect(page.get_by_role("button", name="Stream")).to_contain_text("Live")
    expect(page.get_by_role("option").first).to_be_visible()
    page.get_by_role("button", name="Bars", exact=True).click()


def test_a_new_signal_appears_without_reload(stage, new_page, market):
    page = new_page(stage).page
    live(page)
    [*_, newest] = directional(sum(market.closes[:4], ()))

    for records in market.closes[:4]:
        stage.feed(*records)

    expect(page.locator(f"#signal-{newest.signal_id}")).to_be_visible()
    expect(page.get_by_role("navigation", name="Markets")).to_contain_text(newest.symbol)


def test_a_score_reaches_its_signal_and_the_record(stage, new_page, market):
    page = new_page(stage).page
    live(page)
    score = next(r for r in market.closes[0] if type(r).__name__ == "ScoredSignal")
    row = page.locator(f"#signal-{score.signal_id}")
    page.get_by_role("button", name="Neutral").click()
    page.wait_for_function(SCROLLED_TO, arg=f"signal-{score.signal_id}")
    expect(row).to_contain_text(re.compile("left|expiring"))

    stage.feed(*market.closes[0])

    expect(row).to_contain_text(re.compile("Hit|Miss"))


def test_what_is_read_stays_and_says_that_its_episode_has_gone_on(stage, new_page, market):
    page = new_page(stage).page
    expect(page.get_by_role("button", name="Stream")).to_contain_text("Live")
    last = max(signal.event_time_ms for signal in directional(market.past))
    going_on = next(
        signal
        for signal in directional(sum(market.closes[:3], ()))
        if signal.since_ms is not None and signal.since_ms <= last
    )
    page.get_by_role("option").filter(has_text=going_on.symbol).first.click()
    note = page.get_by_role("note")
    expect(page.get_by_test_id("signal-head")).to_contain_text(going_on.symbol)
    expect(note).to_have_count(0)

    for records in market.closes[:3]:
        stage.feed(*records)

    expect(note).to_contain_text("which has gone on for")
    note.get_by_role("button").click()
    expect(note).to_have_count(0)


def test_a_cut_stream_resumes_by_cursor_without_loss_or_duplicates(stage, new_page, market):
    watched = new_page(stage)
    live(watched.page)

    stage.cut()
    for records in market.closes[:6]:
        stage.feed(*records)

    expected = directional(sum(market.closes[:6], ()))
    expect(watched.page.locator(f"#signal-{expected[-1].signal_id}")).to_be_visible()
    expect(watched.page.get_by_role("button", name="Stream")).to_contain_text("Live")
    ids = held(watched.page)
    assert len(ids) == len(set(ids))
    assert {signal.signal_id for signal in expected} <= set(ids)
    assert "cursor=" in watched.streams[-1]


def test_an_outage_of_the_gateway_loses_nothing(stage, new_page, market):
    watched = new_page(stage)
    page = watched.page
    live(page)
    before = set(held(page))

    stage.close()
    expect(page.get_by_role("alert")).to_contain_text("The gateway does not answer")
    expect(page.get_by_role("alert")).to_contain_text("Correlation id")
    expect(page.get_by_role("button", name="Stream")).to_contain_text(
        re.compile("Reconnect|Connecting")
    )
    for records in market.closes[:8]:
        stage.remember(*records)
    watched.frames.clear()
    stage.open()

    expected = directional(sum(market.closes[:8], ()))
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator(f"#signal-{expected[-1].signal_id}")).to_be_visible()
    ids = held(page)
    assert len(ids) == len(set(ids))
    assert before | {signal.signal_id for signal in expected} == set(ids)
    resent = [f["data"]["signal_id"] for f in watched.frames if f["type"] == "signal"]
    everything = [r.signal_id for r in sum(market.closes[:8], ()) if isinstance(r, Signal)]
    assert resent == everything


def test_a_burst_as_of_a_fast_replay_is_shown_whole(stage, new_page, market):
    watched = new_page(stage)
    live(watched.page)

    stage.feed(*sum(market.closes, ()))

    expected = directional(sum(market.closes, ()))
    expect(watched.page.locator(f"#signal-{expected[-1].signal_id}")).to_be_visible()
    expect(watched.page.get_by_role("button", name="Stream")).to_contain_text("Live")
    ids = held(watched.page)
    assert len(ids) == len(set(ids))
    assert {signal.signal_id for signal in expected} <= set(ids)
    assert watched.errors == []


def test_a_pause_holds_updates_back_and_loses_none(stage, new_page, market):
    page = new_page(stage).page
    live(page)
    before = held(page)
    page.keyboard.press("p")

    for records in market.closes[:3]:
        stage.feed(*records)

    arrived = [r for r in sum(market.closes[:3], ()) if isinstance(r, Signal)]
    expect(page.get_by_role("button", name="Resume")).to_contain_text(f"{len(arrived)} new")
    expect(page.get_by_role("button", name="Stream")).to_contain_text("Paused")
    assert held(page) == before
    page.get_by_role("button", name="Resume").click()
    expected = directional(arrived)
    expect(page.locator(f"#signal-{expected[-1].signal_id}")).to_be_visible()
    assert {signal.signal_id for signal in expected} <= set(held(page))


def test_what_is_read_stays_in_place_when_new_rows_come_in_above(stage, new_page, market):
    page = new_page(stage).page
    live(page)
    box = page.get_by_role("listbox")
    box.evaluate("box => { box.scrollTop = 20 * 58 }")
    reading = directional(market.past)[-24]
    row = page.locator(f"#signal-{reading.signal_id}")
    place = row.bounding_box()

    stage.feed(*market.closes[0], *market.closes[1])

    expect(page.get_by_role("search")).to_contain_text(
        str(len(held_count(market.past)) + len(directional(market.closes[0] + market.closes[1])))
    )
    assert row.bounding_box() == place


def held_count(records):
    return directional(records)[-200:]


def test_new_signals_are_told_politely(stage, new_page, market):
    page = new_page(stage).page
    live(page)
    told = page.locator("[aria-live=polite]")

    [*_, newest] = directional(market.closes[0] + market.closes[1])
    stage.feed(*market.closes[0], *market.closes[1])
    expect(page.locator(f"#signal-{newest.signal_id}")).to_be_visible()
    stage.feed(*market.closes[2], *market.closes[3])  # of a slow page the first are its past

    expect(told).to_contain_text(re.compile("new signal", re.IGNORECASE))


def test_older_signals_are_read_when_scrolled_to(stage, new_page, market):
    page = new_page(stage).page
    live(page)
    page.get_by_role("button", name="Neutral").click()
    everything = [r.signal_id for r in market.past if isinstance(r, Signal)]
    assert len(everything) == 4 * MINUTES

    page.wait_for_function(
        """count => {
            const box = document.querySelector('[role=listbox]')
            box.scrollTop = box.scrollHeight
            return box.querySelector('[role=option]')?.ariaSetSize === String(count)
        }""",
        arg=len(everything),
    )

    oldest = [r for r in market.past if isinstance(r, Signal) and r.event_time_ms == close_time(0)]
    assert len(oldest) == 4
    assert set(held(page)) == set(everything)


def test_at_600_bars_a_minute_only_the_newest_close_is_now(new_stage, new_page, market):
    stage = new_stage([*market.past, scenes.tick(MINUTES - 1, 600.0)])
    page = new_page(stage).page
    live(page)
    page.keyboard.press("n")

    for records in market.closes[:20]:
        stage.feed(*records)
    newest = [r for r in market.closes[19] if isinstance(r, Signal)]
    expect(page.locator(f"#signal-{newest[0].signal_id}")).to_be_visible()

    young = page.get_by_role("option").filter(has_text=re.compile("now"))
    assert young.count() <= len(newest)
