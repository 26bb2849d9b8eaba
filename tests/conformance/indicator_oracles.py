"""Every feature a second time: by TA-Lib, or from its definition in plain numpy.

Nothing here is shared with the kernel but the names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import talib
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Series = NDArray[np.float64]


@dataclass(frozen=True)
class MarketColumns:
    """Columns of consecutive bars, each of shape (T,)."""

    close_index: NDArray[np.int64]
    open: Series
    high: Series
    low: Series
    close: Series
    volume: Series
    taker_buy_volume: Series
    mark_price: Series
    funding_rate: Series

    def rows(self, part: slice) -> MarketColumns:
        return MarketColumns(*(getattr(self, name)[part] for name in self.__dataclass_fields__))

    def scaled(self, price: float = 1.0, volume: float = 1.0) -> MarketColumns:
        """Return the same market in other units."""
        return MarketColumns(
            self.close_index,
            self.open * price,
            self.high * price,
            self.low * price,
            self.close * price,
            self.volume * volume,
            self.taker_buy_volume * volume,
            self.mark_price * price,
            self.funding_rate,
        )


def lag(x: Series, bars: int) -> Series:
    return np.concatenate([np.full(bars, np.nan), x[:-bars]])


def windows(x: Series, bars: int, of: Callable[..., Series]) -> Series:
    """Apply ``of`` to every full window, along axis 1; nan before the first."""
    values = of(sliding_window_view(x, bars), axis=1)
    return np.concatenate([np.full(bars - 1, np.nan), values])


def log_returns(m: MarketColumns, bars: int = 1) -> Series:
    return np.log(m.close / lag(m.close, bars))


def typical(m: MarketColumns) -> Series:
    return (m.high + m.low + m.close) / 3.0


def zero_mean_deviation(x: Series, bars: int) -> Series:
    return np.sqrt(windows(x**2, bars, np.mean))


def midpoint(m: MarketColumns, bars: int) -> Series:
    return talib.MIDPRICE(m.high, m.low, bars)


def bollinger(m: MarketColumns) -> tuple[Series, Series, Series]:
    # About the mean: TA-Lib sums squares, which costs digits at a high price level.
    level = m.close.mean()
    upper, middle, lower = talib.BBANDS(m.close - level, 20, 2.0, 2.0)
    return upper + level, middle + level, lower + level


def ema_slope(close: Series, high: Series, low: Series, span: int) -> Series:
    mean = talib.EMA(close, span)
    return (mean - lag(mean, 5)) / (5.0 * talib.ATR(high, low, close, 14))


def ema_order(m: MarketColumns) -> Series:
    fast, middle, slow = (talib.EMA(m.close, span) for span in (12, 26, 50))
    up, down = (fast > middle) & (middle > slow), (fast < middle) & (middle < slow)
    return up.astype(float) - down


def rank_of_last(window: Series, axis: int) -> Series:
    below: Series = (window < window[:, -1:]).sum(axis=axis) / (window.shape[1] - 1.0)
    return below


def bars_since_change(direction: Series) -> Series:
    changed = np.flatnonzero(np.diff(direction, prepend=direction[0]))
    positions = np.arange(len(direction))
    last = np.concatenate([[-(10**6)], changed])[np.searchsorted(changed, positions, side="right")]
    found: Series = np.minimum(positions - last, 200).astype(float)
    return found


def choppiness(m: MarketColumns) -> Series:
    path = windows(talib.TRANGE(m.high, m.low, m.close), 14, np.sum)
    before = lag(m.close, 1)
    top, bottom = np.fmax(m.high, before), np.fmin(m.low, before)
    spread = windows(top, 14, np.max) - windows(bottom, 14, np.min)
    index: Series = 100.0 * np.log10(path / spread) / np.log10(14.0)
    return index


def donchian_position(m: MarketColumns, bars: int) -> Series:
    upper, _, lower = talib.DONCHIAN(m.high, m.low, bars)
    return (m.close - lower) / (upper - lower)


def r_squared(window: Series, axis: int) -> Series:
    times = np.arange(window.shape[axis]) - (window.shape[axis] - 1) / 2.0
    centred = window - window.mean(axis=axis, keepdims=True)
    found: Series = (centred @ times) ** 2 / (times @ times) / (centred**2).sum(axis=axis)
    return found


def signal_line(m: MarketColumns, column: int) -> Series:
    line: Series = talib.MACD(m.close)[column] / m.close
    return line


def smoothed_stochastic(m: MarketColumns, column: int) -> Series:
    fast = talib.STOCHF(m.high, m.low, m.close, 14, 1)[0]
    slow = windows(fast, 3, np.mean)
    return slow if column == 0 else windows(slow, 3, np.mean)


def parkinson(m: MarketColumns) -> Series:
    found: Series = np.sqrt(
        windows(np.log(m.high / m.low) ** 2, 20, np.sum) / (4.0 * np.log(2.0) * 20.0)
    )
    return found


def garman_klass(m: MarketColumns) -> Series:
    body = (2.0 * np.log(2.0) - 1.0) * np.log(m.close / m.open) ** 2
    return np.sqrt(windows(0.5 * np.log(m.high / m.low) ** 2 - body, 20, np.mean))


def falling_share(m: MarketColumns) -> Series:
    returns = log_returns(m)
    return windows(np.where(returns < 0.0, returns**2, 0.0 * returns), 60, np.sum) / windows(
        returns**2, 60, np.sum
    )


def autocorrelation(m: MarketColumns) -> Series:
    returns = log_returns(m)
    return windows(returns * lag(returns, 1), 59, np.sum) / windows(returns**2, 60, np.sum)


def share_of_volume(flow: Series, m: MarketColumns) -> Series:
    return windows(flow, 20, np.sum) / windows(m.volume, 20, np.sum)


def vwap_distance(m: MarketColumns, bars: int) -> Series:
    vwap = windows(typical(m) * m.volume, bars, np.sum) / windows(m.volume, bars, np.sum)
    return m.close / vwap - 1.0


def supertrend(m: MarketColumns, column: int) -> Series:
    return talib.SUPERTREND(m.high, m.low, m.close, 10, 3.0)[column].astype(float)


def cloud_position(m: MarketColumns) -> Series:
    span_a = lag((midpoint(m, 9) + midpoint(m, 26)) / 2.0, 26)
    span_b = lag(midpoint(m, 52), 26)
    top, bottom = np.maximum(span_a, span_b), np.minimum(span_a, span_b)
    return (m.close > top).astype(float) - (m.close < bottom)


def lead_spread(m: MarketColumns) -> Series:
    return ((midpoint(m, 9) + midpoint(m, 26)) / 2.0 - midpoint(m, 52)) / m.close


def hour_of_week(m: MarketColumns) -> Series:
    """Return the hours since Monday at each close; one bar is a minute."""
    closes = pd.DatetimeIndex((m.close_index * 60).astype("datetime64[s]"))
    hours = closes.day_of_week * 24 + closes.hour + closes.minute / 60.0
    return np.asarray(hours, dtype=np.float64)


def volume_mean(m: MarketColumns) -> Series:
    return talib.EMA(m.volume, 20)


def higher_bars(m: MarketColumns, multiple: int) -> tuple[NDArray[np.int64], MarketColumns]:
    """Return the bar at which each higher bar is known, and the higher bars themselves.

    A higher bar is made of the base bars that are there. It is known at its last base bar, or at
    the first behind it when that one is missing. A first one that began before is left out.
    """
    place = -(-m.close_index // multiple)
    starts = np.flatnonzero(np.diff(place, prepend=-1))
    stops = np.append(starts[1:], len(place))
    if m.close_index[0] % multiple != 1:
        starts, stops = starts[1:], stops[1:]
    known = np.where(m.close_index[stops - 1] % multiple == 0, stops - 1, stops)
    seen = known < len(place)
    starts, stops, known = starts[seen], stops[seen], known[seen]
    parts = [m.rows(slice(a, b)) for a, b in zip(starts, stops, strict=True)]
    empty = np.zeros(len(parts))
    higher = MarketColumns(
        place[starts],
        np.array([p.open[0] for p in parts]),
        np.array([p.high.max() for p in parts]),
        np.array([p.low.min() for p in parts]),
        np.array([p.close[-1] for p in parts]),
        *(empty for _ in range(4)),
    )
    return known, higher


def on_rung(
    multiple: int, of: Callable[[MarketColumns], Series]
) -> Callable[[MarketColumns], Series]:
    """Return an oracle that holds ``of`` the higher bars from each close to the next."""

    def held(m: MarketColumns) -> Series:
        closes, higher = higher_bars(m, multiple)
        values = np.concatenate([[np.nan], of(higher)])
        return values[np.searchsorted(closes, np.arange(len(m.close)), side="right")]

    return held


def direction(m: MarketColumns) -> Series:
    slope = ema_slope(m.close, m.high, m.low, 20)
    return (slope > 0.02).astype(float) - (slope < -0.02)


Oracle = Callable[[MarketColumns], Series]

HIGHER: dict[str, Oracle] = {
    "direction": direction,
    "log_return_1": log_returns,
    "rsi_14": lambda m: talib.RSI(m.close, 14),
    "adx_14": lambda m: talib.ADX(m.high, m.low, m.close, 14),
    "ema_slope_20": lambda m: ema_slope(m.close, m.high, m.low, 20),
    "natr_14": lambda m: talib.NATR(m.high, m.low, m.close, 14) / 100.0,
    "efficiency_ratio_10": lambda m: talib.ER(m.close, 10),
}

ORACLES: dict[str, Oracle] = {
    "log_return_1": log_returns,
    "log_return_5": lambda m: log_returns(m, 5),
    "log_return_15": lambda m: log_returns(m, 15),
    "log_return_60": lambda m: log_returns(m, 60),
    "roc_10": lambda m: talib.ROCP(m.close, 10),
    "roc_20": lambda m: talib.ROCP(m.close, 20),
    "return_zscore_20": lambda m: (
        (log_returns(m) - windows(log_returns(m), 20, np.mean))
        / windows(log_returns(m), 20, np.std)
    ),
    "close_location": lambda m: (m.close - m.low) / (m.high - m.low),
    "body_ratio": lambda m: talib.BOP(m.open, m.high, m.low, m.close),
    "rsi_7": lambda m: talib.RSI(m.close, 7),
    "rsi_14": lambda m: talib.RSI(m.close, 14),
    "macd_line": lambda m: signal_line(m, 0),
    "macd_signal": lambda m: signal_line(m, 1),
    "macd_histogram": lambda m: signal_line(m, 2),
    "stochastic_k_14": lambda m: smoothed_stochastic(m, 0),
    "stochastic_d_14": lambda m: smoothed_stochastic(m, 1),
    "cci_20": lambda m: talib.CCI(m.high, m.low, m.close, 20),
    "atr_14": lambda m: talib.ATR(m.high, m.low, m.close, 14),
    "natr_14": lambda m: talib.NATR(m.high, m.low, m.close, 14) / 100.0,
    "natr_50": lambda m: talib.NATR(m.high, m.low, m.close, 50) / 100.0,
    "atr_ratio_14_50": lambda m: (
        talib.ATR(m.high, m.low, m.close, 14) / talib.ATR(m.high, m.low, m.close, 50)
    ),
    "natr_rank_100": lambda m: windows(
        talib.ATR(m.high, m.low, m.close, 14) / m.close, 100, rank_of_last
    ),
    "true_range_ratio": lambda m: talib.TRANGE(m.high, m.low, m.close) / m.close,
    "log_range": lambda m: np.log(m.high) - np.log(m.low),
    "bollinger_position_20": lambda m: (
        (m.close - bollinger(m)[2]) / (bollinger(m)[0] - bollinger(m)[2])
    ),
    "bollinger_width_20": lambda m: (bollinger(m)[0] - bollinger(m)[2]) / bollinger(m)[1],
    "historical_volatility_20": lambda m: talib.STDDEV(log_returns(m), 20) * np.sqrt(20.0 / 19.0),
    "historical_volatility_60": lambda m: talib.STDDEV(log_returns(m), 60) * np.sqrt(60.0 / 59.0),
    "realised_volatility_20": lambda m: zero_mean_deviation(log_returns(m), 20),
    "realised_volatility_60": lambda m: zero_mean_deviation(log_returns(m), 60),
    "volatility_ratio_20_60": lambda m: (
        zero_mean_deviation(log_returns(m), 20) / zero_mean_deviation(log_returns(m), 60)
    ),
    "volatility_ratio_60_ewma_200": lambda m: (
        zero_mean_deviation(log_returns(m), 60) / np.sqrt(talib.EMA(log_returns(m) ** 2, 200))
    ),
    "parkinson_volatility_20": parkinson,
    "garman_klass_volatility_20": garman_klass,
    "downside_share_60": falling_share,
    "sma_distance_20": lambda m: m.close / talib.SMA(m.close, 20) - 1.0,
    "sma_distance_50": lambda m: m.close / talib.SMA(m.close, 50) - 1.0,
    "sma_distance_200": lambda m: m.close / talib.SMA(m.close, 200) - 1.0,
    "ema_distance_12": lambda m: m.close / talib.EMA(m.close, 12) - 1.0,
    "ema_distance_26": lambda m: m.close / talib.EMA(m.close, 26) - 1.0,
    "ema_distance_50": lambda m: m.close / talib.EMA(m.close, 50) - 1.0,
    "ema_distance_200": lambda m: m.close / talib.EMA(m.close, 200) - 1.0,
    "ema_slope_20": lambda m: ema_slope(m.close, m.high, m.low, 20),
    "ema_slope_50": lambda m: ema_slope(m.close, m.high, m.low, 50),
    "ema_spread_12_26": lambda m: (
        (talib.EMA(m.close, 12) - talib.EMA(m.close, 26)) / talib.ATR(m.high, m.low, m.close, 14)
    ),
    "ema_order": ema_order,
    "plus_di_14": lambda m: talib.PLUS_DI(m.high, m.low, m.close, 14),
    "minus_di_14": lambda m: talib.MINUS_DI(m.high, m.low, m.close, 14),
    "adx_14": lambda m: talib.ADX(m.high, m.low, m.close, 14),
    "adxr_14": lambda m: talib.ADXR(m.high, m.low, m.close, 14),
    "supertrend_direction": lambda m: supertrend(m, 1),
    "supertrend_distance": lambda m: (
        (m.close - supertrend(m, 0)) / np.fmax(m.close, supertrend(m, 0))
    ),
    "bars_since_supertrend_flip": lambda m: bars_since_change(supertrend(m, 1)),
    "ichimoku_tenkan_distance": lambda m: m.close / midpoint(m, 9) - 1.0,
    "ichimoku_kijun_distance": lambda m: m.close / midpoint(m, 26) - 1.0,
    "ichimoku_lead_spread": lead_spread,
    "ichimoku_span_a_distance": lambda m: (
        m.close / lag((midpoint(m, 9) + midpoint(m, 26)) / 2.0, 26) - 1.0
    ),
    "ichimoku_span_b_distance": lambda m: m.close / lag(midpoint(m, 52), 26) - 1.0,
    "ichimoku_cloud_position": cloud_position,
    "choppiness_14": choppiness,
    "efficiency_ratio_10": lambda m: talib.ER(m.close, 10),
    "efficiency_ratio_30": lambda m: talib.ER(m.close, 30),
    "donchian_position_20": lambda m: donchian_position(m, 20),
    "donchian_position_52": lambda m: donchian_position(m, 52),
    "regression_slope_20": lambda m: talib.LINEARREG_SLOPE(m.close, 20) / m.close,
    "regression_r2_20": lambda m: windows(m.close, 20, r_squared),
    "autocorrelation_60": autocorrelation,
    "variance_ratio_5_60": lambda m: (
        windows(log_returns(m, 5) ** 2, 56, np.mean)
        / (5.0 * windows(log_returns(m) ** 2, 60, np.mean))
    ),
    "volume_to_median_20": lambda m: np.minimum(m.volume / windows(m.volume, 20, np.median), 100.0),
    "log_volume_ratio": lambda m: np.clip(np.log(m.volume / lag(volume_mean(m), 1)), -5.0, 5.0),
    "volume_ratio_4_20": lambda m: talib.SMA(m.volume, 4) / talib.SMA(m.volume, 20),
    "vwap_distance_20": lambda m: vwap_distance(m, 20),
    "vwap_distance_60": lambda m: vwap_distance(m, 60),
    "obv_ratio_20": lambda m: share_of_volume(
        np.diff(talib.OBV(m.close, m.volume), prepend=0.0), m
    ),
    "mfi_14": lambda m: talib.MFI(m.high, m.low, m.close, m.volume, 14),
    "chaikin_money_flow_20": lambda m: talib.CMF(m.high, m.low, m.close, m.volume, 20),
    "taker_buy_ratio": lambda m: m.taker_buy_volume / m.volume,
    "mark_basis": lambda m: m.mark_price / m.close - 1.0,
    "funding_rate": lambda m: m.funding_rate,
    "time_of_day_sine": lambda m: np.sin(2.0 * np.pi * hour_of_week(m) / 24.0),
    "time_of_day_cosine": lambda m: np.cos(2.0 * np.pi * hour_of_week(m) / 24.0),
    "time_of_week_sine": lambda m: np.sin(2.0 * np.pi * hour_of_week(m) / 168.0),
    "time_of_week_cosine": lambda m: np.cos(2.0 * np.pi * hour_of_week(m) / 168.0),
} | {
    f"htf{rung}_{name}": on_rung(multiple, of)
    for rung, multiple in enumerate((5, 15, 60), start=1)
    for name, of in HIGHER.items()
}
