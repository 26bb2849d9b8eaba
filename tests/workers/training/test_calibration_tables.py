"""Tables beside a prediction: Venn-Abers as others compute it, bounds that cover as they say."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.timeframes import MINUTE_MS
from workers.training.calibration_tables import (
    CELLS,
    MissingClass,
    fit_tables,
    venn_abers_table,
)
from workers.training.metrics import StitchedRows

HORIZON = 15


def scores_and_hits(count, seed=0):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, CELLS, count) / CELLS
    return scores, rng.random(count) < scores**2


def bounds(table, score):
    step = bisect_right(table.edges, score)
    return table.low[step], table.high[step]


@pytest.mark.filterwarnings("ignore:invalid value encountered in divide")  # theirs
def test_venn_abers_bounds_equal_mapie():
    from mapie._venn_abers import VennAbers

    scores, hits = scores_and_hits(400)
    asked = np.unique(np.concatenate((scores, [0.0, 0.5, 0.995])))
    oracle = VennAbers()
    oracle.fit(np.column_stack((1.0 - scores, scores)), hits.astype(int))
    _, expected = oracle.predict_proba(np.column_stack((1.0 - asked, asked)))

    table = venn_abers_table(scores, hits)

    ours = np.array([bounds(table, score) for score in asked])
    np.testing.assert_allclose(ours, expected, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, CELLS - 1), st.booleans()), min_size=1, max_size=30))
def test_venn_abers_bounds_are_two_isotonic_fits_with_the_new_row(rows):
    from sklearn.isotonic import IsotonicRegression

    scores = np.array([cell / CELLS for cell, _ in rows])
    hits = np.array([hit for _, hit in rows])
    table = venn_abers_table(scores, hits)

    for asked in (0.0, scores[0], 0.5, 0.995):
        low, high = bounds(table, asked)
        for outcome, ours in ((0.0, low), (1.0, high)):
            fit = IsotonicRegression().fit(np.append(scores, asked), np.append(hits, outcome))
            assert ours == pytest.approx(fit.predict([asked])[0], abs=1e-6)
        assert low <= high


def test_rows_that_share_an_outcome_leave_the_bounds_as_wide_as_one_row_would():
    scores, hits = scores_and_hits(300)

    alone = venn_abers_table(scores, hits)
    repeated = venn_abers_table(np.repeat(scores, 7), np.repeat(hits, 7), overlap=7.0)

    assert repeated.edges == alone.edges
    assert repeated.low == pytest.approx(alone.low, abs=2e-6)
    assert repeated.high == pytest.approx(alone.high, abs=2e-6)


@pytest.mark.parametrize(
    ("scores", "hits", "overlap", "words"),
    [([], [], 1.0, "0 scores"), ([0.5], [True, False], 1.0, "1 scores and 2 outcomes"),
     ([0.5], [True], 0.0, "overlap is 0.0"), ([0.5], [True], np.nan, "overlap is nan")],
)  # fmt: skip
def test_venn_abers_refuses_what_it_cannot_fit(scores, hits, overlap, words):
    with pytest.raises(ValueError, match=words):
        venn_abers_table(np.array(scores), np.array(hits, dtype=bool), overlap)


def stitched(classes):
    count = len(classes)
    said = np.tile([0.3, 0.4, 0.3], (count, 1))
    return StitchedRows(
        probabilities=said,
        priors=said,
        classes=np.asarray(classes),
        forward=np.zeros(count),
        funding=np.zeros(count),
        times=np.arange(count) * MINUTE_MS,
        folds=3,
    )


@pytest.mark.parametrize(
    ("classes", "words"),
    [([0, 1] * 30, "60 test rows came out as buy"), ([1] * 60, "sell or buy"), ([], "none of 0")],
)
def test_a_class_that_never_came_true_is_refused(classes, words):
    rows = stitched(np.array(classes, np.int64))

    with pytest.raises(MissingClass, match=words):
        fit_tables(rows, np.zeros((len(classes), 2)), HORIZON, MINUTE_MS)


def test_a_short_record_has_bounds_of_confidence_and_none_of_returns():
    rows, earned = stitched(np.arange(60) % 3), np.zeros((60, 2))

    tables = fit_tables(rows, earned, HORIZON, 10 * MINUTE_MS)

    assert tables.returns is None
    assert tables.short_returns is None
    low, high = bounds(tables.neutral, 0.4)
    assert low <= 1 / 3 <= high
    assert high - low > 0.15  # sixty rows hold four outcomes that do not overlap
