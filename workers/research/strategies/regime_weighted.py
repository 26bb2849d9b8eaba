"""Trend following and reversion, weighted by how likely each market regime is.

The regimes are fitted on the first bars alone, in which nothing is traded, and filtered after
them: no weight uses a later bar. A regime is what the trend of the last bars was, by thirds.
"""

from __future__ import annotations

import numpy as np

from streams.regimes.hamilton import hamilton_filter, make_filter
from workers.bars.arrays import Bars
from workers.research.indicators import indicator
from workers.research.strategies import ema_cross, rsi_reversion
from workers.research.strategies.strategy import Floats, Params, Strategy, number, whole_number

STATES = 3  # bull, bear, sideways


def decide(bars: Bars, params: Params) -> Floats:
    """Return the target, rounded to whole steps so that small changes of mind cost no fees.

    Long trends count as far as bull is likely, short ones as bear, reversion as sideways.
    """
    fitted = int(params["fit_bars"])
    if len(bars) <= fitted:
        return np.zeros(len(bars))
    bull, bear, sideways = probabilities(bars, int(params["trend"]), fitted).T
    trend = ema_cross.STRATEGY.target(bars)
    reversion = rsi_reversion.STRATEGY.target(bars)
    mixed = bull * np.maximum(trend, 0.0) + bear * np.minimum(trend, 0.0) + sideways * reversion
    stepped = np.round(mixed / params["step"]) * params["step"]
    stepped[:fitted] = 0.0
    target: Floats = np.clip(stepped, -1.0, 1.0) + 0.0  # no negative zero
    return target


def probabilities(bars: Bars, trend: int, fitted: int) -> Floats:
    """Return filtered (bull, bear, sideways) probabilities of each close, shape (n, 3).

    Args:
        bars: More than ``fitted``.
        trend: Bars over which a regime shows; their rate of change is what is observed.
        fitted: First bars, whose thirds of the trend give means, deviations and transitions. The
            rows of these bars are in-sample.

    Rows after the first ``fitted`` use no data after t. Source: Hamilton (1989).
    """
    observed = indicator("roc", bars.close, (trend,))[0]
    past = observed[trend:fitted]
    lower, upper = np.quantile(past, (1 / 3, 2 / 3))
    regime = np.where(past > upper, 0, np.where(past < lower, 1, 2))
    counts = np.ones((STATES, STATES))  # one of each, so that none is impossible
    np.add.at(counts, (regime[:-1], regime[1:]), 1.0)
    spread = max(float(past.std()), 1e-9)  # a market that stood still has no regimes
    means, scales = np.full((STATES, 1), past.mean()), np.full((STATES, 1), spread)
    for state in range(STATES):
        of_state = past[regime == state]
        if len(of_state) > 1:
            means[state], scales[state] = of_state.mean(), max(float(of_state.std()), 0.1 * spread)
    model = make_filter(
        counts / counts.sum(axis=1, keepdims=True), means, scales, np.full(STATES, np.inf)
    )
    elapsed = np.diff(bars.open_time_ms, prepend=bars.open_time_ms[0] - bars.timeframe_ms)
    even = np.full(STATES, 1 / STATES)
    steps = elapsed // bars.timeframe_ms
    filtered: Floats = hamilton_filter(model, even, observed[:, None], steps)[0]
    return filtered


STRATEGY = Strategy(
    name="regime_weighted",
    summary="EMA cross in bull and bear markets, RSI reversion in sideways ones, by probability",
    parameters={
        "trend": whole_number(5, 200, 48, "buy"),
        "step": number(0.1, 1.0, 0.5, "buy"),
        "fit_bars": whole_number(500, 5000, 1000, "buy"),
    },
    decide=decide,
)
