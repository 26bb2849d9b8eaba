"""The challenges page: one is begun, watched until its interval decides, or cancelled."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser import operated
from tests.browser.played import SYMBOLS
from tests.build import challenge_outcome, shadow_result
from tests.fakes.command_processor import CommandProcessor

pytestmark = pytest.mark.browser

BLOCKS = 40


@pytest.fixture
def processor() -> CommandProcessor:
    return CommandProcessor()


@pytest.fixture
def challenged(new_stage, new_page, processor, market):
    """The page, and its stage, once version 3 challenges the one that serves."""
    past = [*market.past, *operated.records(processor)]
    stage = new_stage(past, processor=processor)
    watched = new_page(stage, "#/challenges")
    page = watched.page
    page.get_by_role("button", name="Challenge with version 3").click()
    panel = page.get_by_role("region", name="Challenge the champion with version 3")
    expect(panel).to_contain_text("Dry run: nothing has changed")
    panel.get_by_label("Reason").fill("better on the folds")
    panel.get_by_role("button", name="Begin the challenge").click()
    expect(panel).to_contain_text("It is begun")
    panel.get_by_role("button", name="Close").click()
    return watched, stage


def challenges(page):
    return page.get_by_role("navigation", name="Challenges, newest first").get_by_role("link")


def head(page):
    return page.get_by_role("region", name="Challenge", exact=True)


def test_a_challenge_is_watched_until_its_interval_decides(challenged, processor):
    watched, stage = challenged
    page = watched.page
    expect(head(page)).to_contain_text("Version 3 against 1")
    expect(head(page)).to_contain_text("not decided")
    expect(page.get_by_text("The interval comes after ten blocks")).to_be_visible()
    challenge_id = (challenges(page).get_attribute("href") or "").rpartition("/")[2]

    for block in range(BLOCKS):
        for symbol in SYMBOLS:
            stage.feed(
                *processor.compare(
                    challenge_outcome(
                        block,
                        gain=2.0 + block % 3,
                        symbol=symbol,
                        challenge_id=challenge_id,
                    )
                )
            )

    stage.feed(shadow_result(challenge_id=challenge_id))

    expect(head(page)).to_contain_text("promote the challenger")
    expect(head(page)).to_contain_text("concluded")
    plot = page.get_by_role("region", name="The interval")
    expect(plot.get_by_role("slider", name=re.compile("Gain of the challenger"))).to_be_visible()
    earned = page.get_by_role("region", name="What both earned")
    expect(earned.get_by_role("row", name=re.compile("^Challenger"))).to_contain_text("+0.20%")
    ideas = page.get_by_role("region", name="Ideas of both, on paper")
    expect(ideas.get_by_role("row", name=re.compile("^Challenger 1 100"))).to_be_visible()
    expect(ideas.get_by_role("row", name=re.compile("BTCUSDT"))).to_contain_text("+0.90%")
    expect(page.get_by_role("button", name="Challenge with version 3")).to_be_visible()
    assert watched.errors == []


def test_a_challenge_that_runs_bars_another_and_is_cancelled_after_a_dry_run(challenged):
    page = challenged[0].page
    expect(page.get_by_role("button", name="Challenge with version 3")).to_have_count(0)

    page.get_by_role("button", name="Try to cancel").click()
    panel = page.get_by_role("region", name="Cancel the challenge")
    expect(panel).to_contain_text("Dry run: nothing has changed")
    panel.get_by_role("button", name="Cancel it").click()

    expect(head(page)).to_contain_text("cancelled")
    expect(challenges(page)).to_have_count(1)
    expect(page.get_by_role("button", name="Challenge with version 3")).to_be_visible()


def test_without_a_version_in_staging_the_page_says_what_comes_first(stage, new_page):
    page = new_page(stage, "#/challenges").page

    expect(page.get_by_text("No version is in Staging")).to_be_visible()
    expect(page.get_by_text("the page of models moves one there")).to_be_visible()
