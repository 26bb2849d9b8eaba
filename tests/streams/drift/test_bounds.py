"""Bounds of live means: rarely false however often one looks, and planted rises are caught."""

from __future__ import annotations

import math

import numpy as np
import pytest

from streams.drift.bounds import (
    NEWEST,
    BlockMeans,
    add_block,
    error_rate,
    first_alarm,
    half_width,
    lower_bound,
)

HORIZON, BLOCK_ROWS = 15, 60
ERROR, FEWEST = 1e-3, 5  # one false alarm in 500 blocks, or fewer


def losses(rows: int, seed: int, remembered: float = 0.0) -> np.ndarray:
    """Return log-losses of overlapping labels around 1.05: each shares 14 bars with the next."""
    noise = np.random.default_rng(seed).standard_t(4, rows + HORIZON)
    for row in range(1, len(noise)):
        noise[row] += remembered * noise[row - 1]
    moved = np.convolve(noise, np.ones(HORIZON), "valid")[:rows]
    return np.asarray(1.05 + 0.3 * moved / moved.std())


def blocks_of(values: np.ndarray) -> list[float]:
    """Return the means of blocks."""
    return [float(mean) for mean in values.reshape(-1, BLOCK_ROWS).mean(axis=1)]


@pytest.mark.parametrize("remembered", [0.0, 0.3])
def test_quiet_streams_alarm_no_more_often_than_the_run_length_allows(remembered):
    streams = [blocks_of(losses(200 * BLOCK_ROWS, seed, remembered)) for seed in range(20)]
    deviation = float(np.std(streams))

    alarms = [first_alarm(each, deviation, ERROR, 1.05, FEWEST) for each in streams]

    # 4,000 quiet blocks at a limit without any tolerance: 8 alarms on average at most.
    assert sum(alarm is not None for alarm in alarms) <= 8


@pytest.mark.parametrize(("rise", "within"), [(0.5, 12), (0.3, 25), (0.15, 100)])
def test_a_planted_rise_is_caught_the_sooner_the_larger_it_is(rise, within):
    for seed in range(5):
        values = losses(160 * BLOCK_ROWS, seed)
        values[50 * BLOCK_ROWS :] += rise

        alarm = first_alarm(blocks_of(values), 0.16, ERROR, 1.05 + 0.02, FEWEST)

        assert alarm is not None
        assert 50 < alarm <= 50 + within


def test_the_newest_blocks_are_kept_and_all_are_counted():
    means = BlockMeans()
    for block in range(NEWEST + 3):
        means = add_block(means, float(block))

    assert means.blocks == NEWEST + 3
    assert means.newest == tuple(map(float, range(3, NEWEST + 3)))
    assert means.total == sum(range(NEWEST + 3))


def test_the_bound_is_the_highest_since_any_block_and_needs_enough_of_them():
    means = BlockMeans()
    for value in [0.0] * 6 + [9.0] * 5:
        means = add_block(means, value)

    assert lower_bound(means, 1.0, 0.01, 5) == pytest.approx(9.0 - half_width(5, 1.0, 0.01))
    assert lower_bound(means, 1.0, 0.01, 12) is None


def test_the_width_falls_with_blocks_and_grows_with_certainty_and_deviation():
    widths = [half_width(count, 0.2, 1e-4) for count in (1, 5, 20, 100)]

    assert widths == sorted(widths, reverse=True)
    assert half_width(5, 0.2, 1e-6) > half_width(5, 0.2, 1e-4) > half_width(5, 0.1, 1e-4)
    assert half_width(5, 0.0, 1e-4) == 0.0


def test_the_run_length_of_all_detectors_together_sets_the_error_of_each():
    hour_ms = 3_600_000

    assert error_rate(365.0, hour_ms, 4) == pytest.approx(1 / (2 * 8_760 * 4))
    assert error_rate(1.0, 400 * hour_ms, 1) == 0.05
    assert math.isfinite(error_rate(36_500.0, 60_000, 4))


PROBATION = 24  # blocks: 1,440 bars


def false_rollbacks(seeds: range, remembered: float) -> tuple[int, int]:
    """Return how many probations of quiet models end in a rollback, and how many there are.

    The limit is the true mean: no tolerance, no bound of the reference helps. Bars of an hour.
    """
    error = error_rate(365.0, BLOCK_ROWS * 3_600_000, 4)
    streams = [blocks_of(losses(20 * PROBATION * BLOCK_ROWS, seed, remembered)) for seed in seeds]
    deviation = float(np.std(streams))
    probations = [
        stream[start : start + PROBATION]
        for stream in streams
        for start in range(0, len(stream), PROBATION)
    ]
    alarms = [first_alarm(each, deviation, error, 1.05, FEWEST) for each in probations]
    return sum(alarm is not None for alarm in alarms), len(probations)


def test_a_quiet_new_model_hardly_ever_gives_way():
    wrong, probations = false_rollbacks(range(5), 0.3)

    # Two in 1,200 by the long run: of 100 more than four are a fault, not chance.
    assert (wrong <= 4, probations) == (True, 100)


@pytest.mark.audit
@pytest.mark.parametrize("remembered", [0.0, 0.3])
def test_false_rollbacks_stay_far_below_one_a_year(remembered, record_property):
    wrong, probations = false_rollbacks(range(60), remembered)

    # At bars of an hour a probation lasts 60 days: a year has six, if a model comes with each.
    per_year = 6.0 * wrong / probations
    record_property("false_rollbacks_per_year", per_year)
    assert per_year < 0.1
