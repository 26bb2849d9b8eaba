"""Ideas over HTTP: what to act on, what they came to, and why signals opened none."""

from __future__ import annotations

import pytest

from streams.ideas.result import trade_result
from tests.build import close_time, closed_idea, explanation, idea_event, suppressed_totals
from tests.fakes.gateway import LAST, higher

pytestmark = pytest.mark.anyio

IDEAS = "/api/ideas"


async def names(gateway, **query):
    return [idea["idea_id"] for idea in (await gateway.get(IDEAS, **query))["data"]["ideas"]]


async def test_an_idea_is_listed_as_it_stands_after_its_last_step(gateway):
    gateway.bus.feed(idea_event(2), closed_idea(2), idea_event(2))

    (idea,) = (await gateway.get(IDEAS))["data"]["ideas"]

    assert (idea["action"], idea["exit_reason"], idea["age_bars"]) == ("closed", "target", 3)
    assert await names(gateway, state="closed") == [idea["idea_id"]]
    assert await names(gateway, state="open") == []


async def test_open_ideas_stand_by_their_rank_others_by_their_time(gateway):
    ranks = {15: 60.0, 16: None, 17: 90.0}
    gateway.bus.feed(*(idea_event(minute, rank=rank) for minute, rank in ranks.items()))

    assert await names(gateway) == [f"idea-BTCUSDT-{minute}" for minute in (17, 16, 15)]
    assert await names(gateway, state="open") == [f"idea-BTCUSDT-{m}" for m in (17, 15, 16)]
    assert await names(gateway, min_rank=60) == [f"idea-BTCUSDT-{m}" for m in (17, 15)]


async def test_a_list_is_narrowed_by_market_and_goes_on_after_a_page(gateway):
    hourly = idea_event(1, timeframe_ms=900_000)
    gateway.bus.feed(*higher(900_000), hourly, *(idea_event(m) for m in (2, 3, 4)))
    gateway.bus.feed(idea_event(5, symbol="ETHUSDT"))

    assert await names(gateway, ticker="eth-usd") == ["idea-ETHUSDT-5"]
    assert await names(gateway, timeframe="15m") == [hourly.idea_id]
    first = (await gateway.get(IDEAS, ticker="BTC-USD", timeframe="1m", limit=2))["data"]
    rest = await names(gateway, ticker="BTC-USD", timeframe="1m", after=first["after"])
    assert [i["idea_id"] for i in first["ideas"]] == ["idea-BTCUSDT-4", "idea-BTCUSDT-3"]
    assert rest == ["idea-BTCUSDT-2"]


async def test_a_page_goes_on_after_an_idea_that_has_ended_or_fits_no_more(gateway):
    ranks = {15: 60.0, 16: 70.0, 17: 70.0}
    gateway.bus.feed(*(idea_event(minute, rank=rank) for minute, rank in ranks.items()))
    first = (await gateway.get(IDEAS, state="open", limit=2))["data"]

    gateway.bus.feed(closed_idea(16, rank=70.0))

    assert first["after"] == "idea-BTCUSDT-16"
    assert await names(gateway, state="open", after=first["after"]) == ["idea-BTCUSDT-15"]
    assert await names(gateway, state="closed", after="idea-BTCUSDT-17") == ["idea-BTCUSDT-16"]
    assert await names(gateway, min_rank=65, after="idea-BTCUSDT-15") == []


async def test_an_idea_shows_its_signal_and_what_those_like_it_came_to(gateway):
    unknown = closed_idea(
        4, exit_reason="unknown", exit_price=None, gross_return=None, net_return=None
    )
    lost = closed_idea(3, net_return=-0.001, r_multiple=-0.5)
    other = closed_idea(5, side="sell")
    won = closed_idea(2)
    gateway.bus.feed(won, lost, unknown, other, idea_event(LAST), explanation(LAST))
    gateway.bus.feed(*map(trade_result, (won, lost, other)))

    idea = (await gateway.get(f"{IDEAS}/idea-BTCUSDT-{LAST}"))["data"]

    assert idea["signal"]["signal_id"] == f"signal-BTCUSDT-{LAST}"
    assert idea["explanation"]["positive"][0]["feature"] == "rsi_14"
    similar = idea["similar"]
    assert (similar["trades"], similar["wins"], similar["hit_rate"]) == (2, 1, 0.5)
    assert similar["expectancy"] == pytest.approx((0.0037 - 0.001) / 2)
    assert similar["expectancy_r"] == pytest.approx((1.85 - 0.5) / 2)
    assert similar["expectancy_low"] is None
    assert similar["expected"] == 0.004


async def test_an_idea_without_a_past_and_with_a_signal_long_gone_says_so_with_nulls(gateway):
    gateway.bus.feed(idea_event(LAST, signal_id="gone"))

    idea = (await gateway.get(f"{IDEAS}/idea-BTCUSDT-{LAST}"))["data"]

    assert (idea["signal"], idea["explanation"]) == (None, None)
    assert (idea["similar"]["trades"], idea["similar"]["hit_rate"]) == (0, None)


async def test_what_opened_no_idea_is_counted_by_reason_over_markets(gateway):
    assert (await gateway.get(f"{IDEAS}/suppressed"))["data"]["best_expected_net_return"] is None
    poor = {"mean": -0.001, "low": -0.002, "high": 0.0}
    gateway.bus.feed(
        suppressed_totals(3),
        suppressed_totals(4, reasons={"neutral": 8, "edge": 5}),
        suppressed_totals(4, symbol="ETHUSDT", reasons={"edge": 1}, expected_net_return=poor),
    )

    totals = (await gateway.get(f"{IDEAS}/suppressed"))["data"]

    assert (totals["signals"], totals["decided"]) == (14, 4)
    assert totals["reasons"] == {"neutral": 8, "edge": 6}
    assert totals["best_expected_net_return"] == 0.0002
    assert [each["event_time_ms"] for each in totals["markets"]] == [close_time(4)] * 2
    eth = (await gateway.get(f"{IDEAS}/suppressed", ticker="ETHUSDT"))["data"]
    assert eth["best_expected_net_return"] == -0.001


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("?state=maybe", 400, "state"),
        ("?min_rank=101", 400, "min_rank"),
        ("?limit=0", 400, "limit"),
        ("?ticker=DOGE-USD", 404, "DOGEUSDT"),
        ("?timeframe=7m", 400, "7m"),
        ("?side=buy", 400, "side"),
        ("?after=none", 404, "'none'"),
        ("/none", 404, "'none'"),
        ("/suppressed?state=open", 400, "state"),
    ],
)
async def test_a_wrong_question_is_refused_with_what_is_wrong(gateway, path, status, said):
    response = await gateway.client.get(IDEAS + path)

    assert response.status_code == status
    assert said in response.json()["error"]
