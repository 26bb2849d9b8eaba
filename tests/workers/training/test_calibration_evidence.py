"""A calibration error without what chance adds to it, and the test that it is no more than that."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.timeframes import MINUTE_MS
from workers.training.calibration_evidence import CalibrationEvidence, calibration_evidence
from workers.training.metrics import calibration_error


def outcomes(rng, count, overlap=1, hotter=1.0):
    """Probabilities and classes; ``overlap`` rows in turn share both."""
    said = rng.dirichlet((3.0, 3.0, 3.0), size=count // overlap)
    true = said ** (1.0 / hotter)
    true /= true.sum(axis=1, keepdims=True)
    classes = (rng.random((len(said), 1)) > true.cumsum(axis=1)).sum(axis=1)
    return np.repeat(said, overlap, axis=0), np.repeat(classes, overlap)


def evidence(said, classes, block=1, seed=0):
    times = np.arange(len(classes)) * MINUTE_MS
    return calibration_evidence(said, classes, times, block * MINUTE_MS, seed)


def test_the_debiased_square_of_one_bin_is_the_published_one():
    rng = np.random.default_rng(0)
    hits = rng.random(400) < 0.7
    said = np.tile([0.05, 0.35, 0.6], (400, 1))

    # Kumar, Liang, Ma (2019), definition 3.3: (gap)^2 - p (1 - p) / (n - 1).
    rate = hits.mean()
    expected = (rate - 0.6) ** 2 - rate * (1.0 - rate) / 399

    debiased = evidence(said, np.where(hits, 2, 0)).debiased
    assert debiased is not None
    assert debiased**2 == pytest.approx(expected)


@pytest.mark.parametrize("overlap", [1, 10])
def test_calibrated_probabilities_keep_no_error_and_pass_the_test(overlap):
    rng = np.random.default_rng(overlap)
    plain, debiased, p_values, covered = [], [], [], 0
    for seed in range(60):
        said, classes = outcomes(rng, 600, overlap)
        left = evidence(said, classes, block=10, seed=seed)
        assert left.debiased is not None
        assert left.interval is not None
        assert left.p_value is not None
        plain.append(calibration_error(said, classes) or 0.0)
        debiased.append(left.debiased)
        p_values.append(left.p_value)
        covered += left.interval[0] <= 0.0

    assert np.median(debiased) < 0.5 * np.median(plain)
    assert 0.0 <= np.mean(np.array(p_values) < 0.1) <= 0.2  # a tenth of them, by chance
    assert covered >= 0.85 * 60


def test_confidence_that_is_too_high_is_seen():
    said, classes = outcomes(np.random.default_rng(3), 3_000, hotter=3.0)

    left = evidence(said, classes, block=10)

    assert left.debiased == pytest.approx(calibration_error(said, classes), abs=0.03)
    assert left.interval is not None
    assert left.interval[0] > 0.05
    assert left.p_value is not None
    assert left.p_value < 0.01


def test_the_test_agrees_with_those_of_mapie_on_independent_rows():
    from mapie.metrics.calibration import kolmogorov_smirnov_p_value

    rng = np.random.default_rng(5)
    for hotter, rejected in ((1.0, False), (3.0, True)):
        said, classes = outcomes(rng, 2_000, hotter=hotter)
        hits = said.argmax(axis=1) == classes
        oracle = float(kolmogorov_smirnov_p_value(hits.astype(int), said.max(axis=1)))
        ours = evidence(said, classes, block=10).p_value
        assert ours is not None
        assert (ours < 0.01, oracle < 0.01) == (rejected, rejected)


def test_overlapping_outcomes_are_no_evidence_where_their_blocks_are_none():
    rng, rejected = np.random.default_rng(8), {4: 0, 40: 0}
    for seed in range(12):
        said, classes = outcomes(rng, 800, overlap=40)
        for block in rejected:
            p_value = evidence(said, classes, block=block, seed=seed).p_value
            assert p_value is not None
            rejected[block] += p_value < 0.05

    assert rejected[4] > 5  # what rows alone would say
    assert rejected[40] <= 2


def test_too_few_blocks_have_no_evidence():
    said, classes = outcomes(np.random.default_rng(0), 90)

    assert evidence(said, classes, block=10) == CalibrationEvidence()
    assert evidence(said[:0], classes[:0]) == CalibrationEvidence()
