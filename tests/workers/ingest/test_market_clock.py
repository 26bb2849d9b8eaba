"""Market time: follows the venue at its speed and never goes back."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from workers.ingest.market_clock import ClockRefused, MarketClock, synchronise

NOW_MS = 1_750_000_030_000  # half a minute into a bar
HOUR_MS = 3_600_000
YEARS_MS = 10 * 365 * 24 * HOUR_MS


class Seconds:
    """A settable clock."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def clock(speed=60.0):
    seconds = Seconds()
    return MarketClock(speed, seconds, lambda: 1000.0 + seconds.now), seconds


def test_market_time_advances_at_speed_from_the_middle_of_a_request():
    market, seconds = clock()
    seconds.now = 0.2

    market.set(1_000_000, 0.0, 0.2)

    assert market.now_ms() == 1_006_000
    seconds.now = 1.2
    assert market.now_ms() == 1_066_000
    assert market.seconds_until(1_066_000 + 30_000) == pytest.approx(0.5)


def test_market_time_never_goes_back_and_follows_events_that_are_ahead():
    market, seconds = clock()
    market.set(1_000_000, 0.0, 0.0)
    market.see(1_050_000)
    assert market.now_ms() == 1_050_000

    market.set(1_000_000, 0.0, 0.0)
    market.see(900_000)

    market.see(10**15)
    market.see(1_050_000 + 121_000)  # two seconds are 120,000 ms of market time

    assert market.now_ms() == 1_050_000
    seconds.now = 1.0
    assert market.tick().event_time_ms == 1_060_000


def test_skew_is_measured_only_where_market_time_is_wall_clock_time():
    real, seconds = clock(speed=1.0)
    seconds.now = 0.1

    real.set(998_800, 0.0, 0.1)

    assert real.skew_ms == pytest.approx(1_250.0)
    simulated, _ = clock(speed=60.0)
    simulated.set(1, 0.0, 0.1)
    assert simulated.skew_ms is None


def venue(shown_ms, *newest_opens_ms):
    """Return a venue whose clock shows a time, and whose symbols have newest bars."""
    opens = dict(zip("ABC", newest_opens_ms, strict=False))

    async def server_time_ms():
        return shown_ms

    async def newest_open_ms(symbol):
        return opens[symbol]

    return SimpleNamespace(server_time_ms=server_time_ms, newest_open_ms=newest_open_ms)


def synchronised(market, shown_ms, *newest_opens_ms):
    symbols = "ABC"[: len(newest_opens_ms)]
    asyncio.run(synchronise(venue(shown_ms, *newest_opens_ms), market, symbols))
    return market.now_ms()


def test_a_clock_that_the_newest_bar_confirms_is_believed():
    assert synchronised(clock()[0], NOW_MS, NOW_MS - 30_000) == NOW_MS


def test_a_halted_symbol_refutes_no_clock_that_another_confirms():
    assert synchronised(clock()[0], NOW_MS, NOW_MS - 9 * HOUR_MS, None, NOW_MS - 30_000) == NOW_MS


@pytest.mark.parametrize("error_ms", [HOUR_MS, -HOUR_MS, YEARS_MS, -YEARS_MS])
@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_a_clock_that_stands_alone_is_refused_and_named(error_ms, speed):
    market, _ = clock(speed)
    shown_ms = NOW_MS + error_ms

    with pytest.raises(ClockRefused, match=f"clock shows {shown_ms}, its newest minute bar opened"):
        synchronised(market, shown_ms, NOW_MS - 30_000)

    assert market.now_ms() == 0


def test_a_refused_clock_leaves_ours_running():
    market, seconds = clock()
    synchronised(market, NOW_MS, NOW_MS - 30_000)
    seconds.now = 1.0

    with pytest.raises(ClockRefused):
        synchronised(market, NOW_MS + HOUR_MS, NOW_MS - 30_000)

    assert market.now_ms() == NOW_MS + 60_000


def test_on_a_halted_venue_our_running_clock_confirms():
    market, seconds = clock(1.0)
    synchronised(market, NOW_MS, NOW_MS - 30_000)
    seconds.now = 600.0

    assert synchronised(market, NOW_MS + 600_500, NOW_MS - 30_000) == NOW_MS + 600_500


def test_in_real_time_the_local_clock_confirms_where_no_bar_does():
    market = MarketClock(1.0, lambda: 0.0, lambda: NOW_MS / 1000.0)

    assert synchronised(market, NOW_MS + 900, NOW_MS - HOUR_MS) == NOW_MS + 900


def test_after_a_machine_slept_the_bars_confirm_the_jump():
    market, _ = clock(1.0)
    synchronised(market, NOW_MS, NOW_MS - 30_000)

    assert synchronised(market, NOW_MS + HOUR_MS, NOW_MS + HOUR_MS - 30_000) == NOW_MS + HOUR_MS
