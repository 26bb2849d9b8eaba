"""Markets that break kernels: they stand still, hold noise, or hold what is no number at all."""

from __future__ import annotations

import multiprocessing
import re
from functools import cache

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from schemas.bounds import LARGEST, SMALLEST
from schemas.timeframes import MINUTE_MS
from streams.features import kernel
from streams.features.catalog import FEATURE_NAMES, FEATURES, OUTPUTS
from streams.features.kernel import COLUMNS, STATE, BarColumns, batch_features
from streams.features.rolling import RINGS

Floats = NDArray[np.float64]
CASES = [pytest.param(feature.name, id=feature.name) for feature in FEATURES]


def features_of_closes(closes: Floats, reach: float = 0.0) -> Floats:
    """Return the features of bars that open at the close before and reach a share beyond."""
    opens = np.concatenate([closes[:1], closes[:-1]])
    return batch_features(
        BarColumns.of(
            np.arange(1, len(closes) + 1),
            open=opens,
            high=np.maximum(opens, closes) * (1.0 + reach),
            low=np.minimum(opens, closes) * (1.0 - reach),
            close=closes,
            volume=np.ones(len(closes)),
            taker_buy_volume=np.full(len(closes), 0.5),
            mark_price=closes,
            funding_rate=np.zeros(len(closes)),
        )
    )


def column(values: Floats, name: str) -> Floats:
    return values[:, FEATURE_NAMES.index(name)]


@cache
def halted(quiet: int) -> Floats:
    """Return the features of 20,000 bars, of which some may be a halt."""
    rng = np.random.default_rng(5)
    moves = rng.standard_t(4, 20_000) * 0.001
    moves[12_000 : 12_000 + quiet] = 0.0
    return features_of_closes(100.0 * np.exp(np.cumsum(moves)))[2_000:]


@pytest.mark.parametrize("name", CASES)
def test_a_halt_does_not_lift_the_deviation_of_a_feature(name):
    usual, stopped = (column(halted(quiet), name) for quiet in (0, 600))

    assert stopped.std() <= 3.0 * usual.std() + 1e-12
    assert np.abs(stopped).max() <= 3.0 * np.abs(usual).max() + 1e-12


@pytest.mark.parametrize("bars", [400, 500, 1_000, 20_000])
def test_ratios_to_a_volatility_that_decays_fade_to_their_value_without_movement(bars):
    closes = np.concatenate([100.0 + 0.1 * (np.arange(2_000) % 7), np.full(bars, 100.3)])

    last = features_of_closes(closes)[-1]

    for name in ("ema_spread_12_26", "ema_slope_20", "ema_slope_50", "return_zscore_20", "cci_20"):
        assert abs(last[FEATURE_NAMES.index(name)]) < 1e-2, name
    assert last[FEATURE_NAMES.index("bollinger_position_20")] == pytest.approx(0.5)
    assert last[FEATURE_NAMES.index("volatility_ratio_20_60")] == pytest.approx(1.0)
    assert 0.0 < last[FEATURE_NAMES.index("atr_ratio_14_50")] <= 1.0


@settings(max_examples=30, deadline=None)
@given(close=st.floats(1e-8, 1e8))
@example(7.3)
def test_nothing_has_a_direction_where_the_price_is_constant(close):
    values = features_of_closes(np.full(300, close))

    for name in ("ema_order", "ema_slope_20", "ema_slope_50", "ema_spread_12_26", "macd_line"):
        shown = column(values, name)
        assert (shown[~np.isnan(shown)] == 0.0).all(), name


def test_order_of_averages_ends_some_time_after_the_last_move():
    rng = np.random.default_rng(0)
    closes = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.002, 1_000)))

    order = column(features_of_closes(np.append(closes, np.full(1_000, closes[-1]))), "ema_order")

    assert set(order[300:1_000]) == {-1.0, 0.0, 1.0}
    assert not order[-100:].any()


@pytest.mark.parametrize("side", [0.5, 2.0])
@pytest.mark.parametrize("reach", [0.0, 5e-5])
def test_choppiness_stays_within_its_scale_in_a_straight_fall_or_rise(side, reach):
    closes = np.linspace(100.0, 100.0 * side, 60)

    shown = column(features_of_closes(closes, reach), "choppiness_14")[15:]

    assert (shown >= 0.0).all()
    assert (shown <= 100.0).all()


@pytest.mark.parametrize("noise", [1e-16, 1e-12, 1e-7])
def test_a_move_before_a_window_of_noise_leaves_its_ratios_in_range(noise):
    rng = np.random.default_rng(3)
    closes = 100.0 * (1.0 + noise * rng.integers(-2, 3, 2_000))
    closes[: 2_000 - 62] *= 1.05

    values = features_of_closes(closes)[-10:]

    assert np.abs(column(values, "autocorrelation_60")).max() <= 1.0
    assert column(values, "variance_ratio_5_60").max() <= 5.4
    assert np.abs(column(values, "return_zscore_20")).max() <= 4.4
    assert np.abs(column(values, "cci_20")).max() <= 670.0


odd_values = st.sampled_from(
    [np.nan, np.inf, -np.inf, -0.0, 0.0, 5e-324, -5e-324, 2.2e-308, 1e-101, 1e101, 1.7e308, -1.0]
)


def some_bars(count: int = 90) -> dict[str, Floats]:
    rng = np.random.default_rng(1)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, count)))
    volume = rng.lognormal(0.0, 1.0, count)
    return {
        "open": close.copy(),
        "high": close * 1.01,
        "low": close * 0.99,
        "close": close,
        "volume": volume,
        "taker_buy_volume": 0.5 * volume,
        "mark_price": close.copy(),
        "funding_rate": np.zeros(count),
    }


@settings(max_examples=300, deadline=None)
@given(
    changes=st.lists(
        st.tuples(st.sampled_from(COLUMNS), st.integers(0, 89), odd_values), min_size=1, max_size=4
    )
)
@example([("volume", 0, np.nan)])
@example([("volume", 3, -0.0)])
def test_odd_values_are_refused_by_name_or_give_finite_features_and_nulls(changes):
    columns = some_bars()
    for name, t, value in changes:
        columns[name][t] = value

    try:
        bars = BarColumns.of(np.arange(1, 91), **columns)
    except ValueError as refused:
        message = str(refused)
    else:
        assert_finite_or_null(batch_features(bars))
        return

    assert re.match(r"\w+ of bar \d+ is \S+, expected ", message)


def assert_finite_or_null(values: Floats) -> None:
    assert not np.isinf(values).any()
    required = [i for i, f in enumerate(FEATURES) if not f.optional and f.multiple == 1]
    warm = [i for i in required if FEATURES[i].warm_up <= 85]
    assert np.isfinite(values[85:, warm]).all()


@pytest.mark.parametrize("scale", [SMALLEST * 2.0, 1e-20, 1e20, LARGEST / 300.0])
def test_prices_and_volumes_at_the_bounds_give_finite_features(scale):
    columns = {
        name: values if name == "funding_rate" else values * scale
        for name, values in some_bars(1_900).items()
    }
    columns["volume"] = np.maximum(columns["volume"], SMALLEST)

    values = batch_features(BarColumns.of(np.arange(1, 1_901), **columns))

    assert np.isfinite(values[1_850:]).all()


def test_a_missing_volume_is_told():
    columns = some_bars()
    del columns["volume"]

    with pytest.raises(ValueError, match="volume of bar 1 is nan, expected 0 or from 1e-100"):
        BarColumns.of(np.arange(1, 91), **columns)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("high", 1.0, "high of bar 3 is 1.0, expected at least open and close"),
        ("low", 500.0, "low of bar 3 is 500.0, expected at most open and close"),
        ("close", -0.0, "close of bar 3 is -0.0, expected from 1e-100"),
        ("mark_price", np.inf, "mark_price of bar 3 is inf, expected up to 1e"),
    ],
)
def test_a_bar_that_cannot_be_is_refused_by_name(name, value, message):
    columns = some_bars()
    columns[name][2] = value

    with pytest.raises(ValueError, match=message):
        BarColumns.of(np.arange(1, 91), **columns)


@pytest.mark.parametrize("index", [[0, 1], [2, 2], [5, 4]])
def test_bars_out_of_order_are_refused(index):
    with pytest.raises(ValueError, match=r"close_index of bar . is ., expected ascending, from 1"):
        BarColumns.of(index, **{name: values[:2] for name, values in some_bars().items()})


def run_unchecked() -> None:
    """Run the kernel itself on what the boundary refuses: it may be wrong, it must return."""
    rng = np.random.default_rng(9)
    odd = np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324, 1.7e308, -1.0, 0.0])
    for _ in range(200):
        columns = np.stack(list(some_bars(60).values()))
        places = rng.integers(0, columns.size, 20)
        columns.reshape(-1)[places] = rng.choice(odd, 20)
        rows = np.empty((60, len(FEATURE_NAMES)))
        state, rings = np.zeros(1, STATE), np.zeros(1, RINGS)
        out = rows.reshape(-1).view(OUTPUTS)
        kernel.batch(state, rings, columns, np.arange(1, 61), MINUTE_MS, out, rows)


def test_no_number_ends_the_process():
    child = multiprocessing.get_context("spawn").Process(target=run_unchecked)
    child.start()
    child.join()

    assert child.exitcode == 0
