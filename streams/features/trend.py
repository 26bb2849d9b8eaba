"""Trend: averages, direction and whether there is one at all."""

from __future__ import annotations

import numpy as np

from streams.features.bar_close import Close, Extremes, ReturnSums
from streams.features.rolling import (
    LONG,
    ROUNDING,
    Fields,
    Floats,
    Ohlcv,
    compiled,
    floored,
    newest,
    sign,
    window_squares,
    window_sum,
)
from streams.features.smoothing import SUM, ema, running_sum, wilder_mean, wilder_sum

DIRECTIONAL = np.dtype(
    [("plus", "f8"), ("minus", "f8"), ("range", "f8"), ("adx", "f8"), ("past_adx", "f8", (14,))]
)
SUPERTREND = np.dtype(
    [("atr", "f8"), ("upper", "f8"), ("lower", "f8"), ("direction", "f8"), ("bars", "f8")]
)
TREND = np.dtype(
    [
        ("sum_50", SUM),
        ("sum_200", SUM),
        ("ema_12", "f8"),
        ("ema_20", "f8"),
        ("ema_26", "f8"),
        ("ema_50", "f8"),
        ("ema_200", "f8"),
        ("past_ema_20", "f8", (5,)),
        ("past_ema_50", "f8", (5,)),
        ("directional", DIRECTIONAL),
        ("supertrend", SUPERTREND),
        ("span_a", "f8", (26,)),
        ("span_b", "f8", (26,)),
    ],
)

LN_14 = float(np.log(14.0))
SLOPE_BARS = 5
FLIP_CAP_BARS = 200.0  # an older flip is just "long ago"


@compiled
def directional(
    state: Fields, bar: Ohlcv, last: Ohlcv, true_range: float, count: int
) -> tuple[float, float, float, float]:
    """Directional movement, period 14: +DI, -DI, ADX, ADXR, each in [0, 100].

    Args:
        state: Record of dtype ``DIRECTIONAL``.
        bar: This bar.
        last: The bar before it.
        true_range: Of this bar.
        count: Which change this is, from 1; 14 for the first DI, 27 for the first ADX.

    0/0 gives 0. ADXR averages ADX with its value 13 bars ago.
    Source: Wilder (1978), New Concepts in Technical Trading Systems.
    """
    up, down = bar.high - last.high, last.low - bar.low
    plus = up if up > down and up > 0.0 else 0.0
    minus = down if down > up and down > 0.0 else 0.0
    state.plus = wilder_sum(state.plus, plus, count, 14)
    state.minus = wilder_sum(state.minus, minus, count, 14)
    state.range = wilder_sum(state.range, true_range, count, 14)
    plus_di = 100.0 * state.plus / state.range if state.range > 0.0 else 0.0
    minus_di = 100.0 * state.minus / state.range if state.range > 0.0 else 0.0
    both = plus_di + minus_di
    if count >= 14:
        index = 100.0 * abs(plus_di - minus_di) / both if both > 0.0 else 0.0
        state.adx = wilder_mean(state.adx, index, count - 13, 14)
    state.past_adx[count % 14] = state.adx
    return plus_di, minus_di, state.adx, 0.5 * (state.adx + state.past_adx[(count + 1) % 14])


@compiled
def supertrend(
    state: Fields, bar: Ohlcv, last_close: float, true_range: float, count: int
) -> float:
    """Supertrend line, ATR 10 times 3; sets ``direction`` (+1, -1) and ``bars`` since it turned.

    The lower band stays at or above 0, as prices do.
    Source: Seban (2009); bands only tighten until the close before crosses them.
    """
    state.atr = wilder_mean(state.atr, true_range, count, 10)
    if count < 10:
        return bar.close
    middle = 0.5 * (bar.high + bar.low)
    upper, lower = middle + 3.0 * state.atr, max(middle - 3.0 * state.atr, 0.0)
    if count > 10:
        upper = upper if upper < state.upper or last_close > state.upper else state.upper
        lower = lower if lower > state.lower or last_close < state.lower else state.lower
        before = state.direction
        if before > 0.0:
            state.direction = -1.0 if bar.close < lower else 1.0
        else:
            state.direction = 1.0 if bar.close > upper else -1.0
        state.bars = state.bars + 1.0 if before == state.direction else 0.0
    else:
        state.direction = 1.0
    state.upper, state.lower = upper, lower
    line: float = lower if state.direction > 0.0 else upper
    return line


@compiled
def ichimoku(state: Fields, n: int, close: float, extremes: Extremes, out: Fields) -> None:
    """Ichimoku 9, 26, 52: distances of the close, and where it stands to the cloud above it.

    The cloud at t was drawn 26 bars ago. The lagging span is left out: it would need the future.
    Source: Hosoda (1969).
    """
    tenkan = 0.5 * (extremes.high_9 + extremes.low_9)
    kijun = 0.5 * (extremes.high_26 + extremes.low_26)
    lead_a, lead_b = 0.5 * (tenkan + kijun), 0.5 * (extremes.high_52 + extremes.low_52)
    span_a, span_b = state.span_a[n % 26], state.span_b[n % 26]
    state.span_a[n % 26], state.span_b[n % 26] = lead_a, lead_b
    out.ichimoku_tenkan_distance = close / tenkan - 1.0
    out.ichimoku_kijun_distance = close / kijun - 1.0
    out.ichimoku_lead_spread = (lead_a - lead_b) / close
    out.ichimoku_span_a_distance = close / span_a - 1.0
    out.ichimoku_span_b_distance = close / span_b - 1.0
    above, below = close > max(span_a, span_b), close < min(span_a, span_b)
    out.ichimoku_cloud_position = 1.0 if above else (-1.0 if below else 0.0)


@compiled
def ema_slope(past: Floats, n: int, mean: float, scale: float) -> float:
    """Return the rise of an EMA per bar over the last 5 bars, in units of ``scale``."""
    before = past[n % SLOPE_BARS]
    past[n % SLOPE_BARS] = mean
    slope: float = (mean - before) / (SLOPE_BARS * scale)
    return slope


@compiled
def order(fast: float, slow: float, price: float) -> float:
    """Return +1 or -1 as one average is above or below another, 0 where they are equal."""
    gap = fast - slow
    return sign(gap) if abs(gap) > ROUNDING * price else 0.0


@compiled
def efficiency_ratio(closes: Floats, at: int, bars: int) -> float:
    """Net move over travelled path of an even number of bars, in [0, 1]; 0 without movement.

    Source: Kaufman (1995), Smarter Trading.
    """
    even, odd = 0.0, 0.0
    for i in range(0, bars, 2):
        even += abs(closes[at - i] - closes[at - i - 1])
        odd += abs(closes[at - i - 1] - closes[at - i - 2])
    path = even + odd
    net: float = abs(closes[at] - closes[at - bars])
    ratio: float = min(net / path, 1.0) if path > 0.0 else 0.0
    return ratio


@compiled
def choppiness(rings: Fields, at: int, high: float, low: float) -> float:
    """Choppiness index over 14 bars in [0, 100]; 100 when the window has no range.

    ``high`` and ``low`` are those of the 14 bars. The close before them widens both, as it does
    the first true range: the path is never shorter than the range, nor longer than 14 of it.
    Source: Dreiss (1993); above 61.8 choppy, below 38.2 trending.
    """
    before = rings.close[at - 14]
    spread = max(high, before) - min(low, before)
    if spread <= 0.0:
        return 100.0
    oldest = rings.true_range[at - 12] + rings.true_range[at - 13]
    path = window_sum(rings.true_range, at, 12) + oldest
    index: float = min(max(100.0 * np.log(path / spread) / LN_14, 0.0), 100.0)
    return index


@compiled
def regression(rings: Fields, at: int) -> tuple[float, float]:
    """Least-squares slope of the last 20 closes per bar, over the close, and its R squared."""
    close = rings.close[at]
    centre = 9.5  # mean of 0..19 bars ago
    along, total, squares = 0.0, 0.0, 0.0
    for i in range(1, 20):
        deviation = rings.close[at - i] - close
        along += (centre - i) * deviation
        total += deviation
        squares += deviation * deviation
    spread = squares - total * total / 20.0
    times = 665.0  # sum of squared deviations of 0..19
    fit = along * along / (times * spread) if spread > 0.0 else 0.0
    return along / times / close, min(fit, 1.0)


@compiled
def persistence(rings: Fields, at: int, returns: ReturnSums, out: Fields) -> None:
    """Write the first autocorrelation and the variance ratio of 60 log returns, about zero mean.

    Both use these returns alone (59 products; 56 five-bar returns): so the first stays within -1
    and 1, the second below 5.4. 0 and 1 without movement.
    Source: Lo and MacKinlay (1988), Review of Financial Studies 1(1).
    """
    squares = returns.squares_60
    fives = window_squares(rings.log_return_5, at, 56)
    out.autocorrelation_60 = returns.lagged_60 / squares if squares > 0.0 else 0.0
    out.variance_ratio_5_60 = (fives / 56.0) / (squares / 12.0) if squares > 0.0 else 1.0


@compiled
def averages(state: Fields, rings: Fields, n: int, atr: float, out: Fields) -> None:
    """Write distances from simple and exponential means, EMA slopes and EMA order."""
    at = newest(n)
    close = rings.close[at]
    out.sma_distance_20 = close / (window_sum(rings.close, at, 20) / 20.0) - 1.0
    left_50, left_200 = rings.close[at - 50], rings.past_close[(n - 200) & (LONG - 1)]
    out.sma_distance_50 = close / (running_sum(state.sum_50, close, left_50) / 50.0) - 1.0
    out.sma_distance_200 = close / (running_sum(state.sum_200, close, left_200) / 200.0) - 1.0
    state.ema_12 = ema(state.ema_12, close, n, 12)
    state.ema_20 = ema(state.ema_20, close, n, 20)
    state.ema_26 = ema(state.ema_26, close, n, 26)
    state.ema_50 = ema(state.ema_50, close, n, 50)
    state.ema_200 = ema(state.ema_200, close, n, 200)
    out.ema_distance_12 = close / state.ema_12 - 1.0
    out.ema_distance_26 = close / state.ema_26 - 1.0
    out.ema_distance_50 = close / state.ema_50 - 1.0
    out.ema_distance_200 = close / state.ema_200 - 1.0
    scale = floored(atr, close)
    out.ema_slope_20 = ema_slope(state.past_ema_20, n, state.ema_20, scale)
    out.ema_slope_50 = ema_slope(state.past_ema_50, n, state.ema_50, scale)
    out.ema_spread_12_26 = (state.ema_12 - state.ema_26) / scale
    fast = order(state.ema_12, state.ema_26, close)
    slow = order(state.ema_26, state.ema_50, close)
    out.ema_order = fast if fast == slow else 0.0


@compiled
def update(state: Fields, rings: Fields, now: Close, atr: float, out: Fields) -> None:
    """Write the trend features of one bar; ``atr`` is Wilder's, period 14."""
    n, at, bar, extremes = now.n, now.at, now.bar, now.extremes
    averages(state, rings, n, atr, out)
    true_range = rings.true_range[at]
    last_close = rings.close[at - 1]
    line = bar.close
    if n > 1:
        last = Ohlcv(last_close, rings.high[at - 1], rings.low[at - 1], last_close, 0.0)
        plus, minus, adx, adxr = directional(state.directional, bar, last, true_range, n - 1)
        out.plus_di_14, out.minus_di_14, out.adx_14, out.adxr_14 = plus, minus, adx, adxr
        line = supertrend(state.supertrend, bar, last_close, true_range, n - 1)
    out.supertrend_direction = state.supertrend.direction
    out.supertrend_distance = (bar.close - line) / max(bar.close, line)
    out.bars_since_supertrend_flip = min(state.supertrend.bars, FLIP_CAP_BARS)
    ichimoku(state, n, bar.close, extremes, out)
    out.choppiness_14 = choppiness(rings, at, extremes.high_14, extremes.low_14)
    out.efficiency_ratio_10 = efficiency_ratio(rings.close, at, 10)
    out.efficiency_ratio_30 = efficiency_ratio(rings.close, at, 30)
    span_20, span_52 = extremes.high_20 - extremes.low_20, extremes.high_52 - extremes.low_52
    out.donchian_position_20 = (bar.close - extremes.low_20) / span_20 if span_20 > 0.0 else 0.5
    out.donchian_position_52 = (bar.close - extremes.low_52) / span_52 if span_52 > 0.0 else 0.5
    out.regression_slope_20, out.regression_r2_20 = regression(rings, at)
    persistence(rings, at, now.returns, out)
