"""Faults: each does to the frames what it says, in its window, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from workers.simulator.faults import Fault, FaultDesk
from workers.simulator.market import BAR_MS, SimulatedMarket
from workers.simulator.protocol.frames import Frame, FrameSource, Stream, parse_stream
from workers.simulator.protocol.payloads import open_ms

SYMBOLS = ("BTCUSDT", "ETHUSDT")
MARKET = SimulatedMarket(7, SYMBOLS)
START = open_ms(500)
BAR_2: dict[str, Any] = {"from_ms": START + 2 * BAR_MS, "until_ms": START + 3 * BAR_MS}


def streams(*names: str) -> list[Stream]:
    return [stream for name in names if (stream := parse_stream(name, SYMBOLS))]


def closed_bar() -> Frame:
    """The last frame of the first minute."""
    frames = FrameSource(MARKET, START).advance(START + BAR_MS, streams("btcusdt@kline_1m"), BAR_MS)
    return next(frame for frame in frames if frame.final)


def arrivals(*faults, names=("btcusdt@kline_1m", "ethusdt@kline_1m"), minutes=6):
    """Texts that a subscriber receives, a quarter of a minute at a time."""
    source, desk = FrameSource(MARKET, START), FaultDesk()
    for fault in faults:
        desk.add(Fault(**fault), START)
    out: list[str] = []
    for now in range(START, START + minutes * BAR_MS + 1, BAR_MS // 4):
        out += [d.text for d in desk.released(now)]
        for frame in source.advance(now, streams(*names), BAR_MS // 4):
            out += [d.text for d in desk.admit(frame, now)]
    return out


def closed(texts, symbol="BTCUSDT"):
    """Minutes after the start of the closed bars of one symbol, as they arrived."""
    bars = [json.loads(text) for text in texts]
    return [(b["k"]["t"] - START) // BAR_MS for b in bars if b["s"] == symbol and b["k"]["x"]]


def test_without_faults_every_frame_arrives_unchanged():
    frame = closed_bar()

    (delivery,) = FaultDesk().admit(frame, START + BAR_MS)

    assert json.loads(delivery.text) == frame.payload
    assert closed(arrivals()) == [0, 1, 2, 3, 4, 5]


def test_gap_withholds_all_frames_of_its_bars_and_symbol():
    texts = arrivals({"kind": "gap", "symbol": "BTCUSDT", **BAR_2})

    opens = {json.loads(t)["k"]["t"] for t in texts if json.loads(t)["s"] == "BTCUSDT"}
    assert closed(texts) == [0, 1, 3, 4, 5]
    assert START + 2 * BAR_MS not in opens
    assert closed(texts, "ETHUSDT") == [0, 1, 2, 3, 4, 5]


def test_duplicate_comes_twice_and_the_same():
    texts = arrivals({"kind": "duplicate", "symbol": "BTCUSDT", "final_only": True, **BAR_2})

    assert closed(texts) == [0, 1, 2, 2, 3, 4, 5]
    assert len([t for t in texts if texts.count(t) == 2]) == 2


def test_late_bar_comes_after_its_delay():
    fault = {"kind": "late", "symbol": "BTCUSDT", "final_only": True, "delay_ms": 2 * BAR_MS}

    texts = arrivals({**fault, **BAR_2})

    assert closed(texts) == [0, 1, 3, 2, 4, 5]


def test_out_of_order_bar_comes_after_its_successor():
    assert closed(arrivals({"kind": "out_of_order", "symbol": "BTCUSDT", **BAR_2})) == [
        *(0, 1, 3, 2, 4, 5)
    ]


def test_out_of_order_trade_comes_after_its_successor():
    fault = {"kind": "out_of_order", "stream": "aggTrade", "count": 1}

    ids = [json.loads(text)["a"] for text in arrivals(fault, names=["btcusdt@aggTrade"])]

    assert ids[0] == ids[1] + 1
    assert ids[2:] == sorted(ids[2:])
    assert len(set(ids)) == len(ids)


def test_corrected_bar_comes_wrong_then_right():
    plain = [json.loads(t) for t in arrivals() if json.loads(t)["k"]["x"]]

    texts = arrivals({"kind": "correction", "symbol": "BTCUSDT", **BAR_2})

    both = [
        bar
        for bar in map(json.loads, texts)
        if bar["s"] == "BTCUSDT" and bar["k"]["x"] and bar["k"]["t"] == START + 2 * BAR_MS
    ]
    assert closed(texts) == [0, 1, 2, 2, 3, 4, 5]
    assert both[1] in plain
    assert float(both[0]["k"]["v"]) < float(both[1]["k"]["v"])
    assert both[0]["k"]["T"] == both[1]["k"]["T"]


def test_frozen_feed_says_nothing_at_all_for_a_while():
    texts = arrivals({"kind": "frozen", **BAR_2})

    times = [json.loads(text)["E"] for text in texts]
    assert not [t for t in times if BAR_2["from_ms"] <= t < BAR_2["until_ms"]]
    assert max(times) == START + 6 * BAR_MS


@pytest.mark.parametrize("form", ["truncated", "nulls"])
def test_malformed_frame_is_one_that_no_reader_can_use(form):
    texts = arrivals({"kind": "malformed", "form": form, "count": 1}, names=["btcusdt@kline_1m"])

    if form == "truncated":
        with pytest.raises(json.JSONDecodeError):
            json.loads(texts[0])
    else:
        assert json.loads(texts[0])["k"] is None
    assert all(json.loads(text)["k"] for text in texts[1:])


def test_clock_skew_shifts_the_event_times_and_not_the_bars():
    plain, skewed = (
        [json.loads(t) for t in arrivals(*faults)]
        for faults in ((), ({"kind": "clock_skew", "skew_ms": -1269},))
    )

    assert [s["E"] - p["E"] for s, p in zip(skewed, plain, strict=True)] == [-1269] * len(plain)
    assert [s["k"] for s in skewed] == [p["k"] for p in plain]


def test_disconnect_strikes_once_and_turns_newcomers_away_until_its_end():
    desk = FaultDesk()
    desk.add(Fault(kind="disconnect", **BAR_2), START)

    struck = [desk.disconnects(START + i * BAR_MS) is not None for i in range(5)]
    refused = [desk.refuses_sockets(START + i * BAR_MS) for i in range(5)]

    assert struck == [False, False, True, False, False]
    assert refused == [False, False, True, False, False]


def test_http_error_hits_as_many_requests_as_asked_for():
    desk = FaultDesk()
    desk.add(Fault(kind="http_error", status=418, path="/fapi/v1/klines", count=2), START)

    def hit(path):
        return desk.request_fault("http_error", path, "BTCUSDT", START) is not None

    hits = [hit("/fapi/v1/time"), *(hit("/fapi/v1/klines") for _ in range(3))]

    assert hits == [False, True, True, False]


def test_a_gap_on_rest_too_hides_its_moments_there():
    desk = FaultDesk()
    desk.add(Fault(kind="gap", symbol="BTCUSDT", rest=True, **BAR_2), START)

    hidden = [desk.hidden("BTCUSDT", START + i * BAR_MS) for i in range(5)]

    assert hidden == [False, False, True, False, False]
    assert not desk.hidden("ETHUSDT", BAR_2["from_ms"])


def test_cleared_faults_still_release_what_they_held():
    desk = FaultDesk()
    desk.add(Fault(kind="late", delay_ms=1000), START)
    desk.admit(closed_bar(), START + BAR_MS)

    desk.clear()

    assert len(list(desk.released(START + BAR_MS + 1000))) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "earthquake"},
        {"kind": "gap", "from_ms": 5, "until_ms": 5},
        {"kind": "clock_skew"},
        {"kind": "gap", "colour": "red"},
        {"kind": "http_error", "status": 404},
        {"kind": "gap", "interval": "7m"},
        {"kind": "no_interval"},
        {"kind": "mismatch"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        Fault(**wrong)


BAR_0: dict[str, Any] = {"from_ms": START, "until_ms": START + BAR_MS}
FIVES = ("btcusdt@kline_1m", "btcusdt@kline_5m")


def intervals(texts):
    """(interval, minutes after the start) of the closed bars, as they arrived."""
    bars = [json.loads(text)["k"] for text in texts]
    return [(k["i"], (k["t"] - START) // BAR_MS) for k in bars if k["x"]]


@pytest.mark.parametrize("kind", ["gap", "late", "correction", "duplicate"])
def test_a_spoiled_minute_leaves_the_higher_kline_that_opens_with_it_whole(kind):
    plain = [t for t in arrivals(names=FIVES, minutes=5) if json.loads(t)["k"]["i"] == "5m"]

    texts = arrivals({"kind": kind, "final_only": True, **BAR_0}, names=FIVES, minutes=5)

    assert [t for t in texts if json.loads(t)["k"]["i"] == "5m"] == plain


def test_a_gap_of_all_its_minutes_hides_the_higher_kline_too():
    gap: dict[str, Any] = {"kind": "gap", "rest": True, "from_ms": START}
    gap["until_ms"] = START + 5 * BAR_MS

    desk = FaultDesk()
    desk.add(Fault(**gap), START)

    assert intervals(arrivals(gap, names=FIVES)) == [("1m", 5)]
    assert desk.hidden("BTCUSDT", START, "5m")
    assert not desk.hidden("BTCUSDT", START, "15m")


def test_a_fault_of_an_interval_leaves_the_others_and_the_trades():
    desk = FaultDesk()
    desk.add(Fault(kind="gap", rest=True, interval="5m", from_ms=START), START)

    texts = arrivals({"kind": "gap", "interval": "5m", "from_ms": START}, names=FIVES)

    assert intervals(texts) == [("1m", minute) for minute in range(6)]
    assert desk.hidden("BTCUSDT", START, "5m")
    assert not desk.hidden("BTCUSDT", START, "1m")
    assert not desk.hidden("BTCUSDT", START)


def test_a_mismatch_shows_another_bar_of_one_interval_alone():
    plain = [json.loads(t)["k"] for t in arrivals(names=FIVES, minutes=5)]

    texts = arrivals({"kind": "mismatch", "interval": "5m", **BAR_0}, names=FIVES, minutes=5)

    changed = [json.loads(t)["k"] for t in texts]
    pairs = [(a, b) for a, b in zip(plain, changed, strict=True) if a != b]
    assert {b["i"] for _, b in pairs} == {"5m"}
    assert any(b["x"] for _, b in pairs)
    for true, shown in pairs:
        assert float(shown["v"]) == pytest.approx(0.9 * float(true["v"]), abs=1e-3)
        assert (shown["h"], shown["l"], shown["n"]) == (true["h"], true["l"], true["n"])


def test_a_lacking_interval_is_silent_on_the_stream_and_unknown_on_rest():
    desk = FaultDesk()
    desk.add(Fault(kind="no_interval", interval="5m", **BAR_2), START)

    lacked = [desk.lacks("BTCUSDT", "5m", START + i * BAR_MS) for i in range(4)]
    texts = arrivals({"kind": "no_interval", "interval": "5m", "from_ms": START}, names=FIVES)

    assert lacked == [False, False, True, False]
    assert not desk.lacks("BTCUSDT", "1h", BAR_2["from_ms"])
    assert intervals(texts) == [("1m", minute) for minute in range(6)]
