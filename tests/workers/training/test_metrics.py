"""Metrics: equal to scikit-learn's and to a plain loop; intervals that cover."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from schemas.timeframes import MINUTE_MS
from streams.costs import DEFAULT_COSTS
from workers.training.metrics import (
    StitchedRows,
    bootstrap_interval,
    brier_score,
    calibration_error,
    chance_of_no_edge,
    class_shares,
    log_loss,
    macro_f1,
    model_metrics,
    net_returns,
)


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    said = rng.dirichlet(np.ones(3), size=700)
    classes = (rng.random((700, 1)) > said.cumsum(axis=1)).sum(axis=1)
    return said, classes


def test_losses_equal_scikit_learn(rows):
    from sklearn import metrics

    said, classes = rows
    predicted = said.argmax(axis=1)

    assert log_loss(said, classes) == pytest.approx(metrics.log_loss(classes, said))
    assert brier_score(said, classes) == pytest.approx(
        metrics.brier_score_loss(classes, said, scale_by_half=False)
    )
    assert macro_f1(predicted, classes) == pytest.approx(
        metrics.f1_score(classes, predicted, average="macro")
    )


def test_macro_f1_is_over_the_classes_that_occur():
    from sklearn.metrics import f1_score

    predicted, classes = np.array([0, 1, 1, 2]), np.array([1, 1, 1, 0])

    expected = f1_score(classes, predicted, average="macro", labels=[0, 1], zero_division=0.0)
    assert macro_f1(predicted, classes) == pytest.approx(expected)
    assert macro_f1(np.array([], int), np.array([], int)) is None


def test_nothing_is_measured_without_rows():
    said, classes = np.empty((0, 3)), np.empty(0, np.int64)

    assert [f(said, classes) for f in (log_loss, brier_score, calibration_error)] == [None] * 3
    assert bootstrap_interval(lambda _: 0.0, classes, MINUTE_MS, 0) is None
    empty = StitchedRows(said, said, classes, np.empty(0), np.empty(0), classes, folds=0)
    metrics = model_metrics(empty, MINUTE_MS, 0)
    assert (metrics.rows, metrics.directional_calls) == (0, 0)
    assert (metrics.accuracy, metrics.log_loss, metrics.calibration_error) == (None, None, None)


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("count", [1, 50])
def test_one_row_and_one_class_have_finite_metrics(which, count):
    said, classes = np.tile([0.2, 0.5, 0.3], (count, 1)), np.full(count, which)
    flat = np.zeros(count)

    metrics = model_metrics(
        StitchedRows(said, said, classes, flat, flat, np.arange(count) * MINUTE_MS, folds=1),
        MINUTE_MS,
        0,
    )

    assert metrics.log_loss == pytest.approx(-np.log(said[0, which]))
    assert metrics.calibration_error == pytest.approx(abs(0.5 - (which == 1)))


def test_calibration_error_equals_a_plain_loop(rows):
    said, classes = rows
    expected = 0.0
    for low in range(10):
        inside = [
            (max(p), int(np.argmax(p) == c))
            for p, c in zip(said.tolist(), classes.tolist(), strict=True)
            if low / 10 <= max(p) < (low + 1) / 10
        ]
        if inside:
            confidence, right = (sum(column) / len(inside) for column in zip(*inside, strict=True))
            expected += len(inside) / len(classes) * abs(right - confidence)

    assert calibration_error(said, classes) == pytest.approx(expected)


def test_a_pool_that_is_always_right_and_certain_has_no_calibration_error():
    assert calibration_error(np.eye(3), np.arange(3)) == 0.0


def test_net_returns_pay_for_the_trade_and_for_funding():
    predicted = np.array([0, 1, 2, 2])
    forward, funding = np.array([-0.01, 0.5, 0.02, -0.01]), np.array([0.001, 0.0, 0.001, 0.0])

    found = net_returns(predicted, forward, funding)

    cost = DEFAULT_COSTS.round_trip
    assert found.tolist() == pytest.approx([0.011 - cost, 0.019 - cost, -0.01 - cost])


def test_no_class_has_a_prior_of_zero():
    assert class_shares(np.array([1, 1])).tolist() == pytest.approx([0.2, 0.6, 0.2])


def mean_of(values):
    return lambda rows: float(values[rows].mean())


def test_the_interval_of_a_mean_covers_as_often_as_it_says():
    covered = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        values = np.repeat(rng.normal(size=60), 20)  # twenty rows share one outcome
        times = np.arange(len(values)) * MINUTE_MS
        interval = bootstrap_interval(mean_of(values), times, 20 * MINUTE_MS, seed)
        assert interval is not None
        covered += interval[0] <= 0.0 <= interval[1]

    assert 80 <= covered <= 97  # 90 % asked for; a percentile bootstrap of 60 blocks is narrow


def test_symbols_of_one_time_are_drawn_together():
    times = np.tile(np.arange(40) * MINUTE_MS, 3)
    values = np.concatenate([np.arange(40.0)] * 3)

    one = bootstrap_interval(mean_of(values[:40]), times[:40], MINUTE_MS, 0)
    three = bootstrap_interval(mean_of(values), times, MINUTE_MS, 0)

    assert three == one


def test_too_few_blocks_have_no_interval():
    assert bootstrap_interval(len, np.arange(9) * MINUTE_MS, MINUTE_MS, 0) is None


def test_a_run_without_directional_calls_has_no_net_return():
    said = np.tile([0.1, 0.8, 0.1], (50, 1))
    prior = np.tile([0.2, 0.6, 0.2], (50, 1))
    stitched = StitchedRows(
        probabilities=said,
        priors=prior,
        classes=np.ones(50, int),
        forward=np.zeros(50),
        funding=np.zeros(50),
        times=np.arange(50) * MINUTE_MS,
        folds=3,
    )

    found = model_metrics(stitched, MINUTE_MS, seed=0)

    assert (found.directional_calls, found.net_return_per_signal) == (0, None)
    assert found.accuracy == 1.0
    assert found.log_loss_edge_interval is not None
    assert found.log_loss_edge_interval[0] > 0.0


def test_a_forecast_that_leans_and_tells_no_rows_apart_has_an_edge_but_no_resolution():
    """It beats the shares of its training in every block, because another class came more often."""
    rows = 400
    stitched = StitchedRows(
        probabilities=np.tile([0.2, 0.5, 0.3], (rows, 1)),
        priors=np.tile([0.3, 0.5, 0.2], (rows, 1)),
        classes=np.tile([2, 1, 2, 1, 0], rows // 5),
        forward=np.zeros(rows),
        funding=np.zeros(rows),
        times=np.arange(rows) * MINUTE_MS,
        folds=2,
    )

    found = model_metrics(stitched, 20 * MINUTE_MS, seed=0)

    assert found.log_loss_edge_interval is not None
    assert found.log_loss_edge_interval[0] > 0.0
    assert found.log_loss_resolution_interval == pytest.approx((0.0, 0.0), abs=1e-12)
    assert found.edge_p_value == pytest.approx(0.5, abs=0.01)


def test_the_chance_of_no_edge_is_that_of_the_worst_gain_by_a_t_test_on_blocks():
    rng = np.random.default_rng(4)
    times = np.arange(300) * MINUTE_MS
    gains = [rng.normal(mean, 1.0, 300) for mean in (0.4, 0.1)]

    found = chance_of_no_edge(gains, times, 15 * MINUTE_MS)

    blocks = [gain.reshape(20, 15).mean(axis=1) for gain in gains]
    tests = [ttest_1samp(each, 0.0, alternative="greater").pvalue for each in blocks]
    assert found == pytest.approx(max(tests))
    assert chance_of_no_edge(gains, times, 60 * MINUTE_MS) is None
