"""Regime kernels against hmmlearn and numpy: goal P14, correctness beside each."""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np

from streams.regimes.hamilton import Array, hamilton_step, make_filter
from tests.bench.race import Entry, race
from workers.training.baum_welch import (
    HiddenMarkovModel,
    ObservationSequences,
    expectation_step,
    maximisation_step,
)

BARS, WIDTH = 40_000, 4  # four symbols of 10,000 bars: the first training of a home
ITERATIONS = 4
SERIES = 5  # distinct inputs

Row = dict[str, object]


def rows() -> list[Row]:
    """Run P14; an AssertionError means that an answer, not a speed, is wrong."""
    return [_fit_row(), _filter_row("gaussian", math.inf), _filter_row("Student-t", 5.0)]


def _bars(seed: int, length: int = BARS) -> Array:
    rng = np.random.default_rng(seed)
    spells = np.repeat(rng.choice([0.5, 1.0, 2.0], -(-length // 100)), 100)[:length]
    noise: Array = rng.normal(size=(length, WIDTH)) * spells[:, None]
    return noise


def _start(freedom: float = math.inf) -> HiddenMarkovModel:
    rng = np.random.default_rng(7)
    return HiddenMarkovModel(
        initial=np.full(3, 1.0 / 3.0),
        transition=np.full((3, 3), 0.05) + 0.85 * np.eye(3),
        location=rng.normal(scale=0.3, size=(3, WIDTH)),
        scale=np.repeat([[0.6], [1.0], [1.8]], WIDTH, axis=1),
        freedom=np.full(3, freedom),
    )


def _hmmlearn() -> Any:
    from hmmlearn.hmm import GaussianHMM

    logging.getLogger("hmmlearn").setLevel(logging.CRITICAL)  # it warns that it did not converge
    start = _start()
    peer = GaussianHMM(
        3,
        "diag",
        n_iter=ITERATIONS,
        tol=0.0,
        init_params="",
        implementation="scaling",
        covars_prior=0.0,
        min_covar=0.0,
    )
    peer.startprob_, peer.transmat_ = start.initial, start.transition
    peer.means_, peer.covars_ = start.location, start.scale**2
    return peer


def _ours(series: ObservationSequences) -> HiddenMarkovModel:
    model = _start()
    for _ in range(ITERATIONS):
        model = maximisation_step(model, expectation_step(model, series))
    return model


def _fit_row() -> Row:
    bars = [_bars(seed) for seed in range(SERIES)]
    series = [ObservationSequences.lay_out([each]) for each in bars]
    fitted, theirs = _ours(series[0]), _hmmlearn().fit(bars[0])
    assert np.abs(fitted.location - theirs.means_).max() <= 1e-8, "P14: fits differ"
    return race(
        f"P14 {ITERATIONS} EM iterations, {BARS} bars x {WIDTH}",
        "hmmlearn 0.3.3 scaling, diag",
        3.0,
        Entry(lambda i: _ours(series[i % SERIES]), 5),
        Entry(lambda i: _hmmlearn().fit(bars[i % SERIES]), 5),
    )


def _filter_row(family: str, freedom: float) -> Row:
    model, bars, calls = _start(freedom), _bars(1), 2_000
    packed = make_filter(model.transition, model.location, model.scale, model.freedom)
    log_norm = packed[:, 4 + 2 * WIDTH : 4 + 3 * WIDTH].sum(axis=1)  # behind place and precision
    precision, half = 1.0 / model.scale, (freedom + 1.0) / 2.0

    def numpy_step(posterior: Array, observation: Array) -> tuple[Array, float]:
        z = (observation - model.location) * precision
        if math.isinf(freedom):
            logs = log_norm - 0.5 * (z * z).sum(axis=1)
        else:
            logs = log_norm - half * np.log1p(z * z / freedom).sum(axis=1)
        weights = np.log(posterior @ model.transition) + logs
        top = weights.max()
        after = np.exp(weights - top)
        total = after.sum()
        return after / total, top + math.log(total)

    mine, other = model.initial.copy(), model.initial
    for observation in bars[:500]:
        increment = hamilton_step(packed, mine, observation, 1)
        other, expected = numpy_step(other, observation)
        assert abs(increment - expected) <= 1e-9, "P14: log-likelihoods differ"
        assert np.abs(mine - other).max() <= 1e-12, "P14: posteriors differ"
    state = {"peer": model.initial}

    def peer(i: int) -> None:
        state["peer"], _ = numpy_step(state["peer"], bars[i % BARS])

    return race(
        f"P14 forward filter, one bar x {WIDTH}, {family}",
        "the same step in numpy",
        8.0,
        Entry(lambda i: hamilton_step(packed, mine, bars[i % BARS], 1), calls),
        Entry(peer, calls),
    )
