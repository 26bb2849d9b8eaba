"""Signing in: at a local issuer with PKCE, or with an API key; and what one may then do."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest
from playwright.sync_api import expect

from gateway.access.keys import draw_key
from schemas.signals import Signal
from tests.browser import research
from tests.browser.test_page import ready
from tests.build import backtest_request, job_result
from tests.fakes.issuer import AUDIENCE, FakeIssuer, listening_issuer
from tests.gateway.access.conftest import stored

pytestmark = pytest.mark.browser

WAIT_S = 20.0
ACCESS = """JSON.parse(Object.entries(sessionStorage)
    .find(([name]) => name.startsWith("oidc.user:"))[1]).access_token"""


@pytest.fixture
def issuer() -> Iterator[FakeIssuer]:
    """An issuer on loopback, in a thread of its own."""
    up: Future[FakeIssuer] = Future()
    over: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        async with listening_issuer() as listening:
            done = asyncio.Event()
            over.set_result((asyncio.get_running_loop(), done))
            up.set_result(listening)
            await done.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    yield up.result(WAIT_S)
    loop, done = over.result(WAIT_S)
    loop.call_soon_threadsafe(done.set)
    thread.join(WAIT_S)


def test_people_sign_in_at_the_issuer_and_come_back_to_where_they_were(
    new_stage, new_page, market, issuer
):
    stage = new_stage(market.past, oidc_issuer=issuer.url, oidc_client_id=AUDIENCE)
    signal = [s for s in market.past if isinstance(s, Signal)][-30]
    watched = new_page(stage, f"#{signal.signal_id}")
    page = watched.page

    page.get_by_role("button", name="Sign in at 127.0.0.1").click()

    ready(page)
    expect(page.get_by_text("ada · operate")).to_be_visible()
    expect(page.get_by_role("button", name="Acknowledge")).to_be_enabled()
    assert "code=" not in page.url
    assert page.url.endswith(f"#{signal.signal_id}")
    assert any(frame["type"] == "hello" for frame in watched.frames)
    assert not any("token" in url or "ticket" in url.split("?")[-1] for url in watched.streams)
    assert not any("CSP" in error for error in watched.errors)

    page.reload()
    ready(page)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in at 127.0.0.1")).to_be_visible()


def test_a_key_signs_one_in_for_this_tab_and_a_reader_cannot_operate(new_stage, new_page, market):
    key = draw_key()
    stage = new_stage((*market.past, stored(key)), api_keys=True)
    page = new_page(stage).page

    page.get_by_label("API key").fill("rfk_wrong")
    page.get_by_role("button", name="Use this key").click()
    expect(page.get_by_role("alert")).to_contain_text("This API key does not count")
    page.get_by_label("API key").fill(key.text)
    page.get_by_role("button", name="Use this key").click()

    ready(page)
    expect(page.get_by_text("prometheus · read")).to_be_visible()
    expect(page.get_by_role("button", name="Acknowledge").first).to_be_disabled()
    expect(page.get_by_text("This needs the scope operate; prometheus has read")).to_be_visible()
    assert key.text not in page.evaluate("Object.values({...localStorage}).join()")

    stage.feed(stored(key, revoked_ms=1_800_000_000_000))
    expect(page.get_by_label("API key")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("Your sign-in has ended")


def test_a_reader_can_use_the_research_page_but_not_run_anything(new_stage, new_page):
    key, markets = draw_key(), research.markets(days=30)
    done = (backtest_request("job-1"), job_result("job-1"))
    stage = new_stage([*research.records(markets), stored(key), *done], api_keys=True)
    watched = new_page(stage, "#/research")
    page = watched.page
    page.get_by_label("API key").fill(key.text)
    page.get_by_role("button", name="Use this key").click()

    expect(page.get_by_label("Symbol")).to_be_visible()
    expect(page.get_by_text("This needs the scope operate; prometheus has read")).to_be_visible()
    for button in page.get_by_role("button", name=re.compile("^Run")).all():
        expect(button).to_be_disabled()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("region", name="Recent runs")).to_contain_text("done")
    assert not any(re.search("/backtest/(optimize|perf|walk)", url) for url in watched.asked)


def test_a_sign_in_is_renewed_before_it_ends(new_stage, new_page, market, issuer):
    issuer.lifetime_s = 62  # renewed a minute before its end
    stage = new_stage(market.past, oidc_issuer=issuer.url, oidc_client_id=AUDIENCE)
    page = new_page(stage, bypass_csp=True).page
    page.get_by_role("button", name="Sign in at 127.0.0.1").click()
    ready(page)
    first = page.evaluate(ACCESS)
    issuer.lifetime_s = 3_600  # the next one stays while it is looked at

    page.wait_for_function(f"({ACCESS}) !== {first!r}", timeout=WAIT_S * 1_000)

    with page.expect_response(re.compile("system/health")) as answer:
        pass
    assert answer.value.status == 200
    assert answer.value.request.headers["authorization"] == f"Bearer {page.evaluate(ACCESS)}"
    expect(page.get_by_text("ada · operate")).to_be_visible()
