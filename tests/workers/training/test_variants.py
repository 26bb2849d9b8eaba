"""Other forests are made inside their folds, and kept only where they win out of sample."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import pytest

from deploy.cli.tables.gates import variant_lines
from schemas.variants import FoldSearch, TrainingPolicy
from tests.fakes.training_markets import NAMES, SMALL, market
from tests.workers.training.leaks.stages import plain_model
from workers.models.ensemble import pool
from workers.training import variants
from workers.training.fit import PredictedBlock, training_rows
from workers.training.fit_boosted import BoostedPlan
from workers.training.importance import attribution_shares, gain_shares, importance_record
from workers.training.metrics import StitchedRows
from workers.training.next_bar import NextBarGain
from workers.training.report_variants import importance_section, variants_section
from workers.training.search import outcomes
from workers.training.split import WalkForward
from workers.training.table import build_table
from workers.training.variants import (
    ChosenForests,
    ForestSearch,
    PairedTest,
    choose_forests,
    select_features,
    split_symbols,
)

PLAN = replace(SMALL, walk=WalkForward(blocks=2))
TEST = PairedTest(block_ms=5, seed=1, level=0.95)


@pytest.fixture(scope="module")
def rows():
    return build_table(market(edge=0.5, bars=900), PLAN.labels, PLAN.lstm.window)


@pytest.fixture(scope="module")
def model(rows):
    return plain_model(rows, rows.usable)


@pytest.fixture(scope="module")
def start(rows, model):
    """The models of the defaults and their blocks; their network says the class shares."""
    models, blocks = [], []
    for train in training_rows(rows, PLAN):
        fitted = plain_model(rows, train)
        known_ms = int(rows.known_at[train].max())
        judged = rows.usable[rows.times[rows.usable] > known_ms + 6 * rows.timeframe_ms][:150]
        forecasts = {
            "xgboost": fitted.forest_probabilities(rows, judged),
            "lstm": np.tile(fitted.prior, (len(judged), 1)),
        }
        pooled = pool(forecasts, PLAN.member_weights)
        even, unasked = fitted.posteriors[judged], cast("NextBarGain", None)
        blocks.append(
            PredictedBlock(
                int(rows.times[judged].min()),
                judged,
                pooled,
                fitted.prior,
                even,
                unasked,
                forecasts,
            )
        )
        models.append(fitted)
    return ChosenForests([*models, model], blocks)


def stitched(right: float, rows: int = 2_000) -> StitchedRows:
    """Return rows whose class is said with a probability of about ``right``."""
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, rows)
    chances = np.full((rows, 3), (1.0 - right) / 2.0)
    chances[np.arange(rows), classes] = right
    noise = rng.dirichlet(np.ones(3), rows)
    zeros = np.zeros(rows)
    return StitchedRows(
        0.9 * chances + 0.1 * noise, chances, classes, zeros, zeros, np.arange(rows), 3
    )


def test_a_variant_is_kept_only_where_its_whole_interval_lies_above_zero():
    better = TEST.judge("features", stitched(0.4), stitched(0.42))
    worse = TEST.judge("features", stitched(0.4), stitched(0.38))
    same = TEST.judge("features", stitched(0.4), stitched(0.4))
    few = TEST.judge("features", stitched(0.4, rows=20), stitched(0.42, rows=20))

    assert better.kept
    assert better.interval is not None
    assert better.interval[0] > 0.0
    assert better.difference == pytest.approx(better.default_log_loss - better.log_loss)
    assert not worse.kept
    assert not same.kept
    assert (few.kept, few.interval) == (False, None)


def test_what_matters_to_a_symbol_is_kept_and_the_rest_is_missing_in_its_rows(
    rows, model, monkeypatch
):
    monkeypatch.setattr(variants, "FEWEST_FEATURES", 1)

    chosen = select_features(rows, rows.usable, model, PLAN)

    shares = attribution_shares(rows, rows.usable, model)
    inputs = chosen.forest_rows(rows, rows.usable)
    symbols = np.array(rows.symbols_at(rows.usable))
    for symbol, features in chosen.features.items():
        assert "hint" in features
        assert 0 < len(features) < len(NAMES)
        assert shares[symbol].sum() == pytest.approx(1.0)
        places = [NAMES.index(name) for name in features]
        assert shares[symbol][places].sum() >= variants.IMPORTANT
        missing = np.isnan(inputs[symbols == symbol]).all(axis=0)
        assert [NAMES[i] for i in np.flatnonzero(~missing[: len(NAMES)])] == list(features)
        assert not missing[len(NAMES) :].any()
    assert chosen.forest != model.forest


def test_the_feature_that_says_something_gains_most_and_moves_most(rows, model):
    record = importance_record(rows, rows.usable, model)

    gains = gain_shares(model.forest, len(NAMES))
    assert gains.sum() == pytest.approx(1.0)
    assert NAMES[int(gains.argmax())] == "hint"
    assert list(record) == ["gain", "BTCUSDT", "ETHUSDT"]
    assert {next(iter(part)) for part in record.values()} == {"hint"}
    for part in record.values():
        assert list(part.values()) == sorted(part.values(), reverse=True)
    page = importance_section(record)
    assert "<th>Feature</th><th>gain</th><th>BTCUSDT</th><th>ETHUSDT</th>" in page
    assert f"<td>hint</td><td>{record['gain']['hint']:.1%}</td>" in page
    assert importance_section(None) == ""


def test_a_symbol_with_rows_enough_has_a_forest_of_its_own_rows_alone(rows, model, monkeypatch):
    monkeypatch.setattr(variants, "FEWEST_ROWS", 200)
    symbols = np.array(rows.symbols_at(rows.usable))
    bitcoin, others = (rows.usable[symbols == name] for name in ("BTCUSDT", "ETHUSDT"))

    own = split_symbols(rows, rows.usable, model, PLAN)
    alone = split_symbols(rows, np.concatenate([bitcoin, others[:60]]), model, PLAN)

    assert set(own.forests) == {"BTCUSDT", "ETHUSDT"}
    assert set(alone.forests) == {"BTCUSDT"}, "30 rows fit no forest"
    answers = own.forest_probabilities(rows, rows.usable)
    shared = model.forest_probabilities(rows, rows.usable)
    assert not np.allclose(answers, shared)
    np.testing.assert_array_equal(
        alone.forest_probabilities(rows, others), model.forest_probabilities(rows, others)
    )


def test_every_variant_is_tried_reported_and_counted_and_what_loses_leaves_the_model_alone(
    rows, start, monkeypatch, tmp_path
):
    judge = PairedTest.judge
    monkeypatch.setattr(PairedTest, "judge", lambda *a: _verdict(judge, (), *a))
    plan = replace(PLAN, variants=TrainingPolicy(search_trials=2))

    chosen = choose_forests(rows, start, plan, ForestSearch(plan, tmp_path), rerun=outcomes)

    assert [test.variant for test in chosen.tests] == ["search", "features", "symbols"]
    assert not any(test.kept for test in chosen.tests)
    assert chosen.models == start.models
    fits = len(start.models)
    assert len(chosen.tests[0].searches) == fits
    assert chosen.trials == 2 * fits + 1 + 1
    assert [test.level for test in chosen.tests] == pytest.approx([1.0 - 0.05 / 3] * 3)


def _verdict(judge, kept, *arguments):
    test = judge(*arguments)
    return test.model_copy(update={"kept": test.variant in kept})


def test_what_wins_is_built_upon_and_can_be_made_again_from_the_rows_of_a_fold(
    rows, start, monkeypatch
):
    monkeypatch.setattr(variants, "FEWEST_FEATURES", 1)
    monkeypatch.setattr(variants, "FEWEST_ROWS", 60)
    judge = PairedTest.judge
    monkeypatch.setattr(
        PairedTest, "judge", lambda *a: _verdict(judge, ("features", "symbols"), *a)
    )

    chosen = choose_forests(rows, start, PLAN, ForestSearch(PLAN))

    last = chosen.models[-1]
    assert last.features
    assert last.forests
    again = chosen.remake(rows, rows.usable, start.models[-1])
    assert (again.forest, again.features, again.forests) == (
        last.forest,
        last.features,
        last.forests,
    )


def test_a_policy_turns_each_variant_off_and_one_symbol_is_not_split(rows, start):
    off = TrainingPolicy(select_features=False, split_symbols=False)
    nothing = replace(PLAN, variants=off)

    assert choose_forests(rows, start, nothing, ForestSearch(nothing)) == start
    alone = {"BTCUSDT": rows.series["BTCUSDT"]}
    assert list(variants._makers(replace(rows, series=alone), PLAN, ForestSearch(PLAN))) == [
        "features"
    ]


def test_a_search_that_does_not_come_out_again_is_not_kept(rows, start, monkeypatch):
    judge = PairedTest.judge
    monkeypatch.setattr(PairedTest, "judge", lambda *a: _verdict(judge, ("search",), *a))
    plan = replace(
        PLAN,
        boosted=BoostedPlan(rounds=2, learning_rate=0.001, leaf_weight=20.0),  # easy to beat
        variants=TrainingPolicy(search_trials=2, select_features=False, split_symbols=False),
    )

    def otherwise(trials):
        return [each._replace(digest="another") for each in outcomes(trials)]

    search = ForestSearch(plan)
    same = choose_forests(rows, start, plan, search, rerun=outcomes)
    other = variants._with_searches(same.tests[0], search, otherwise)

    assert same.tests[0].kept
    assert same.models[-1].boosted is not None
    assert not other.kept
    assert "not the same again in a fresh process: the best trial of fit" in other.reason


def test_the_report_says_what_was_tried_chosen_and_gained():
    search = FoldSearch(
        cut_ms=1,
        rows=900,
        trials=20,
        parameters={"depth": 4.0},
        default_log_loss=1.02,
        log_loss=1.01,
    )
    test = TEST.judge("search", stitched(0.4), stitched(0.42))
    told = test.model_copy(update={"searches": (search,), "trials": 20})

    page = variants_section((told,), {"BTCUSDT": ("rsi_14", "natr_14")})
    lines = list(variant_lines((told,)))

    assert "kept, better beyond chance out of sample" in page
    assert f"{test.difference:+.4f} nats a row (95.0%" in page
    assert "<td>1.01000</td><td>1.02000</td><td>depth 4</td>" in page
    assert "Features of BTCUSDT: rsi_14, natr_14." in page
    assert any(f"gain in log-loss {test.difference:+.5f}" in line for line in lines)
    assert "    fit 1: 20 trials on 900 rows, log-loss inside 1.01000" in lines[-1]
    assert variants_section((), {}) == ""
    assert list(variant_lines(())) == []
