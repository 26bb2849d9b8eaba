"""False promotions: challengers without an advantage, looked at after every outcome.

The claim: in no family do more than 5 % of them ever come out ahead.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from schemas.blocks import BlockSums
from streams.evaluation.confidence_sequence import add_outcome, block_bars, mean_sequence
from tests.streams.evaluation.null_families import FAMILIES, batches, first_exclusions

CHALLENGES = 2_000
SEED = 20_261_130


def promoted(name, bars, effect=0.0, block=None, side=1):
    """Return how many challenges of a family ever excluded 0 on a side."""
    horizon, family = FAMILIES[name]
    length = block or block_bars(horizon)
    return sum(
        int(np.sum(first_exclusions(outcomes + effect, length, side) > 0))
        for outcomes in batches(family, CHALLENGES, bars, SEED)
    )


def upper_bound(count):
    """Return the 95 % upper bound of a rate (Clopper, Pearson, 1934)."""
    return float(stats.beta.ppf(0.95, count + 1, CHALLENGES - count))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_challenger_without_an_advantage_is_rarely_promoted(name):
    assert upper_bound(promoted(name, bars=2_000)) <= 0.05


@pytest.mark.audit
@pytest.mark.parametrize("name", FAMILIES)
def test_no_family_promotes_too_often_over_ten_thousand_looks(name):
    above, below = (promoted(name, bars=10_000, side=side) for side in (1, -1))

    assert upper_bound(above) <= 0.05
    assert upper_bound(below) <= 0.05


def test_the_same_streams_fool_an_interval_of_bars_that_overlap():
    assert promoted("overlap 12", bars=2_000, block=1) > 0.3 * CHALLENGES


@pytest.mark.parametrize(("effect", "bars"), [(0.2, 5_000), (0.4, 2_000)])
def test_a_challenger_with_an_advantage_is_promoted(effect, bars):
    assert promoted("overlap 12", bars, effect) >= 0.8 * CHALLENGES


@pytest.mark.audit
def test_power_grows_with_the_effect_and_with_the_bars():
    effects, lengths = (0.05, 0.1, 0.2, 0.4), (1_000, 2_000, 5_000, 10_000)
    power = np.array(
        [
            [promoted("overlap 12", bars, effect) / CHALLENGES for bars in lengths]
            for effect in effects
        ]
    )

    assert np.all(np.diff(power, axis=0) >= 0.0)
    assert np.all(np.diff(power, axis=1) >= 0.0)
    assert power[2, 2] >= 0.8


@pytest.mark.parametrize("name", ["overlap 12", "autoregressive"])
def test_looks_at_closing_blocks_are_looks_after_every_outcome(name):
    horizon, family = FAMILIES[name]
    block, effect = block_bars(horizon), 0.3
    outcomes = family(np.random.default_rng(SEED), 4, 3_000) + effect

    assert [_first_look(row, block) for row in outcomes] == [
        int(first) for first in first_exclusions(outcomes, block, side=1)
    ]


def _first_look(outcomes, block):
    """Return after how many blocks the interval first lay above 0; -1: never."""
    sums = BlockSums()
    for bar, outcome in enumerate([*outcomes, 0.0]):
        sums = add_outcome(sums, bar // block, float(outcome))
        interval = mean_sequence(sums)
        if interval is not None and interval.low > 0.0:
            return sums.blocks
    return -1
