"""Specialists: they answer where regimes differ, and where they do not nobody is deceived."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from schemas.specialists import SPECIALISTS, Specialist, SpecialistPolicy
from schemas.timeframes import MINUTE_MS
from tests.build import START_MS
from tests.fakes.training_markets import SMALL, market
from tests.workers.training.test_train import REQUEST, quiet, table
from workers.models.artifact import read_model
from workers.serving.slots import load_ensemble
from workers.training.calibration_tables import fit_tables
from workers.training.comparison import champion_answers
from workers.training.diagnostics import reliability
from workers.training.fit import fit_model
from workers.training.fit_boosted import fit_boosted
from workers.training.idea_returns import idea_returns
from workers.training.metrics import StitchedRows, log_loss
from workers.training.report_selection import selection_section
from workers.training.specialists import (
    FEWEST_EFFECTIVE_ROWS,
    NOT_TRIED,
    JudgedRows,
    effective_rows,
    select,
    weighted_forests,
)
from workers.training.train import BLOCK_HORIZONS, register, train

POLICY = SpecialistPolicy(matrix=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)))
LATER = REQUEST.model_copy(update={"reason": "manual"})


def planted(edge: float, rows: int = 3_000, seed: int = 3) -> JudgedRows:
    """Return rows whose specialists know a share ``edge`` of the classes better in their regime."""
    rng = np.random.default_rng(seed)
    regimes = np.eye(3)[np.repeat(rng.integers(0, 3, rows // 50), 50)] * 0.9 + 1 / 30
    classes = rng.integers(0, 3, rows)
    truth = np.eye(3)[classes]
    known = rng.uniform(0.1, 0.4, size=(rows, 1))
    universal = (1 - known) / 3 + known * truth
    specialists = {}
    for place, name in enumerate(SPECIALISTS):
        own = regimes[:, place : place + 1] > 0.5
        better = (1 - edge) * universal + edge * truth
        worse = (1 - edge) * universal + edge / 3
        specialists[name] = np.where(own, better, worse)
    return JudgedRows(
        universal=StitchedRows(
            probabilities=universal,
            priors=np.full((rows, 3), 1 / 3),
            classes=classes,
            forward=np.zeros(rows),
            funding=np.zeros(rows),
            times=START_MS + 60_000 * np.arange(rows),
            folds=3,
        ),
        specialists=specialists,
        fitted={name: np.ones(rows, dtype=np.int64) for name in SPECIALISTS},
        temperatures=dict.fromkeys(SPECIALISTS, 1.0),
        regimes=regimes,
        block_ms=15 * 60_000,
        seed=7,
    )


def judged(record: JudgedRows, rows: float = 900.0) -> tuple[Specialist, ...]:
    return tuple(record.judge(name, rows) for name in SPECIALISTS)


def test_the_effective_rows_of_weights_by_hand():
    assert effective_rows(np.array([1.0, 0.5, 0.5])) == pytest.approx(4.0 / 1.5)
    assert effective_rows(np.full(600, 0.1)) == pytest.approx(600.0)
    assert effective_rows(np.zeros(3)) == 0.0


def test_specialists_that_know_their_regime_better_answer():
    record = planted(edge=0.2)

    selection = select(record, judged(record), POLICY)

    assert selection.rule == "argmax"
    assert selection.qualified == set(SPECIALISTS)
    best = next(test for test in selection.tests if test.rule == "argmax")
    assert best.beats
    assert best.interval is not None
    assert 0.0 < best.interval[0] < best.difference < best.interval[1]
    assert best.level == pytest.approx(0.975)
    assert selection.reason == (
        f"beats the universal model out of sample by {best.difference:.4f} nats a row"
    )
    assert all(
        each.log_loss < each.universal_log_loss  # type: ignore[operator]
        for each in selection.specialists
    )


def test_specialists_that_know_it_worse_leave_it_to_the_universal_model():
    record = planted(edge=-0.1)

    selection = select(record, judged(record), POLICY)

    assert selection.rule == "universal"
    assert [test.beats for test in selection.tests] == [False, False]
    assert all(test.difference < 0.0 for test in selection.tests)
    assert selection.reason == "no rule of the specialists beats it out of sample"


def test_of_too_few_blocks_nothing_is_concluded():
    record = planted(edge=0.2, rows=100)

    selection = select(record, judged(record), POLICY)

    assert selection.rule == "universal"
    assert selection.reason == "no specialist is qualified"
    assert {each.edge_interval for each in selection.specialists} == {None}


def test_a_specialist_of_too_few_rows_is_missing_with_its_reason():
    record = planted(edge=0.2)

    bull = record.judge("bull_specialist", 312.4)
    untested = replace(record, fitted={name: np.zeros(3_000, np.int64) for name in SPECIALISTS})

    assert (bull.temperature, bull.qualified) == (None, False)
    assert bull.reason == "312 effective rows, expected 500 at least"
    assert untested.judge("bull_specialist", 900.0).reason == (
        "no judged fold had 500 effective rows before it"
    )


def test_equal_weights_change_no_tree():
    rng = np.random.default_rng(0)
    rows, classes = rng.normal(size=(400, 4)), rng.integers(0, 3, 400)

    alike = fit_boosted(rows, classes, SMALL.boosted, 1, np.ones(400))

    assert alike == fit_boosted(rows, classes, SMALL.boosted, 1)
    assert alike != fit_boosted(rows, classes, SMALL.boosted, 1, rng.random(400))


@pytest.fixture(scope="module")
def later():
    """A later training whose fitted specialists answer by their weights, for good or ill."""

    def blend(record, specialists, policy):
        chosen = select(record, specialists, policy)
        trusted = tuple(each.model_copy(update={"qualified": True}) for each in chosen.specialists)
        changes = {"rule": "blend", "reason": "for a test", "specialists": trusted}
        return chosen.model_copy(update=changes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workers.training.specialists.select", blend)
        return train(LATER, market(edge=0.5, bars=1_600), SMALL, quiet)


def test_a_later_training_tries_specialists_and_reports_the_verdict(later, tmp_path):
    selection = later.manifest.selection

    report = json.loads(later.contents["report.json"])["selection"]
    model = register(later, LATER, tmp_path, START_MS)
    loaded = load_ensemble(model)

    assert report == json.loads(selection.model_dump_json())
    assert model.selection == selection
    assert [each.name for each in selection.specialists] == list(SPECIALISTS)
    assert selection.fitted
    for each in selection.specialists:
        enough = (each.effective_rows or 0.0) >= FEWEST_EFFECTIVE_ROWS
        assert enough == (each.temperature is not None)
    assert set(loaded.specialists) == {each.name for each in selection.fitted}
    manifest, contents = read_model(model)
    assert all(set(case.specialists) == set(loaded.specialists) for case in manifest.parity)
    assert len({contents[file.role] for file in manifest.files}) == len(manifest.files)


def test_what_is_judged_on_the_rows_held_out_is_what_serving_answers(later, tmp_path):
    loaded = load_ensemble(register(later, LATER, tmp_path, START_MS))
    other = SpecialistPolicy(shrink=True)

    served = champion_answers(loaded, later.table, later.held_out, SMALL.specialists)
    fallen_back = champion_answers(loaded, later.table, later.held_out, other)

    assert (served.rule, fallen_back.rule) == ("blend", "universal")
    np.testing.assert_allclose(served.served, later.answers.served, atol=1e-6)
    np.testing.assert_allclose(served.universal, later.answers.universal, atol=1e-6)
    np.testing.assert_allclose(fallen_back.served, later.answers.universal, atol=1e-6)
    assert np.abs(served.served - served.universal).max() > 1e-3
    scores = {score.forecast: score.log_loss for score in later.holdout.scores}
    classes = later.table.classes[later.held_out]
    assert scores["selection"] == pytest.approx(log_loss(served.served, classes), abs=1e-6)
    assert scores["ensemble"] == pytest.approx(log_loss(served.universal, classes), abs=1e-6)


def test_bounds_drawings_and_trades_are_of_the_answers_that_serve(later):
    manifest, served = later.manifest, later.served
    horizon = SMALL.labels.horizon_bars
    block_ms = BLOCK_HORIZONS * horizon * MINUTE_MS

    each = [idea_returns(one, horizon) for one in later.table.series.values()]
    earned = np.concatenate(each)[served.rows]
    assert manifest.calibration == fit_tables(later.stitched, earned, horizon, block_ms)
    assert manifest.selection_calibration == fit_tables(served, earned, horizon, block_ms)
    assert manifest.selection_calibration != manifest.calibration
    assert {score.forecast for score in later.scores} >= {"ensemble", "selection", "xgboost"}
    assert later.reliability == reliability(served, block_ms)
    assert later.metrics.log_loss == log_loss(later.stitched.probabilities, served.classes)
    folds = json.loads(later.contents["report.json"])["folds"]
    assert sum(fold["rows"] for fold in folds) == len(served.classes)
    mean = sum(fold["rows"] * fold["selection"]["log_loss"] for fold in folds)
    assert mean / len(served.classes) == pytest.approx(
        log_loss(served.probabilities, served.classes)
    )
    assert all(
        {"log_loss", "brier", "balanced_accuracy", "calibration_error"} <= fold[name].keys()
        for fold in folds
        for name in ("ensemble", "selection", "xgboost", "lstm")
    )


def test_the_page_states_figures_and_verdict():
    record = planted(edge=0.2)
    winning = select(record, judged(record), POLICY)
    argmax = next(test for test in winning.tests if test.rule == "argmax")
    bull = record.judge("bull_specialist", 312.0)

    page = selection_section(winning.model_copy(update={"specialists": (bull,)}))

    assert f"The specialist of the highest weight answers: {winning.reason}." in page
    assert f"argmax beats the universal model: log-loss {argmax.log_loss:.4f} beside" in page
    assert "bull specialist: 312 effective rows, expected 500 at least" in page
    assert (
        "The universal model answers: the first model tries no specialists."
        in selection_section(NOT_TRIED)
    )
    assert selection_section(None) == ""


def test_a_specialist_sees_nothing_after_its_last_training_row():
    series = market(edge=0.5, bars=1_400)
    rows = table(series)
    cut = START_MS + 1_000 * MINUTE_MS
    train_rows = rows.usable[rows.known_at[rows.usable] < cut]
    model = fit_model(rows, train_rows, SMALL, quiet)
    later = rows.times >= cut
    changed = replace(
        rows,
        classes=np.where(later, (rows.classes + 1) % 3, rows.classes),
        rows=np.where(later[:, None], 3.0 * rows.rows, rows.rows),
    )
    posteriors = np.where(later[:, None], 1 / 3, model.posteriors)

    ours = weighted_forests(rows, train_rows, model, SMALL)
    theirs = weighted_forests(changed, train_rows, replace(model, posteriors=posteriors), SMALL)

    assert ours == theirs
    assert any(each.content for each in ours.values())
