"""Every page in one walk, dark and light, at each width: nobody is kept out, nothing sticks out."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.axe import faults, load_axe
from tests.browser.test_page import scrolls_as_a_whole

pytestmark = pytest.mark.browser

# Of each place a text that is there once it has been read.
PLACES = {
    "#/signals": "calibrated confidence",
    "#/analysis": "Agreement",
    "#/now": "Why no other idea",
    "#/performance": "You and the ideas",
    "#/performance/journal": "What the journal has earned",
    "#/performance/journal/trade/open": "typed twice as much",
    "#/performance/journal/new": "Nothing is ordered",
    "#/performance/account": "To liquidation",
    "#/models": "Features that moved most",
    "#/models/3": "a person decides",
    "#/research": "Decision",
    "#/challenges": "No challenge yet",
    "#/settings": "2 differences",
    "#/settings/configs/ensemble/new": "A valid config",
    "#/settings/effective": "Named by",
    "#/operator": "no bar of BTCUSDT has arrived",
    "#/operator/records": "2 came later",
    "#/operator/access": "configs.activate",
}
WIDTHS = (1440, 1024, 420)


def test_no_page_has_a_fault_of_access_in_any_theme_or_width(whole, new_page):
    watched = new_page(whole, bypass_csp=True, reduced_motion="reduce")
    page = watched.page
    load_axe(page)
    wrong: dict[str, list[str]] = {}

    for place, text in PLACES.items():
        page.evaluate("place => (location.hash = place)", place)
        expect(page.get_by_text(text).first).to_be_attached()
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            if found := faults(page) + ["scrolls as a whole"] * scrolls_as_a_whole(page):
                wrong[f"{place} {width}"] = found

    assert wrong == {}
    assert watched.errors == []


def test_every_link_of_the_navigation_leads_to_its_page_and_keys_lead_there_and_back(
    whole, new_page
):
    page = new_page(whole).page
    links = page.get_by_role("navigation", name="Pages").get_by_role("link")
    first = ["Now", "Signals", "Analysis", "Performance", "Models"]
    names = [*first, "Challenges", "Research", "Settings", "Operator"]
    expect(links).to_have_text(names)

    for name in reversed(names):
        links.filter(has_text=name).click()
        expect(links.filter(has_text=name)).to_have_attribute("aria-current", "page")
        expect(page.get_by_role("main")).to_be_visible()
    for key, name in zip("mbvdr,.i", [*names[2:], names[0]], strict=True):
        page.keyboard.press(key)
        expect(links.filter(has_text=name)).to_have_attribute("aria-current", "page")
    page.keyboard.press("i")
    expect(links.filter(has_text="Signals")).to_have_attribute("aria-current", "page")


def test_an_address_without_a_page_shows_what_goes_on_now(whole, new_page):
    page = new_page(whole, "").page

    expect(page.get_by_role("region", name="Why no other idea")).to_be_visible()


def test_the_palette_finds_a_page_a_market_and_a_command_by_a_few_letters(whole, new_page):
    page = new_page(whole, "#/models").page
    expect(page.get_by_text("Features that moved most")).to_be_attached()
    box = page.get_by_role("combobox", name="Find a page")

    page.keyboard.press("Control+k")
    box.fill("perf")
    box.press("Enter")
    expect(page.get_by_role("region", name="You and the ideas")).to_be_visible()
    page.get_by_role("button", name="Go anywhere").click()
    box.fill("eth")
    page.get_by_role("option", name="ETHUSDT Market").click()
    expect(page).to_have_url(re.compile(r"\?symbol=ETHUSDT#/performance$"))
    page.keyboard.press("Control+k")
    box.fill("new tr")
    expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(1)
    box.press("ArrowDown")
    box.press("Enter")

    expect(page.get_by_role("region", name="New trade")).to_be_visible()
