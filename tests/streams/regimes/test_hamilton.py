"""The forward filter: equal to brute force and to two libraries, causal, and never underflows."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from schemas.timeframes import MINUTE_MS
from streams.regimes.hamilton import (
    SMALLEST_SCALE,
    calibrate,
    calibrate_history,
    filtered_probabilities,
    hamilton_filter,
    hamilton_step,
    make_filter,
    packed_filter,
    stationary_distribution,
)
from tests.build import regime_parameters

TRANSITION = np.array([[0.95, 0.02, 0.03], [0.04, 0.9, 0.06], [0.02, 0.03, 0.95]])
LOCATION = np.array([[0.6, 0.2], [-0.7, 0.5], [0.0, -0.6]])
SCALE = np.array([[0.9, 1.0], [1.6, 1.2], [0.5, 0.7]])
FREEDOM = {"gaussian": np.full(3, math.inf), "student_t": np.array([4.0, 3.0, 8.0])}
START = np.array([0.5, 0.3, 0.2])

families = pytest.mark.parametrize("family", ["gaussian", "student_t"])


def model(family):
    return make_filter(TRANSITION, LOCATION, SCALE, FREEDOM[family])


def densities(family, observations):
    """Density of each row in each state, by scipy, shape (T, K)."""
    z = observations[:, None, :]
    if family == "gaussian":
        return stats.norm.pdf(z, LOCATION, SCALE).prod(axis=2)
    return stats.t.pdf(z, FREEDOM[family][:, None], LOCATION, SCALE).prod(axis=2)


# The last posterior of 50 noisy bars, as the first release filtered them.
FIRST_RELEASE = {
    "gaussian": ("0x1.31cdda8aa48e4p-5", "0x1.ece2c2b9156bcp-1", "0x1.7e79012d603eep-19"),
    "student_t": ("0x1.7477ad16bdfafp-2", "0x1.455f35df9dfb4p-1", "0x1.93ce540c1d2f1p-11"),
}


def ones(count):
    return np.ones(count, np.int64)


def noise(length, seed=0):
    return np.random.default_rng(seed).normal(scale=1.2, size=(length, 2))


@families
def test_posterior_and_likelihood_equal_the_sum_over_every_path(family):
    observations = noise(6)
    weights = densities(family, observations)

    posteriors, increments = hamilton_filter(model(family), START, observations, ones(6))

    joint = np.zeros(3)
    for path in itertools.product(range(3), repeat=7):
        chance = START[path[0]]
        for t, (before, now) in enumerate(itertools.pairwise(path)):
            chance *= TRANSITION[before, now] * weights[t, now]
        joint[path[-1]] += chance
    assert posteriors[-1] == pytest.approx(joint / joint.sum(), rel=1e-12)
    assert increments.sum() == pytest.approx(math.log(joint.sum()), rel=1e-12)


@families
def test_filter_without_a_power_gives_the_bits_of_the_first_release(family):
    posteriors, _ = hamilton_filter(model(family), START, noise(50, seed=9), ones(50))

    assert tuple(value.hex() for value in posteriors[-1].tolist()) == FIRST_RELEASE[family]


@families
def test_power_reduces_the_evidence_and_leaves_the_likelihood_that_of_the_densities(family):
    observations, power = noise(40), 0.3
    packed = make_filter(TRANSITION, LOCATION, SCALE, FREEDOM[family], power=power)

    posteriors, increments = hamilton_filter(packed, START, observations, ones(40))

    current = START
    for t, density in enumerate(densities(family, observations)):
        predicted = current @ TRANSITION
        current = predicted * density**power / (predicted * density**power).sum()
        assert posteriors[t] == pytest.approx(current, rel=1e-10)
        assert increments[t] == pytest.approx(math.log(predicted @ density), rel=1e-10)


@families
def test_logarithm_is_read_of_at_least_the_smallest_scale(family):
    prices = np.exp(noise(30))
    prices[5, 0], prices[9, 1], prices[11], prices[12] = 0.0, -1.0, 0.0, math.nan
    logs = np.log(np.maximum(prices, SMALLEST_SCALE))
    read = make_filter(TRANSITION, LOCATION, SCALE, FREEDOM[family], logarithmic=(True, True))

    of_prices, _ = hamilton_filter(read, START, prices, ones(30))
    of_logs, _ = hamilton_filter(model(family), START, logs, ones(30))

    assert of_prices == pytest.approx(of_logs, abs=1e-12)


@given(
    st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3).filter(lambda p: sum(p) > 0.0),
    st.floats(1e-9, 1e6),
    st.floats(1e-3, 10.0),
)
def test_calibration_keeps_the_order_and_sums_to_one_whatever_it_is_given(parts, slope, exponent):
    posterior = np.array(parts) / sum(parts)
    published = np.empty(3)

    calibrate(slope, exponent, posterior, published)

    assert np.isfinite(published).all()
    assert published.sum() == pytest.approx(1.0, abs=1e-12)
    assert (np.diff(published[np.argsort(posterior, kind="stable")]) >= 0.0).all()
    assert np.array_equal(calibrate_history(slope, exponent, posterior[None])[0], published)


def test_calibration_of_exponent_one_is_a_temperature():
    published = calibrate_history(0.5, 1.0, np.array([[0.81, 0.18, 0.01]]))[0]

    assert published == pytest.approx(np.sqrt([0.81, 0.18, 0.01]) / (0.9 + 0.18**0.5 + 0.1))


def test_filter_equals_hmmlearn_at_the_end_of_each_prefix():
    from hmmlearn.hmm import GaussianHMM

    observations = noise(60)
    peer = GaussianHMM(3, "diag")
    peer.startprob_, peer.transmat_ = START @ TRANSITION, TRANSITION
    peer.means_, peer.covars_ = LOCATION, SCALE**2

    posteriors, increments = hamilton_filter(model("gaussian"), START, observations, ones(60))

    for t in range(1, 60):
        likelihood, smoothed = peer.score_samples(observations[: t + 1])
        assert posteriors[t] == pytest.approx(smoothed[-1], abs=1e-10)
        assert increments[: t + 1].sum() == pytest.approx(likelihood, rel=1e-10)


def test_filter_equals_statsmodels_markov_regression():
    from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

    rng = np.random.default_rng(3)
    returns = rng.normal(scale=np.repeat([0.5, 1.5, 1.0, 0.4], 50))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library deprecates parts of itself
        peer = MarkovRegression(returns, k_regimes=3, trend="c", switching_variance=True)
        moves = TRANSITION[:, :2].T.ravel()  # p[0->0], p[1->0], p[2->0], p[0->1], ...
        filtered = peer.filter(np.concatenate([moves, LOCATION[:, 0], SCALE[:, 0] ** 2]))

    packed = make_filter(TRANSITION, LOCATION[:, :1], SCALE[:, :1], FREEDOM["gaussian"])
    start = stationary_distribution(TRANSITION)
    posteriors, increments = hamilton_filter(packed, start, returns[:, None], ones(200))

    assert posteriors == pytest.approx(filtered.filtered_marginal_probabilities, abs=1e-9)
    assert increments.sum() == pytest.approx(filtered.llf, rel=1e-9)


@families
def test_one_bar_at_a_time_equals_the_whole_history_to_the_bit(family):
    observations = noise(200)
    current = START.copy()

    posteriors, increments = hamilton_filter(model(family), START, observations, ones(200))

    for t, observation in enumerate(observations):
        assert hamilton_step(model(family), current, observation, 1) == increments[t]
        assert np.array_equal(current, posteriors[t])


@families
@given(cut=st.integers(1, 39), seed=st.integers(0, 10))
def test_no_future_bar_moves_a_past_posterior(family, cut, seed):
    observations = noise(40, seed)
    changed = observations.copy()
    changed[cut:] = 1e3

    whole, _ = hamilton_filter(model(family), START, observations, ones(40))
    prefix, _ = hamilton_filter(model(family), START, observations[:cut], ones(cut))
    other, _ = hamilton_filter(model(family), START, changed, ones(40))

    assert np.array_equal(whole[:cut], prefix)
    assert np.array_equal(whole[:cut], other[:cut])


@families
@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=20))
def test_posterior_is_a_distribution_for_any_finite_observation(family, values):
    observations = np.column_stack([values, values[::-1]])

    posteriors, increments = hamilton_filter(
        model(family), START, observations, ones(len(observations))
    )

    assert np.isfinite(posteriors).all()
    assert np.isfinite(increments).all()
    assert posteriors.min() >= 0.0
    assert posteriors.sum(axis=1) == pytest.approx(1.0, abs=1e-12)


def test_fifty_sigma_bar_is_forgotten_by_heavy_tails_at_once():
    observations = np.zeros((40, 2)) + LOCATION[2]
    observations[20] = 50.0 * SCALE[2]

    posteriors, _ = hamilton_filter(model("student_t"), START, observations, ones(40))

    assert posteriors[19, 2] > 0.9
    assert posteriors[25, 2] > 0.9


@families
def test_missing_value_leaves_exactly_its_factor_out(family):
    observations = noise(30)
    gappy = observations.copy()
    gappy[:, 1] = math.nan
    narrow = make_filter(TRANSITION, LOCATION[:, :1], SCALE[:, :1], FREEDOM[family])

    with_hole, _ = hamilton_filter(model(family), START, gappy, ones(30))
    without_column, _ = hamilton_filter(
        narrow, START, np.ascontiguousarray(observations[:, :1]), ones(30)
    )

    assert with_hole == pytest.approx(without_column, abs=1e-14)


def test_bar_without_any_value_is_predicted_by_the_chain():
    posterior = START.copy()

    increment = hamilton_step(model("student_t"), posterior, np.full(2, math.nan), 1)

    assert posterior == pytest.approx(START @ TRANSITION, abs=1e-15)
    assert increment == 0.0


def test_hole_of_seven_bars_equals_seven_bars_without_values():
    observation = np.array([0.3, 0.1])
    leap, walk = START.copy(), START.copy()

    hamilton_step(model("gaussian"), leap, observation, 8)
    for _ in range(7):
        hamilton_step(model("gaussian"), walk, np.full(2, math.nan), 1)
    hamilton_step(model("gaussian"), walk, observation, 1)

    assert leap == pytest.approx(walk, abs=1e-14)


def test_parameters_are_read_in_the_units_of_the_features():
    record = regime_parameters(centre=(2e-4,), spread=(1e-3,))
    returns = np.array([[5e-4], [-1e-3], [2e-3]])
    standardised = make_filter(
        np.array(record.transition),
        np.array(record.location),
        np.array(record.scale),
        np.full(3, math.inf),
    )

    in_features, _ = hamilton_filter(packed_filter(record), START, returns, ones(3))
    in_deviations, _ = hamilton_filter(standardised, START, (returns - 2e-4) / 1e-3, ones(3))

    assert in_features == pytest.approx(in_deviations, abs=1e-12)


def test_history_counts_holes_by_event_time():
    record = regime_parameters()
    times = np.array([1, 2, 6], np.int64) * MINUTE_MS
    returns = np.array([[1e-3], [2e-3], [-3e-3]])

    posteriors = filtered_probabilities(record, times, returns)

    expected, _ = hamilton_filter(
        packed_filter(record), np.array(record.initial), returns, np.array([1, 1, 4])
    )
    assert np.array_equal(posteriors, expected)


def test_empty_history_has_no_posterior():
    empty = filtered_probabilities(regime_parameters(), np.zeros(0, np.int64), np.zeros((0, 1)))

    assert empty.shape == (0, 3)


def test_stationary_distribution_is_the_limit_of_the_chain():
    limit = np.linalg.matrix_power(TRANSITION, 10_000)[0]

    assert stationary_distribution(TRANSITION) == pytest.approx(limit, abs=1e-12)


def test_chain_that_never_moves_still_has_a_distribution():
    assert stationary_distribution(np.eye(3)).sum() == pytest.approx(1.0)
