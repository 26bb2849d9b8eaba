"""Volume: how much was traded, at what prices, by which side; mark price and funding."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from streams.features.bar_close import Close
from streams.features.rolling import Fields, Floats, compiled, newest, window_sum
from streams.features.smoothing import ema

MEDIAN_BARS = 20
VOLUME = np.dtype([("sorted", "f8", (MEDIAN_BARS,)), ("mean", "f8")])

RATIO_CAP = 100.0  # a first trade after a dead market is very much, not infinite
LOG_RATIO_CAP = 5.0  # 150 times as much, or as little


class Marks(NamedTuple):
    """The optional fields of a bar; nan where its source lacks one."""

    taker_buy_volume: float
    mark_price: float
    funding_rate: float


@compiled
def sorted_exchange(values: Floats, count: int, old: float, new: float) -> None:
    """Replace ``old`` by ``new`` in ascending order; while not full, ``new`` is just added.

    Should ``old`` not be there, the largest value goes: no search leaves the array.

    Args:
        values: Ascending in its first ``count`` places.
        count: Number of values before the call.
        old: One of the values; ignored while there is room.
        new: The value to add.
    """
    i = count
    if count == values.size:
        i = 0
        while i + 1 < values.size and values[i] != old:
            i += 1
        while i + 1 < values.size and values[i + 1] < new:
            values[i] = values[i + 1]
            i += 1
    while i > 0 and values[i - 1] > new:
        values[i] = values[i - 1]
        i -= 1
    values[i] = new


@compiled
def ratio_to_median(state: Fields, rings: Fields, n: int, volume: float) -> float:
    """Volume over the median of the last 20 bars, in [0, 100]; 1 when both are zero."""
    old = rings.volume[newest(n) - MEDIAN_BARS]
    sorted_exchange(state.sorted, min(n - 1, MEDIAN_BARS), old, volume)
    middle: float = 0.5 * (state.sorted[MEDIAN_BARS // 2 - 1] + state.sorted[MEDIAN_BARS // 2])
    if middle > 0.0:
        return min(volume / middle, RATIO_CAP)
    return RATIO_CAP if volume > 0.0 else 1.0


@compiled
def log_ratio(volume: float, usual: float) -> float:
    """Log of volume over what is usual, in [-5, 5]; 0 when both are zero."""
    if volume == 0.0 and usual == 0.0:
        return 0.0
    ratio: float = np.log(volume / usual)
    return min(max(ratio, -LOG_RATIO_CAP), LOG_RATIO_CAP)


@compiled
def vwap_distance(rings: Fields, at: int, bars: int, close: float) -> float:
    """Close over the volume-weighted typical price of the last bars, minus 1; 0 without volume.

    Source: Berkowitz, Logue, Noser (1988), Journal of Finance 43(1), rolling form.
    """
    traded = window_sum(rings.volume, at, bars)
    turnover = window_sum(rings.turnover, at, bars)
    return close * traded / turnover - 1.0 if turnover > 0.0 else 0.0


@compiled
def money_flow(rings: Fields, at: int, bars: int) -> float:
    """Money flow index in [0, 100]; 50 when nothing flowed.

    Source: Quong and Soudack (1989), Technical Analysis of Stocks & Commodities 7(3).
    """
    inward, total = 0.0, 0.0
    for i in range(bars):
        flow = rings.money_flow[at - i]
        total += abs(flow)
        inward += max(flow, 0.0)
    return 100.0 * inward / total if total > 0.0 else 50.0


@compiled
def update(state: Fields, rings: Fields, now: Close, marks: Marks, out: Fields) -> None:
    """Write the volume features of one bar; nan where ``marks`` is nan."""
    n, at, bar = now.n, now.at, now.bar
    out.volume_to_median_20 = ratio_to_median(state, rings, n, bar.volume)
    out.log_volume_ratio = log_ratio(bar.volume, state.mean)
    state.mean = ema(state.mean, bar.volume, n, 20)

    traded = window_sum(rings.volume, at, 20)
    recent = window_sum(rings.volume, at, 4)
    out.volume_ratio_4_20 = 5.0 * recent / traded if traded > 0.0 else 1.0
    out.vwap_distance_20 = vwap_distance(rings, at, 20, bar.close)
    out.vwap_distance_60 = vwap_distance(rings, at, 60, bar.close)
    out.obv_ratio_20 = window_sum(rings.balance, at, 20) / traded if traded > 0.0 else 0.0
    out.mfi_14 = money_flow(rings, at, 14)
    accumulated = window_sum(rings.accumulation, at, 20)
    out.chaikin_money_flow_20 = accumulated / traded if traded > 0.0 else 0.0

    taker = marks.taker_buy_volume
    out.taker_buy_ratio = taker / bar.volume if bar.volume > 0.0 else taker + 0.5
    out.mark_basis = marks.mark_price / bar.close - 1.0
    out.funding_rate = marks.funding_rate
