"""Every indicator: equal to an independent definition, exact in warm-up, blind to the future."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from schemas.timeframes import HOUR_MS
from streams.features.catalog import FEATURE_NAMES, FEATURES, REQUIRED_NAMES, Feature
from streams.features.kernel import COLUMNS, BarColumns, batch_features
from tests.conformance.indicator_oracles import ORACLES, MarketColumns, Series
from tests.real_data import real_file

CASES = [pytest.param(feature, id=feature.name) for feature in FEATURES]
TOLERANCE = 1e-10  # absolute for ratios and scales of 100, relative for prices


def walk(bars: int = 2600, seed: int = 1, first: int = 1) -> MarketColumns:
    """Return a random walk from 100 with fat tails; bar ``first`` counts from the UTC epoch."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.standard_t(4, bars) * 0.002))
    before = np.concatenate([[100.0], close[:-1]])
    reach = np.abs(rng.normal(0.0, 0.001, (2, bars)))
    volume = rng.lognormal(3.0, 1.0, bars)
    return MarketColumns(
        np.arange(first, first + bars),
        before,
        np.maximum(before, close) * np.exp(reach[0]),
        np.minimum(before, close) * np.exp(-reach[1]),
        close,
        volume,
        volume * rng.random(bars),
        close * np.exp(rng.normal(0.0, 1e-4, bars)),
        rng.normal(0.0, 1e-4, bars),
    )


def bitcoin() -> MarketColumns:
    """Return 6,000 hours of 2021, the crash of May among them."""
    import pandas as pd

    frame = pd.read_parquet(real_file("ohlcv/BTCUSDT_perp_1h.parquet")).iloc[12_000:18_000]
    hours = frame["date"].dt.tz_convert(None).to_numpy("datetime64[h]").astype(np.int64)
    absent = np.full(len(frame), np.nan)
    columns = [frame[name].to_numpy(np.float64) for name in COLUMNS[:5]] + 3 * [absent]
    return MarketColumns(hours + 1, *columns)


def kernel(market: MarketColumns) -> Series:
    return batch_features(
        BarColumns.of(market.close_index, **{name: getattr(market, name) for name in COLUMNS})
    )


@pytest.fixture(scope="module")
def walked() -> tuple[MarketColumns, Series]:
    market = walk()
    return market, kernel(market)


@pytest.fixture(scope="module")
def real() -> tuple[MarketColumns, Series]:
    market = bitcoin()
    return market, kernel(market)


def test_every_feature_has_an_oracle_and_a_name_of_its_own():
    assert sorted(ORACLES) == sorted(FEATURE_NAMES)
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES) >= 60


def assert_equal_to_oracle(feature: Feature, market: MarketColumns, values: Series) -> None:
    ours = values[:, FEATURE_NAMES.index(feature.name)]
    with np.errstate(invalid="ignore", divide="ignore"):
        theirs = ORACLES[feature.name](market)
    warm = slice(feature.first_bar(int(market.close_index[0])) - 1, None)
    scale = market.close[warm] if feature.price_degree else 1.0

    assert np.isfinite(ours[warm]).all()
    assert np.abs((ours[warm] - theirs[warm]) / scale).max() <= TOLERANCE


@pytest.mark.parametrize("feature", CASES)
def test_equals_its_oracle_on_a_random_walk(feature, walked):
    market, values = walked

    assert_equal_to_oracle(feature, market, values)


@pytest.mark.parametrize(
    "feature", [pytest.param(f, id=f.name) for f in FEATURES if not f.optional]
)
def test_equals_its_oracle_on_bitcoin(feature, real):
    market, values = real

    assert_equal_to_oracle(feature, market, values)


@cache
def has_values(first: int) -> NDArray[np.bool_]:
    return ~np.isnan(kernel(walk(bars=1800, first=first)))


@pytest.mark.parametrize("feature", CASES)
@pytest.mark.parametrize("first", [1, 8, 61, 119])
def test_first_value_is_at_the_declared_bar(feature, first):
    has_value = has_values(first)[:, FEATURE_NAMES.index(feature.name)]

    assert np.flatnonzero(has_value)[0] + 1 == feature.first_bar(first)
    assert has_value[feature.first_bar(first) - 1 :].all()


def test_a_cut_or_changed_future_changes_no_past_value(walked):
    market, values = walked
    wild = walk(seed=2).scaled(price=3.0, volume=7.0)

    for cut in (1, 14, 64, 257, 1000, 1805, 2599):
        past, future = market.rows(slice(None, cut)), wild.rows(slice(cut, None))
        changed = MarketColumns(
            *(np.concatenate([getattr(past, n), getattr(future, n)]) for n in vars(market))
        )
        assert np.array_equal(kernel(past), values[:cut], equal_nan=True)
        assert np.array_equal(kernel(changed)[:cut], values[:cut], equal_nan=True)


@pytest.mark.parametrize("power", [-40, 20])
def test_no_value_depends_on_the_price_level(power, walked):
    market, values = walked
    degrees = np.array([feature.price_degree for feature in FEATURES])

    scaled = kernel(market.scaled(price=2.0**power))

    # A power of two shifts no digit, so the bits must agree, at a price of 1e-10 too.
    assert np.array_equal(scaled, values * 2.0 ** (power * degrees), equal_nan=True)


def test_no_value_depends_on_the_unit_of_volume(walked):
    market, values = walked

    assert np.array_equal(kernel(market.scaled(volume=2.0**30)), values, equal_nan=True)


@cache
def flat(volume: float, bars: int = 2000) -> Series:
    """Return the last features of a market whose price never moves."""
    price, traded = np.full(bars, 0.1), np.full(bars, volume)
    basis = (traded / 2.0, price, np.zeros(bars))
    market = MarketColumns(np.arange(1, bars + 1), price, price, price, price, traded, *basis)
    last: Series = kernel(market)[-1]
    return last


IN_A_FLAT_MARKET = {
    "close_location": 0.5,
    "rsi_7": 50.0,
    "rsi_14": 50.0,
    "stochastic_k_14": 50.0,
    "stochastic_d_14": 50.0,
    "atr_ratio_14_50": 1.0,
    "bollinger_position_20": 0.5,
    "volatility_ratio_20_60": 1.0,
    "volatility_ratio_60_ewma_200": 1.0,
    "downside_share_60": 0.5,
    "choppiness_14": 100.0,
    "donchian_position_20": 0.5,
    "donchian_position_52": 0.5,
    "variance_ratio_5_60": 1.0,
    "supertrend_direction": 1.0,
    "bars_since_supertrend_flip": 200.0,
    "volume_to_median_20": 1.0,
    "volume_ratio_4_20": 1.0,
    "mfi_14": 50.0,
    "taker_buy_ratio": 0.5,
    "time_of_day_sine": np.sin(2.0 * np.pi * 560 / 1_440),
    "time_of_day_cosine": np.cos(2.0 * np.pi * 560 / 1_440),
    "time_of_week_sine": np.sin(2.0 * np.pi * 6_320 / 10_080),  # the epoch began on a Thursday
    "time_of_week_cosine": np.cos(2.0 * np.pi * 6_320 / 10_080),
    "htf1_rsi_14": 50.0,
    "htf2_rsi_14": 50.0,
    "htf3_rsi_14": 50.0,
}


@pytest.mark.parametrize("volume", [5.0, 0.0])
@pytest.mark.parametrize("feature", CASES)
def test_zero_over_zero_has_its_documented_value(feature, volume):
    value = flat(volume)[FEATURE_NAMES.index(feature.name)]

    # The mean of equal prices may differ from them by a rounding, nothing more.
    assert value == pytest.approx(IN_A_FLAT_MARKET.get(feature.name, 0.0), abs=1e-14)


def test_optional_features_are_null_without_their_source_and_no_other_is():
    market = walk(bars=1900)

    values = batch_features(
        BarColumns.of(market.close_index, **{name: getattr(market, name) for name in COLUMNS[:5]})
    )

    null = {name for name, value in zip(FEATURE_NAMES, values[-1], strict=True) if np.isnan(value)}
    assert null == set(FEATURE_NAMES) - set(REQUIRED_NAMES)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    roughness=st.sampled_from([0.0, 1e-6, 0.003, 0.3]),
    silent=st.floats(0.0, 1.0),
)
def test_warm_values_are_finite_and_in_range_in_any_market(seed, roughness, silent):
    rng = np.random.default_rng(seed)
    bars = 2000
    moves = rng.standard_t(2, bars) * roughness * (rng.random(bars) > silent)
    close = 100.0 * np.exp(np.cumsum(np.clip(moves, -2.0, 2.0)))
    before = np.concatenate([[100.0], close[:-1]])
    volume = rng.lognormal(3.0, 3.0, bars) * (rng.random(bars) > silent)
    high, low = np.maximum(before, close), np.minimum(before, close)
    taker, ones = volume * rng.random(bars), np.ones(bars)
    market = MarketColumns(
        np.arange(1, bars + 1), before, high, low, close, volume, taker, ones, 0.0 * ones
    )

    warm = kernel(market)[1700:]

    assert np.isfinite(warm).all()
    for names, lower, upper in RANGES:
        within = warm[:, [FEATURE_NAMES.index(name) for name in names]]
        assert within.min() >= lower - 1e-9
        assert within.max() <= upper + 1e-9


RANGES = (
    (("choppiness_14", "plus_di_14", "minus_di_14", "rsi_7", "stochastic_d_14"), 0.0, 100.0),
    (("return_zscore_20",), -(19.0**0.5), 19.0**0.5),
    (("bollinger_position_20",), 0.5 - 19.0**0.5 / 4.0, 0.5 + 19.0**0.5 / 4.0),
    (("cci_20",), -2000.0 / 3.0, 2000.0 / 3.0),
    (("atr_ratio_14_50",), 0.0, 50.0 / 14.0),
    (("volatility_ratio_20_60",), 0.0, 3.0**0.5),
    (("volatility_ratio_60_ewma_200",), 0.0, (100.5 / 60.0 * (201.0 / 199.0) ** 59) ** 0.5),
    (("autocorrelation_60", "supertrend_distance"), -1.0, 1.0),
    (("variance_ratio_5_60",), 0.0, 5.0 * 60.0 / 56.0),
    (("rsi_14", "stochastic_k_14", "adx_14", "adxr_14", "mfi_14", "htf3_adx_14"), 0.0, 100.0),
    (("close_location", "natr_rank_100", "downside_share_60", "regression_r2_20"), 0.0, 1.0),
    (("efficiency_ratio_10", "donchian_position_20", "htf1_efficiency_ratio_10"), 0.0, 1.0),
    (("obv_ratio_20", "chaikin_money_flow_20", "ema_order", "htf1_direction"), -1.0, 1.0),
    (("volume_to_median_20",), 0.0, 100.0),
    (("log_volume_ratio",), -5.0, 5.0),
    (("time_of_day_sine", "time_of_week_cosine"), -1.0, 1.0),
)


def test_the_clock_reads_the_close_of_bars_of_any_length():
    closes = np.datetime64("2024-02-26T00:00", "h") + np.arange(0, 24 * 8, 4)  # from a Monday on
    index = closes.astype(np.int64) // 4
    ones = np.ones(len(index))
    columns = dict.fromkeys(("open", "high", "low", "close", "volume"), ones)

    values = batch_features(BarColumns.of(index, 4 * HOUR_MS, **columns))

    for name, hours in (("day", 24), ("week", 168)):
        sine, cosine = (
            values[:, FEATURE_NAMES.index(f"time_of_{name}_{part}")] for part in ("sine", "cosine")
        )
        shown = np.arctan2(sine, cosine) * hours / (2.0 * np.pi) % hours
        np.testing.assert_allclose(shown, np.arange(0, 24 * 8, 4) % hours, atol=1e-9)
