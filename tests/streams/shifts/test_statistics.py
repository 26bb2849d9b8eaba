"""Statistics of shifts: PSI and KS against scipy, e-BH against a brute force, e-values that bet."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import rel_entr
from scipy.stats import ks_2samp

from streams.shifts.statistics import (
    BINS,
    bin_counts,
    bin_numbers,
    e_bh,
    e_values,
    ks_distance,
    null_of_past,
    shares,
    stability_index,
)
from workers.training.drift_reference import past_windows

RNG = np.random.default_rng(5)
EDGES = np.tile(np.arange(1.0, 10.0), (2, 1))


def test_psi_and_ks_of_bins_are_those_of_scipy():
    one, other = (RNG.integers(0, BINS, (count, 2)) for count in (700, 500))
    actual, expected = shares(bin_counts(one)), shares(bin_counts(other))

    psi, ks = stability_index(actual, expected), ks_distance(actual, expected)

    for column in range(2):
        both = actual[column], expected[column]
        symmetric = rel_entr(*both).sum() + rel_entr(*reversed(both)).sum()
        assert psi[column] == pytest.approx(symmetric)
        assert ks[column] == pytest.approx(ks_2samp(one[:, column], other[:, column]).statistic)


def test_a_value_at_an_edge_lies_below_it_as_in_a_quantile():
    rows = np.array([[0.5, 1.0], [1.01, 9.0], [9.5, -4.0]])

    assert bin_numbers(rows, EDGES).tolist() == [[0, 0], [1, 8], [9, 0]]


def test_equal_samples_have_no_distance_and_an_empty_bin_a_finite_one():
    counts = np.array([[0, 10, 0, 5, 0, 0, 0, 0, 0, 1]])
    same = shares(counts)
    apart = shares(counts[:, ::-1])

    assert stability_index(same, same).tolist() == ks_distance(same, same).tolist() == [0.0]
    assert np.isfinite(stability_index(same, apart)).all()


@given(st.lists(st.floats(0.0, 500.0), min_size=1, max_size=7))
def test_e_bh_rejects_the_largest_set_that_pays_for_itself(evidence):
    needed = len(evidence) / 0.1
    paying = [
        set(group)
        for size in range(1, len(evidence) + 1)
        for group in itertools.combinations(range(len(evidence)), size)
        if all(evidence[i] * size >= needed for i in group)
    ]

    rejected = {i for i, each in enumerate(e_bh(evidence)) if each}

    assert len(rejected) == max(map(len, paying), default=0)
    assert not rejected or rejected in paying


def dependent(rows: int, seed: int) -> np.ndarray:
    """Return two features that remember: AR(.9), shape (rows, 2)."""
    noise = np.random.default_rng(seed).normal(size=(rows, 2))
    for row in range(1, rows):
        noise[row] += 0.9 * noise[row - 1]
    return noise


def test_evidence_of_windows_like_those_of_the_past_is_one_on_average_and_a_shift_is_caught():
    past = dependent(20_000, 1)
    edges = np.quantile(past, np.arange(1, BINS) / BINS, axis=0).T
    numbers = bin_numbers(past, edges)
    psi, _ = past_windows(numbers, 500, 200, 3)
    scale, log_sum = null_of_past(psi)
    reference = shares(bin_counts(numbers))

    def evidence(rows: np.ndarray) -> np.ndarray:
        counts = bin_counts(bin_numbers(rows, edges))
        return e_values(stability_index(shares(counts), reference), scale, log_sum, 200)

    future = dependent(60_000, 2).reshape(-1, 500, 2)
    quiet = np.array([evidence(window) for window in future])
    moved = np.array([evidence(window + 2.5) for window in future])

    assert quiet.mean() < 1.5
    assert (quiet > 100.0).mean() < 0.02
    assert (moved > 100.0).mean() > 0.8


def test_a_history_shorter_than_two_windows_has_no_null():
    with pytest.raises(ValueError, match="999 rows, expected at least two windows of 500"):
        past_windows(np.zeros((999, 1), dtype=np.int64), 500, 10, 0)
