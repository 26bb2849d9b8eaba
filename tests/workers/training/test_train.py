"""Training: an edge is found, none is invented; nothing later is used; the same input again."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from schemas.regimes import normalised_entropy
from schemas.timeframes import HOUR_MS, MINUTE_MS
from schemas.training import TrainingRequest
from streams.signals.grading import DEFAULT_POLICY
from tests.build import START_MS
from tests.fakes.training_markets import SMALL, market
from workers.models.artifact import REGISTERED, model_folder, read_model
from workers.serving.slots import load_ensemble
from workers.training.fit import (
    TooFewRows,
    fit_folds,
    fit_networks,
    predict_folds,
    stitch_blocks,
)
from workers.training.holdout import split_holdout
from workers.training.next_bar import NextBarGain
from workers.training.table import build_table
from workers.training.train import register, train

REQUEST = TrainingRequest(
    request_id="r1",
    strategy="ensemble",
    event_time_ms=START_MS,
    symbols=("BTCUSDT", "ETHUSDT"),
    timeframe_ms=MINUTE_MS,
    from_ms=START_MS,
    to_ms=START_MS + 10_000 * MINUTE_MS,
    reason="bootstrap",
)


def quiet(*_):
    pass


def table(series):
    return build_table(series, SMALL.labels, SMALL.lstm.window)


def walk_forward(rows, plan):
    networks = fit_networks(rows, plan, quiet).folds
    return predict_folds(rows, fit_folds(rows, plan, quiet), networks, plan)


@pytest.fixture(scope="module")
def trained():
    return train(REQUEST, market(edge=0.5), SMALL, quiet)


def test_a_real_edge_passes_every_gate(trained):
    metrics = trained.metrics

    assert metrics.log_loss < metrics.prior_log_loss - 0.01
    assert metrics.log_loss_edge_interval[0] > 0.0
    assert all(trained.gates.values())
    assert metrics.directional_calls > 0


def test_an_edge_earns_a_return_out_of_sample_and_grades_say_what_is_certified(trained):
    returns = trained.manifest.calibration.returns
    metrics, report = trained.metrics, json.loads(trained.contents["report.json"])

    assert returns.mean[0] < 0.0 < returns.mean[-1]
    assert [promise["grade"] for promise in report["grade_promises"]] == ["B", "A", "A+"]
    assert all(promise["reason"] for promise in report["grade_promises"])
    assert metrics.calibration_error_debiased is not None
    assert metrics.calibration_error_debiased <= metrics.calibration_error_debiased_interval[1]
    assert 0.0 < metrics.calibration_p_value <= 1.0


def test_the_report_says_what_the_regimes_of_each_fold_say_of_the_next_bar(trained):
    judged, _ = split_holdout(table(market(edge=0.5)), SMALL.holdout_share, SMALL.embargo_bars)
    blocks = walk_forward(judged, SMALL)

    report = json.loads(trained.contents["report.json"])

    summary, fails = report["next_bar"], []
    for block in blocks:
        assert block.regimes.shape == (len(block.rows), 3)
        fails += [
            normalised_entropy(tuple(row)) > DEFAULT_POLICY.max_entropy
            for row in block.regimes.tolist()
        ]
    assert report["regimes_unclear"] == np.mean(fails)
    assert summary == NextBarGain.join([block.next_bar for block in blocks]).summary()
    assert 0 < summary["rows"] <= sum(len(block.rows) for block in blocks)
    for gain in (summary["log_return"], summary["log_range"]):
        assert gain["low"] < gain["mean"] < gain["high"]


def test_the_same_input_and_seed_give_the_same_version(trained):
    again = train(REQUEST, market(edge=0.5), SMALL, quiet)

    assert again.manifest.version == trained.manifest.version
    assert again.contents == trained.contents


def test_another_seed_gives_another_version(trained):
    other = train(REQUEST, market(edge=0.5), replace(SMALL, seed=8), quiet)

    assert other.manifest.version != trained.manifest.version


def test_what_is_registered_loads_and_answers_as_in_training(trained, tmp_path):
    model = register(trained, REQUEST, tmp_path, START_MS)

    loaded = load_ensemble(model)

    manifest, _ = read_model(model)
    assert loaded.version == manifest.version == model.model_version
    assert model.qualified
    assert {f.role for f in model.files} == {"forest", "lstm", "report", "manifest"}
    assert [r.model_version for r in model.regimes] == [model.model_version] * 2
    assert sum(manifest.class_prior) == pytest.approx(1.0)
    assert manifest.calibration is not None
    assert loaded.calibration is not None
    low, high = loaded.calibration.confidence_interval(manifest.parity[0].forest)
    assert 0.0 <= low < high <= 1.0
    assert model.selection == manifest.selection
    assert manifest.selection.reason == "the first model tries no specialists"
    assert register(trained, REQUEST, tmp_path, START_MS) == model
    assert (model_folder(model.uri) / REGISTERED).read_bytes() == model.encode()


def test_bars_of_any_length_are_trained_on_alike_and_the_model_says_which(trained, tmp_path):
    hourly = {
        symbol: replace(
            one, timeframe_ms=HOUR_MS, times=START_MS + HOUR_MS * np.arange(len(one.times))
        )
        for symbol, one in market(edge=0.5).items()
    }
    asked = REQUEST.model_copy(update={"timeframe_ms": HOUR_MS, "base_ms": MINUTE_MS})

    hours = train(asked, hourly, SMALL, quiet)
    model = register(hours, asked, tmp_path, START_MS)

    judged = ("rows", "folds", "log_loss", "prior_log_loss", "accuracy", "directional_calls")
    of_minutes = trained.metrics.model_dump(include=set(judged))
    assert hours.metrics.model_dump(include=set(judged)) == pytest.approx(of_minutes)
    assert hours.contents["forest.json"] == trained.contents["forest.json"]
    assert hours.contents["lstm.safetensors"] == trained.contents["lstm.safetensors"]
    assert hours.manifest.version != trained.manifest.version
    assert (model.timeframe_ms, model.base_ms) == (HOUR_MS, MINUTE_MS)
    assert {regime.timeframe_ms for regime in model.regimes} == {HOUR_MS}


def test_the_first_block_calibrates_and_is_never_judged():
    rows = table(market(edge=0.5))
    blocks = walk_forward(rows, SMALL)

    stitched = stitch_blocks(rows, blocks, SMALL)

    assert stitched.folds == len(blocks) - 1
    assert stitched.times.min() >= blocks[1].starts_ms
    np.testing.assert_allclose(stitched.priors[0], blocks[1].prior)


def test_too_little_history_is_refused_with_the_numbers():
    with pytest.raises(TooFewRows, match=r"of 2 folds has \d+ training and \d+ test rows"):
        train(REQUEST, market(edge=0.5, bars=120), SMALL, quiet)
    with pytest.raises(TooFewRows, match="none of its 6 bars has 8 bars of complete features"):
        train(REQUEST, market(edge=0.5, bars=6), SMALL, quiet)


@pytest.mark.parametrize(("bars", "folds"), [(400, 4), (333, 3), (250, 2)])
def test_a_short_history_is_judged_in_fewer_folds_of_full_size(bars, folds):
    plan = replace(SMALL, smallest_fold=110)
    rows = table(market(edge=0.5, bars=bars))

    blocks = walk_forward(rows, plan)

    assert len(blocks) == folds
    assert min(len(block.rows) for block in blocks) >= plan.smallest_fold
    assert stitch_blocks(rows, blocks, plan).folds == folds - 1


def test_every_stage_is_reported_in_order():
    steps: list[tuple[str, float]] = []

    train(REQUEST, market(edge=0.5), SMALL, lambda stage, done, _: steps.append((stage, done)))

    stages = list(dict.fromkeys(stage for stage, _ in steps))
    assert stages == ["folds", "regimes", "boosted", "lstm", "calibration"]
    assert all(0.0 <= done <= 1.0 for _, done in steps)
