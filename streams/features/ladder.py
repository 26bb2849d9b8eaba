"""The ladder: features of higher timeframes, built from base bars; only closed bars count.

A higher bar spans a multiple of the base bar and is aligned to the UTC epoch. The first one after
a start or a long hole is left out unless it is seen from its first base bar on. One that a short
hole cuts is made of the base bars that are there; it closes with the first base bar behind it when
its last one is missing. Between two closes the features of the last closed bar stand.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from streams.features.catalog import RUNG_FEATURES
from streams.features.momentum import RSI, rsi
from streams.features.rolling import Fields, Ohlcv, compiled, floored, true_range
from streams.features.smoothing import ema, wilder_mean
from streams.features.trend import DIRECTIONAL, directional, efficiency_ratio, ema_slope

RUNG = np.dtype(
    [
        ("place", "i8"),  # of the bar being built, in higher bars since the UTC epoch, from 1
        ("partial", "i8"),  # 1 while that bar is left out
        ("base_bars", "i8"),  # so far in it
        ("open", "f8"),
        ("high", "f8"),
        ("low", "f8"),
        ("close", "f8"),
        ("n", "i8"),  # closed bars
        ("whole", "i8"),  # of these, since the last that a hole cut or left out
        ("last_high", "f8"),
        ("last_low", "f8"),
        ("closes", "f8", (32,)),  # the last 16, twice
        ("rsi", RSI),
        ("directional", DIRECTIONAL),
        ("atr", "f8"),
        ("ema", "f8"),
        ("past_ema", "f8", (5,)),
        ("held", "f8", (len(RUNG_FEATURES),)),  # features of the last closed bar
    ],
)

DEAD_BAND = 0.02  # ATRs per bar: an EMA flatter than this has no direction


@compiled
def update_rung(rung: Fields, multiple: int, bar: Ohlcv, close_index: int) -> None:
    """Fold one base bar into its higher bar; update the features of every bar that closes.

    Args:
        rung: Record of dtype ``RUNG``.
        multiple: Base bars in a higher bar.
        bar: The base bar.
        close_index: Close time of the base bar, in base bars since the UTC epoch.
    """
    place = (close_index + multiple - 1) // multiple
    if place != rung.place:
        if rung.base_bars > 0:
            close_bar(rung, multiple)  # a hole hides its last base bar
        rung.partial = rung.place == 0 and close_index % multiple != 1
        if place != rung.place + 1:
            rung.whole = 0
        rung.place = place
    if rung.partial:
        return
    if rung.base_bars == 0:
        rung.open, rung.high, rung.low = bar.open, bar.high, bar.low
    rung.high, rung.low = max(rung.high, bar.high), min(rung.low, bar.low)
    rung.close = bar.close
    rung.base_bars += 1
    if close_index % multiple == 0:
        close_bar(rung, multiple)


@njit(error_model="numpy")  # called, not inlined: rare, and from two places
def close_bar(rung: Fields, multiple: int) -> None:
    """Advance the features of a rung by the higher bar that was built."""
    bar = Ohlcv(rung.open, rung.high, rung.low, rung.close, 0.0)
    rung.whole = rung.whole + 1 if rung.base_bars == multiple else 0
    rung.base_bars = 0
    rung.n += 1
    n = rung.n
    at = (n & 15) + 16
    last_close = rung.closes[at - 1]
    rung.closes[at] = bar.close
    rung.closes[at - 16] = bar.close
    rung.ema = ema(rung.ema, bar.close, n, 20)
    if n > 1:
        last = Ohlcv(last_close, rung.last_high, rung.last_low, last_close, 0.0)
        bar_true_range = true_range(bar, last_close)
        rung.atr = wilder_mean(rung.atr, bar_true_range, n - 1, 14)
        strength = rsi(rung.rsi, bar.close - last_close, n - 1, 14)
        adx = directional(rung.directional, bar, last, bar_true_range, n - 1)[2]
        slope = ema_slope(rung.past_ema, n, rung.ema, floored(rung.atr, bar.close))
        direction = 1.0 if slope > DEAD_BAND else (-1.0 if slope < -DEAD_BAND else 0.0)
        rung.held[0] = direction
        rung.held[1] = np.log(bar.close / last_close)
        rung.held[2] = strength
        rung.held[3] = adx
        rung.held[4] = slope
        rung.held[5] = rung.atr / bar.close
        rung.held[6] = efficiency_ratio(rung.closes, at, 10)
    rung.last_high, rung.last_low = bar.high, bar.low
