"""Splits: what trains was known an embargo before the first row that is judged."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workers.training.split import WalkForward

spans = st.lists(
    st.tuples(st.integers(0, 100_000), st.integers(0, 500)), min_size=20, max_size=200
).filter(lambda rows: len({time for time, _ in rows}) > 10)
plans = st.builds(WalkForward, blocks=st.integers(1, 6), judged=st.floats(0.1, 0.9))


@given(spans, plans, st.integers(0, 1_000))
def test_no_training_label_reaches_into_the_rows_it_is_judged_on(rows, plan, embargo_ms):
    times, lasts = (np.array(column) for column in zip(*rows, strict=True))
    known_at = times + lasts

    for fold in plan.split(times, known_at, embargo_ms):
        if len(fold.train) and len(fold.test):
            assert known_at[fold.train].max() + embargo_ms < times[fold.test].min()
        assert (times[fold.test] >= fold.starts_ms).all()


@given(spans, plans)
def test_blocks_follow_each_other_and_judge_every_late_row_once(rows, plan):
    times, lasts = (np.array(column) for column in zip(*rows, strict=True))

    folds = list(plan.split(times, times + lasts, 0))

    judged = np.concatenate([fold.test for fold in folds])
    assert len(folds) == plan.blocks
    assert sorted(judged) == np.flatnonzero(times >= folds[0].starts_ms).tolist()
    assert [f.starts_ms for f in folds] == sorted(f.starts_ms for f in folds)


@given(spans, plans, st.integers(0, 1_000))
def test_nothing_that_was_known_in_time_is_left_out(rows, plan, embargo_ms):
    times, lasts = (np.array(column) for column in zip(*rows, strict=True))
    known_at = times + lasts

    for fold in plan.split(times, known_at, embargo_ms):
        late = np.setdiff1d(np.arange(len(times)), fold.train)
        assert (known_at[late] + embargo_ms >= fold.starts_ms).all()
