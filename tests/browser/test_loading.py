"""How much a page loads, in requests and bytes: what a machine that is busy does not change."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from playwright.sync_api import Response, Route, expect

from deploy.local.dashboard import SOURCE
from tests.browser.test_pages import PLACES

pytestmark = pytest.mark.browser

ASSETS = SOURCE / "dist" / "assets"
IMPORTED = re.compile(r'(?:from|import) ?"\./([^"]+\.js)"')
FIRST_SCRIPTS_BYTES = 300_000  # until a page is painted
SCRIPTS_BYTES = 360_000  # of all that is in sight but its chart
CHART_BYTES = 200_000
CODE_REQUESTS = 25  # scripts and styles
CHART, CHARTED = "**/chartDrawing-*.js", ("#/signals", "#/analysis")
PAGES = [place for place in PLACES if place.count("/") == 1]


def needed(*names: str) -> set[Path]:
    """Return all scripts that have to be there before some of them run."""
    files: set[Path] = set()
    waiting = [ASSETS / name for name in names]
    while waiting:
        if (file := waiting.pop()) not in files:
            files.add(file)
            waiting += (ASSETS / name for name in IMPORTED.findall(file.read_text()))
    return files


def test_no_page_waits_for_more_than_300_kb_of_script_before_it_is_painted(built):  # noqa: ARG001 - it makes the build
    [entry] = re.findall(r'src="/assets/([^"]+\.js)"', (SOURCE / "dist/index.html").read_text())
    pages = [file.name for file in ASSETS.glob("*Page-*.js")]

    sizes = {page: sum(f.stat().st_size for f in needed(entry, page)) for page in pages}

    assert len(pages) == 10
    assert {page: size for page, size in sizes.items() if size > FIRST_SCRIPTS_BYTES} == {}


@pytest.mark.parametrize("place", PAGES)
def test_a_page_is_read_in_few_requests_and_before_its_chart_comes(whole, browser, place):
    responses: list[Response] = []
    charts: list[Route] = []
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.on("response", lambda response: responses.append(response))  # noqa: PLW0108 - wants Python's own
    page.route(CHART, lambda route: charts.append(route))  # noqa: PLW0108 - held

    with page.expect_request(CHART) if place in CHARTED else contextlib.nullcontext():
        page.goto(whole.url + place)
    expect(page.get_by_text(PLACES[place]).first).to_be_attached()

    scripts = [each for each in responses if each.request.resource_type == "script"]
    assert sum(len(each.body()) for each in scripts) <= SCRIPTS_BYTES
    if place in CHARTED:
        with page.expect_response(CHART) as drawing:
            charts[0].continue_()
        assert len(drawing.value.body()) <= CHART_BYTES
        expect(page.get_by_test_id("price-chart")).to_be_visible()
    else:
        assert charts == []
    kinds = [each.request.resource_type for each in responses]
    assert kinds.count("script") + kinds.count("stylesheet") <= CODE_REQUESTS
    page.context.close()
