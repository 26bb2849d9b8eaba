"""/api/portfolio: amounts of the newest snapshot, and what is said where there is none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.build import account_position, account_snapshot, status
from tests.fakes.gateway import WALL_MS, RunningGateway

FAMILY = ("balance", "positions", "exposure")

pytestmark = pytest.mark.anyio


async def ask(gateway: RunningGateway, name: str) -> Any:
    response = await gateway.client.get(f"/api/portfolio/{name}")
    assert response.status_code == 200, response.text
    return response.json()["data"]


async def test_a_balance_has_margins_and_the_result_of_the_day(gateway):
    gateway.bus.feed(
        account_snapshot(
            equity=8_000.0,
            maintenance_margin=100.0,
            day={"realized_profit": 120.0, "commission": -4.0, "funding": -1.0, "transferred": 9.0},
        ),
        appended_ms=WALL_MS - 5_000,
    )

    body = await ask(gateway, "balance")

    assert (body["venue"], body["age_s"], body["stale"]) == ("simulated", 5.0, False)
    assert (body["margin_ratio"], body["day_result"]) == (0.0125, 115.0)
    assert body["assets"][0]["asset"] == "USDT"


async def test_exposure_adds_both_sides_of_a_hedge_and_the_largest_symbol_is_first(gateway):
    gateway.bus.feed(
        account_snapshot(
            positions=(
                account_position(notional=1_000.0),
                account_position(side="short", notional=400.0),
                account_position(symbol="ETHUSDT", side="short", notional=5_000.0),
            )
        )
    )

    body = await ask(gateway, "exposure")

    assert (body["long"], body["short"], body["net"]) == (1_000.0, 5_400.0, -4_400.0)
    assert (body["gross"], body["leverage"]) == (6_400.0, 0.64)
    assert [(row["symbol"], row["net"], row["share"]) for row in body["symbols"]] == [
        ("ETHUSDT", -5_000.0, 0.5),
        ("BTCUSDT", 600.0, 0.14),
    ]


async def test_a_position_tells_how_far_its_liquidation_is(gateway):
    far = account_position(liquidation_price=36_000.0)
    gateway.bus.feed(account_snapshot(positions=(far, account_position(symbol="ETHUSDT"))))

    bitcoin, ether = (await ask(gateway, "positions"))["positions"]

    assert (bitcoin["share"], bitcoin["liquidation_distance"]) == (0.45, 0.2)
    assert ether["liquidation_distance"] is None


async def test_without_equity_shares_are_null(gateway):
    gateway.bus.feed(account_snapshot(equity=-1.0, positions=(account_position(),)))

    assert (await ask(gateway, "balance"))["margin_ratio"] is None
    assert (await ask(gateway, "exposure"))["leverage"] is None
    assert (await ask(gateway, "positions"))["positions"][0]["share"] is None


async def test_an_old_snapshot_says_so_and_an_older_one_read_late_changes_nothing(gateway):
    gateway.bus.feed(account_snapshot(), appended_ms=WALL_MS - 61_000)
    gateway.bus.feed(account_snapshot(equity=1.0), appended_ms=WALL_MS - 70_000)

    body = await ask(gateway, "balance")

    assert (body["stale"], body["equity"]) == (True, 10_000.0)


@pytest.mark.parametrize("name", FAMILY)
async def test_without_a_key_an_answer_says_what_to_set(gateway, name):
    response = await gateway.client.get(f"/api/portfolio/{name}")

    assert response.status_code == 503
    said = response.json()["error"]
    assert "REGIMEFLOW_BINANCE_API_KEY" in said
    assert "may only read" in said


async def test_an_account_that_was_read_long_ago_is_none_and_its_process_says_why(gateway):
    gateway.bus.feed(account_snapshot(), appended_ms=WALL_MS - 601_000)
    gateway.bus.feed(status(process="account", state="degraded", detail="no answer"))
    away = await gateway.client.get("/api/portfolio/balance")
    gateway.bus.feed(status(process="account", state="failed", detail="the key is refused"))
    refused = await gateway.client.get("/api/portfolio/balance")

    assert (away.status_code, refused.status_code) == (503, 503)
    assert away.json()["error"] == "the account has not been read: degraded no answer"
    assert refused.json()["error"].endswith("(the key is refused)")
