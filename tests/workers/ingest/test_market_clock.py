"""Market time: follows the venue at its speed and never goes back."""

from __future__ import annotations

import pytest

from workers.ingest.market_clock import MarketClock


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
