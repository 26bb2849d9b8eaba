"""The operator page: what runs, what was refused and is replayed, what is missing, who may ask."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from gateway.access.keys import draw_key
from schemas.letters import LetterCommand
from tests.browser import scenes
from tests.browser.operated import records
from tests.fakes.command_processor import CommandProcessor
from tests.gateway.access.conftest import stored

pytestmark = pytest.mark.browser


@pytest.fixture
def operated(new_stage):
    """A pipeline that people have worked on."""
    processor = CommandProcessor()
    past = [*scenes.running(), scenes.canary(0), *scenes.windows(), *records(processor)]
    stage = new_stage(past, processor=processor)
    stage.bus.process_lag = {"market": 0, "explain": 112}
    return stage


def region(page: Page, name: str):
    return page.get_by_role("region", name=name, exact=True)


def test_every_process_its_lag_and_the_way_of_a_bar_are_shown(operated, new_page):
    watched = new_page(operated, "#/operator")
    page = watched.page

    processes = region(page, "Processes")
    expect(processes.get_by_role("row")).to_have_count(len(scenes.PROCESSES) + 1)
    lags = region(page, "Lag by consumer").get_by_role("listitem")
    expect(lags.first).to_have_text(re.compile("explain.*112"))
    expect(region(page, "Canary")).to_contain_text("signals.graded.v1")
    expect(
        region(page, "Rates").get_by_role("row", name=re.compile("market.bars.v1"))
    ).to_be_visible()
    newest, _, stale = region(page, "Events").get_by_role("row").all()[1:4]
    expect(newest).to_contain_text("dead letter 3 times")
    expect(stale).to_contain_text("no bar of BTCUSDT has arrived for 131 s")
    expect(stale).to_contain_text("regimeflow doctor")
    assert watched.errors == []


def test_dead_letters_are_replayed_after_a_dry_run_and_then_are_gone(operated, new_page):
    page = new_page(operated, "#/operator/records").page
    letters = region(page, "Dead letters")
    group = letters.get_by_role("listitem").filter(has_text="timeframe 7m does not run here")
    expect(letters).to_contain_text("4 open")

    group.get_by_role("button", name="Replay").click()
    page.keyboard.type("15m runs now")
    page.keyboard.press("Enter")
    expect(group).to_contain_text("3 would be replayed")
    expect(letters).to_contain_text("4 open")
    group.get_by_role("button", name="Replay 3").click()

    expect(letters).to_contain_text("1 open")
    expect(group).to_have_count(0)
    done = [r for r, _ in operated.bus.published if isinstance(r, LetterCommand) and not r.dry_run]
    assert [(each.action, each.reason) for each in done] == [("replay", "15m runs now")] * 3


def test_what_cannot_be_replayed_says_why_and_can_be_dropped_for_a_reason(operated, new_page):
    page = new_page(operated, "#/operator/records").page
    group = page.get_by_role("listitem").filter(has_text="high 147.2 is below")

    group.get_by_role("button", name="Replay").click()
    group.get_by_role("button", name="Try it").click()
    expect(group.get_by_role("alert")).to_contain_text("market.bars.raw.v1")
    group.get_by_role("button", name="Leave it").click()
    expect(group.get_by_role("button", name="Replay")).to_be_focused()
    group.get_by_role("button", name="Drop").click()
    group.get_by_role("button", name="Try it").click()
    expect(group.get_by_label("Reason")).to_be_focused()
    group.get_by_label("Reason").fill("fetched again")
    group.get_by_role("button", name="Try it").click()
    group.get_by_role("button", name="Drop 1").click()

    expect(group).to_have_count(0)


def test_the_ledger_shows_what_is_missing_and_what_of_it_came(operated, new_page):
    page = new_page(operated, "#/operator/records").page
    ledger = region(page, "Ledger of bars")
    expect(ledger.get_by_role("row")).to_have_count(8)

    ledger.get_by_role("button", name="gap 2").click()

    expect(ledger.get_by_role("row")).to_have_count(3)
    expect(ledger.get_by_role("row").nth(2)).to_contain_text("2 came later")


def test_keys_and_the_audit_are_shown_and_the_commands_that_make_and_end_a_key(operated, new_page):
    page = new_page(operated, "#/operator/access").page
    keys = region(page, "API keys")
    expect(keys.get_by_role("row", name=re.compile("ci robot"))).to_contain_text("revoked")
    expect(keys.get_by_role("row", name=re.compile("prometheus"))).to_contain_text(
        "regimeflow keys revoke"
    )
    keys.get_by_label("Whose it is").fill("night shift")
    expect(keys).to_contain_text("regimeflow keys create 'night shift' --scope read --expires 90d")

    audit = region(page, "Audit trail")
    expect(audit.get_by_role("row", name=re.compile("configs.activate"))).to_contain_text(
        "accepted"
    )
    audit.get_by_label("Subject of the actions").fill("nobody")
    expect(audit).to_contain_text("Nothing was done to nobody")


def test_who_may_only_read_sees_what_runs_and_why_the_rest_is_not_his(new_stage, new_page):
    key = draw_key()
    processor = CommandProcessor()
    past = [*scenes.running(), *records(processor), stored(key)]
    page = new_page(new_stage(past, processor=processor, api_keys=True), "#/operator").page
    page.get_by_label("API key").fill(key.text)
    page.get_by_role("button", name="Use this key").click()

    expect(region(page, "Processes")).to_contain_text("inference")
    page.keyboard.press("2")
    letters = region(page, "Dead letters")
    expect(letters.get_by_role("button", name="Replay").first).to_be_disabled()
    expect(letters).to_contain_text("This needs the scope admin; prometheus has read")
    page.keyboard.press("3")
    expect(region(page, "Audit trail")).to_contain_text("shown to administrators")
    expect(region(page, "API keys")).to_contain_text("shown to administrators")


def test_an_untouched_system_says_what_will_come(new_stage, new_page):
    page = new_page(new_stage(), "#/operator").page

    expect(region(page, "Processes")).to_contain_text("No process has spoken yet")
    expect(region(page, "Canary")).to_contain_text("No bar has been followed yet")
    expect(region(page, "Lag by consumer")).to_contain_text("No consumer has committed yet")
    expect(region(page, "Events")).to_contain_text("Nothing has happened yet")
    page.keyboard.press("2")
    expect(region(page, "Dead letters")).to_contain_text("No record was refused")
    expect(region(page, "Ledger of bars")).to_contain_text("Nothing is missing")
    page.keyboard.press("3")
    expect(region(page, "API keys")).to_contain_text("No API keys yet")
    expect(region(page, "Audit trail")).to_contain_text("Nobody has done anything yet")
