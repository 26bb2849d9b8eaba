"""Indicators: equal to a library or their definition, causal, finite, and honest when flat."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from workers.research.indicators import INDICATORS, SIGNAL_TYPES, indicator, position

NAMES = [row.name for row in INDICATORS]
WINDOWS = (2, 3, 14, 20, 63, 64, 65, 200)


def walk(count=1500, seed=1, start=30_000.0):
    return start * np.exp(np.cumsum(np.random.default_rng(seed).standard_t(4, count) * 0.01))


def bollinger(x, w):  # by NumPy: TA-Lib squares first, and loses 9 digits over windows of 2 and 3
    windows = sliding_window_view(x, w)
    z = (windows[:, -1] - windows.mean(axis=1)) / windows.std(axis=1)
    return np.concatenate([np.full(w - 1, np.nan), z])


def lowest(x, w):
    return np.concatenate([np.full(w - 1, np.nan), sliding_window_view(x, w).min(axis=1)])


def place(x, w):
    return 2.0 * (x - lowest(x, w)) / (-lowest(-x, w) - lowest(x, w)) - 1.0


def ranked(x, w):
    rank = pd.Series(x).rolling(w).rank(method="average").to_numpy()
    return 2.0 * (rank - 1.0) / (w - 1.0) - 1.0


OUTSIDE = {
    "bollinger_z": bollinger,
    "sma_distance": lambda x, w: x / pd.Series(x).rolling(w).mean().to_numpy() - 1.0,
    "ema_distance": lambda x, w: x / talib.EMA(x, w) - 1.0,
    "rsi": lambda x, w: talib.RSI(x, w) - 50.0,
    "roc": talib.ROCP,
    "min_max": place,
    "percentile_rank": ranked,
}


@pytest.mark.parametrize("name", NAMES)
def test_indicator_equals_another_library_over_every_window(name):
    x = walk()

    ours = indicator(name, x, WINDOWS)

    for row, window in enumerate(WINDOWS):
        np.testing.assert_allclose(ours[row], OUTSIDE[name](x, window), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_a_window_gives_the_same_bits_alone_and_among_others(name):
    x = walk(600)

    together = indicator(name, x, WINDOWS)

    alone = np.concatenate([indicator(name, x, (window,)) for window in WINDOWS])
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("name", NAMES)
def test_the_future_changes_no_earlier_value(name):
    x = walk(400)
    other = x.copy()
    other[300:] *= 3.0

    before, after = indicator(name, x, (5, 50)), indicator(name, other, (5, 50))

    np.testing.assert_array_equal(before[:, :300], after[:, :300])


@pytest.mark.parametrize("name", NAMES)
def test_flat_values_ask_for_no_position_and_nothing_is_infinite(name):
    x = np.concatenate([walk(40), np.full(60, 7.1), walk(40), np.zeros(60), walk(40)])

    values = indicator(name, x, (2, 10))

    assert not np.isinf(values).any()
    still = np.r_[55:100, 155:200]
    if name == "ema_distance":  # an exponential mean nears a still value, it never arrives
        assert np.nanmax(np.abs(values[:, 98])) < 0.05
    else:
        assert not position(values[:, still], 0.0, "momentum").any()


@pytest.mark.parametrize("name", NAMES)
@given(st.lists(st.sampled_from([0.0, 1e-9, 1.0, 1.0 + 1e-12, 3e4, -5.0, 1e12]), max_size=60))
def test_no_values_make_an_indicator_infinite_or_leave_its_range(name, x):
    row = next(row for row in INDICATORS if row.name == name)

    values = indicator(name, np.array(x, dtype=np.float64), (2, 7, 30))

    assert values.shape == (3, len(x))
    assert not np.isinf(values).any()
    known = values[np.isfinite(values)]
    assert row.low is None or (known >= row.low - 1e-9).all()
    assert row.high is None or (known <= row.high + 1e-9).all()


def test_a_spike_that_left_the_window_leaves_no_trace():
    x = 1.0 + 1e-3 * np.sin(np.arange(400.0))
    x[100] = 1e9

    values = indicator("bollinger_z", x, (20,))[0]

    windows = sliding_window_view(x, 20)[101:]
    exact = (windows[:, -1] - windows.mean(axis=1)) / windows.std(axis=1)
    np.testing.assert_allclose(values[120:], exact, atol=1e-8)


def test_an_indicator_begins_with_the_first_value():
    x = walk(100)

    late = indicator("bollinger_z", np.concatenate([np.full(30, np.nan), x]), (10,))[0]

    assert np.isnan(late[:39]).all()
    np.testing.assert_array_equal(late[30:], indicator("bollinger_z", x, (10,))[0])


def test_a_window_longer_than_the_bars_has_no_value():
    for name in NAMES:
        assert np.isnan(indicator(name, walk(50), (10, 500))[1]).all()


@pytest.mark.parametrize("windows", [(), (1,), (20, 10), (5, 5)])
def test_windows_out_of_order_are_refused(windows):
    with pytest.raises(ValueError, match="ascending windows"):
        indicator("roc", walk(50), windows)


@pytest.mark.parametrize(
    ("signal_type", "expected"),
    [
        ("momentum", [1, 0, 0, 0, -1, 0]),
        ("momentum_long", [1, 0, 0, 0, 0, 0]),
        ("reversion", [-1, 0, 0, 0, 1, 0]),
        ("reversion_long", [0, 0, 0, 0, 1, 0]),
    ],
)
def test_positions_are_taken_beyond_the_threshold_only(signal_type, expected):
    values = np.array([2.1, 2.0, 0.0, -2.0, -2.1, np.nan])

    assert position(values, 2.0, signal_type).tolist() == expected


def test_every_signal_type_is_described_by_its_two_sides():
    for row in SIGNAL_TYPES:
        assert position(np.array([3.0, -3.0]), 1.0, row.name).tolist() == [row.above, row.below]


def test_a_negative_threshold_is_refused():
    with pytest.raises(ValueError, match=r"signal -1 is negative"):
        position(np.zeros(3), -1.0, "momentum")
