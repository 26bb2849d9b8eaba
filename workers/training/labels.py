"""Labels bars as sell, neutral or buy by the move to their horizon, after costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.costs import DEFAULT_COSTS, Costs
from workers.training.dataset import Array, FeatureSeries

SELL, NEUTRAL, BUY = 0, 1, 2  # columns of every probability matrix
UNKNOWN = -1


@dataclass(frozen=True)
class Labels:
    """Labels of one series.

    Attributes:
        classes: 0 sell, 1 neutral, 2 buy, -1 unknown (the horizon is not over, or has a hole).
        forward: Simple return from open at t+1 to close at t+h; NaN where unknown.
        threshold: Return above which the label is buy, or below its negative sell; known at t.
        funding: Rates settled while the position would be open; NaN where unknown.
        known_at: Close of the last bar that the label uses, ms.
    """

    classes: NDArray[np.int64]
    forward: Array
    threshold: Array
    funding: Array
    known_at: NDArray[np.int64]


def label_series(
    series: FeatureSeries,
    horizon_bars: int,
    volatility_feature: str,
    width: float,
    costs: Costs = DEFAULT_COSTS,
) -> Labels:
    """Return the labels of a series; those of the last ``horizon_bars`` are unknown."""
    count, horizon = len(series.times), horizon_bars
    forward = np.full(count, np.nan)
    funding = np.full(count, np.nan)
    known_at = series.times + horizon * series.timeframe_ms
    if count > horizon:
        whole = series.times[horizon:] == known_at[:-horizon]
        ahead = series.close[horizon:] / series.open[1 : count - horizon + 1] - 1.0
        forward[:-horizon] = np.where(whole, ahead, np.nan)
        funding[:-horizon] = series.funding[horizon:] - series.funding[:-horizon]
    threshold = np.maximum(
        width * series.column(volatility_feature) * np.sqrt(horizon), costs.round_trip
    )
    known = ~np.isnan(forward) & ~np.isnan(threshold)
    classes = np.where(forward > threshold, BUY, np.where(forward < -threshold, SELL, NEUTRAL))
    return Labels(
        classes=np.where(known, classes, UNKNOWN),
        forward=forward,
        threshold=threshold,
        funding=np.where(known, funding, np.nan),
        known_at=known_at,
    )
