"""Bars from trades equal the venue's when nothing was missed, and say so when something was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.timeframes import MINUTE_MS
from tests.build import START_MS, raw_bar
from workers.ingest.normalise import AggTrade
from workers.ingest.rebuilt_bars import BarRebuilder, disagreement


def trade(number, second, price=100.0, quantity=1.0, *, buys=True):
    time_ms = START_MS + int(second * 1000)
    return AggTrade("BTCUSDT", number, number * 2, number * 2 + 1, time_ms, price, quantity, buys)


def fed(trades):
    bars = BarRebuilder(MINUTE_MS)
    return bars, [ended for trade in trades if (ended := bars.add(trade))]


def test_first_bar_is_not_complete_and_the_next_is():
    first = [trade(1, 10), trade(2, 50)]
    second = [trade(3, 61, 101), trade(4, 80, 99, buys=False), trade(5, 119, 100.5, 2.0)]

    bars, over = fed([*first, *second, trade(6, 121)])

    (bar,) = over
    assert bars.take(START_MS + MINUTE_MS) is bar
    assert (bar.open, bar.high, bar.low, bar.close) == (101, 101, 99, 100.5)
    assert (bar.volume, bar.taker_buy_volume, bar.trades) == (4.0, 3.0, 6)
    assert bar.quote_volume == 101 + 99 + 2 * 100.5


@pytest.mark.parametrize("missing", [3, 4, 5, 6])
def test_bar_with_a_missed_trade_at_either_edge_or_inside_is_not_complete(missing):
    trades = [trade(1, 10), trade(2, 50), trade(3, 61), trade(4, 80), trade(5, 119), trade(6, 121)]

    _, over = fed([t for t in trades if t.number != missing] + [trade(7, 122)])

    assert over == []


def test_repeated_trade_counts_once():
    _, over = fed([trade(1, 10), trade(2, 61), trade(2, 61), trade(3, 62), trade(4, 121)])

    assert [bar.volume for bar in over] == [2.0]


def test_disagreement_names_what_differs():
    _, (bar,) = fed([trade(1, 10), trade(2, 61), trade(3, 62, 101.0), trade(4, 121)])
    like = raw_bar(1, open=100.0, high=101.0, low=100.0, close=101.0, volume=2.0)

    assert disagreement(bar, like) is None
    assert disagreement(bar, like.model_copy(update={"volume": 2.5})) == (
        "volume_mismatch",
        "trades 2, kline 2.5",
    )
    assert disagreement(bar, like.model_copy(update={"high": 102.0})) == (
        "price_mismatch",
        "high: trades 101.0, kline 102.0",
    )


def test_rebuilt_bar_is_published_as_made_from_trades():
    _, (bar,) = fed([trade(1, 10), trade(2, 61, 101.0), trade(3, 121)])

    published = bar.as_raw_bar(raw_bar(1))

    assert (published.origin, published.open, published.volume, published.trades) == (
        "trades",
        101.0,
        1.0,
        2,
    )
    assert published.event_time_ms == raw_bar(1).event_time_ms


@given(
    st.lists(
        st.tuples(st.floats(1, 1000), st.floats(0.001, 100), st.integers(0, 59_999)),
        min_size=1,
        max_size=40,
    )
)
def test_rebuilt_bar_equals_brute_force(rows):
    rows = sorted(rows, key=lambda row: row[2])
    inside = [trade(i + 2, 60 + row[2] / 1000, row[0], row[1]) for i, row in enumerate(rows)]

    _, (bar,) = fed([trade(1, 10), *inside, trade(len(rows) + 2, 121)])

    prices = [row[0] for row in rows]
    assert (bar.open, bar.close) == (prices[0], prices[-1])
    assert (bar.high, bar.low) == (max(prices), min(prices))
    assert bar.volume == pytest.approx(sum(row[1] for row in rows))
