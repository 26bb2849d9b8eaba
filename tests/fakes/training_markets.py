"""Small artificial markets for training, with or without something to learn."""

from __future__ import annotations

import numpy as np

from schemas.timeframes import MINUTE_MS
from tests.build import START_MS
from workers.training.dataset import FeatureSeries
from workers.training.fit import TrainingPlan
from workers.training.fit_boosted import BoostedPlan
from workers.training.fit_lstm import LstmPlan
from workers.training.fit_regimes import OBSERVATIONS, RegimePlan
from workers.training.table import LabelPlan

NAMES = ("log_return_1", "realised_volatility_60", "log_range", "hint", "noise_a", "noise_b")
SMALL = TrainingPlan(
    labels=LabelPlan(horizon_bars=5),
    embargo_bars=5,
    boosted=BoostedPlan(rounds=30, leaf_weight=20.0, stride=2),
    lstm=LstmPlan(hidden=4, window=8, epochs=1, samples=1_500, learning_rate=3e-3),  # few steps
    regimes=RegimePlan(starts=2, trial_iterations=4, finalists=1, iterations=10),
    smallest_fold=100,
)


def market(edge: float, seed: int = 0, bars: int = 2_400) -> dict[str, FeatureSeries]:
    """Return two symbols; ``edge`` is how far the hint predicts the drift of the next bars."""
    return {symbol: _series(symbol, edge, seed + 100 * n, bars) for n, symbol in enumerate(_NAMED)}


_NAMED = ("BTCUSDT", "ETHUSDT")


def _series(symbol: str, edge: float, seed: int, bars: int) -> FeatureSeries:
    rng = np.random.default_rng(seed)
    hint = np.zeros(bars)
    for t in range(1, bars):
        hint[t] = 0.97 * hint[t - 1] + 0.25 * rng.normal()
    deviation = 0.002
    returns = deviation * rng.normal(size=bars)
    returns[1:] += edge * deviation * hint[:-1]
    close = 100.0 * np.exp(np.cumsum(returns))
    opened = np.concatenate(([100.0], close[:-1]))
    ranges = np.abs(returns) + 1e-5
    noise = rng.normal(size=(len(OBSERVATIONS) - 2, bars))
    observed = np.column_stack([ranges, ranges * np.exp(noise[0]), returns.cumsum(), *noise[1:]])
    return FeatureSeries(
        symbol=symbol,
        timeframe_ms=MINUTE_MS,
        names=NAMES,
        times=START_MS + MINUTE_MS * np.arange(bars),
        rows=np.column_stack(
            (returns, np.full(bars, deviation), ranges, hint, *rng.normal(size=(2, bars)))
        ),
        observed=observed,
        open=opened,
        high=np.maximum(opened, close),
        low=np.minimum(opened, close),
        close=close,
        natr=np.full(bars, deviation),
        funding=np.zeros(bars),
    )
