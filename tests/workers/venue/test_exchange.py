"""The exchange is read-only in four layers, and says why it cannot answer."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from typing import Any

import ccxt
import pytest

from schemas.timeframes import DAY_MS, MINUTE_MS
from workers.simulator.faults import Fault
from workers.simulator.protocol.venue import KeyRights
from workers.simulator.server import SimulatorSettings, serve
from workers.venue.exchange import (
    AccountExchange,
    Exchange,
    VenueAccess,
    VenueRefused,
    VenueUnavailable,
    connected,
    connected_account,
)
from workers.venue.retry import with_retries

SYMBOLS = ("BTCUSDT", "ETHUSDT")


@contextlib.asynccontextmanager
async def venue_and_exchange(key=None, **settings: Any):
    defaults: dict[str, Any] = {"symbols": SYMBOLS, "history_minutes": 2_000}
    async with serve(SimulatorSettings(**(defaults | settings))) as simulator:
        secret = "secret" if key else None
        access = VenueAccess("simulated", simulator.rest_url, key, secret)
        async with connected(access) as exchange:
            yield simulator.venue, exchange


def fault(venue, **fields):
    venue.faults.add(Fault.model_validate(fields), venue.clock.now_ms())


def test_history_is_read_through_real_ccxt():
    async def main():
        async with venue_and_exchange(paused=True) as (venue, exchange):
            now = await exchange.server_time_ms()
            assert now == venue.clock.now_ms()
            assert {row["symbol"] for row in await exchange.listed()} == set(SYMBOLS)
            start = now // MINUTE_MS * MINUTE_MS - 600 * MINUTE_MS
            rows = await exchange.klines("BTCUSDT", "1m", start, 499)
            assert [row[0] for row in rows] == [start + i * MINUTE_MS for i in range(499)]
            marks = await exchange.mark_klines("BTCUSDT", "1m", start, 10)
            assert [row[0] for row in marks] == [row[0] for row in rows[:10]]
            settled = await exchange.funding_rates("BTCUSDT", now - DAY_MS)
            assert len(settled) == 3

    asyncio.run(main())


WRITES: list[tuple[str, tuple[object, ...]]] = [
    ("create_order", ("BTC/USDT:USDT", "limit", "buy", 1, 1)),
    (
        "create_orders",
        ([{"symbol": "BTC/USDT:USDT", "type": "market", "side": "buy", "amount": 1}],),
    ),
    ("edit_order", ("1", "BTC/USDT:USDT", "limit", "buy", 1, 1)),
    ("cancel_order", ("1", "BTC/USDT:USDT")),
    ("cancel_all_orders", ("BTC/USDT:USDT",)),
    ("set_leverage", (2, "BTC/USDT:USDT")),
    ("set_margin_mode", ("isolated", "BTC/USDT:USDT")),
    ("set_position_mode", (True, "BTC/USDT:USDT")),
    ("transfer", ("USDT", 1, "spot", "future")),
    ("fapiPrivatePostOrder", ({},)),
    ("fapiPrivateDeleteOrder", ({},)),
    ("fapiPrivatePutOrder", ({},)),
]
SOCKET_WRITES = [
    ("create_order_ws", ("BTC/USDT:USDT", "limit", "buy", 1, 1)),
    ("edit_order_ws", ("1", "BTC/USDT:USDT", "limit", "buy", 1, 1)),
    ("cancel_order_ws", ("1", "BTC/USDT:USDT")),
    ("cancel_all_orders_ws", ("BTC/USDT:USDT",)),
]


@pytest.mark.parametrize("connect", [connected, connected_account])
def test_no_write_reaches_the_venue_even_through_the_raw_client(connect):
    async def main():
        async with (
            serve(
                SimulatorSettings(symbols=SYMBOLS, history_minutes=2_000, paused=True)
            ) as running,
            connect(VenueAccess("simulated", running.rest_url, "key", "secret")) as exchange,
        ):
            venue, client = running.venue, exchange._client
            client.apiKey, client.secret = "key", "secret"
            for name, arguments in (*WRITES, *SOCKET_WRITES):
                with pytest.raises((VenueRefused, ccxt.BaseError, TypeError, AttributeError)):
                    await asyncio.wait_for(getattr(client, name)(*arguments), 20.0)
            with pytest.raises(VenueRefused, match="only reads"):
                await client.fetch(f"{client.urls['api']['fapiPrivate']}/order", "POST")
            with pytest.raises(VenueRefused, match="only reads"):
                client.sign("order", ["fapiPrivate"], "DELETE", {})
            assert venue.refused_writes == 0
            assert not any("/ws-" in url for url in client.clients)

    asyncio.run(main())


def test_the_requests_are_a_short_list():
    public, private = (
        {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}
        for kind in (Exchange, AccountExchange)
    )

    assert private - public == {"account", "income", "positions"}
    assert public == {
        "forget_key",
        "funding_rates",
        "klines",
        "listed",
        "mark_klines",
        "newest_open_ms",
        "require_harmless_key",
        "server_time_ms",
        "watch",
    }


def test_key_that_may_only_read_is_accepted_and_forgotten():
    async def main():
        async with venue_and_exchange(key="reader", paused=True) as (_, exchange):
            assert exchange._client.apiKey is None
            assert exchange._client.secret is None

    asyncio.run(main())


@pytest.mark.parametrize(
    ("rights", "named"),
    [
        ({"futures": True}, "enableFutures"),
        ({"spot_and_margin_trading": True}, "enableSpotAndMarginTrading"),
        ({"withdrawals": True}, "enableWithdrawals"),
    ],
)
def test_key_that_may_do_more_than_read_is_refused_at_start(rights, named):
    async def main():
        async with venue_and_exchange(key="trader", key_rights=KeyRights(**rights), paused=True):
            pass

    with pytest.raises(VenueRefused, match=named):
        asyncio.run(main())


def test_no_key_is_needed_and_a_secret_is_never_shown():
    access = VenueAccess("binanceusdm", api_key="visible?", api_secret="hidden?")  # noqa: S106 - it is not one

    assert "visible?" not in repr(access)
    assert "hidden?" not in repr(access)


@pytest.mark.parametrize("status", [429, 418])
def test_retry_after_is_waited_for(status):
    async def main():
        async with venue_and_exchange(paused=True) as (venue, exchange):
            fault(venue, kind="http_error", status=status, retry_after_s=1, count=1, path="/fapi")
            loop = asyncio.get_running_loop()
            began = loop.time()
            assert await with_retries(exchange.server_time_ms, 5.0) > 0
            assert loop.time() - began >= 1.0
            assert venue.requests["/fapi/v1/time"] <= 2

    asyncio.run(main())


def test_every_request_waits_while_the_venue_asks_for_it():
    async def main():
        async with venue_and_exchange(paused=True) as (venue, exchange):
            fault(venue, kind="http_error", status=429, retry_after_s=1, count=1, path="/fapi")
            with pytest.raises(VenueUnavailable) as unavailable:
                await exchange.server_time_ms()
            assert unavailable.value.retry_after_s == 1.0
            loop = asyncio.get_running_loop()
            began = loop.time()
            await exchange.listed()
            assert loop.time() - began >= 0.9

    asyncio.run(main())


@pytest.mark.parametrize("status", [500, 502, 503])
def test_server_errors_are_asked_again(status):
    async def main():
        async with venue_and_exchange(paused=True) as (venue, exchange):
            fault(venue, kind="http_error", status=status, count=2, path="/fapi/v1/time")
            assert await with_retries(exchange.server_time_ms, 5.0) > 0

    asyncio.run(main())


def test_patience_ends():
    async def main():
        async with venue_and_exchange(paused=True) as (venue, exchange):
            fault(venue, kind="http_error", status=503, path="/fapi/v1/time")
            with pytest.raises(VenueUnavailable):
                await with_retries(exchange.server_time_ms, 0.5)

    asyncio.run(main())


def test_unknown_symbol_is_refused_at_once():
    async def main():
        async with venue_and_exchange(paused=True) as (_, exchange):
            with pytest.raises(VenueRefused):
                await exchange.klines("NOPEUSDT", "1m", 0, 10)

    asyncio.run(main())


def test_venue_that_is_not_there_is_unavailable():
    async def main():
        async with connected(VenueAccess("simulated", "http://127.0.0.1:9")) as exchange:
            await exchange.server_time_ms()

    with pytest.raises(VenueUnavailable):
        asyncio.run(main())


class RecordingListener:
    """Keeps the frames of the streams; frames of one kind raise."""

    def __init__(self, bad_kind=""):
        self.kinds, self.refused, self.bad_kind = [], [], bad_kind

    def take(self, frame):
        self.kinds.append(frame["e"])
        if frame["e"] == self.bad_kind:
            raise RuntimeError("a bug in a handler")

    def refuse(self, raw, error):
        self.refused.append((raw, error))


async def until(reached):
    while not reached():  # noqa: ASYNC110 - what is reached is on the other side of a socket
        await asyncio.sleep(0.02)


def watched(frames, speed=600.0, **fault_fields):
    async def main():
        async with venue_and_exchange(speed=speed) as (venue, exchange):
            if fault_fields:
                fault(venue, **fault_fields)
            watch = asyncio.ensure_future(exchange.watch(SYMBOLS, "1m", frames))
            async with asyncio.timeout(10):
                await until(lambda: len(frames.kinds) >= 200 or watch.done())
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
            return venue.refused_writes

    return asyncio.run(main())


def test_streams_give_raw_frames_of_all_kinds_and_nothing_is_sent_but_reads():
    frames = RecordingListener()

    refused_writes = watched(frames)

    assert set(frames.kinds) == {"kline", "aggTrade", "markPriceUpdate"}
    assert frames.refused == []
    assert refused_writes == 0


def test_exception_in_a_handler_does_not_silence_the_stream():
    frames = RecordingListener(bad_kind="kline")

    watched(frames)

    assert len(frames.kinds) >= 200
    assert len(frames.refused) == frames.kinds.count("kline")


def test_truncated_frame_does_not_silence_the_stream():
    frames = RecordingListener()

    watched(frames, kind="malformed", stream="kline", count=5)

    assert len(frames.kinds) >= 200
    assert len(frames.refused) == 5
    assert all(str(raw).startswith('{"e":"kline"') for raw, _ in frames.refused)


def test_lost_connection_raises():
    async def main():
        async with venue_and_exchange(speed=60.0) as (venue, exchange):
            frames = RecordingListener()
            watch = asyncio.ensure_future(exchange.watch(SYMBOLS, "1m", frames))
            async with asyncio.timeout(10):
                await until(lambda: frames.kinds)
            fault(venue, kind="disconnect", abrupt=True)
            with pytest.raises(VenueUnavailable, match="stream lost"):
                await asyncio.wait_for(watch, 10)

    asyncio.run(main())
