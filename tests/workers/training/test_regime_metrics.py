"""Named regimes against true ones, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from workers.training.regime_metrics import regime_score, switch_lags, switches

TRUTH = np.array([0, 0, 0, 1, 1, 1, 2, 2, 0, 0])


def test_lag_counts_bars_until_the_new_regime_is_named_and_is_infinite_for_one_never_named():
    named = np.array([0, 0, 0, 0, 1, 1, 1, 1, 0, 0])

    assert switch_lags(named, TRUTH).tolist() == [1.0, np.inf, 0.0]


def test_lag_without_a_change_is_infinite():
    assert switch_lags(TRUTH[:3], TRUTH[:3]).tolist() == [np.inf]


def test_perfect_probabilities_have_no_error_no_loss_and_one_switch_for_each():
    score = regime_score([np.eye(3)[TRUTH], np.eye(3)[TRUTH]], [TRUTH, TRUTH])

    assert (score.calibration_error, score.balanced_accuracy, score.switches) == (0.0, 1.0, 1.0)
    assert score.log_loss == pytest.approx(0.0)
    assert score.lag_bars == 0.0


def test_uniform_probabilities_lose_the_log_of_three():
    score = regime_score([np.full((10, 3), 1 / 3)], [TRUTH])

    assert score.log_loss == pytest.approx(np.log(3.0))


def test_switches_count_changes():
    assert switches(TRUTH) == 3
