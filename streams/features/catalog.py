"""The catalogue: every feature in order, with its warm-up and its definition.

To add a feature: write it in its family, add its line here and its oracle in the conformance
suite. To change a definition: raise ``version``. Names, versions, order and what each does after
a hole give ``FEATURE_SET_ID``: a model is only served the features that it was trained on.

Two rules hold for all of them. *Scales*: what a feature divides by is either at least
``SCALE_FLOOR`` of the price (deviations, ATR), or bounds the numerator (ranges, paths, sums of
volume), or is a price. *Holes*: after up to ``SHORT_HOLE_BARS`` missing bars, the next bar follows
the last as if they were neighbours. A memory shorter than ``REFILL_BARS`` is null until it holds no
bar from before the hole; longer ones, exponential means among them, go on. So all features are
back within ``REFILL_BARS`` bars. A longer hole starts warm-up again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from schemas.timeframes import DAY_MS, WEEK_MS

Family = Literal["momentum", "volatility", "trend", "volume", "clock", "ladder"]

# A recursion never quite forgets its start. A Wilder mean of period p waits until the start weighs
# about 1e-5 (10 p bars and more), an exponential mean of span s until about 5e-5 (5 s bars).
WILDER_7, WILDER_14, WILDER_50 = 75, 150, 535
ADX = 250  # two such means in a row
ADXR = ADX + 13
SUPERTREND = 300  # Wilder 10, then a band left from the start, then the cap of the flip's age

SHORT_HOLE_BARS = 5
REFILL_BARS = 60
LONGEST_WINDOW = 200  # bars; missing ones are counted over as many

LADDER = (5, 15, 60)  # base bars in one bar of rung 1, 2, 3


@dataclass(frozen=True)
class Feature:
    """One output of the kernel.

    Attributes:
        name: Also the key in ``FeatureVector.values``.
        family: The module that computes it.
        warm_up: The bar, counted from 1 at a start or after a hole, at which it first has a
            value. For the ladder these are closed higher bars.
        definition: What it is; fractions unless a scale is named.
        version: Raised when the definition changes.
        multiple: Base bars in one bar of its timeframe.
        optional: Needs a field that not every source has; null without it.
        price_degree: 1 when it is in price units, 0 when it does not depend on the price level.
        period_ms: Of what repeats by the clock alone; 0 for what the market makes.
    """

    name: str
    family: Family
    warm_up: int
    definition: str
    version: int = 1
    multiple: int = 1
    optional: bool = False
    price_degree: int = 0
    period_ms: int = 0

    def first_bar(self, close_index: int) -> int:
        """Return the base bar (from 1) of the first value.

        Args:
            close_index: Close of the first bar, in bars since the UTC epoch: a higher bar that
                began before it does not count.
        """
        left_out = -(close_index - 1) % self.multiple
        return left_out + self.warm_up * self.multiple

    @property
    def after_hole(self) -> int:
        """The bar, from 1 after a short hole, at which it has a value again; 0: it never lost it.

        For the ladder these are closed higher bars that the hole did not cut.
        """
        return self.warm_up if self.warm_up * self.multiple < REFILL_BARS else 0


_M: Family = "momentum"
_V: Family = "volatility"
_T: Family = "trend"
_Q: Family = "volume"
_C: Family = "clock"

BASE_FEATURES: tuple[Feature, ...] = (
    Feature("log_return_1", _M, 2, "ln(close / close 1 bar ago)"),
    Feature("log_return_5", _M, 6, "ln(close / close 5 bars ago)"),
    Feature("log_return_15", _M, 16, "ln(close / close 15 bars ago)"),
    Feature("log_return_60", _M, 61, "ln(close / close 60 bars ago)"),
    Feature("roc_10", _M, 11, "close / close 10 bars ago - 1"),
    Feature("roc_20", _M, 21, "close / close 20 bars ago - 1"),
    Feature("return_zscore_20", _M, 21, "log_return_1 against the last 20 (population)", 2),
    Feature("close_location", _M, 1, "(close - low) / (high - low); 0.5 without range"),
    Feature("body_ratio", _M, 1, "(close - open) / (high - low); 0 without range"),
    Feature("rsi_7", _M, WILDER_7, "Relative strength index, 0..100 (Wilder 1978)"),
    Feature("rsi_14", _M, WILDER_14, "Relative strength index, 0..100 (Wilder 1978)"),
    Feature("macd_line", _M, 130, "(EMA 12 - EMA 26) / close (Appel 2005)"),
    Feature("macd_signal", _M, 175, "EMA 9 of the MACD line / close"),
    Feature("macd_histogram", _M, 175, "(line - signal) / close"),
    Feature("stochastic_k_14", _M, 16, "Slow %K, 14-3, 0..100 (Lane 1984)"),
    Feature("stochastic_d_14", _M, 18, "Mean of 3 slow %K, 0..100"),
    Feature("cci_20", _M, 20, "Commodity channel index (Lambert 1980)", 2),
    Feature("atr_14", _V, WILDER_14, "Wilder's average true range, in price", price_degree=1),
    Feature("natr_14", _V, WILDER_14, "atr_14 / close"),
    Feature("natr_50", _V, WILDER_50, "Average true range, period 50 / close"),
    Feature("atr_ratio_14_50", _V, WILDER_50, "ATR 14 / ATR 50; 1 without movement", 2),
    Feature("natr_rank_100", _V, WILDER_14 + 99, "Share of the last 99 natr_14 below this one"),
    Feature("true_range_ratio", _V, 2, "True range / close"),
    Feature("log_range", _V, 1, "ln(high / low)"),
    Feature("bollinger_position_20", _V, 20, "(close - lower) / (upper - lower), 2 deviations", 2),
    Feature("bollinger_width_20", _V, 20, "(upper - lower) / middle (Bollinger 2001)"),
    Feature("historical_volatility_20", _V, 21, "Sample deviation of 20 log returns"),
    Feature("historical_volatility_60", _V, 61, "Sample deviation of 60 log returns"),
    Feature("realised_volatility_20", _V, 21, "Root mean square of 20 log returns"),
    Feature("realised_volatility_60", _V, 61, "Root mean square of 60 log returns"),
    Feature("volatility_ratio_20_60", _V, 61, "Realised volatility 20 / 60; 1 without movement", 2),
    Feature("volatility_ratio_60_ewma_200", _V, 1000, "Realised 60 / EWMA 200 (RiskMetrics 1996)"),
    Feature("parkinson_volatility_20", _V, 20, "From highs and lows (Parkinson 1980)"),
    Feature("garman_klass_volatility_20", _V, 20, "From all four prices (Garman, Klass 1980)"),
    Feature("downside_share_60", _V, 61, "Falling bars' share of realised variance, 60 bars"),
    Feature("sma_distance_20", _T, 20, "close / SMA 20 - 1"),
    Feature("sma_distance_50", _T, 50, "close / SMA 50 - 1"),
    Feature("sma_distance_200", _T, 200, "close / SMA 200 - 1"),
    Feature("ema_distance_12", _T, 60, "close / EMA 12 - 1"),
    Feature("ema_distance_26", _T, 130, "close / EMA 26 - 1"),
    Feature("ema_distance_50", _T, 250, "close / EMA 50 - 1"),
    Feature("ema_distance_200", _T, 1000, "close / EMA 200 - 1"),
    Feature("ema_slope_20", _T, WILDER_14, "(EMA 20 - EMA 20 five bars ago) / (5 ATR 14)", 2),
    Feature("ema_slope_50", _T, 255, "(EMA 50 - EMA 50 five bars ago) / (5 ATR 14)", 2),
    Feature("ema_spread_12_26", _T, WILDER_14, "(EMA 12 - EMA 26) / ATR 14", 2),
    Feature("ema_order", _T, 250, "+1 for EMA 12 > 26 > 50, -1 for the reverse, else 0", 2),
    Feature("plus_di_14", _T, WILDER_14, "+DI, 0..100 (Wilder 1978)"),
    Feature("minus_di_14", _T, WILDER_14, "-DI, 0..100 (Wilder 1978)"),
    Feature("adx_14", _T, ADX, "Average directional index, 0..100 (Wilder 1978)"),
    Feature("adxr_14", _T, ADXR, "(ADX + ADX 13 bars ago) / 2"),
    Feature("supertrend_direction", _T, SUPERTREND, "+1 above the line, -1 below (10, 3)"),
    Feature("supertrend_distance", _T, SUPERTREND, "(close - line) / the larger (Seban 2009)", 2),
    Feature("bars_since_supertrend_flip", _T, SUPERTREND, "Bars since it turned, at most 200"),
    Feature("ichimoku_tenkan_distance", _T, 9, "close / tenkan 9 - 1 (Hosoda 1969)"),
    Feature("ichimoku_kijun_distance", _T, 26, "close / kijun 26 - 1"),
    Feature("ichimoku_lead_spread", _T, 52, "(leading span A - B as of now) / close"),
    Feature("ichimoku_span_a_distance", _T, 52, "close / span A of 26 bars ago - 1"),
    Feature("ichimoku_span_b_distance", _T, 78, "close / span B of 26 bars ago - 1"),
    Feature("ichimoku_cloud_position", _T, 78, "+1 above the cloud, -1 below, 0 inside"),
    Feature("choppiness_14", _T, 15, "Choppiness, 0..100 (Dreiss 1993); 100 without range", 2),
    Feature("efficiency_ratio_10", _T, 11, "Net move / path over 10 bars (Kaufman 1995)"),
    Feature("efficiency_ratio_30", _T, 31, "Net move / path over 30 bars (Kaufman 1995)"),
    Feature("donchian_position_20", _T, 20, "(close - lowest) / (highest - lowest), 20 bars"),
    Feature("donchian_position_52", _T, 52, "(close - lowest) / (highest - lowest), 52 bars"),
    Feature("regression_slope_20", _T, 20, "Least-squares slope of 20 closes / close, per bar"),
    Feature("regression_r2_20", _T, 20, "R squared of that line"),
    Feature("autocorrelation_60", _T, 61, "First autocorrelation of 60 log returns, zero mean", 2),
    Feature("variance_ratio_5_60", _T, 61, "Mean squared 5-bar return / 5 mean squared return", 2),
    Feature("volume_to_median_20", _Q, 20, "Volume / median of 20, at most 100; 0/0 is 1"),
    Feature("log_volume_ratio", _Q, 101, "ln(volume / its EMA 20 one bar ago), -5..5; 0/0 is 0"),
    Feature("volume_ratio_4_20", _Q, 20, "Mean volume of 4 bars / of 20; 1 without volume"),
    Feature("vwap_distance_20", _Q, 20, "close / rolling VWAP 20 - 1; 0 without volume"),
    Feature("vwap_distance_60", _Q, 60, "close / rolling VWAP 60 - 1; 0 without volume"),
    Feature("obv_ratio_20", _Q, 21, "On-balance volume of 20 bars / volume (Granville 1963)"),
    Feature("mfi_14", _Q, 15, "Money flow index, 0..100 (Quong, Soudack 1989); 0/0 is 50"),
    Feature("chaikin_money_flow_20", _Q, 20, "Accumulation of 20 bars / volume (Chaikin)"),
    Feature("taker_buy_ratio", _Q, 1, "Taker buy volume / volume; 0.5 without", optional=True),
    Feature("mark_basis", _Q, 1, "mark price / close - 1", optional=True),
    Feature("funding_rate", _Q, 1, "Last settled funding rate", optional=True),
    Feature("time_of_day_sine", _C, 1, "Sine of the close's angle in a UTC day", period_ms=DAY_MS),
    Feature("time_of_day_cosine", _C, 1, "Cosine of it: 1 at midnight", period_ms=DAY_MS),
    Feature("time_of_week_sine", _C, 1, "Sine of the angle since Monday UTC", period_ms=WEEK_MS),
    Feature("time_of_week_cosine", _C, 1, "Cosine of it: 1 at its start", period_ms=WEEK_MS),
)

# In closed higher bars. At bar 28 the start still weighs 30 % in a Wilder mean. That is shorter
# than on the base bar on purpose: the top rung would need 9,000 base bars.
RUNG_WARM_UP = {
    "direction": (25, "Sign of ema_slope_20 beyond 0.02 ATR a bar", 2),
    "log_return_1": (2, "ln(close / close before)", 1),
    "rsi_14": (28, "Relative strength index, 0..100", 1),
    "adx_14": (28, "Average directional index, 0..100", 1),
    "ema_slope_20": (25, "(EMA 20 - EMA 20 five bars ago) / (5 ATR 14)", 2),
    "natr_14": (28, "Average true range / close", 1),
    "efficiency_ratio_10": (11, "Net move / path over 10 bars", 1),
}
RUNG_FEATURES = tuple(RUNG_WARM_UP)  # in the order that ``ladder.update_rung`` writes them

FEATURES: tuple[Feature, ...] = BASE_FEATURES + tuple(
    Feature(f"htf{rung}_{name}", "ladder", *RUNG_WARM_UP[name], multiple=multiple)
    for rung, multiple in enumerate(LADDER, start=1)
    for name in RUNG_FEATURES
)
FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
REQUIRED_NAMES: tuple[str, ...] = tuple(f.name for f in FEATURES if not f.optional)

# The kernel's output row: its flat order is the catalogue's.
OUTPUTS = np.dtype(
    [(feature.name, "f8") for feature in BASE_FEATURES]
    + [("ladder", "f8", (len(LADDER), len(RUNG_FEATURES)))]
)

FEATURE_SET_ID = hashlib.sha256(
    repr([(f.name, f.version, f.multiple, f.after_hole) for f in FEATURES]).encode()
).hexdigest()[:12]
