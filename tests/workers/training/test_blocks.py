"""Means by block of time: their errors are those of a regression with clusters."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.timeframes import MINUTE_MS
from workers.training.blocks import SumsByBlock, time_blocks


def test_the_variance_of_a_mean_is_that_of_clustered_errors():
    import statsmodels.api as sm

    rng = np.random.default_rng(0)
    blocks = np.repeat(np.arange(30), 12)
    values = rng.normal(size=30)[blocks] + rng.normal(size=360)

    means = SumsByBlock.of(values, np.zeros(360, np.int64), blocks, 1).means()

    fit = sm.OLS(values, np.ones(360)).fit(
        cov_type="cluster", cov_kwds={"groups": blocks, "use_correction": False}
    )
    assert means.mean[0, 0] == pytest.approx(fit.params[0])
    assert means.variance[0, 0] == pytest.approx(float(fit.bse[0]) ** 2 * 30 / 29)
    assert means.effective[0, 0] == pytest.approx(30.0)


def test_a_draw_that_repeats_blocks_is_the_same_as_their_rows_repeated():
    rng = np.random.default_rng(1)
    blocks, groups = np.repeat(np.arange(12), 5), rng.integers(0, 3, 60)
    values = rng.normal(size=60)
    draw = rng.integers(0, 12, 12)
    rows = np.concatenate([np.flatnonzero(blocks == block) for block in draw])

    drawn = SumsByBlock.of(values, groups, blocks, 3).means(
        np.bincount(draw, minlength=12)[None].astype(float)
    )

    again = SumsByBlock.of(values[rows], groups[rows], np.repeat(np.arange(12), 5), 3).means()
    np.testing.assert_allclose(drawn.mean, again.mean)
    np.testing.assert_allclose(drawn.variance, again.variance)


def test_blocks_are_numbered_without_gaps_whatever_the_order_of_rows():
    times = np.array([700, 0, 5, 100_000, 0]) * MINUTE_MS

    assert time_blocks(times, 10 * MINUTE_MS).tolist() == [1, 0, 0, 2, 0]
    assert time_blocks(times[:0], MINUTE_MS).tolist() == []
