"""ccxt 4.5.90, unmodified but for its addresses, against the simulated exchange."""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal
from typing import Any

import aiohttp
import ccxt.pro
import numpy as np
import pytest

from schemas.timeframes import DAY_MS, HOUR_MS
from workers.simulator import kernel
from workers.simulator.market import BAR_MS, EPOCH_MS
from workers.simulator.protocol.payloads import INTERVAL_BARS
from workers.simulator.protocol.venue import KeyRights
from workers.simulator.server import SimulatorSettings, serve

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
FAST = SimulatorSettings(speed=600.0, history_minutes=3000)  # a minute in a tenth of a second
STILL = SimulatorSettings(paused=True, history_minutes=3000)
NOW_MS = EPOCH_MS + 3000 * BAR_MS


def at(address, running):
    """Return ccxt's addresses with scheme and host of the simulator."""
    if isinstance(address, dict):
        return {name: at(part, running) for name, part in address.items()}
    scheme, _, rest = address.partition("://")
    base = running.ws_url if scheme == "wss" else running.rest_url
    return base + "/" + rest.partition("/")[2]


@contextlib.asynccontextmanager
async def client(running, **keys):
    options = {"fetchMarkets": {"types": ["linear"]}, "fetchCurrencies": False}
    exchange = ccxt.pro.binanceusdm({"options": options, **keys})
    exchange.urls["api"] = at(exchange.urls["api"], running)
    try:
        await exchange.load_markets()
        yield exchange
    finally:
        await exchange.close()


def run_story(settings, story, **keys):
    """Return what a story returns; it gets a running exchange and a ccxt client of it."""

    async def run():
        async with serve(settings) as running, client(running, **keys) as exchange:
            return await asyncio.wait_for(story(running, exchange), 30.0)

    return asyncio.run(run())


def watched(settings, story, streams, path="/market/ws/0"):
    """Return what a story returns; it gets a bare WebSocket with its subscriptions."""

    async def run():
        async with (
            serve(settings) as running,
            aiohttp.ClientSession() as session,
            session.ws_connect(running.ws_url + path) as socket,
        ):
            await socket.send_json({"method": "SUBSCRIBE", "params": streams, "id": 1})
            assert await socket.receive_json() == {"result": None, "id": 1}
            return await asyncio.wait_for(story(running, socket), 30.0)

    return asyncio.run(run())


async def post(url, body):
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
        return response.status, await response.json()


async def get(url):
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, dict(response.headers), await response.json()


def test_markets_load_with_their_filters():
    async def story(_, exchange):
        return exchange.markets

    markets = run_story(STILL, story)

    assert set(markets) == {BTC, ETH, "SOL/USDT:USDT", "BNB/USDT:USDT"}
    assert markets[BTC]["precision"]["price"] == 0.1
    assert markets[BTC]["precision"]["amount"] == 0.001
    assert markets[BTC]["limits"]["cost"]["min"] == 5.0
    assert markets[BTC]["linear"]
    assert markets[BTC]["swap"]
    assert markets[BTC]["active"]


def test_klines_page_without_gap_or_overlap_and_equal_the_market():
    async def story(running, exchange):
        rows, since = [], EPOCH_MS
        while page := await exchange.fapiPublicGetKlines(
            {"symbol": "BTCUSDT", "interval": "1m", "startTime": since, "limit": 499}
        ):
            rows += page
            since = int(page[-1][0]) + BAR_MS
        return rows, running.venue.market.bars("BTCUSDT", 0, 3000)

    rows, bars = run_story(STILL, story)

    assert [row[0] for row in rows] == bars.open_time_ms.tolist()
    assert {len(row) for row in rows} == {12}
    np.testing.assert_allclose([float(r[4]) for r in rows], bars.prices(kernel.CLOSE), rtol=1e-12)
    np.testing.assert_allclose([float(r[5]) for r in rows], bars.volume, rtol=1e-12)


def test_page_is_at_most_1500_rows_and_ends_with_the_open_bar():
    settings = SimulatorSettings(paused=True, start_time_ms=NOW_MS + 30_000)

    async def story(_, exchange):
        ask = {"symbol": "BTCUSDT", "interval": "1m", "limit": 5000}
        return await exchange.fapiPublicGetKlines(ask)

    rows = run_story(settings, story)

    assert len(rows) == 1500
    assert rows[-1][0] == NOW_MS
    assert rows[-1][6] == NOW_MS + BAR_MS - 1


def test_hours_are_the_sum_of_their_minutes():
    async def story(_, exchange):
        return (
            await exchange.fetch_ohlcv(ETH, "1m", since=EPOCH_MS, limit=960),
            await exchange.fetch_ohlcv(ETH, "1h", since=EPOCH_MS, limit=16),
            await exchange.fetch_mark_ohlcv(ETH, "1h", since=EPOCH_MS, limit=16),
        )

    minutes, hours, marks = run_story(STILL, story)

    for i, hour in enumerate(hours):
        parts = minutes[i * 60 : i * 60 + 60]
        assert hour[:2] == parts[0][:2]
        assert hour[2] == max(part[2] for part in parts)
        assert hour[3] == min(part[3] for part in parts)
        assert hour[4] == parts[-1][4]
        assert hour[5] == pytest.approx(sum(part[5] for part in parts))
    assert [m[0] for m in marks] == [h[0] for h in hours]
    np.testing.assert_allclose([m[4] for m in marks], [h[4] for h in hours], rtol=2e-3)


def test_every_interval_over_rest_is_one_market_with_the_minutes():
    settings = SimulatorSettings(paused=True, start_time_ms=NOW_MS + 20_000)

    async def story(_, exchange):
        async def page(ask, **query):
            return await ask({"symbol": "ETHUSDT", "startTime": EPOCH_MS, "limit": 1500, **query})

        klines, marks = exchange.fapiPublicGetKlines, exchange.fapiPublicGetMarkPriceKlines
        starts = [EPOCH_MS + i * 1500 * BAR_MS for i in range(3)]
        minutes = [row for at in starts for row in await page(klines, interval="1m", startTime=at)]
        rows = {name: await page(klines, interval=name) for name in INTERVAL_BARS}
        return minutes, rows, {name: await page(marks, interval=name) for name in INTERVAL_BARS}

    minutes, rows, marks = run_story(settings, story)

    for name, bars in INTERVAL_BARS.items():
        groups = [minutes[i : i + bars] for i in range(0, len(minutes), bars)][:1500]
        assert [row[0] for row in rows[name]] == [parts[0][0] for parts in groups]
        assert [row[0] for row in marks[name]] == [parts[0][0] for parts in groups]
        for row, parts in zip(rows[name], groups, strict=True):
            assert row[6] == row[0] + bars * BAR_MS - 1
            assert (row[1], row[4]) == (parts[0][1], parts[-1][4])
            assert Decimal(row[2]) == max(Decimal(part[2]) for part in parts)
            assert Decimal(row[3]) == min(Decimal(part[3]) for part in parts)
            for column in (5, 7, 8, 9, 10):
                assert Decimal(row[column]) == sum(Decimal(part[column]) for part in parts)


def test_a_page_that_begins_in_the_future_is_empty_at_once():
    async def story(running, _):
        far = f"symbol=BTCUSDT&startTime={NOW_MS + 36_000 * DAY_MS + 1}"
        return [
            (await get(f"{running.rest_url}/fapi/v1/{path}&{far}"))[2]
            for path in (
                *("klines?interval=1m", "klines?interval=1h", "markPriceKlines?interval=4h"),
                *("fundingRate?", "aggTrades?"),
            )
        ]

    assert run_story(STILL, story) == [[]] * 5


def test_trades_fetched_by_id_rebuild_the_klines():
    async def story(_, exchange):
        ask = {"symbol": "BTCUSDT", "limit": 1000}
        trades, first = [], {"startTime": NOW_MS - 100 * BAR_MS}
        while page := await exchange.fapiPublicGetAggTrades({**ask, **first}):
            trades += page
            first = {"fromId": page[-1]["a"] + 1}
        since = {"symbol": "BTCUSDT", "interval": "1m", "startTime": NOW_MS - 100 * BAR_MS}
        return trades, await exchange.fapiPublicGetKlines(since)

    trades, rows = run_story(STILL, story)

    assert [t["a"] for t in trades] == list(range(trades[0]["a"], trades[-1]["a"] + 1))
    assert len(rows) == 100
    for row in rows:
        inside = [t for t in trades if row[0] <= t["T"] <= row[6]]
        prices = [float(t["p"]) for t in inside]
        shown = [float(x) for x in row[1:6]]
        assert shown[:4] == [prices[0], max(prices), min(prices), prices[-1]]
        assert shown[4] == pytest.approx(sum(float(t["q"]) for t in inside), rel=1e-12)
        assert row[8] == sum(t["l"] - t["f"] + 1 for t in inside)
        bought = sum(float(t["q"]) for t in inside if not t["m"])
        assert float(row[9]) == pytest.approx(bought, rel=1e-12, abs=1e-9)


def test_funding_mark_and_interest_are_read_as_on_the_venue():
    async def story(_, exchange):
        return (
            await exchange.fetch_funding_rate(BTC),
            await exchange.fetch_funding_rates(),
            await exchange.fetch_funding_rate_history(BTC, limit=1000),
            await exchange.fetch_funding_intervals(),
            await exchange.fetch_open_interest(BTC),
        )

    now, every, history, intervals, interest = run_story(STILL, story)

    assert now["fundingTimestamp"] > NOW_MS
    assert set(every) == {BTC, ETH, "SOL/USDT:USDT", "BNB/USDT:USDT"}
    assert now["markPrice"] == pytest.approx(now["indexPrice"], rel=5e-3)
    assert [h["timestamp"] for h in history] == list(
        range(EPOCH_MS + 480 * BAR_MS, NOW_MS + 1, 480 * BAR_MS)
    )
    assert all(abs(h["fundingRate"]) <= 3e-3 for h in history)
    assert intervals[BTC]["interval"] == "8h"
    assert interest["openInterestAmount"] > 0


@pytest.mark.parametrize("rights", [KeyRights(), KeyRights(futures=True, can_trade=True)])
def test_account_routes_say_what_a_key_may_do(rights):
    settings = SimulatorSettings(paused=True, key_rights=rights)

    async def story(_, exchange):
        return (
            await exchange.sapiGetAccountApiRestrictions(),
            await exchange.fapiPrivateGetAccountConfig(),
            await exchange.fetch_balance(),
            await exchange.fetch_positions(),
        )

    key = {"apiKey": "any", "secret": "any"}
    restrictions, account, balance, positions = run_story(settings, story, **key)

    assert restrictions["enableFutures"] is rights.futures
    assert account["canTrade"] is rights.can_trade
    assert balance["USDT"]["total"] == 10_000.0
    assert positions == []


def test_an_account_route_without_a_key_is_refused():
    async def story(running, _):
        return await get(running.rest_url + "/fapi/v1/accountConfig")

    status, _, body = run_story(STILL, story)

    assert (status, body["code"]) == (401, -2014)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/fapi/v1/order", "/fapi/v1/batchOrders", "/fapi/v1/klines"])
def test_no_write_is_taken_and_each_is_counted(method, path):
    async def story(running, _):
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, running.rest_url + path) as response,
        ):
            return response.status, running.venue.refused_writes

    assert run_story(STILL, story) == (403, 1)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("klines?symbol=NOPE&interval=1m", -1121),
        ("klines?interval=1m", -1102),
        ("klines?symbol=BTCUSDT&interval=7m", -1120),
        ("klines?symbol=BTCUSDT&interval=1m&limit=x", -1100),
        ("klines?symbol=BTCUSDT&interval=1m&limit=0", -1130),
        ("depth?symbol=BTCUSDT", -5000),
    ],
)
def test_a_wrong_request_gets_the_venues_error(query, code):
    async def story(running, _):
        return await get(running.rest_url + "/fapi/v1/" + query)

    status, headers, body = run_story(STILL, story)

    assert status in (400, 404)
    assert set(body) == {"code", "msg"}
    assert body["code"] == code
    assert "X-MBX-USED-WEIGHT-1M" in headers


def test_weight_beyond_the_limit_is_refused_with_a_time_to_wait():
    settings = SimulatorSettings(paused=True, weight_limit=60)

    async def story(running, _):
        # Several in case the minute turns while the test runs.
        url = running.rest_url + "/fapi/v1/aggTrades?symbol=BTCUSDT&limit=1"
        return [await get(url) for _ in range(8)]

    answers = run_story(settings, story)

    refused = [(headers, body) for status, headers, body in answers if status == 429]
    assert refused
    assert refused[0][1]["code"] == -1003
    assert 1 <= int(refused[0][0]["Retry-After"]) <= 60
    assert int(refused[0][0]["X-MBX-USED-WEIGHT-1M"]) > 60


def test_watched_bars_trades_and_marks_arrive():
    async def story(_, exchange):
        bars = await exchange.watch_ohlcv_for_symbols([[BTC, "1m"], [ETH, "1m"]])
        trades = await exchange.watch_trades_for_symbols([BTC, ETH], params={"name": "aggTrade"})
        marks = await exchange.watch_mark_prices([BTC, ETH])
        await exchange.un_watch_ohlcv_for_symbols([[BTC, "1m"], [ETH, "1m"]])
        return bars, trades, marks

    bars, trades, marks = run_story(FAST, story)

    assert set(bars) <= {BTC, ETH}
    assert trades[0]["price"] > 0
    assert set(marks) <= {BTC, ETH}


def test_every_closed_bar_comes_once_and_equals_rest():
    async def story(running, socket):
        bars: list[dict[str, Any]] = []
        while len(bars) < 8:
            kline = (await socket.receive_json())["k"]
            bars += [kline] if kline["x"] else []
        url = f"{running.rest_url}/fapi/v1/klines?symbol=BTCUSDT&interval=1m"
        _, _, rows = await get(f"{url}&startTime={bars[0]['t']}&limit=8")
        return bars, rows

    bars, rows = watched(FAST, story, ["btcusdt@kline_1m"])

    assert [
        [b["t"], b["o"], b["h"], b["l"], b["c"], b["v"], b["T"], b["q"], b["n"], b["V"], b["Q"]]
        for b in bars
    ] == [row[:11] for row in rows]
    assert [b["t"] for b in bars] == [bars[0]["t"] + i * BAR_MS for i in range(8)]


def test_combined_streams_are_wrapped_in_their_name():
    async def story(_, socket):
        return await socket.receive_json()

    event = watched(FAST, story, ["btcusdt@aggTrade"], path="/market/stream")

    assert event["stream"] == "btcusdt@aggTrade"
    assert event["data"]["e"] == "aggTrade"


def test_after_unsubscribing_nothing_more_comes():
    async def story(_, socket):
        await socket.send_json({"method": "UNSUBSCRIBE", "params": ["btcusdt@aggTrade"], "id": 2})
        while "result" not in (await socket.receive_json()):
            pass
        await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 3})
        return await socket.receive_json()

    assert watched(FAST, story, ["btcusdt@aggTrade"]) == {"result": [], "id": 3}


@pytest.mark.parametrize("path", ["/ws/0", "/public/ws/0"])
def test_other_roots_acknowledge_market_streams_and_stay_silent(path):
    async def story(running, socket):
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(running.ws_url + "/market/ws/1") as market,
        ):
            await market.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@aggTrade"], "id": 1})
            for _ in range(20):
                await market.receive_json()
        await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 2})
        return await socket.receive_json()

    assert watched(FAST, story, ["btcusdt@aggTrade"], path)["id"] == 2


@pytest.mark.parametrize(
    ("text", "code"), [("not json", 3), ('{"method":"BUY","id":1}', 2), ("[]", 2)]
)
def test_a_wrong_command_gets_an_error_and_the_socket_lives(text, code):
    async def story(_, socket):
        await socket.send_str(text)
        answer = await socket.receive_json()
        await socket.ping()
        await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 2})
        return answer, await socket.receive_json()

    answer, after = watched(STILL, story, ["btcusdt@kline_1m"])

    assert answer["error"]["code"] == code
    assert after["result"] == ["btcusdt@kline_1m"]


def test_a_disconnect_is_seen_and_the_next_call_reconnects():
    async def story(running, exchange):
        async def until_it_breaks():
            while True:
                await exchange.watch_trades(BTC, params={"name": "aggTrade"})

        await exchange.watch_trades(BTC, params={"name": "aggTrade"})
        await post(running.rest_url + "/sim/faults", {"kind": "disconnect"})
        with pytest.raises(ccxt.NetworkError):
            await until_it_breaks()
        return await exchange.watch_trades(BTC, params={"name": "aggTrade"})

    assert run_story(FAST, story)


@pytest.mark.parametrize("abrupt", [False, True])
def test_a_disconnect_ends_the_socket(abrupt):
    async def story(running, socket):
        await post(running.rest_url + "/sim/faults", {"kind": "disconnect", "abrupt": abrupt})
        while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
        return message.type, socket.close_code

    kind, code = watched(FAST, story, ["btcusdt@aggTrade"])

    assert kind in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
    assert code == (1006 if abrupt else 1001)


@pytest.mark.parametrize("status", [429, 418])
def test_a_ban_names_the_time_to_wait(status):
    async def story(running, exchange):
        fault = {"kind": "http_error", "status": status, "retry_after_s": 7, "count": 1}
        await post(running.rest_url + "/sim/faults", fault)
        with pytest.raises(ccxt.DDoSProtection):
            await exchange.fetch_time()
        headers = exchange.last_response_headers
        return headers["Retry-After"], await exchange.fetch_time()

    waited, time_ms = run_story(STILL, story)

    assert waited == "7"
    assert time_ms == EPOCH_MS + STILL.history_minutes * BAR_MS


def test_a_skewed_clock_shows_in_the_server_time():
    async def story(running, exchange):
        await post(running.rest_url + "/sim/faults", {"kind": "clock_skew", "skew_ms": 5000})
        return await exchange.fetch_time()

    assert run_story(STILL, story) == NOW_MS + 5000


def test_a_gap_on_rest_too_and_a_malformed_body_reach_the_client():
    async def story(running, _):
        klines = f"{running.rest_url}/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=5"
        gap = {"kind": "gap", "rest": True, "from_ms": NOW_MS - 3 * BAR_MS}
        await post(running.rest_url + "/sim/faults", {**gap, "until_ms": NOW_MS - 2 * BAR_MS})
        _, _, rows = await get(klines)
        malformed = {"kind": "malformed", "rest": True, "form": "nulls", "count": 1}
        await post(running.rest_url + "/sim/faults", malformed)
        _, _, broken = await get(klines)
        return rows, broken

    rows, broken = run_story(STILL, story)

    opens = [row[0] for row in rows]
    assert NOW_MS - 3 * BAR_MS not in opens
    assert NOW_MS - 2 * BAR_MS in opens
    assert broken == [[9, None, None, None, None]]


def test_the_venue_can_lack_an_interval_and_contradict_its_minutes():
    hour_ms = NOW_MS // HOUR_MS * HOUR_MS - HOUR_MS

    async def story(running, exchange):
        faults, klines = running.rest_url + "/sim/faults", exchange.fapiPublicGetKlines
        query = {"symbol": "BTCUSDT", "interval": "1h", "startTime": hour_ms - HOUR_MS, "limit": 2}
        before = await klines(query)
        await post(faults, {"kind": "no_interval", "interval": "4h"})
        for ask in (klines, exchange.fapiPublicGetMarkPriceKlines):
            with pytest.raises(ccxt.BadRequest, match="-1120"):
                await ask({**query, "interval": "4h"})
        mismatch = {"kind": "mismatch", "interval": "1h", "symbol": "BTCUSDT"}
        _, scheduled = await post(faults, {**mismatch, "from_ms": hour_ms, "until_ms": NOW_MS})
        return before, await klines(query), await klines({**query, "symbol": "ETHUSDT"}), scheduled

    before, after, other, scheduled = run_story(STILL, story)

    assert scheduled["interval"] == "1h"
    assert len(other) == 2
    assert after[0] == before[0]
    assert after[1][:4] == before[1][:4]
    assert after[1][4] == before[1][1]
    for column in (5, 7, 9, 10):
        expected = 0.9 * float(before[1][column])
        assert float(after[1][column]) == pytest.approx(expected, abs=2e-3)
    assert (after[1][6], after[1][8], after[1][11]) == (before[1][6], before[1][8], before[1][11])


def test_faults_are_listed_ended_and_refused_when_wrong():
    async def story(running, _):
        faults = running.rest_url + "/sim/faults"
        added = await post(faults, {"kind": "late", "delay_ms": 5})
        wrong = await post(faults, {"kind": "late", "delay_ms": -5})
        unknown = await post(faults, {"kind": "gap", "symbol": "NOPE"})
        _, _, listed = await get(faults)
        async with aiohttp.ClientSession() as session, session.delete(faults) as response:
            ended = await response.json()
        return added, wrong, unknown, listed, ended

    added, wrong, unknown, listed, ended = run_story(STILL, story)

    assert added[0] == 200
    assert wrong[0] == 400
    assert "delay_ms" in wrong[1]["msg"]
    assert unknown[1]["code"] == -1121
    assert [row["kind"] for row in listed] == ["late"]
    assert ended == []


def test_clock_is_shown_changed_and_stops_when_paused():
    async def story(running, _):
        clock = running.rest_url + "/sim/clock"
        _, paused = await post(clock, {"paused": True, "speed": 120})
        _, _, later = await get(clock)
        wrong = await post(clock, {"speed": -1})
        return paused, later, wrong

    paused, later, wrong = run_story(FAST, story)

    assert paused == later
    assert (paused["speed"], paused["paused"]) == (120.0, True)
    assert wrong[0] == 400


def test_true_regimes_and_parameters_can_be_asked_for():
    async def story(running, _):
        sim = running.rest_url + "/sim/"
        span = f"&startTime={EPOCH_MS}&endTime={EPOCH_MS + 100 * BAR_MS}"
        return (
            (await get(f"{sim}regimes?symbol=BTCUSDT{span}"))[2],
            (await get(f"{sim}regimes?symbol=BTCUSDT"))[2],
            (await get(f"{sim}parameters?symbol=BTCUSDT"))[2],
        )

    part, whole, parameters = run_story(STILL, story)

    assert part["regime"] == whole["regime"][:100]
    assert len(whole["regime"]) == 3000
    assert set(whole["regime"]) == set(parameters["regimes"]) == {"bull", "bear", "sideways"}
    assert np.sum(parameters["transition"]) == pytest.approx(3.0)


def test_fifty_symbols_are_kept_up_with():
    symbols = tuple(f"A{i}USDT" for i in range(50))
    settings = SimulatorSettings(symbols=symbols, speed=120.0, history_minutes=1500)
    names = [f"{symbol.lower()}@kline_1m" for symbol in symbols]

    async def story(_, socket):
        closed: list[tuple[int, str]] = []
        while len(closed) < 150:
            kline = (await socket.receive_json())["k"]
            closed += [(kline["t"], kline["s"])] if kline["x"] else []
        return closed

    closed = watched(settings, story, names)

    assert len(set(closed)) == 150
    assert [sum(t == minute for t, _ in closed) for minute in sorted({t for t, _ in closed})] == [
        *(50, 50, 50)
    ]


def test_a_taken_port_is_an_error_and_a_stop_frees_it():
    async def story():
        async with serve(STILL) as first:
            again = SimulatorSettings(port=first.port, paused=True)
            with pytest.raises(OSError, match=str(first.port)):
                async with serve(again):
                    pass
        async with serve(again) as second:
            return first.port == second.port

    assert asyncio.run(story())
