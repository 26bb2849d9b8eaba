"""Stale data is told once when it begins, and once when it ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from schemas.timeframes import MINUTE_MS
from workers.ingest.freshness import Freshness
from workers.ingest.symbol_feed import WaitLimits


def watching(speed=1.0):
    return Freshness.for_bars(MINUTE_MS, speed, WaitLimits.for_bars(MINUTE_MS, speed))


def test_stale_is_one_warning_with_symbol_age_and_remedy_and_fresh_again_is_one_line():
    freshness = watching()
    with capture_logs() as lines:
        for now_ms in range(0, 10 * MINUTE_MS, 100):
            freshness.see("BTCUSDT", 0, now_ms)
            freshness.see("ETHUSDT", now_ms // MINUTE_MS * MINUTE_MS, now_ms)
        freshness.see("BTCUSDT", 10 * MINUTE_MS, 10 * MINUTE_MS)

    stale, fresh = lines
    assert (stale["event"], stale["log_level"]) == ("data.stale", "warning")
    assert (stale["symbol"], stale["age_s"], stale["newest_close_ms"]) == ("BTCUSDT", 120.1, 0)
    assert stale["remedy"]
    assert (fresh["event"], fresh["log_level"]) == ("data.fresh", "info")
    assert (fresh["symbol"], fresh["stale_for_s"]) == ("BTCUSDT", 600.0)


def test_bars_that_are_always_late_are_told_once():
    freshness, late_ms = watching(), 3 * MINUTE_MS // 2
    with capture_logs() as lines:
        for now_ms in range(late_ms, 60 * MINUTE_MS, 1_000):
            freshness.see("BTCUSDT", (now_ms - late_ms) // MINUTE_MS * MINUTE_MS, now_ms)

    assert [line["event"] for line in lines] == ["data.stale"]


def test_a_fast_market_may_be_as_old_as_its_stream_may_be_silent():
    assert watching().stale_ms == 2 * MINUTE_MS
    assert watching(240.0).stale_ms == 8 * MINUTE_MS


@given(st.lists(st.integers(0, 5 * MINUTE_MS), max_size=50))
def test_stale_and_fresh_take_turns(ages_ms):
    freshness = watching()
    with capture_logs() as lines:
        for age_ms in ages_ms:
            freshness.see("BTCUSDT", 0, age_ms)

    events = [line["event"] for line in lines]
    assert events == ["data.stale", "data.fresh"] * (len(events) // 2) + ["data.stale"] * (
        len(events) % 2
    )
