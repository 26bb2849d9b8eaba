"""Payloads: each documented example becomes a record, each wrong field is named."""

from __future__ import annotations

import gzip
import json

import pytest

from schemas.timeframes import MINUTE_MS
from tests.real_data import real_file
from workers.ingest.normalise import (
    PayloadRejected,
    Provenance,
    read_kline_event,
    read_kline_row,
    read_mark,
    read_mark_row,
    read_settlement,
    read_trade,
)

T0 = 1_750_000_020_000


def kline(**fields):
    return {
        "t": T0,
        "T": T0 + MINUTE_MS - 1,
        "s": "BTCUSDT",
        "i": "1m",
        "o": "100.0",
        "h": "101.0",
        "l": "99.0",
        "c": "100.5",
        "v": "12.5",
        "n": 42,
        "x": True,
        "q": "1253.0",
        "V": "6.25",
        "Q": "626.5",
    } | fields


def event(**fields):
    return {"e": "kline", "E": T0 + MINUTE_MS + 3, "s": "BTCUSDT", "k": kline(**fields), "st": 1}


def test_final_kline_becomes_a_bar_with_exclusive_close():
    bar = read_kline_event(event(), MINUTE_MS, "test")

    assert bar is not None
    assert (bar.open_time_ms, bar.event_time_ms) == (T0, T0 + MINUTE_MS)
    assert bar.available_time_ms == T0 + MINUTE_MS + 3
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (100.0, 101.0, 99.0, 100.5, 12.5)
    assert (bar.quote_volume, bar.taker_buy_volume, bar.trades) == (1253.0, 6.25, 42)


def test_bar_from_the_future_is_refused():
    with pytest.raises(PayloadRejected, match="is after the event's own time"):
        read_kline_event(event(t=T0 + 2 * MINUTE_MS, T=T0 + 3 * MINUTE_MS - 1), MINUTE_MS, "test")


def test_open_kline_is_no_bar():
    assert read_kline_event(event(x=False), MINUTE_MS, "test") is None


def test_row_and_event_of_one_bar_agree():
    k = kline()
    row = [k[n] for n in ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q")] + ["0"]

    bar = read_kline_row(
        "BTCUSDT", MINUTE_MS, row, Provenance("stream", "test", T0 + MINUTE_MS + 3)
    )

    assert bar == read_kline_event(event(), MINUTE_MS, "test")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"o": "NaN"}, "field o 'NaN', expected a finite number"),
        ({"h": "inf"}, "field h 'inf'"),
        ({"c": None}, "field c None"),
        ({"v": True}, "field v True"),
        ({"l": "cheap"}, "field l 'cheap'"),
        ({"n": 1.5}, "field n 1.5, expected a whole number"),
        ({"t": "soon"}, "field t 'soon'"),
        ({"T": T0 + MINUTE_MS}, f"field T {T0 + MINUTE_MS}"),
        ({"x": "yes"}, "field x 'yes', expected true or false"),
    ],
)
def test_wrong_field_is_named_with_its_value(fields, named):
    with pytest.raises(PayloadRejected, match=named):
        read_kline_event(event(**fields), MINUTE_MS, "test")


def test_unknown_symbol_missing_object_and_short_row_are_refused():
    with pytest.raises(PayloadRejected, match="field s"):
        read_kline_event(event() | {"s": "???"}, MINUTE_MS, "test")
    with pytest.raises(PayloadRejected, match="field s 7, expected a symbol"):
        read_trade({"m": True, "s": 7})
    with pytest.raises(PayloadRejected, match="field k"):
        read_kline_event({"e": "kline", "E": 1, "s": "BTCUSDT", "k": [9]}, MINUTE_MS, "test")
    with pytest.raises(PayloadRejected, match="kline row"):
        read_kline_row("BTCUSDT", MINUTE_MS, [9, None], Provenance("backfill", "test"))
    with pytest.raises(PayloadRejected, match="field m"):
        read_trade({"m": 1})


def fixture(name):
    return json.loads(real_file(f"raw_binance_usdm/nautilus_fixtures/{name}").read_text())


def test_documented_examples_are_read():
    for name in ("ws_kline_stream_open.json", "ws_kline_stream_closed.json"):
        frame = fixture(name)
        frame = frame.get("data", frame)
        bar = read_kline_event(frame, frame["k"]["T"] + 1 - frame["k"]["t"], "test")
        assert (bar is not None) == frame["k"]["x"]
    mark = fixture("ws_mark_price_stream.json")
    assert read_mark(mark.get("data", mark)).price > 0
    trade = fixture("ws_agg_trade_stream.json")
    assert read_trade(trade.get("data", trade)).quantity > 0
    assert read_settlement(fixture("http_futures_market_funding_rate.json")[0]).time_ms > 0
    assert read_mark_row(fixture("http_futures_market_mark_price_klines.json")[0])[1] > 0


def test_recorded_frames_of_the_venue_are_read():
    path = real_file(
        "raw_binance_usdm/ws_alts_aggTrade_kline1m_depth_bookticker_20210722.ndjson.gz"
    )
    bars = trades = 0
    with gzip.open(path, "rt") as lines:
        for line in lines:
            frame = json.loads(line)["msg"]
            frame = json.loads(frame) if isinstance(frame, str) else frame
            frame = frame.get("data", frame)
            if frame.get("e") == "kline":
                bars += read_kline_event(frame, MINUTE_MS, "test") is not None
            elif frame.get("e") == "aggTrade":
                trades += read_trade(frame).quantity > 0

    assert (bars, trades) == (4, 91)
