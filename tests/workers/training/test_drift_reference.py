"""The reference of drift: bins of training rows, means of blocks out of sample, detectors tried."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.predictions import ClassProbabilities
from streams.costs import Label
from streams.drift.processor import entropy
from streams.scoring.outcome import CLASSES, log_loss
from streams.shifts.statistics import BINS, unpacked
from workers.training.drift_reference import (
    WINDOW_ROWS,
    block_means,
    feature_reference,
    long_run_deviation,
    measure_reference,
    measured,
)
from workers.training.table import TrainingTable

BLOCK, BLOCK_MS = 60, 3_600_000


def test_what_is_measured_is_what_the_processors_measure_live():
    probabilities = np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])

    values = measured(probabilities, np.array([2, 1]))

    labels: tuple[Label, ...] = ("buy", "neutral")
    for row, label in enumerate(labels):
        chances = ClassProbabilities(**dict(zip(CLASSES, probabilities[row].tolist(), strict=True)))
        assert values["log_loss"][row] == pytest.approx(log_loss(chances, label))
        assert values["expected_log_loss"][row] == pytest.approx(entropy(chances))
    assert values["miss"].tolist() == [0.0, 1.0]
    assert values["overconfidence"].tolist() == pytest.approx([-0.5, 0.6])


def test_blocks_are_whole_and_the_newest_values_are_in_them():
    assert block_means(np.arange(7.0), 3).tolist() == [2.0, 5.0]


def test_the_deviation_counts_dependence_between_blocks_and_is_never_too_small():
    noise = np.random.default_rng(1).normal(size=400)
    walk = np.convolve(noise, np.ones(4) / 2.0, "valid")
    zigzag = np.tile([1.0, -1.0], 100)

    assert long_run_deviation(walk) > 1.5 * walk.std()
    assert long_run_deviation(noise) == pytest.approx(1.0, abs=0.35)
    assert long_run_deviation(zigzag) == pytest.approx(zigzag.std(ddof=1))


def test_a_detector_is_armed_by_a_quiet_history_that_is_long_enough_to_show_a_planted_rise():
    rng = np.random.default_rng(2)
    quiet = measure_reference("log_loss", 1.0 + rng.normal(0, 0.1, 120), BLOCK, BLOCK_MS)
    restless = measure_reference("log_loss", 1.0 + rng.normal(0, 1.0, 120), BLOCK, BLOCK_MS)
    short = measure_reference("log_loss", 1.0 + rng.normal(0, 0.1, 9), BLOCK, BLOCK_MS)
    rising = measure_reference("log_loss", np.repeat([1.0, 2.0], 60), BLOCK, BLOCK_MS)

    assert quiet.armed
    assert quiet.upper > quiet.mean
    assert 1 <= (quiet.caught_blocks or 0) <= 40
    assert (restless.silent, restless.caught_blocks) == (True, None)
    assert (short.silent, short.caught_blocks) == (False, None)
    assert rising.armed is False


def table(rows: int, timeframe_ms: int = 3_600_000) -> TrainingTable:
    """Return a table of one symbol with two features, one of which is constant."""
    values = np.column_stack([np.random.default_rng(3).normal(size=rows), np.full(rows, 7.0)])
    times = np.arange(1, rows + 1) * timeframe_ms
    nothing = np.zeros(rows)
    return TrainingTable(
        series={},
        times=times,
        known_at=times,
        rows=values,
        classes=np.zeros(rows, dtype=np.int64),
        forward=nothing,
        funding=nothing,
        usable=np.arange(rows),
        timeframe_ms=timeframe_ms,
    )


def test_the_bins_of_training_rows_hold_a_tenth_each_and_a_constant_feature_one_bin():
    history = table(2 * WINDOW_ROWS)

    reference = feature_reference(("a", "b"), history, history.usable, 1)

    assert reference is not None
    assert (reference.rows, reference.stride_bars) == (2 * WINDOW_ROWS, 1)
    shares = unpacked(reference.shares, BINS)
    assert shares[0] == pytest.approx(np.full(BINS, 0.1), abs=0.002)
    assert shares[1].tolist() == [1.0] + [0.0] * 9
    assert np.isfinite(unpacked(reference.null, 4)).all()


def test_minutes_are_thinned_and_a_history_of_less_than_two_windows_has_no_reference():
    minutes = table(5 * 2 * WINDOW_ROWS, 60_000)
    short = table(2 * WINDOW_ROWS - 1)

    thinned = feature_reference(("a", "b"), minutes, minutes.usable, 1)

    assert thinned is not None
    assert (thinned.rows, thinned.stride_bars) == (2 * WINDOW_ROWS, 5)
    assert feature_reference(("a", "b"), short, short.usable, 1) is None
