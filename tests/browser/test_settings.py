"""The settings page: versions of a config are read, tried, activated and written; who may."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from gateway.access.keys import draw_key
from tests.browser.operated import CHEAPER, config_past
from tests.build import config_command
from tests.fakes.command_processor import CommandProcessor
from tests.gateway.access.conftest import stored

pytestmark = pytest.mark.browser


@pytest.fixture
def processor() -> CommandProcessor:
    return CommandProcessor()


@pytest.fixture
def configs(new_stage, new_page, processor) -> Page:
    """The page over three versions: one deprecated, one ACTIVE, one DRAFT."""
    stage = new_stage(list(config_past(processor)), processor=processor)
    watched = new_page(stage, "#/settings")
    expect(versions(watched.page)).to_have_count(3)
    page: Page = watched.page
    return page


def versions(page):
    return page.get_by_role("navigation", name="Versions").get_by_role("link")


def test_a_draft_is_tried_by_key_then_activated_and_the_list_follows(configs):
    draft = versions(configs).first
    expect(draft).to_contain_text("DRAFT")
    expect(configs.get_by_role("row", name=re.compile("max_entropy"))).to_contain_text("0.85")

    configs.keyboard.press("k")
    configs.keyboard.press("a")
    panel = configs.get_by_role("region", name=re.compile("^Activate"))
    expect(panel).to_contain_text("This would change")
    expect(panel.get_by_role("listitem")).to_have_count(5)
    expect(draft).to_contain_text("DRAFT")
    panel.get_by_label("Reason").fill("lower fees")
    panel.get_by_role("button", name="Activate it").click()

    expect(panel).to_contain_text("It is activated")
    expect(draft).to_contain_text("ACTIVE")
    expect(versions(configs).nth(1)).to_contain_text("DEPRECATED")


def test_an_activation_that_comes_too_late_says_so_and_can_be_tried_again(
    new_stage, new_page, processor
):
    stage = new_stage(list(config_past(processor)), processor=processor)
    page = new_page(stage, "#/settings").page
    versions(page).first.click()
    page.get_by_role("button", name="Try to activate").click()
    panel = page.get_by_role("region", name=re.compile("^Activate"))
    expect(panel).to_contain_text("This would change")
    stage.feed(*processor.decide(config_command("activate", 9, content=CHEAPER, number=3)))

    panel.get_by_role("button", name="Activate it").click()

    alert = panel.get_by_role("alert")
    expect(alert).to_contain_text("Somebody changed the configs of ensemble meanwhile")
    alert.get_by_role("button", name="Try again as things stand now").click()
    expect(panel).to_contain_text("Nothing to do")


def test_a_config_is_checked_while_it_is_written_and_created_once(configs):
    configs.keyboard.press("n")
    editor = configs.get_by_label("YAML")
    expect(editor).to_have_value(re.compile(r"max_entropy: 0\.85"))

    editor.fill("strategy:\n  timeframe: 7m\nstrategie: {}\n")
    faults = configs.locator("#check").get_by_role("listitem")
    expect(faults).to_have_count(2)
    expect(faults.first).to_contain_text("strategy.timeframe")
    expect(faults.first).to_contain_text('got "7m"')
    expect(configs.get_by_role("button", name="Create the draft")).to_be_disabled()
    editor.fill("decision:\n  max_entropy: 0.8\n")
    expect(configs.locator("#check")).to_contain_text("A valid config")
    expect(
        configs.get_by_role("row", name=re.compile("removed: decision.grade_bands"))
    ).to_be_visible()
    configs.get_by_label("Description").fill("Clearer regimes only")
    configs.keyboard.press("Control+Enter")

    expect(versions(configs)).to_have_count(4)
    expect(configs.get_by_role("heading", level=2, name=re.compile("^v4-"))).to_be_visible()
    assert "#/settings/configs/ensemble/v4-" in configs.url
    configs.keyboard.press("e")
    expect(editor).to_have_value("decision:\n  max_entropy: 0.8\n")


def test_configs_are_shown_as_they_stood_and_nothing_is_changed_there(configs):
    configs.get_by_label("As of").fill("2025-06-15T16:48")
    expect(versions(configs)).to_have_count(1)
    expect(configs.get_by_role("button", name="Try to activate")).to_have_count(0)

    configs.get_by_label("As of").fill("2020-01-01T00:00")
    expect(configs.get_by_text("There was no config then")).to_be_visible()
    configs.get_by_role("button", name="Back to now").click()

    expect(versions(configs)).to_have_count(3)


def test_settings_in_force_name_their_source_and_hide_secrets(new_stage, new_page, monkeypatch):
    monkeypatch.setenv("REGIMEFLOW_BINANCE_API_SECRET", "hush-hush-hush")
    monkeypatch.setenv("REGIMEFLOW_TIMEFRAMES", "1m,15m")
    page = new_page(new_stage(), "#/settings/effective").page

    row = page.get_by_role("row", name=re.compile("REGIMEFLOW_TIMEFRAMES"))
    expect(row).to_contain_text("1m,15m")
    expect(row).to_contain_text("variable")
    secret = page.get_by_role("row", name=re.compile("BINANCE_API_SECRET"))
    expect(secret).to_contain_text("hidden")
    assert "hush" not in page.content()
    page.keyboard.press("/")
    page.keyboard.type("timeframes")
    expect(secret).to_have_count(0)


def test_who_may_only_read_sees_configs_and_why_he_cannot_change_them(
    new_stage, new_page, processor
):
    key = draw_key()
    past = [*config_past(processor), stored(key)]
    page = new_page(new_stage(past, processor=processor, api_keys=True), "#/settings").page
    page.get_by_label("API key").fill(key.text)
    page.get_by_role("button", name="Use this key").click()

    versions(page).first.click()
    for name in ("New version", "Try to activate", "Edit a copy", "Give up"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()
    expect(page.get_by_role("region", name=re.compile("^Version "))).to_contain_text(
        "This needs the scope admin; prometheus has read"
    )
    page.keyboard.press("2")
    expect(page.get_by_text("Settings are shown to administrators")).to_be_visible()
