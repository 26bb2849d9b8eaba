"""Champion and challenger on rows that neither has seen: a table, an interval, one verdict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from schemas.policies import ComparisonPolicy, GatesPolicy
from schemas.timeframes import HOUR_MS, MINUTE_MS
from tests.build import START_MS
from tests.fakes.training_markets import SMALL, market
from tests.workers.training.test_train import REQUEST, quiet
from workers.models.artifact import model_folder
from workers.serving.slots import load_ensemble
from workers.training.answers import ModelAnswers
from workers.training.comparison import champion_answers, compare_models
from workers.training.train import register, train

BARS = 3_000


@pytest.fixture(scope="module")
def hourly():
    """Two markets of hours with an edge that pays its costs."""
    return {
        symbol: replace(
            one, timeframe_ms=HOUR_MS, times=START_MS + HOUR_MS * np.arange(len(one.times))
        )
        for symbol, one in market(edge=0.9, bars=BARS).items()
    }


@pytest.fixture(scope="module")
def trained(hourly):
    asked = REQUEST.model_copy(update={"timeframe_ms": HOUR_MS, "base_ms": MINUTE_MS})
    return train(asked, hourly, SMALL, quiet)


@pytest.fixture(scope="module")
def champion(trained, tmp_path_factory):
    return register(trained, REQUEST, tmp_path_factory.mktemp("models"), START_MS)


def compared(champion, trained, answers, plan=SMALL):
    ours = ModelAnswers(answers, answers)
    return compare_models(champion, ours, trained.table, trained.held_out, plan)


def even(trained):
    """Answers without any knowledge."""
    return np.full_like(trained.answers.served, 1 / 3)


def knowing(trained, share):
    """Answers that lean to what came true, by a share."""
    truth = np.eye(3)[trained.table.classes[trained.held_out]]
    return (1.0 - share) * trained.answers.served + share * truth


def test_the_champion_answers_as_it_did_when_it_was_trained(trained, champion):
    loaded = load_ensemble(champion)

    answers = champion_answers(loaded, trained.table, trained.held_out, SMALL.specialists)

    np.testing.assert_allclose(answers.served, trained.answers.served, atol=1e-6)
    assert answers.rule == "universal"


def test_a_model_beside_itself_shows_no_gain_and_the_champion_stays(trained, champion):
    result = compared(champion, trained, trained.answers.served)

    assert result.verdict == "keep"
    assert result.difference == pytest.approx(0.0, abs=1e-6)
    assert all(row.champion == pytest.approx(row.challenger) for row in result.metrics)


def test_a_challenger_that_knows_more_is_promoted_on_the_rows_held_out(trained, champion):
    result = compared(champion, trained, knowing(trained, 0.3))

    assert result.verdict == "promote", result.reasons
    assert result.rows == len(trained.held_out)
    assert result.difference_interval[0] > 0.0
    assert [(row.metric, row.weight, row.required) for row in result.metrics] == [
        ("total_profit", "high", True),
        ("sharpe_ratio", "high", True),
        ("max_drawdown", "medium", True),
        ("win_rate", "medium", False),
        ("total_trades", "low", True),
    ]
    assert result.from_ms > champion.trained_to_ms


def test_a_better_challenger_that_lacks_a_symbol_of_the_champion_says_that_it_waits(
    trained, champion
):
    wider = champion.model_copy(update={"symbols": (*champion.symbols, "SOLUSDT")})

    result = compared(wider, trained, knowing(trained, 0.3))

    assert result.verdict == "promote"
    assert result.reasons[-1].startswith("it was not trained on SOLUSDT")


def test_what_serves_decides_and_the_universal_models_stand_beside_it(trained, champion):
    ours = ModelAnswers(knowing(trained, 0.3), trained.answers.served, "blend")

    result = compare_models(champion, ours, trained.table, trained.held_out, SMALL)

    assert result.verdict == "promote"
    assert (result.champion_rule, result.challenger_rule) == ("universal", "blend")
    assert result.universal_difference == pytest.approx(0.0, abs=1e-6)
    assert (result.difference or 0.0) > 0.0


def test_a_challenger_that_knows_less_is_kept_out(trained, champion):
    result = compared(champion, trained, even(trained))

    assert result.verdict == "keep"
    assert "the champion is better" in result.reasons[0]


def test_a_gain_does_not_make_up_for_a_required_metric_that_fails(trained, champion):
    never = knowing(trained, 0.3)
    never[:, 1] += 2.0  # neutral always leads: no trade
    never /= never.sum(axis=1, keepdims=True)

    result = compared(champion, trained, never)

    assert result.verdict != "promote"
    assert result.metrics[0].challenger == 0.0


def test_rows_that_the_champion_may_have_seen_do_not_count(trained, champion):
    newer = champion.model_copy(
        update={"trained_to_ms": int(trained.table.times[trained.held_out].max())}
    )

    result = compared(newer, trained, trained.answers.served)

    assert (result.rows, result.verdict) == (0, "manual_review")
    assert "trained on every row held out" in result.reasons[0]


def test_too_few_rows_are_for_a_human_to_look_at(trained, champion):
    few = 10 * SMALL.labels.horizon_bars
    newer = champion.model_copy(
        update={"trained_to_ms": int(trained.table.times[trained.held_out].max()) - few * HOUR_MS}
    )

    result = compared(newer, trained, trained.answers.served)

    assert result.verdict == "manual_review"
    assert "are too few for an interval" in result.reasons[0]


def test_an_altered_champion_is_for_a_human_to_look_at(trained, tmp_path):
    moved = register(trained, REQUEST, tmp_path, START_MS)
    path = model_folder(moved.uri) / "forest.json"
    path.write_bytes(path.read_bytes() + b" ")

    result = compared(moved, trained, trained.answers.served)

    assert result.verdict == "manual_review"
    assert "forest.json has SHA-256" in result.reasons[0]


def test_a_champion_of_other_labels_is_not_compared(trained, champion):
    plan = replace(SMALL, labels=replace(SMALL.labels, horizon_bars=7))

    result = compared(champion, trained, trained.answers, plan)

    assert result.verdict == "manual_review"
    assert "predicts other labels: (5," in result.reasons[0]


def test_the_policy_says_thresholds_level_and_what_is_required(trained, champion):
    stricter = ComparisonPolicy(min_total_trades=100_000, max_drawdown_pct=12.5, level=0.5)
    lenient = stricter.model_copy(update={"required": ()})
    answers = knowing(trained, 0.3)

    kept, promoted = (
        compared(champion, trained, answers, replace(SMALL, gates=GatesPolicy(comparison=policy)))
        for policy in (stricter, lenient)
    )

    assert (kept.verdict, promoted.verdict) == ("keep", "promote")
    assert "expected at least 1e+05" in kept.reasons[0]
    rows = {row.metric: row for row in promoted.metrics}
    assert (rows["max_drawdown"].threshold, rows["max_drawdown"].required) == (0.125, False)
    assert not rows["total_trades"].passed
    assert promoted.level == 0.5
