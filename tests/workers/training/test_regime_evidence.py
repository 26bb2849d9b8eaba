"""The evidence of a bar: simulated features have the fitted moments, chances are frequencies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.signal import lfilter

from streams.features.catalog import FEATURE_NAMES
from streams.regimes.hamilton import SMALLEST_SCALE
from workers.training.baum_welch import (
    HiddenMarkovModel,
    ObservationSequences,
    expectation_step,
    maximisation_step,
    powered_transition,
)
from workers.training.regime_evidence import (
    BASIS,
    SIMULATED_BARS,
    VOLATILITY,
    RegimeMarket,
    _features,
    as_read,
    autocorrelation_time,
    fit_calibration,
)

CHAIN = np.full((3, 3), 0.002) + 0.994 * np.eye(3)
NAMES = (VOLATILITY, "log_range", "sma_distance_200", BASIS)


def market() -> RegimeMarket:
    location = np.array(
        [[-7.6, -7.0, 5e-4, 6e-4], [-6.6, -6.0, -1e-3, -4e-4], [-8.2, -7.6, 0.0, 0.0]]
    )
    scale = np.array([[0.3, 0.5, 2e-3, 3e-4]] * 3)
    model = HiddenMarkovModel(np.full(3, 1 / 3), CHAIN, location, scale, np.full(3, math.inf))
    return RegimeMarket(
        NAMES, model, np.array([2e-5, -4e-5, 0.0]), np.array([60.0, 9.0, 99.0, 80.0])
    )


def test_simulated_features_have_the_moments_of_the_fit_in_each_regime():
    law = market()

    regimes, seen = law.simulate(SIMULATED_BARS, seed=3)

    assert seen.shape == (len(regimes), len(NAMES))
    assert np.isfinite(seen).all()
    for k in range(3):
        rows = seen[regimes == k]
        assert rows[:, 0].mean() == pytest.approx(law.model.location[k, 0], abs=0.15)
        assert rows[:, 3].mean() == pytest.approx(law.model.location[k, 3], abs=1.5e-4)


def test_same_seed_draws_the_same_market_and_another_one_does_not():
    first, again, other = (market().simulate(2_000, seed) for seed in (1, 1, 2))

    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])


@pytest.mark.parametrize("phi", [0.0, 0.8, 0.96])
def test_autocorrelation_time_is_that_of_an_autoregression(phi):
    noise = np.random.default_rng(5).standard_normal(60_000)

    time = autocorrelation_time(lfilter([1.0], [1.0, -phi], noise))

    assert time == pytest.approx((1.0 + phi) / (1.0 - phi), rel=0.2)


def test_autocorrelation_time_of_a_constant_is_one():
    assert autocorrelation_time(np.zeros(100)) == 1.0


@pytest.mark.parametrize("power", [1.0, 3.0])
def test_calibration_finds_how_often_a_posterior_is_right(power):
    rng = np.random.default_rng(7)
    honest = rng.dirichlet(np.ones(3), 20_000)
    regimes = np.array([rng.choice(3, p=row) for row in honest])
    boasting = honest**power / (honest**power).sum(axis=1, keepdims=True)

    slope, exponent = fit_calibration(boasting, regimes)

    assert slope == pytest.approx(1.0 / power, rel=0.15)
    assert exponent == pytest.approx(1.0, rel=0.15)


def test_scales_are_read_by_their_logarithm_and_nothing_else_is():
    read = as_read(np.array([[math.e, 0.0, -2.0, 3.0], [-1.0, 1.0, 0.0, math.nan]]), NAMES)

    assert read[0, [0, 2, 3]] == pytest.approx([1.0, -2.0, 3.0])
    assert read[1, [1, 2]] == pytest.approx([0.0, 0.0])
    assert read[[0, 1], [1, 0]] == pytest.approx(math.log(SMALLEST_SCALE))
    assert math.isnan(read[1, 3])


def test_chain_of_repeated_evidence_dwells_as_long_as_the_true_one_only_under_a_power():
    rng = np.random.default_rng(11)
    states = np.repeat(rng.permuted(np.tile(np.arange(3), 40)), 100)
    slow = lfilter([0.3], [1.0, -0.95], rng.standard_normal(len(states)))
    seen = np.column_stack([np.array([1.5, -1.5, 0.0])[states] + slow] * 2)
    model = HiddenMarkovModel(
        np.full(3, 1 / 3),
        np.full((3, 3), 0.01) + 0.97 * np.eye(3),
        np.array([[1.5, 1.5], [-1.5, -1.5], [0.0, 0.0]]),
        np.ones((3, 2)),
        np.full(3, math.inf),
    )
    bars = ObservationSequences.lay_out([seen])

    plain, powered = (powered_transition(model, bars, p, 20) for p in (1.0, 0.1))

    assert np.diag(powered).mean() > np.diag(plain).mean()
    one = maximisation_step(model, expectation_step(model, bars)).transition
    assert np.array_equal(powered_transition(model, bars, 1.0, 1), one)


def test_a_market_of_absurd_volatility_is_simulated_within_the_range_of_prices():
    rng = np.random.default_rng(1)
    count = 5_000

    made = _features(np.zeros(count), np.full(count, 3.0), np.zeros(count), rng)

    assert np.isfinite(made[:, FEATURE_NAMES.index("log_range")]).all()
