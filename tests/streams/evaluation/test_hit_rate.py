"""The sequence of a hit rate: against a numerical mixture, and at every look of many streams."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from streams.evaluation.hit_rate import hit_rate_sequence


@pytest.mark.parametrize(("hits", "trials"), [(3, 7), (50, 80), (199, 200)])
def test_bounds_are_where_the_mixture_of_likelihoods_is_twenty_times_that_of_the_chance(
    hits, trials
):
    interval = hit_rate_sequence(hits, trials)

    def weighed(chance):
        return stats.binom.pmf(hits, trials, chance) * stats.beta.pdf(chance, 0.5, 0.5)

    mixture = integrate.quad(weighed, 0.0, 1.0, limit=500)[0]
    assert interval is not None
    for bound in (interval.low, interval.high):
        assert mixture / stats.binom.pmf(hits, trials, bound) == pytest.approx(20.0, rel=1e-4)


@pytest.mark.parametrize("chance", [0.05, 0.5, 0.85])
def test_it_covers_at_all_looks_together(chance):
    generator, streams, looks = np.random.default_rng(11), 1_000, 500
    hits = np.cumsum(generator.random((streams, looks)) < chance, axis=1)
    bounds = {
        (total, trials): hit_rate_sequence(int(total), trials)
        for trials in range(1, looks + 1)
        for total in np.unique(hits[:, trials - 1])
    }

    missed = sum(
        any(
            not interval.low <= chance <= interval.high
            for trials in range(1, looks + 1)
            if (interval := bounds[row[trials - 1], trials])
        )
        for row in hits
    )

    assert stats.binom.cdf(missed, streams, 0.05) < 0.95, f"{missed} of {streams} missed {chance}"


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_it_holds_the_share_and_mirrors_hits_and_misses(hits, misses):
    interval = hit_rate_sequence(hits, hits + misses)
    mirrored = hit_rate_sequence(misses, hits + misses)

    if interval is None or mirrored is None:
        assert hits + misses == 0
        return
    assert 0.0 <= interval.low <= hits / (hits + misses) <= interval.high <= 1.0
    assert mirrored.low == pytest.approx(1.0 - interval.high, abs=1e-9)


@pytest.mark.parametrize(("hits", "trials", "level"), [(3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0)])
def test_impossible_counts_and_levels_are_refused(hits, trials, level):
    with pytest.raises(ValueError, match="expected"):
        hit_rate_sequence(hits, trials, level)


def test_one_outcome_says_almost_nothing():
    interval = hit_rate_sequence(1, 1)

    assert interval is not None
    assert interval.high == 1.0
    assert math.isclose(interval.low, 0.025)  # a mixture of 1/2 over 20


def test_means_over_streams_that_are_copies_say_no_more_than_one_of_them():
    assert hit_rate_sequence((8 + 8) / 2, (10 + 10) / 2) == hit_rate_sequence(8, 10)
