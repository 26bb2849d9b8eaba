"""What the end of the raw bars tells of where ingest goes on."""

from __future__ import annotations

from schemas.market import RawBar
from schemas.timeframes import MINUTE_MS
from tests.build import raw_bar
from workers.ingest.resume import EndOfRawBars

M5, M15 = 5 * MINUTE_MS, 15 * MINUTE_MS


def end_of(*bars: RawBar) -> EndOfRawBars:
    end = EndOfRawBars(MINUTE_MS)
    for bar in bars:
        end.add(bar)
    return end


def kline(close_ms: int, length_ms: int = M5) -> RawBar:
    times = {"open_time_ms": close_ms - length_ms, "event_time_ms": close_ms}
    return raw_bar(0).model_copy(update={"timeframe_ms": length_ms, **times})


def base(minute: int, *higher_ms: int) -> RawBar:
    return raw_bar(minute, higher_ms=higher_ms)


def test_a_series_that_was_carried_before_the_bars_that_were_read_is_made_of_base_bars():
    end = end_of(base(0, M5, M15), base(1, M5, M15))

    assert end.carried() == {("BTCUSDT", M5), ("BTCUSDT", M15)}
    assert end.newest["BTCUSDT"].event_time_ms == base(1).event_time_ms


def test_a_series_whose_klines_reach_its_first_base_bar_is_made_of_base_bars():
    begun = base(1, M5)

    assert end_of(base(0), begun, kline(begun.open_time_ms)).carried() == {("BTCUSDT", M5)}


def test_a_series_whose_last_kline_had_not_come_is_filled_again():
    begun = base(1, M5)
    before = kline(begun.open_time_ms - M5)

    assert end_of(before, base(0), begun, base(2, M5)).carried() == frozenset()


def test_a_series_that_base_bars_carry_no_longer_is_filled_again():
    end = end_of(base(0, M5, M15), base(1, M15), base(2, M15))

    assert end.carried() == {("BTCUSDT", M15)}


def test_a_repeated_older_bar_changes_nothing():
    end = end_of(base(0), base(5, M5), base(1), kline(base(5).open_time_ms))

    assert end.carried() == {("BTCUSDT", M5)}
    assert end.newest["BTCUSDT"] == base(5, M5)


def test_a_kline_that_had_not_come_is_not_taken_for_one_that_base_bars_made():
    begun = next(minute for minute in range(5) if base(minute).open_time_ms % M5 == 0)
    boundary_ms = base(begun).open_time_ms
    told = kline(boundary_ms - M5), base(begun - 1)
    carrying = [base(minute, M5) for minute in range(begun, begun + 6)]
    series = ("BTCUSDT", M5)

    assert end_of(*told, *carrying[:3]).higher_close(series) == boundary_ms - M5
    assert end_of(*told, *carrying[:5]).higher_close(series) == boundary_ms + M5
    lacking_the_last = (*carrying[:4], carrying[5])
    assert end_of(*told, *lacking_the_last).higher_close(series) == boundary_ms + M5
    assert end_of(*told).higher_close(("ETHUSDT", M5)) == 0
