"""Frames: every trade and every closed bar once, in order, however time is divided."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.timeframes import DAY_MS
from workers.simulator import kernel
from workers.simulator.candles import CandleHistory, minute_candles
from workers.simulator.market import BAR_MS, SimulatedMarket
from workers.simulator.protocol import payloads
from workers.simulator.protocol.frames import Frame, FrameSource, Stream, StreamKind, parse_stream
from workers.simulator.protocol.payloads import INTERVAL_BARS, open_ms

SYMBOLS = ("BTCUSDT", "ETHUSDT")
MARKET = SimulatedMarket(7, SYMBOLS)
START = open_ms(1000)
MINUTES = 11


def streams(*names: str) -> list[Stream]:
    return [stream for name in names if (stream := parse_stream(name, SYMBOLS))]


NAMES = ["btcusdt@aggTrade", "btcusdt@kline_1m", "ethusdt@kline_1m", "btcusdt@kline_5m"]
STREAMS = streams(*NAMES)


def lasting(frames):
    """Trades and closed bars: the frames that do not depend on the number of calls."""
    return [
        (f.stream.name, f.payload) for f in frames if f.stream.kind is StreamKind.TRADE or f.final
    ]


def whole():
    return list(FrameSource(MARKET, START).advance(START + MINUTES * BAR_MS, STREAMS, 15_000))


@given(st.lists(st.integers(1, MINUTES * BAR_MS), max_size=30))
@settings(max_examples=30, deadline=None)
def test_trades_and_closed_bars_come_once_however_time_is_cut(cuts):
    source = FrameSource(MARKET, START)
    frames: list[Frame] = []

    for cut in [*sorted(cuts), MINUTES * BAR_MS]:
        frames += source.advance(START + cut, STREAMS, 15_000)

    assert lasting(frames) == lasting(whole())


def test_closed_bars_are_those_of_rest():
    frames = [f for f in whole() if f.final and f.stream.name == "btcusdt@kline_5m"]
    fives = minute_candles(MARKET, "BTCUSDT", 1000, 1010, open_ms(1011)).merged(5)
    rows = payloads.kline_rows(MARKET.contract("BTCUSDT"), 1000, 5, fives)

    shown = [
        [
            k["t"],
            k["o"],
            k["h"],
            k["l"],
            k["c"],
            k["v"],
            k["T"],
            k["q"],
            k["n"],
            k["V"],
            k["Q"],
            "0",
        ]
        for k in (frame.payload["k"] for frame in frames if isinstance(frame.payload, dict))
    ]

    assert shown == rows
    assert len(shown) == 2


@given(st.sampled_from(sorted(INTERVAL_BARS)), st.integers(1, 3 * DAY_MS))
@settings(max_examples=40, deadline=None)
def test_an_unfinished_bar_of_any_interval_is_that_of_rest(interval, passed_ms):
    now_ms, bars = open_ms(0) + passed_ms, INTERVAL_BARS[interval]
    stream = streams(f"btcusdt@kline_{interval}")
    first, last = payloads.window(bars, None, None, 1, now_ms)
    newest = CandleHistory(MARKET).candles("BTCUSDT", first, last, bars, now_ms)

    frames = list(FrameSource(MARKET, now_ms).advance(now_ms, stream, 1))

    shown = [f.payload["k"] for f in frames if isinstance(f.payload, dict)]
    expected = payloads.kline_rows(MARKET.contract("BTCUSDT"), first, bars, newest)
    assert [[k[name] for name in "tohlcvTqnVQB"] for k in shown] == (
        [] if passed_ms % BAR_MS == 0 else expected
    )
    assert not any(k["x"] for k in shown)


@pytest.mark.parametrize("interval", sorted(INTERVAL_BARS))
def test_a_closed_bar_of_any_interval_comes_once_and_is_that_of_rest(interval):
    bars = INTERVAL_BARS[interval]
    close_ms = open_ms(1440)  # every interval closes here
    source = FrameSource(MARKET, close_ms - 1)

    frames = list(source.advance(close_ms + 1, streams(f"btcusdt@kline_{interval}"), BAR_MS))

    done = CandleHistory(MARKET).candles("BTCUSDT", 1440 - bars, 1440, bars, close_ms)
    rows = payloads.kline_rows(MARKET.contract("BTCUSDT"), 1440 - bars, bars, done)
    assert [
        [f.payload["k"][name] for name in "tohlcvTqnVQB"]
        for f in frames
        if isinstance(f.payload, dict) and f.final
    ] == rows


def test_trades_come_in_order_and_before_their_bar_closes():
    times = [f.event_ms for f in whole() if f.stream.name == "btcusdt@aggTrade" or f.final]

    assert times == sorted(times)


def test_updates_show_no_trade_of_later():
    source, now = FrameSource(MARKET, START), START + 25_000

    (update,) = source.advance(now, [STREAMS[1]], 15_000)

    column = MARKET.unfinished("BTCUSDT", 1000, 25_000)
    assert column is not None
    assert not update.final
    assert isinstance(update.payload, dict)
    assert update.payload["k"]["n"] == column[kernel.RAW_TRADES]
    assert update.payload["E"] == now


def test_a_mark_price_comes_with_every_close():
    marks = streams("btcusdt@markPrice@1s")

    frames = FrameSource(MARKET, START).advance(START + 3 * BAR_MS, marks, 10**9)

    assert [f.event_ms for f in frames] == [START + i * BAR_MS for i in (1, 2, 3)]


@pytest.mark.parametrize(
    "name", ["BTCUSDT@aggTrade", "btcusdt@kline_7m", "xyzusdt@aggTrade", "btcusdt", "", "0"]
)
def test_a_name_without_market_events_is_no_stream(name):
    assert parse_stream(name, SYMBOLS) is None
