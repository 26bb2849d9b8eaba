"""What an idea of each bar would have earned is what the ideas of the chain come to."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.predictions import ReturnBounds
from schemas.timeframes import MINUTE_MS
from schemas.trades import TradeResult
from streams.ideas.processor import PROCESSOR
from streams.runtime.memory_driver import replay
from streams.signals.risk import price_levels
from tests.build import START_MS, close_time, market_context, prediction, signal
from workers.training.dataset import FeatureSeries
from workers.training.idea_returns import idea_returns

HORIZON = 4


def random_bars(seed: int, count: int = HORIZON + 1) -> FeatureSeries:
    """Bars with gaps between them, whose ranges often reach a level."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, count)))
    opened = close * np.exp(rng.normal(0.0, 0.01, count))
    reach = np.abs(rng.normal(0.0, 0.01, (2, count)))
    return FeatureSeries(
        symbol="BTCUSDT",
        timeframe_ms=MINUTE_MS,
        names=("natr_14",),
        times=START_MS + MINUTE_MS * np.arange(count),
        rows=np.zeros((count, 1)),
        observed=np.zeros((count, 1)),
        open=opened,
        high=np.maximum(opened, close) * (1.0 + reach[0]),
        low=np.minimum(opened, close) * (1.0 - reach[1]),
        close=close,
        natr=rng.uniform(2e-3, 1e-2, count),
        funding=np.zeros(count),
    )


def context(one, bar):
    names = ("open", "high", "low", "close", "natr")
    return market_context(**{name: float(getattr(one, name)[bar]) for name in names})


def earned_by_the_chain(one, side):
    """Decide one idea at the first bar and show it the others."""
    said = prediction(0, horizon_bars=HORIZON, context=context(one, 0))
    stop, target = price_levels(said, side)
    decided = {
        "expected_net_return": ReturnBounds(mean=0.002, low=0.001, high=0.003),
        "decision": "act",
        "direction": side,
        "invalidation_price": stop,
        "target_price": target,
        "expires_ms": close_time(HORIZON),
    }
    bars = [
        signal(
            bar,
            context=context(one, bar),
            **(decided if bar == 0 else {"decision": "neutral", "direction": "neutral"}),
        )
        for bar in range(HORIZON + 1)
    ]
    (result,) = (r for r in replay([PROCESSOR], bars) if isinstance(r, TradeResult))
    return result.gross_return


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_the_first_bar_earns_what_an_idea_of_it_earns(seed):
    one = random_bars(seed)

    long, short = idea_returns(one, HORIZON)[0]

    np.testing.assert_allclose(long, earned_by_the_chain(one, "buy"), atol=1e-12)
    np.testing.assert_allclose(short, earned_by_the_chain(one, "sell"), atol=1e-12)


def test_what_comes_after_the_horizon_changes_nothing():
    long, short = random_bars(1, 30), random_bars(1, 30)
    short.close[12:] = short.high[12:] = 500.0

    before, after = idea_returns(long, HORIZON), idea_returns(short, HORIZON)

    np.testing.assert_array_equal(before[: 12 - HORIZON], after[: 12 - HORIZON])
    assert np.isnan(before[-HORIZON:]).all()


def test_unknown_prices_and_levels_earn_nothing_that_is_known():
    one = random_bars(2, 30)
    one.high[10], one.natr[20], one.natr[21] = np.nan, np.nan, 1.0  # a level below zero

    unknown = np.isnan(idea_returns(one, HORIZON)).any(axis=1)

    lacks = {*range(10 - HORIZON, 10), 20, 21, *range(30 - HORIZON, 30)}
    assert set(np.flatnonzero(unknown).tolist()) == lacks
