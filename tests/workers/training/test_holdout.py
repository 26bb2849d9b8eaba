"""The holdout: the newest tenth, which no fit, fold or calibration can see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.fakes.training_markets import SMALL, market
from tests.workers.training.test_train import REQUEST, quiet
from workers.training.forecasts import baseline_forecasts, last_known_classes
from workers.training.holdout import split_holdout
from workers.training.labels import UNKNOWN
from workers.training.table import build_table
from workers.training.train import train


def test_the_newest_tenth_is_held_out_and_no_label_before_reaches_into_it():
    table = build_table(market(edge=0.5), SMALL.labels, SMALL.lstm.window)

    judged, held_out = split_holdout(table, 0.1, embargo_bars=5)

    starts_ms = table.times[held_out].min()
    assert len(held_out) == pytest.approx(0.1 * len(table.usable), abs=2)
    assert (judged.known_at[judged.usable] + 5 * table.timeframe_ms < starts_ms).all()
    assert set(held_out) == set(table.usable[table.times[table.usable] >= starts_ms])


def test_a_model_does_not_change_with_its_holdout():
    series = market(edge=0.5, bars=1_200)
    table = build_table(series, SMALL.labels, SMALL.lstm.window)
    _, held_out = split_holdout(table, SMALL.holdout_share, SMALL.embargo_bars)
    cut = int(table.times[held_out].min())
    other = {symbol: _from_then_on(one, cut) for symbol, one in series.items()}

    ours, theirs = (train(REQUEST, each, SMALL, quiet) for each in (series, other))

    for name in ("forest.json", "lstm.safetensors"):
        assert ours.contents[name] == theirs.contents[name]
    assert ours.manifest.temperature == theirs.manifest.temperature
    assert ours.metrics == theirs.metrics
    assert ours.scores == theirs.scores
    assert ours.holdout != theirs.holdout
    assert ours.holdout is not None
    assert ours.holdout.rows == len(held_out)
    assert {score.forecast for score in ours.holdout.scores} == {
        *("ensemble", "xgboost", "lstm"),
        *("class_prior", "naive_last_label", "historical_volatility"),
    }


def _from_then_on(one, cut):
    """At and after a time the market jumps to and fro."""
    later = one.times >= cut
    swing = np.where(np.arange(len(one.times)) % 20 < 10, 1.0, 1.2)
    return replace(
        one,
        close=np.where(later, one.close * swing, one.close),
        open=np.where(later, one.open * swing, one.open),
    )


def test_the_newest_known_label_is_that_of_a_horizon_ago():
    table = build_table(market(edge=0.5, bars=60), SMALL.labels, SMALL.lstm.window)
    horizon, bars = SMALL.labels.horizon_bars, 60

    known = last_known_classes(table, horizon)

    for begin in (0, bars):
        assert (known[begin : begin + horizon] == UNKNOWN).all()
        np.testing.assert_array_equal(
            known[begin + horizon : begin + bars], table.classes[begin : begin + bars - horizon]
        )


def test_every_baseline_gives_probabilities_and_reads_no_later_class():
    table = build_table(market(edge=0.5, bars=300), SMALL.labels, SMALL.lstm.window)
    train_rows, rows = table.usable[:200], table.usable[220:240]
    turned = np.where(table.known_at > table.times[rows].max(), 0, table.classes)

    ours = baseline_forecasts(table, SMALL.labels, train_rows, rows)
    theirs = baseline_forecasts(replace(table, classes=turned), SMALL.labels, train_rows, rows)

    for name, probabilities in ours.items():
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
        assert (probabilities > 0.0).all()
        np.testing.assert_array_equal(probabilities, theirs[name])
