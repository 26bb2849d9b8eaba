"""Funding and mark price: joined as of the close, never later."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.timeframes import HOUR_MS
from tests.build import START_MS, close_time, raw_bar
from workers.bars.markers import Funding, Mark, Markers


def test_bar_gets_the_last_mark_not_later_than_its_close():
    markers = Markers()
    close = close_time(0)
    for time_ms, price in ((close - 2000, 1.0), (close, 2.0), (close + 1, 3.0)):
        markers.add_mark(Mark("BTCUSDT", time_ms, price, 0))

    assert markers.joined(raw_bar(0)).mark_price == 2.0


def test_mark_older_than_the_bar_is_not_used():
    markers = Markers()
    markers.add_mark(Mark("BTCUSDT", START_MS - 1, 1.0, 0))

    assert markers.joined(raw_bar(0)).mark_price is None


def test_settlement_at_the_very_close_belongs_to_the_next_bar():
    markers = Markers()
    markers.add_settlements([Funding(close_time(0) - HOUR_MS, 1e-4), Funding(close_time(0), 2e-4)])

    assert markers.joined(raw_bar(0)).funding_rate == 1e-4
    joined = markers.joined(raw_bar(1))
    assert (joined.funding_rate, joined.funding_time_ms) == (2e-4, close_time(0))


def test_settlements_are_taken_once():
    markers = Markers()
    rows = [Funding(HOUR_MS, 1e-4), Funding(2 * HOUR_MS, 2e-4)]

    assert markers.add_settlements(rows) == rows
    assert markers.add_settlements([*rows, Funding(3 * HOUR_MS, 3e-4)]) == [
        Funding(3 * HOUR_MS, 3e-4)
    ]


@given(st.lists(st.integers(1, 10_000), unique=True, max_size=30), st.integers(0, 10_000))
def test_settled_before_equals_brute_force(stamps, close):
    markers = Markers()
    markers.add_settlements([Funding(stamp, stamp * 1e-9) for stamp in sorted(stamps)])

    found = markers.settled_before(close)

    assert (found.time_ms if found else None) == max(
        (stamp for stamp in stamps if stamp < close), default=None
    )
