"""Dataset: features as they were served; no bar of it knows a later one."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.timeframes import DAY_MS, HOUR_MS, MINUTE_MS
from tests.build import close_time, features
from workers.training.dataset import FeatureSeries, collect_series, without_rare_clocks
from workers.training.table import LabelPlan, Windows, build_table

NAMES = ("log_return_1", "realised_volatility_60")
PLAN = LabelPlan(horizon_bars=2)


def vector(minute, symbol="BTCUSDT", value=0.5, **fields):
    return features(
        minute, symbol, log_return_1=value, realised_volatility_60=0.001, adx_14=20.0
    ).model_copy(update=fields)


def of(vectors):
    return collect_series(vectors, NAMES, ("adx_14",))


def test_columns_follow_the_model_not_the_vector():
    one = of([vector(m, value=float(m)) for m in range(3)])["BTCUSDT"]

    assert one.column("log_return_1").tolist() == [0.0, 1.0, 2.0]
    assert one.rows.shape == (3, 2)
    assert one.observed.tolist() == [[20.0]] * 3
    assert one.times.tolist() == [close_time(m) for m in range(3)]


def test_what_repeats_or_runs_backwards_is_left_out():
    one = of([vector(0), vector(1), vector(1, value=9.0), vector(0, value=9.0), vector(2)])

    assert one["BTCUSDT"].times.tolist() == [close_time(m) for m in range(3)]
    assert one["BTCUSDT"].column("log_return_1").tolist() == [0.5] * 3


def test_symbols_come_in_one_order_whatever_the_topic_gave():
    mixed = [vector(0, "ETHUSDT"), vector(0, "BTCUSDT")]

    assert list(of(mixed)) == list(of(mixed[::-1])) == ["BTCUSDT", "ETHUSDT"]


def test_a_null_is_missing_and_a_hole_or_a_null_ends_a_run():
    minutes = [0, 1, 2, 4, 5, 6]
    one = of([vector(m, value=None if m == 5 else 1.0) for m in minutes])["BTCUSDT"]

    assert np.isnan(one.column("log_return_1")).tolist() == [False] * 4 + [True, False]
    assert one.run_lengths().tolist() == [1, 2, 3, 1, 0, 1]


def test_a_value_that_xgboost_cannot_hold_ends_a_run_as_a_null_does():
    one = of([vector(m, value=1e39 if m == 1 else 1.0) for m in range(4)])["BTCUSDT"]

    assert one.run_lengths().tolist() == [1, 0, 1, 2]


def test_only_a_new_stamp_is_a_settlement():
    stamps = [None, 1, 1, 2, 2, 3]
    vectors = [
        vector(m, funding_time_ms=stamp, funding_rate=None if stamp is None else 0.001 * stamp)
        for m, stamp in enumerate(stamps)
    ]

    assert np.round(of(vectors)["BTCUSDT"].funding, 9).tolist() == [0, 0, 0, 0.002, 0.002, 0.005]


def test_the_future_changes_no_earlier_row():
    vectors = [vector(m, value=float(m), funding_time_ms=m // 3 + 1) for m in range(30)]
    changed = [*vectors[:20], *(vector(m, value=99.0, funding_time_ms=77) for m in range(20, 30))]

    before, after = of(vectors)["BTCUSDT"], of(changed)["BTCUSDT"]

    for name in ("rows", "observed", "open", "close", "funding", "times"):
        np.testing.assert_array_equal(getattr(before, name)[:20], getattr(after, name)[:20])
    np.testing.assert_array_equal(before.run_lengths()[:20], after.run_lengths()[:20])


def test_usable_rows_have_a_whole_window_of_their_own_symbol_and_a_label():
    symbols = {"BTCUSDT": range(8), "ETHUSDT": range(6)}
    vectors = [vector(m, symbol) for symbol, minutes in symbols.items() for m in minutes]

    table = build_table(of(vectors), PLAN, window=3)

    assert table.usable.tolist() == [2, 3, 4, 5, 10, 11]
    assert table.timeframe_ms == MINUTE_MS
    assert (table.known_at - table.times == 2 * MINUTE_MS).all()


def test_windows_end_with_their_row_oldest_first():
    rows = np.arange(10.0)[:, None]

    found = Windows(rows, np.array([3, 9]), 3).take(np.array([1, 0]))

    assert found[:, :, 0].tolist() == [[7.0, 8.0, 9.0], [1.0, 2.0, 3.0]]


def clocked(days: float, timeframe_ms: int) -> FeatureSeries:
    times = timeframe_ms * np.arange(int(days * DAY_MS / timeframe_ms) + 1)
    rows = np.column_stack((np.zeros(len(times)), times, times + 1.0))
    names = ("a", "time_of_day_sine", "time_of_week_sine")
    prices = np.ones(len(times))
    return FeatureSeries("BTCUSDT", timeframe_ms, names, times, rows, rows[:, :1], *[prices] * 6)


@pytest.mark.parametrize(
    ("days", "timeframe_ms", "kept"),
    [
        (11.9, HOUR_MS, ()),
        (12, HOUR_MS, ("time_of_day_sine",)),
        (83.9, HOUR_MS, ("time_of_day_sine",)),
        (84, HOUR_MS, ("time_of_day_sine", "time_of_week_sine")),
        (365, DAY_MS, ("time_of_week_sine",)),
    ],
)
def test_a_clock_counts_where_it_comes_round_often_and_not_with_every_bar(days, timeframe_ms, kept):
    whole = clocked(days, timeframe_ms)

    (one,) = without_rare_clocks({"BTCUSDT": whole}).values()

    assert one.names == ("a", *kept)
    for name in one.names:
        np.testing.assert_array_equal(one.column(name), whole.column(name))
