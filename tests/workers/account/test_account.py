"""The account through real ccxt from a simulated venue: what it holds, and what stops it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import Any

import pytest

from schemas.symbols import unified
from schemas.timeframes import DAY_MS, HOUR_MS, MINUTE_MS
from tests.workers.simulator.test_ccxt_client import client
from workers.account.payloads import (
    AccountUnreadable,
    account_snapshot,
    close_price,
    day_income,
    read_bookings,
)
from workers.account.worker import AccountReader, follow_account
from workers.simulator.account_book import SimulatedBooking, SimulatedPosition
from workers.simulator.faults import Fault
from workers.simulator.market import EPOCH_MS
from workers.simulator.protocol.venue import KeyRights
from workers.simulator.server import SimulatorSettings, serve
from workers.venue.exchange import (
    VenueAccess,
    VenueRefused,
    VenueUnavailable,
    connected_account,
)

MINUTES = 3_000  # two days and two hours after the epoch
MIDNIGHT_MS = EPOCH_MS + 2 * DAY_MS
NOTHING = day_income(0, (), {})


@contextlib.asynccontextmanager
async def venue_and_reader(**settings: Any):
    known: dict[str, Any] = {"symbols": ("BTCUSDT", "ETHUSDT"), "history_minutes": MINUTES}
    async with serve(SimulatorSettings(**(known | {"paused": True} | settings))) as simulator:
        access = VenueAccess("simulated", simulator.rest_url, "reader", "secret")
        async with connected_account(access) as exchange:
            yield simulator.venue, AccountReader(exchange, access.venue)


def read(prepare, **settings):
    """Return the snapshot of a venue that ``prepare`` has changed."""

    async def main():
        async with venue_and_reader(**settings) as (venue, reader):
            prepare(venue)
            return await reader.read()

    return asyncio.run(main())


def holding(venue):
    venue.account.holdings += [
        SimulatedPosition("ETHUSDT", -2.0, 3_000.0),
        SimulatedPosition("BTCUSDT", 0.1, 90_000.0),
    ]


def test_a_snapshot_has_what_the_venue_shows_at_its_own_time():
    snapshot = read(holding)

    assert snapshot.event_time_ms == EPOCH_MS + MINUTES * MINUTE_MS
    bitcoin, ether = snapshot.positions
    assert (bitcoin.symbol, bitcoin.side, bitcoin.quantity) == ("BTCUSDT", "long", 0.1)
    assert (ether.symbol, ether.side, ether.quantity) == ("ETHUSDT", "short", 2.0)
    assert ether.unrealized_profit == pytest.approx(2.0 * (3_000.0 - ether.mark_price), abs=1e-6)
    profit = bitcoin.unrealized_profit + ether.unrealized_profit
    assert snapshot.unrealized_profit == pytest.approx(profit, abs=1e-6)
    assert snapshot.equity == pytest.approx(10_000.0 + profit, abs=1e-6)
    assert snapshot.initial_margin == pytest.approx(
        (bitcoin.notional + ether.notional) / 20, abs=1e-6
    )


def test_ccxts_own_reading_of_the_same_account_is_the_same():
    """Its client parses the payloads by itself; ours does not use that."""

    async def main():
        settings = SimulatorSettings(paused=True, history_minutes=MINUTES)
        async with serve(settings) as simulator:
            holding(simulator.venue)
            access = VenueAccess("simulated", simulator.rest_url, "reader", "secret")
            async with connected_account(access) as exchange:
                snapshot = await AccountReader(exchange, access.venue).read()
            async with client(simulator, apiKey="reader", secret="secret") as theirs:  # noqa: S106 - not one
                return snapshot, await theirs.fetch_balance(), await theirs.fetch_positions()

    snapshot, balance, positions = asyncio.run(main())

    assert balance["USDT"]["total"] == pytest.approx(snapshot.equity)
    assert balance["USDT"]["free"] == pytest.approx(snapshot.available)
    ours = {unified(each.symbol): each for each in snapshot.positions}
    assert {each["symbol"] for each in positions} == set(ours)
    for theirs in positions:
        own = ours[theirs["symbol"]]
        assert (theirs["side"], theirs["contracts"]) == (own.side, own.quantity)
        assert theirs["entryPrice"] == pytest.approx(own.entry_price)
        assert theirs["markPrice"] == pytest.approx(own.mark_price)
        assert abs(theirs["notional"]) == pytest.approx(own.notional)
        assert theirs["unrealizedPnl"] == pytest.approx(own.unrealized_profit)


def test_the_day_begins_at_midnight_utc_and_transfers_are_no_result():
    def booked(venue):
        venue.account.bookings += [
            SimulatedBooking("REALIZED_PNL", 900.0, MIDNIGHT_MS - 1),
            SimulatedBooking("REALIZED_PNL", -120.0, MIDNIGHT_MS),
            SimulatedBooking("COMMISSION", -4.0, MIDNIGHT_MS),
            SimulatedBooking("COMMISSION", -4.0, MIDNIGHT_MS),  # another of the same moment
            SimulatedBooking("FUNDING_FEE", 1.5, MIDNIGHT_MS + HOUR_MS),
            SimulatedBooking("API_REBATE", 0.5, MIDNIGHT_MS + HOUR_MS),
            SimulatedBooking("TRANSFER", 5_000.0, MIDNIGHT_MS + HOUR_MS),
        ]

    day = read(booked).day

    assert (day.realized_profit, day.commission, day.funding, day.other) == (-120, -8, 1.5, 0.5)
    assert (day.result, day.transferred, day.unvalued) == (-126.0, 5_000.0, ())


def test_fees_in_a_coin_count_at_its_price_and_a_coin_that_is_not_listed_is_named():
    def booked(venue):
        venue.account.holdings.append(SimulatedPosition("BNBUSDT", 1.0, 700.0))
        venue.account.bookings += [
            SimulatedBooking("COMMISSION", -4.0, MIDNIGHT_MS),
            SimulatedBooking("COMMISSION", -0.01, MIDNIGHT_MS + HOUR_MS, asset="BNB"),
            SimulatedBooking("COMMISSION", -3.0, MIDNIGHT_MS + HOUR_MS, asset="OLDCOIN"),
        ]

    snapshot = read(booked, symbols=("BTCUSDT", "BNBUSDT"))

    [position] = snapshot.positions
    fees_in_coin = -4.0 - snapshot.day.commission
    assert fees_in_coin == pytest.approx(0.01 * position.mark_price, rel=0.01)
    assert snapshot.day.unvalued == ("OLDCOIN",)


@pytest.mark.parametrize("bars", [[], [[1]], [None], [[0, 0, 0, 0, "NaN"]], [[0, 0, 0, 0, "-1"]]])
def test_bars_that_name_no_price_value_nothing(bars):
    assert close_price(bars) is None


def test_bookings_beyond_one_page_are_all_counted_once_and_not_asked_for_again():
    async def main():
        async with venue_and_reader() as (venue, reader):
            rows = venue.account.bookings
            rows += [
                SimulatedBooking("COMMISSION", -1.0, MIDNIGHT_MS + n // 3) for n in range(2_500)
            ]
            first = await reader.read()
            asked = venue.requests["/fapi/v1/income"]
            rows.append(SimulatedBooking("COMMISSION", -1.0, MIDNIGHT_MS + HOUR_MS))
            second = await reader.read()
            return first, second, venue.requests["/fapi/v1/income"] - asked

    first, second, asked = asyncio.run(main())

    assert (first.day.commission, second.day.commission) == (-2_500, -2_501)
    assert asked == 2


def test_yesterdays_bookings_are_forgotten_at_midnight():
    async def main():
        async with venue_and_reader() as (venue, reader):
            venue.account.bookings.append(SimulatedBooking("REALIZED_PNL", -5.0, MIDNIGHT_MS))
            before = await reader.read()
            skew = Fault.model_validate({"kind": "clock_skew", "skew_ms": DAY_MS})
            venue.faults.add(skew, venue.clock.now_ms())
            return before, await reader.read()

    before, after = asyncio.run(main())

    assert (before.day.result, after.day.result) == (-5.0, 0.0)
    assert after.day.from_ms > before.day.from_ms


@pytest.mark.parametrize(
    ("rights", "named"),
    [
        ({"futures": True}, "enableFutures"),
        ({"spot_and_margin_trading": True}, "enableSpotAndMarginTrading"),
        ({"withdrawals": True}, "enableWithdrawals"),
    ],
)
def test_a_key_that_can_trade_or_withdraw_reads_nothing(rights, named):
    async def main():
        async with venue_and_reader(key_rights=KeyRights(**rights)) as (venue, reader):
            with pytest.raises(VenueRefused, match=named):
                await reader.read()
            return set(venue.requests)

    assert not {path for path in asyncio.run(main()) if path.startswith(("/fapi/v3", "/fapi/v2"))}


def follow(prepare, until, *, break_after=1):
    """Return statuses and snapshots until a condition on the statuses holds."""

    async def main():
        states: list[tuple[str, str]] = []
        snapshots = []
        async with venue_and_reader() as (venue, reader):
            if not break_after:
                prepare(venue)

            def publish(snapshot):
                snapshots.append(snapshot)
                if len(snapshots) == break_after:
                    prepare(venue)

            task = asyncio.ensure_future(
                follow_account(reader, publish, lambda *said: states.append(said), 0.01)
            )
            async with asyncio.timeout(10):
                while not task.done() and not (states and until(states)):  # noqa: ASYNC110 - told by a venue
                    await asyncio.sleep(0.01)
            if task.done():
                task.result()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return states, snapshots

    return asyncio.run(main())


def revoke(venue):
    venue.account.key_revoked = True


def test_a_key_that_is_revoked_later_is_told_and_ends_nothing():
    states, snapshots = follow(revoke, lambda states: states[-1][0] == "failed")

    assert len(snapshots) == 1
    assert "the key is refused" in states[-1][1]
    assert "Invalid API-key" in states[-1][1]


def test_a_key_that_may_trade_later_on_is_used_no_more():
    def grant(venue):
        venue.key_rights = replace(venue.key_rights, futures=True)

    states, snapshots = follow(grant, lambda states: states[-1][0] == "failed")

    assert len(snapshots) == 1
    assert "enableFutures" in states[-1][1]


def test_a_key_that_is_none_is_refused_at_the_first_look():
    with pytest.raises(VenueRefused, match="Invalid API-key"):
        follow(revoke, lambda _: False, break_after=0)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "http_error", "status": 503, "path": "/fapi/v3", "count": 1},
        {"kind": "http_error", "status": 429, "retry_after_s": 1, "path": "/fapi/v3", "count": 1},
        {"kind": "malformed", "rest": True, "path": "/fapi/v3/account", "count": 1},
        {"kind": "malformed", "rest": True, "path": "/fapi/v3/positionRisk", "count": 1},
        {"kind": "malformed", "rest": True, "path": "/fapi/v1/income", "count": 1},
    ],
)
def test_a_venue_that_is_away_limits_or_talks_nonsense_is_told_and_asked_again(fields):
    def fail(venue):
        venue.faults.add(Fault.model_validate(fields), venue.clock.now_ms())

    def back(states):
        return [state for state, _ in states][-2:] == ["degraded", "running"]

    states, snapshots = follow(fail, back)

    assert len(snapshots) >= 2
    assert "the account was not" in states[-2][1]


def test_a_venue_that_still_starts_is_waited_for_and_is_no_worry():
    def load(venue):
        fault = {"kind": "http_error", "status": 503, "path": "/sapi", "count": 1}
        venue.faults.add(Fault.model_validate(fault), venue.clock.now_ms())

    states, _ = follow(load, lambda states: states[-1][0] == "running", break_after=0)

    assert [state for state, _ in states] == ["starting", "starting", "running"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("totalWalletBalance", "NaN"),
        ("totalMarginBalance", None),
        ("assets", {}),
        ("availableBalance", "lots"),
        ("totalInitialMargin", "-1"),
    ],
)
def test_an_amount_that_is_no_number_is_refused_by_its_name(field, value):
    body: dict[str, Any] = dict.fromkeys(
        (
            "totalWalletBalance",
            "totalUnrealizedProfit",
            "totalMarginBalance",
            "availableBalance",
            "totalInitialMargin",
            "totalMaintMargin",
        ),
        "1.5",
    )

    assert account_snapshot("x", 0, {**body, "assets": []}, [], NOTHING).equity == 1.5
    with pytest.raises(AccountUnreadable, match=r"account\.|initial_margin"):
        account_snapshot("x", 0, {**body, "assets": [], field: value}, [], NOTHING)


def test_a_booking_without_its_amount_is_refused():
    with pytest.raises(AccountUnreadable, match=r"income\.0\.income"):
        read_bookings([{"symbol": "", "incomeType": "TRANSFER", "asset": "USDT", "time": 1}])


def test_no_account_request_is_possible_without_the_key():
    async def main():
        async with serve(SimulatorSettings(paused=True, history_minutes=60)) as simulator:
            access = VenueAccess("simulated", simulator.rest_url)
            async with connected_account(access) as exchange:
                await AccountReader(exchange, "simulated").read()

    with pytest.raises((VenueRefused, VenueUnavailable), match="apiKey"):
        asyncio.run(main())
