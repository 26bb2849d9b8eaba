"""Every indicator over a short hole: long memories go on, short ones wait, all are soon back."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.features.catalog import (
    FEATURE_NAMES,
    FEATURES,
    REFILL_BARS,
    SHORT_HOLE_BARS,
    Feature,
)
from tests.conformance.indicator_oracles import ORACLES, MarketColumns, Series
from tests.conformance.test_every_indicator import CASES, TOLERANCE, kernel, walk

BEFORE = 1_900  # bars before the hole: all features are complete
AFTER = 150
SHORT = range(1, SHORT_HOLE_BARS + 1)
ALIGNMENTS = range(1, 121, 7)  # close of the first bar, to place the hole in every higher bar


@cache
def cut(missing: int, first: int) -> tuple[MarketColumns, Series]:
    """Return a market with one hole after ``BEFORE`` bars, and its features."""
    market = walk(bars=BEFORE + AFTER, seed=first, first=first)
    index = market.close_index.copy()
    index[BEFORE:] += missing
    holed = replace(market, close_index=index)
    return holed, kernel(holed)


def column(values: Series, feature: Feature) -> Series:
    return values[:, FEATURE_NAMES.index(feature.name)]


@pytest.mark.parametrize("feature", CASES)
@pytest.mark.parametrize("missing", SHORT)
def test_every_feature_is_back_within_60_bars_of_a_short_hole(feature, missing):
    for first in ALIGNMENTS:
        _, values = cut(missing, first)

        assert np.isfinite(column(values, feature)[BEFORE + REFILL_BARS - 1 :]).all()


@pytest.mark.parametrize("feature", CASES)
@pytest.mark.parametrize("missing", SHORT)
def test_what_has_a_value_after_a_short_hole_equals_its_oracle(feature, missing):
    market, values = cut(missing, 8)
    ours = column(values, feature)
    with np.errstate(invalid="ignore", divide="ignore"):
        theirs = ORACLES[feature.name](market)
    shown = np.isfinite(ours) & (np.arange(len(ours)) >= BEFORE)
    scale = market.close[shown] if feature.price_degree else 1.0

    assert shown.sum() > AFTER - REFILL_BARS
    assert np.abs((ours[shown] - theirs[shown]) / scale).max() <= TOLERANCE


@pytest.mark.parametrize(
    "feature", [pytest.param(f, id=f.name) for f in FEATURES if f.multiple == 1]
)
@pytest.mark.parametrize("missing", SHORT)
def test_a_base_feature_is_null_exactly_while_its_short_memory_spans_the_hole(feature, missing):
    _, values = cut(missing, 1)

    null = np.isnan(column(values, feature)[BEFORE:])

    assert np.flatnonzero(null).tolist() == list(range(max(0, feature.after_hole - 1)))


@pytest.mark.parametrize("missing", SHORT)
@pytest.mark.parametrize("name", ["htf1_log_return_1", "htf1_efficiency_ratio_10"])
def test_a_window_of_the_ladder_holds_whole_higher_bars_or_is_null(name, missing):
    for first in ALIGNMENTS:
        market, values = cut(missing, first)
        shown = ~np.isnan(values[:, FEATURE_NAMES.index(name)])
        places = -(-market.close_index // 5)
        bars = 2 if name == "htf1_log_return_1" else 11
        for t in range(BEFORE, len(places)):
            last = market.close_index[t] // 5  # the newest higher bar that is over
            window = (places > last - bars) & (places <= last)
            assert window.sum() == 5 * bars or not shown[t]


def test_recursions_go_on_over_the_bars_that_are_there():
    holed, values = cut(3, 1)
    joined = kernel(replace(holed, close_index=np.arange(1, len(holed.close) + 1)))
    base = [i for i, f in enumerate(FEATURES) if f.multiple == 1 and not f.period_ms]
    ours, theirs = values[:, base], joined[:, base]

    shown = ~np.isnan(ours)

    assert np.array_equal(ours[shown], theirs[shown])
    long = [i for i in base if FEATURES[i].after_hole == 0]
    assert not np.isnan(values[BEFORE:, long]).any()


@pytest.mark.parametrize("feature", CASES)
def test_a_longer_hole_starts_warm_up_again(feature):
    market, values = cut(SHORT_HOLE_BARS + 1, 8)

    after = kernel(market.rows(slice(BEFORE, None)))

    assert np.array_equal(column(values, feature)[BEFORE:], column(after, feature), equal_nan=True)


def test_nothing_after_a_hole_changes_what_was_before_it():
    holed, values = cut(2, 61)

    assert np.array_equal(kernel(holed.rows(slice(BEFORE))), values[:BEFORE], equal_nan=True)


def every_hole(seed: int, bars: int = 4_000) -> tuple[MarketColumns, NDArray[np.int64]]:
    """Return a market with short and long holes here and there, and its steps of the index."""
    rng = np.random.default_rng(seed)
    market = walk(bars=bars, seed=seed)
    steps = np.where(rng.random(bars) < 0.01, rng.integers(2, 8, bars), 1)
    return replace(market, close_index=np.cumsum(steps)), steps


@pytest.mark.parametrize("seed", range(3))
def test_many_holes_leave_every_feature_finite_or_null(seed):
    market, steps = every_hole(seed)

    values = kernel(market)

    assert not np.isinf(values).any()
    null = np.isnan(values[1:, FEATURE_NAMES.index("log_return_1")])
    assert np.array_equal(null, steps[1:] > 1)
