"""Features in words, for the sentence of an explanation; the dashboard takes its own from here."""

from __future__ import annotations

import re
from collections.abc import Mapping

from streams.features.catalog import LADDER

BASE_WORDS: Mapping[str, str] = {
    "log_return_1": "return over 1 bar",
    "log_return_5": "return over 5 bars",
    "log_return_15": "return over 15 bars",
    "log_return_60": "return over 60 bars",
    "roc_10": "rate of change, 10 bars",
    "roc_20": "rate of change, 20 bars",
    "return_zscore_20": "last return against its 20 bars",
    "close_location": "close within the bar's range",
    "body_ratio": "body of the bar",
    "rsi_7": "RSI, 7 bars",
    "rsi_14": "RSI, 14 bars",
    "macd_line": "MACD line",
    "macd_signal": "MACD signal line",
    "macd_histogram": "MACD histogram",
    "stochastic_k_14": "stochastic %K, 14 bars",
    "stochastic_d_14": "stochastic %D, 14 bars",
    "cci_20": "commodity channel index, 20 bars",
    "atr_14": "true range in price, 14 bars",
    "natr_14": "true range, 14 bars",
    "natr_50": "true range, 50 bars",
    "atr_ratio_14_50": "true range, 14 against 50 bars",
    "natr_rank_100": "true range against its last 100 bars",
    "true_range_ratio": "true range of the bar",
    "log_range": "range of the bar",
    "bollinger_position_20": "place within the Bollinger bands",
    "bollinger_width_20": "width of the Bollinger bands",
    "historical_volatility_20": "volatility, 20 bars",
    "historical_volatility_60": "volatility, 60 bars",
    "realised_volatility_20": "realised volatility, 20 bars",
    "realised_volatility_60": "realised volatility, 60 bars",
    "volatility_ratio_20_60": "volatility, 20 against 60 bars",
    "volatility_ratio_60_ewma_200": "volatility, 60 bars against its average over 200",
    "parkinson_volatility_20": "volatility of highs and lows, 20 bars",
    "garman_klass_volatility_20": "volatility of all four prices, 20 bars",
    "downside_share_60": "share of falling bars in the variance",
    "sma_distance_20": "distance to the 20-bar mean",
    "sma_distance_50": "distance to the 50-bar mean",
    "sma_distance_200": "distance to the 200-bar mean",
    "ema_distance_12": "distance to the EMA of 12 bars",
    "ema_distance_26": "distance to the EMA of 26 bars",
    "ema_distance_50": "distance to the EMA of 50 bars",
    "ema_distance_200": "distance to the EMA of 200 bars",
    "ema_slope_20": "slope of the EMA of 20 bars",
    "ema_slope_50": "slope of the EMA of 50 bars",
    "ema_spread_12_26": "EMA of 12 against 26 bars",
    "ema_order": "order of the moving averages",
    "plus_di_14": "upward movement, +DI",
    "minus_di_14": "downward movement, \N{MINUS SIGN}DI",
    "adx_14": "strength of the trend, ADX",
    "adxr_14": "smoothed strength of the trend, ADXR",
    "supertrend_direction": "Supertrend",
    "supertrend_distance": "distance to the Supertrend line",
    "bars_since_supertrend_flip": "bars since the Supertrend turned",
    "ichimoku_tenkan_distance": "distance to the Ichimoku tenkan",
    "ichimoku_kijun_distance": "distance to the Ichimoku kijun",
    "ichimoku_lead_spread": "spread of the Ichimoku leading spans",
    "ichimoku_span_a_distance": "distance to the Ichimoku span A",
    "ichimoku_span_b_distance": "distance to the Ichimoku span B",
    "ichimoku_cloud_position": "Ichimoku cloud",
    "choppiness_14": "choppiness, 14 bars",
    "efficiency_ratio_10": "straightness of the path, 10 bars",
    "efficiency_ratio_30": "straightness of the path, 30 bars",
    "donchian_position_20": "place between the extremes of 20 bars",
    "donchian_position_52": "place between the extremes of 52 bars",
    "regression_slope_20": "slope of the regression line, 20 bars",
    "regression_r2_20": "fit of the regression line, 20 bars",
    "autocorrelation_60": "autocorrelation of returns, 60 bars",
    "variance_ratio_5_60": "variance ratio, 5 bars",
    "volume_to_median_20": "volume against its 20-bar median",
    "log_volume_ratio": "volume against its mean",
    "volume_ratio_4_20": "volume, 4 against 20 bars",
    "vwap_distance_20": "distance to the 20-bar VWAP",
    "vwap_distance_60": "distance to the 60-bar VWAP",
    "obv_ratio_20": "on-balance volume, 20 bars",
    "mfi_14": "money flow index, 14 bars",
    "chaikin_money_flow_20": "Chaikin money flow, 20 bars",
    "taker_buy_ratio": "takers' share of buying",
    "mark_basis": "mark price against the close",
    "funding_rate": "funding rate",
    "time_of_day_sine": "time of day, sine",
    "time_of_day_cosine": "time of day, cosine",
    "time_of_week_sine": "time of week, sine",
    "time_of_week_cosine": "time of week, cosine",
}
RUNG_WORDS: Mapping[str, str] = {
    "direction": "trend",
    "log_return_1": "return over 1 bar",
    "rsi_14": "RSI, 14 bars",
    "adx_14": "strength of the trend, ADX",
    "ema_slope_20": "slope of the EMA of 20 bars",
    "natr_14": "true range, 14 bars",
    "efficiency_ratio_10": "straightness of the path, 10 bars",
}
REGIME_WORDS: Mapping[str, str] = {
    "regime_bull": "probability of a bull market",
    "regime_bear": "probability of a bear market",
    "regime_sideways": "probability of a sideways market",
}
HIGHER = re.compile(r"htf(\d)_(.+)")


def feature_words(name: str) -> str:
    """Return a feature in words; its name as it is where no table knows it."""
    higher = HIGHER.fullmatch(name)
    if higher is None:
        return BASE_WORDS.get(name) or REGIME_WORDS.get(name) or name.replace("_", " ")
    words = RUNG_WORDS.get(higher[2])
    if words is None:
        return name.replace("_", " ")
    return f"{words}, on bars {LADDER[int(higher[1]) - 1]} x as long"
