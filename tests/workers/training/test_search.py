"""A search sees its fold alone, goes on after a kill, and its best comes out again elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from schemas.variants import TrainingPolicy
from tests.fakes.training_markets import SMALL, market
from tests.workers.training.leaks.stages import plain_model
from workers.studies import study
from workers.training.fit_boosted import BoostedPlan
from workers.training.search import (
    SPACE,
    ForestScorer,
    differing_folds,
    outcomes,
    outcomes_in_fresh_process,
    search_fold,
    with_values,
)
from workers.training.split import known_before
from workers.training.table import build_table

PLAN = replace(
    SMALL,
    boosted=BoostedPlan(rounds=2, learning_rate=0.001, leaf_weight=20.0),  # easy to beat
    variants=TrainingPolicy(search_trials=4),
)


@pytest.fixture(scope="module")
def rows():
    return build_table(market(edge=0.5, bars=700), SMALL.labels, SMALL.lstm.window)


def scorer(rows, until=None):
    train = rows.usable
    if until is not None:
        train = train[known_before(int(rows.times[until]), rows.known_at[train], 0)]
    return ForestScorer.of_fold(rows, train, plain_model(rows, train), PLAN)


def test_a_trial_is_judged_on_rows_of_its_fold_that_came_after_those_that_fit_it(rows):
    fold = scorer(rows, 500)
    sampled = rows.usable[known_before(int(rows.times[500]), rows.known_at[rows.usable], 0)]
    sampled = sampled[:: PLAN.boosted.stride]

    assert len(fold.windows) == 2
    for fit, judged in fold.windows:
        embargo_ms = PLAN.embargo_bars * rows.timeframe_ms
        assert rows.known_at[sampled[fit]].max() + embargo_ms < rows.times[sampled[judged]].min()
    assert rows.known_at[sampled].max() <= fold.cut_ms < rows.times[500]


def test_the_best_trial_is_chosen_where_it_beats_the_defaults(rows, tmp_path):
    found = search_fold(scorer(rows), 4, tmp_path).record

    assert (found.trials, set(found.parameters)) == (4, set(SPACE))
    assert found.log_loss < found.default_log_loss
    chosen = with_values(PLAN.boosted, found.parameters)
    assert isinstance(chosen.depth, int)
    assert (chosen.bins, chosen.stride) == (PLAN.boosted.bins, PLAN.boosted.stride)


def test_where_no_trial_is_better_the_defaults_stay(rows, tmp_path, monkeypatch):
    fold = scorer(rows)
    monkeypatch.setattr(ForestScorer, "__call__", lambda *_: [(-9.0,), (-9.0,)])

    searched = search_fold(fold, 2, tmp_path)

    assert searched.record.parameters == {}
    assert searched.record.log_loss == searched.record.default_log_loss
    assert differing_folds([searched], outcomes) == []


def test_a_search_that_was_killed_goes_on_and_ends_as_one_that_was_not(rows, tmp_path, monkeypatch):
    whole = search_fold(scorer(rows), 5, tmp_path / "whole")
    tell = study._StudyWorker._tell
    told: list[object] = []

    def killed(*arguments):
        if len(told) == 2:
            raise KeyboardInterrupt
        told.append(arguments)
        tell(*arguments)

    monkeypatch.setattr(study._StudyWorker, "_tell", killed)
    with pytest.raises(KeyboardInterrupt):
        search_fold(scorer(rows), 5, tmp_path / "cut")
    monkeypatch.setattr(study._StudyWorker, "_tell", tell)
    fits: list[object] = []
    fit = ForestScorer.__call__

    def counted(self, *arguments):
        fits.append(arguments)
        return fit(self, *arguments)

    monkeypatch.setattr(ForestScorer, "__call__", counted)

    again = search_fold(scorer(rows), 5, tmp_path / "cut")

    assert (again.record, again.scores) == (whole.record, whole.scores)
    assert len(fits) == 3


def test_a_study_whose_file_is_damaged_begins_again(rows, tmp_path):
    whole = search_fold(scorer(rows), 2, tmp_path)
    (journal,) = (tmp_path / "tuning").glob("*.journal")
    lines = journal.read_bytes().splitlines()
    journal.write_bytes(b"\n".join([*lines[:-1], b"{torn", b""]))

    again = search_fold(scorer(rows), 2, tmp_path)

    assert again.record == whole.record


def test_every_cut_row_label_and_plan_has_a_study_of_its_own(rows):
    turned = replace(rows, classes=rows.classes[::-1].copy())
    fold = scorer(rows)

    names = {
        fold.study_name(),
        scorer(rows, 600).study_name(),
        scorer(turned).study_name(),
        replace(fold, plan=BoostedPlan()).study_name(),
        replace(fold, seed=8).study_name(),
    }

    assert len(names) == 5
    assert scorer(rows).study_name() == fold.study_name()
    assert fold.study_name().startswith(f"{fold.cut_ms}-")


def test_the_best_trial_comes_out_again_in_a_fresh_process_bit_by_bit(rows, tmp_path):
    searched = search_fold(scorer(rows), 4, tmp_path)
    assert searched.record.parameters

    assert differing_folds([searched], outcomes_in_fresh_process) == []

    otherwise = replace(searched, scores=tuple(np.nextafter(searched.scores, 0.0).tolist()))
    assert differing_folds([searched, otherwise], outcomes) == [2]


def test_a_fold_of_too_few_rows_is_not_searched(rows, tmp_path):
    few = rows.usable[:3]

    found = search_fold(
        ForestScorer.of_fold(rows, few, plain_model(rows, few), PLAN), 4, tmp_path
    ).record

    assert (found.trials, found.parameters) == (0, {})
