"""The regime fit: equal to hmmlearn, finds what is there, keeps names, and detects true regimes."""

from __future__ import annotations

import logging
import math
from dataclasses import replace

import numpy as np
import pytest

from schemas.timeframes import MINUTE_MS
from streams.regimes.hamilton import filtered_probabilities, hamilton_filter
from workers.training.baum_welch import (
    HiddenMarkovModel,
    ObservationSequences,
    expectation_step,
    maximisation_step,
)
from workers.training.fit_regimes import (
    RegimePlan,
    SymbolBars,
    fit_regimes,
    log_likelihood_per_bar,
    usable_observations,
)

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT")
TRANSITION = np.array([[0.99, 0.004, 0.006], [0.004, 0.99, 0.006], [0.005, 0.005, 0.99]])
LOCATION = np.array([[1.0, 0.5], [-1.0, 0.6], [0.0, -0.6]])
SCALE = np.array([[1.0, 1.0], [1.4, 1.2], [0.6, 0.7]])
NAMES = ("trend", "range")


def start(freedom=math.inf):
    return HiddenMarkovModel(
        initial=np.array([0.4, 0.3, 0.3]),
        transition=np.full((3, 3), 0.05) + 0.85 * np.eye(3),
        location=np.array([[0.5, 0.0], [-0.5, 0.1], [0.1, -0.2]]),
        scale=np.ones((3, 2)),
        freedom=np.full(3, freedom),
    )


def sample(length, seed, freedom=4.0):
    """States and observations drawn from a known model."""
    rng = np.random.default_rng(seed)
    states = np.zeros(length, np.int64)
    draws = rng.random(length)
    for t in range(1, length):
        states[t] = np.searchsorted(np.cumsum(TRANSITION[states[t - 1]])[:2], draws[t])
    return states, LOCATION[states] + SCALE[states] * rng.standard_t(freedom, (length, 2))


def symbol_bars(observations):
    """Returns follow the first observation, in units of their own."""
    return SymbolBars(observations, 1e-3 * observations[:, 0])


@pytest.fixture(scope="module")
def drawn():
    return sample(8_000, seed=1)


@pytest.fixture(scope="module")
def fitted(drawn):
    return fit_regimes({"BTCUSDT": symbol_bars(drawn[1])}, NAMES)


def test_gaussian_em_equals_hmmlearn_over_several_series():
    from hmmlearn.hmm import GaussianHMM

    logging.getLogger("hmmlearn").setLevel(logging.CRITICAL)  # it warns that it did not converge
    blocks = [sample(n, seed)[1] for seed, n in enumerate((400, 1, 700))]
    first = start()
    peer = GaussianHMM(
        3, "diag", n_iter=15, tol=0.0, init_params="", covars_prior=0.0, min_covar=0.0
    )
    peer.startprob_, peer.transmat_ = first.initial, first.transition
    peer.means_, peer.covars_ = first.location, first.scale**2
    peer.fit(np.vstack(blocks), [len(block) for block in blocks])

    model, likelihoods = first, []
    for _ in range(15):
        seen = expectation_step(model, ObservationSequences.lay_out(blocks))
        likelihoods.append(seen.log_likelihood)
        model = maximisation_step(model, seen)

    assert likelihoods == pytest.approx(list(peer.monitor_.history), rel=1e-10)
    assert model.initial == pytest.approx(peer.startprob_, abs=1e-8)
    assert model.transition == pytest.approx(peer.transmat_, abs=1e-8)
    assert model.location == pytest.approx(peer.means_, abs=1e-7)
    variances = np.array([np.diag(c) for c in peer.covars_])
    assert model.scale**2 == pytest.approx(variances, abs=1e-7)


@pytest.mark.parametrize("freedom", [math.inf, 4.0])
def test_likelihood_of_the_fit_is_that_of_the_filter_with_and_without_holes(freedom):
    _, observations = sample(300, seed=2)
    observations[50:80, 1] = math.nan
    observations[100:110] = math.nan
    observations[200, 0] = 1e6
    model = start(freedom)
    unmoved = replace(model, initial=np.linalg.solve(model.transition.T, model.initial))

    seen = expectation_step(model, ObservationSequences.lay_out([observations]))
    _, increments = hamilton_filter(
        model.packed(), unmoved.initial, observations, np.ones(300, np.int64)
    )

    assert seen.log_likelihood == pytest.approx(increments.sum(), rel=1e-9)
    assert seen.states.sum(axis=0) == pytest.approx(1.0)


def test_likelihood_never_falls_and_heavy_tails_are_found():
    series = ObservationSequences.lay_out([sample(4_000, seed=3)[1]])
    model, likelihoods = start(30.0), []
    for _ in range(60):
        seen = expectation_step(model, series)
        likelihoods.append(seen.log_likelihood)
        model = maximisation_step(model, seen)

    assert np.diff(likelihoods).min() > -1e-7
    assert model.freedom == pytest.approx(4.0, rel=0.3)


def test_known_model_is_recovered(drawn, fitted):
    states, observations = drawn
    moments = fitted.moments["BTCUSDT"]
    location = moments.centre + moments.spread * fitted.model.location

    posteriors = filtered_probabilities(
        fitted.parameters("BTCUSDT", MINUTE_MS, 0),
        np.arange(1, len(states) + 1) * MINUTE_MS,
        observations,
    )

    assert fitted.healthy
    assert location == pytest.approx(LOCATION, abs=0.1)
    assert fitted.model.transition == pytest.approx(TRANSITION, abs=0.006)
    assert fitted.dwell_bars == pytest.approx((100.0, 100.0, 100.0), rel=0.5)
    assert sum(fitted.occupancy) == pytest.approx(1.0)
    assert (posteriors.argmax(axis=1) == states).mean() > 0.9


def test_held_out_likelihood_is_almost_that_of_the_truth(fitted):
    record = fitted.parameters("BTCUSDT", MINUTE_MS, 0)
    true = record.model_copy(
        update={
            "centre": (0.0, 0.0),
            "spread": (1.0, 1.0),
            "transition": tuple(map(tuple, TRANSITION.tolist())),
            "location": tuple(map(tuple, LOCATION.tolist())),
            "scale": tuple(map(tuple, SCALE.tolist())),
            "degrees_of_freedom": (4.0, 4.0, 4.0),
        }
    )
    later = {"BTCUSDT": symbol_bars(sample(8_000, seed=9)[1])}

    ours = log_likelihood_per_bar({"BTCUSDT": record}, later) - sum(np.log(record.spread))
    theirs = log_likelihood_per_bar({"BTCUSDT": true}, later)

    assert theirs - 0.01 < ours < theirs


def test_same_inputs_and_seed_give_the_same_fit(drawn, fitted):
    again = fit_regimes({"BTCUSDT": symbol_bars(drawn[1])}, NAMES)

    assert again.parameters("BTCUSDT", MINUTE_MS, 0) == fitted.parameters("BTCUSDT", MINUTE_MS, 0)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_refits_never_swap_names(fitted, seed):
    previous = {"BTCUSDT": fitted.parameters("BTCUSDT", MINUTE_MS, 0)}
    later = {"BTCUSDT": symbol_bars(sample(8_000, seed=20 + seed)[1])}

    refit = fit_regimes(later, NAMES, RegimePlan(seed=seed), previous)

    assert refit.alignment is not None
    assert refit.alignment > 0.97
    assert refit.model.location == pytest.approx(fitted.model.location, abs=0.3)


def test_names_kept_from_before_outweigh_a_close_call_but_not_a_contradiction(drawn, fitted):
    _, observations = drawn
    record = fitted.parameters("BTCUSDT", MINUTE_MS, 0)
    # Returns now rank the old sideways state above the old bull; the bear stays below both.
    quiet_wins = SymbolBars(observations, 1e-3 * (observations[:, 0] - 3.0 * observations[:, 1]))
    reversed_ = SymbolBars(observations, -1e-3 * observations[:, 0])

    kept = fit_regimes({"BTCUSDT": quiet_wins}, NAMES, None, {"BTCUSDT": record})
    named_again = fit_regimes({"BTCUSDT": reversed_}, NAMES, None, {"BTCUSDT": record})

    assert kept.model.location == pytest.approx(fitted.model.location, abs=0.05)
    assert kept.alignment == pytest.approx(1.0, abs=0.01)
    assert named_again.model.location[0] == pytest.approx(fitted.model.location[1], abs=0.05)
    assert named_again.alignment is not None
    assert named_again.alignment < 0.6


def test_states_of_pure_noise_are_called_unhealthy():
    rng = np.random.default_rng(5)

    fit = fit_regimes({"BTCUSDT": symbol_bars(rng.normal(size=(2_000, 2)))}, NAMES)

    assert not fit.healthy


def test_symbols_of_different_size_share_one_model(drawn):
    _, observations = drawn
    bars = {
        "BTCUSDT": symbol_bars(observations[:4_000]),
        "ETHUSDT": SymbolBars(1e-4 * observations[4_000:] + 7.0, 1e-3 * observations[4_000:, 0]),
    }

    fit = fit_regimes(bars, NAMES)

    btc, eth = (fit.parameters(s, MINUTE_MS, 0) for s in bars)
    assert btc.transition == eth.transition
    assert np.array(eth.spread) == pytest.approx(1e-4 * np.array(btc.spread), rel=0.2)


def test_unusable_columns_are_named_and_refused():
    _, observations = sample(500, seed=6)
    columns = np.column_stack([observations, np.full(500, math.nan), np.zeros(500)])

    assert usable_observations({"BTCUSDT": columns}, (*NAMES, "mark", "flat")) == NAMES
    with pytest.raises(ValueError, match=r"BTCUSDT.*never varies"):
        fit_regimes({"BTCUSDT": SymbolBars(columns[:, [0, 3]], columns[:, 0])}, NAMES)
    with pytest.raises(ValueError, match=r"BTCUSDT.*no value"):
        fit_regimes({"BTCUSDT": SymbolBars(columns[:, [0, 2]], columns[:, 0])}, NAMES)
    with pytest.raises(ValueError, match=r"expected \(500, 2\)"):
        fit_regimes({"BTCUSDT": SymbolBars(columns, columns[:, 0])}, NAMES)
