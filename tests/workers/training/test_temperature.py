"""Calibration: scikit-learn's temperature for equal priors, the prior where nothing is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.models.ensemble import calibrate
from workers.training.metrics import log_loss
from workers.training.temperature import MAX_TEMPERATURE, MIN_TEMPERATURE, fit_temperature

EQUAL = np.full(3, 1 / 3)
PRIOR = np.array([0.2, 0.5, 0.3])


def overconfident(count=4_000, sharpness=2.5, seed=0):
    """Return pooled probabilities that say too much, and what came true."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(count, 3))
    truth = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    classes = (rng.random((count, 1)) > truth.cumsum(axis=1)).sum(axis=1)
    said = np.exp(sharpness * logits)
    return said / said.sum(axis=1, keepdims=True), classes


@pytest.mark.parametrize(
    ("said", "classes", "overlap", "message"),
    [
        (np.empty((0, 3)), np.empty(0, np.int64), 1.0, "0 probabilities and 0 classes, expected"),
        (np.full((2, 3), 1 / 3), np.zeros(1, np.int64), 1.0, "2 probabilities and 1 classes"),
        (np.full((1, 3), 1 / 3), np.zeros(1, np.int64), 0.0, "overlap is 0.0, expected more"),
        (np.full((1, 3), 1 / 3), np.zeros(1, np.int64), np.nan, "overlap is nan, expected more"),
    ],
)
def test_nothing_to_fit_to_is_refused(said, classes, overlap, message):
    with pytest.raises(ValueError, match=message):
        fit_temperature(said, EQUAL, classes, overlap)


@pytest.mark.parametrize("count", [1, 500])
def test_one_row_or_one_class_gives_a_temperature_in_range(count):
    said = np.tile([0.2, 0.5, 0.3], (count, 1))

    for which in range(3):
        fitted = fit_temperature(said, EQUAL, np.full(count, which), overlap=1.0)

        assert MIN_TEMPERATURE <= fitted <= MAX_TEMPERATURE


def test_equals_scikit_learn_where_priors_are_equal_and_rows_are_many():
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    class Said(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
        classes_ = np.arange(3)

        def fit(self, *_):
            return self

        def __sklearn_is_fitted__(self):
            return True

        def predict(self, logits):
            return logits.argmax(axis=1)

        def decision_function(self, logits):
            return logits

    said, classes = overconfident()
    peer = CalibratedClassifierCV(FrozenEstimator(Said()), method="temperature")
    peer.fit(np.log(said), classes)

    temperature = fit_temperature(said, EQUAL, classes, overlap=1e-6)

    expected = peer.predict_proba(np.log(said))
    np.testing.assert_allclose(calibrate(said, EQUAL, temperature), expected, atol=2e-4)
    assert temperature == pytest.approx(2.5, rel=0.1)


def test_few_rows_leave_the_pool_nearly_as_it_is():
    said, classes = overconfident(count=60)

    assert fit_temperature(said, EQUAL, classes, overlap=60.0) == pytest.approx(1.0, abs=0.25)


def test_a_pool_without_evidence_is_drawn_to_the_prior():
    rng = np.random.default_rng(1)
    said = rng.dirichlet(5.0 * PRIOR, size=20_000)
    classes = rng.choice(3, size=len(said), p=PRIOR)

    temperature = fit_temperature(said, PRIOR, classes, overlap=1.0)

    final = calibrate(said, PRIOR, temperature)
    assert temperature > 10.0
    assert log_loss(final, classes) == pytest.approx(
        log_loss(np.tile(PRIOR, (len(said), 1)), classes), abs=5e-3
    )


@given(st.floats(MIN_TEMPERATURE, MAX_TEMPERATURE), st.integers(0, 1000))
def test_calibrated_rows_are_distributions_between_pool_and_prior(temperature, seed):
    said = np.random.default_rng(seed).dirichlet(np.ones(3), size=5)

    final = calibrate(said, PRIOR, temperature)

    np.testing.assert_allclose(final.sum(axis=1), 1.0)
    np.testing.assert_allclose(calibrate(said, PRIOR, 1.0), said, atol=1e-9)
    np.testing.assert_allclose(calibrate(said, PRIOR, 1e9), np.tile(PRIOR, (5, 1)), atol=1e-6)
    evidence = (said / PRIOR).argmax(axis=1)
    assert ((final / PRIOR).argmax(axis=1) == evidence).all()


def test_a_member_that_is_certain_and_wrong_stays_finite():
    said = np.array([[1.0, 0.0, 0.0]])

    assert np.isfinite(np.log(calibrate(said, PRIOR, 1.0))).all()
