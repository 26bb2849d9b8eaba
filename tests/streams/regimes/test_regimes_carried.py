"""The first filter of a series goes on from where its training has ended."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.features import FeatureVector
from schemas.regimes import RegimeParameters, RegimeProbabilities
from streams.regimes.hamilton import recursion
from streams.regimes.processor import PROCESSOR
from streams.runtime.memory_driver import replay
from tests.build import close_time, features, regime_parameters

TRAINED = 200  # bars


def history(bars: int) -> list[FeatureVector]:
    rng = np.random.default_rng(3)
    seen = np.cumsum(rng.normal(size=bars)) * 1e-4
    return [features(m, log_return_1=float(seen[m])) for m in range(bars)]


def parameters(**fields: object) -> RegimeParameters:
    return regime_parameters(
        observations=("log_return_1",),
        effective_from_ms=close_time(TRAINED + 5),
        fitted_to_ms=close_time(TRAINED - 1),
        **fields,
    )


def published(filter_: RegimeParameters, vectors: list[FeatureVector]) -> list[RegimeProbabilities]:
    return [
        r for r in replay([PROCESSOR], [filter_, *vectors]) if isinstance(r, RegimeProbabilities)
    ]


def test_the_first_bar_goes_on_from_the_posterior_at_the_end_of_the_training():
    vectors = history(TRAINED + 40)
    times = np.array([v.event_time_ms for v in vectors])
    seen = np.array([[v["log_return_1"]] for v in vectors], dtype=float)
    plain = parameters()
    bull, bear, sideways = recursion(plain, times[:TRAINED], seen[:TRAINED])[-1].tolist()

    made = published(plain.model_copy(update={"carried": (bull, bear, sideways)}), vectors)

    first = TRAINED + 5
    gap = np.concatenate([times[:TRAINED], times[first:]])
    rows = np.concatenate([seen[:TRAINED], seen[first:]])
    expected = recursion(plain, gap, rows)[TRAINED:]
    got = [[r.bull, r.bear, r.sideways] for r in made[first:]]
    np.testing.assert_array_equal(np.array(got), expected)


def test_parameters_without_it_start_from_their_initial_distribution():
    vectors = history(TRAINED + 40)
    first = TRAINED + 5
    times = np.array([v.event_time_ms for v in vectors[first:]])
    seen = np.array([[v["log_return_1"]] for v in vectors[first:]], dtype=float)

    made = published(parameters(), vectors)

    got = [[r.bull, r.bear, r.sideways] for r in made[first:]]
    np.testing.assert_array_equal(np.array(got), recursion(parameters(), times, seen))


def test_it_sums_to_one():
    with pytest.raises(ValueError, match="do not sum to 1"):
        parameters(carried=(0.5, 0.5, 0.5))
