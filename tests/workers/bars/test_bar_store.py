"""Bar store: the topic's bars in columns are the bars as records, corrected, bounded, cut."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.research import Market
from schemas.timeframes import HOUR_MS, MINUTE_MS
from tests.build import START_MS, bar
from workers.bars.arrays import Bars, BarsRejected
from workers.bars.bar_store import BarStore

FIRST = (HOUR_MS - START_MS % HOUR_MS) // MINUTE_MS  # minute of the first whole hour


def funded(minute, **fields):
    """A bar of a market whose funding is settled every eight hours."""
    close = START_MS + (minute + 1) * MINUTE_MS
    stamp = close // (8 * HOUR_MS) * 8 * HOUR_MS
    rate = 0.0001 * (1 + stamp // (8 * HOUR_MS) % 5)
    told = {"mark_price": 100.0 + minute % 7, "funding_rate": rate, "funding_time_ms": stamp}
    return bar(minute, close=100.0 + minute % 3 / 10, **told, **fields)


def store_of(bars, **options):
    store = BarStore(1, **options)
    for each in bars:
        store.put(each)
    return store


def same(one, other):
    names = ("open_time_ms", "open", "high", "low", "close", "volume", "mark", "funding_rate")
    for name in (*names, "funding_due", "unmarked"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)
    assert (one.funding_known, one.funding_holes) == (other.funding_known, other.funding_holes)


def test_columns_are_the_same_bars_as_records():
    bars = [funded(minute) for minute in range(2_000)]

    same(store_of(bars).of(Market(symbol="BTC-USD")), Bars.from_records(bars))


def test_bars_without_marks_or_funding_stay_so():
    bars = [bar(minute) for minute in range(50)]

    found = store_of(bars).of(Market(symbol="BTCUSDT"))

    same(found, Bars.from_records(bars))
    assert not found.funding_known


def test_a_correction_takes_the_place_of_its_bar_and_a_late_bar_its_own():
    bars = [funded(minute) for minute in (0, 1, 3, 4)]
    corrected, late = funded(1, volume=77.0, revision=1), funded(2)

    found = store_of([*bars, corrected, late]).of(Market(symbol="BTCUSDT"))

    same(found, Bars.from_records([bars[0], corrected, late, *bars[2:]]))


def test_a_span_and_a_longer_timeframe_are_cut_from_what_is_held():
    bars = [funded(minute) for minute in range(FIRST + 300)]
    opened = START_MS + FIRST * MINUTE_MS
    market = Market(
        symbol="BTCUSDT", timeframe="1h", from_ms=opened + HOUR_MS, to_ms=opened + 3 * HOUR_MS
    )

    found = store_of(bars).of(market)

    assert found.open_time_ms.tolist() == [opened + HOUR_MS, opened + 2 * HOUR_MS]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"symbol": "DOGEUSDT"}, r"no bars of DOGEUSDT are held; known: BTCUSDT"),
        (
            {"timeframe": "1m"},
            r"timeframe 1m of BTCUSDT cannot be made .*: 10 bars of 5m from 2025",
        ),
        ({"from_ms": 1, "to_ms": 2}, r"no bar of BTCUSDT from 1970"),
    ],
)
def test_what_is_not_held_is_named_with_what_is(asked, message):
    five = 5 * MINUTE_MS
    opened = START_MS // five * five
    times = [(opened + i * five, opened + (i + 1) * five) for i in range(10)]
    bars = [bar(timeframe_ms=five, open_time_ms=a, event_time_ms=b) for a, b in times]

    with pytest.raises(BarsRejected, match=message):
        store_of(bars).of(Market(**({"symbol": "BTCUSDT"} | asked)))


def test_a_timeframe_that_is_held_is_taken_as_it_is_and_no_other_is_mixed_in():
    minutes = [funded(minute) for minute in range(FIRST, FIRST + 90)]
    store = store_of(minutes)
    hours, quarters = (longer(minutes, length) for length in (HOUR_MS, 15 * MINUTE_MS))
    for each in (*hours, *quarters):
        store.put(each)

    found = {name: store.of(Market(symbol="BTCUSDT", timeframe=name)) for name in ("15m", "30m")}

    same(found["15m"], Bars.from_records(quarters))
    same(found["30m"], Bars.from_records(quarters).resample(30 * MINUTE_MS))
    assert set(found["30m"].volume) == {14.0}  # of quarters, not of minutes
    same(store.of(Market(symbol="BTCUSDT")), Bars.from_records(minutes))


@pytest.mark.parametrize("part", [slice(0, 2), slice(4, 6)], ids=["stopped", "begins late"])
def test_a_timeframe_that_is_held_in_part_is_made_of_shorter_bars_unless_its_part_is_asked_for(
    part,
):
    minutes = [funded(minute) for minute in range(FIRST, FIRST + 90)]
    own = longer(minutes, 15 * MINUTE_MS)[part]
    store = store_of([*minutes, *own])
    span = {"from_ms": own[0].open_time_ms, "to_ms": own[-1].event_time_ms}

    whole = store.of(Market(symbol="BTCUSDT", timeframe="15m"))
    inside = store.of(Market(symbol="BTCUSDT", timeframe="15m", **span))

    same(whole, Bars.from_records(minutes).resample(15 * MINUTE_MS))
    assert inside.volume.tolist() == [7.0, 7.0]


def test_bars_of_a_base_that_is_no_longer_used_are_not_what_a_request_without_a_timeframe_gets():
    minutes = [funded(minute) for minute in range(FIRST, FIRST + 30)]
    later = longer([funded(minute) for minute in range(FIRST + 30, FIRST + 90)], 5 * MINUTE_MS)

    found = store_of([*minutes, *later]).of(Market(symbol="BTCUSDT"))

    same(found, Bars.from_records(later))


def longer(minutes, length_ms):
    """Return bars of a longer timeframe, which say a volume of 7 whatever the minutes say."""
    opened = sorted({each.open_time_ms // length_ms * length_ms for each in minutes})
    whole = [ms for ms in opened if ms + length_ms <= minutes[-1].event_time_ms]
    return [
        minutes[0].model_copy(
            update={
                "timeframe_ms": length_ms,
                "open_time_ms": ms,
                "event_time_ms": ms + length_ms,
                "volume": 7.0,
                "origin": "aggregated",
            }
        )
        for ms in whole
    ]


def test_memory_is_bounded_over_all_timeframes_of_a_symbol():
    minutes = [bar(minute) for minute in range(FIRST, FIRST + 300)]
    own = longer(minutes, 15 * MINUTE_MS)

    store = store_of([*own, *minutes], most=100)

    held = [len(store.of(Market(symbol="BTCUSDT", timeframe=name))) for name in ("1m", "15m")]
    assert sum(held) <= 100
    assert held[1] == len(own)


def test_memory_is_bounded_by_by_dropping_the_oldest():
    bars = [bar(minute) for minute in range(500)]

    found = store_of(bars, most=100).of(Market(symbol="BTCUSDT"))

    assert 80 <= len(found) <= 100
    assert found.close_time_ms[-1] == bars[-1].event_time_ms
