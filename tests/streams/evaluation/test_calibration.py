"""Calibration: bins and intervals against what others computed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from streams.confidence import BINS, bin_index
from streams.evaluation.calibration import (
    Bin,
    expected_calibration_error,
    wilson_interval,
)
from tests.narrow import known
from workers.training.metrics import calibration_error


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_wilson_interval_is_that_of_scipy(case):
    hits, trials = case

    ours = known(wilson_interval(hits, trials))

    other = binomtest(hits, trials).proportion_ci(method="wilson")
    assert (ours.low, ours.high) == pytest.approx((other.low, other.high), abs=1e-12)


def test_no_trial_has_no_interval():
    assert wilson_interval(0, 0) is None


def test_the_calibration_error_is_that_of_training():
    rng = np.random.default_rng(5)
    chances = rng.dirichlet((1.0, 1.0, 1.0), 500)
    classes = rng.integers(0, 3, 500)
    bins = {number: Bin(0, 0, 0.0) for number in range(BINS)}
    for row, truth in zip(chances, classes, strict=True):
        number, hit = bin_index(row.max()), int(row.argmax() == truth)
        before = bins[number]
        bins[number] = Bin(before.count + 1, before.hits + hit, before.confidence + row.max())

    ours = expected_calibration_error(one for one in bins.values() if one.count)

    assert ours == pytest.approx(calibration_error(chances, classes), abs=1e-12)


def test_nothing_stated_has_no_calibration_error():
    assert expected_calibration_error([]) is None
    assert expected_calibration_error([Bin(count=0, hits=0, confidence=0.0)]) is None


def test_an_empty_bin_changes_no_calibration_error():
    stated, empty = Bin(count=4, hits=3, confidence=2.0), Bin(count=0, hits=0, confidence=0.0)

    assert expected_calibration_error([stated, empty]) == expected_calibration_error([stated])


def test_more_hits_than_trials_are_refused():
    with pytest.raises(ValueError, match="expected 0 to 2 hits in 2 trials, got 3"):
        wilson_interval(hits=3, trials=2)


@pytest.mark.parametrize(("stated", "number"), [(0.0, 0), (0.05, 0), (0.1, 1), (0.95, 9), (1.0, 9)])
def test_a_probability_of_1_falls_into_the_last_bin(stated, number):
    assert bin_index(stated) == number
