"""What regimes say of the next bar: the law is the likeliest, and only true regimes gain by it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import minimize

from schemas.timeframes import MINUTE_MS
from workers.training.next_bar import (
    DECAYS,
    NextBarGain,
    NextBars,
    next_bar_gain,
)

BARS = 6_000
TRAIN, TEST = np.arange(BARS // 2 - 1), np.arange(BARS // 2, BARS)
CENTRES = np.array([0.3, -0.3, 0.0])
SPREADS = np.array([1.0, 2.5, 0.5])


def market(seed, bars=BARS):
    """Bars whose law one of three lasting regimes sets; returns their closes and the regimes."""
    rng = np.random.default_rng(seed)
    states = np.repeat(rng.integers(0, 3, bars), 40)[:bars]
    returns = 1e-3 * (CENTRES[states] + SPREADS[states] * rng.standard_t(5.0, bars))
    ranges = 1e-3 * SPREADS[states] * np.exp(0.4 * rng.standard_normal(bars))
    times = np.arange(1, bars + 1) * MINUTE_MS
    return NextBars.of(times, MINUTE_MS, returns, ranges), np.eye(3)[states]


def likelihood(law, outcome, location, scale):
    """Mean log density by scipy; the last number is the degrees of freedom."""
    centre, log_scale = location @ law[: location.shape[1]], scale @ law[location.shape[1] : -1]
    return stats.t.logpdf(outcome, law[-1], centre, np.exp(log_scale)).mean()


def test_what_is_known_ends_at_the_close_and_the_outcome_is_the_bar_after_it():
    times = np.array([1, 2, 3, 6, 7]) * MINUTE_MS  # two bars are missing after the third
    returns, ranges = np.array([np.nan, 0.1, 0.2, 0.3, 0.4]), np.array([0.0, 1.0, 2.0, 0.0, 4.0])

    bars = NextBars.of(times, MINUTE_MS, returns, ranges)

    assert bars.log_return == pytest.approx([0.1, 0.2, np.nan, 0.4, np.nan], nan_ok=True)
    assert np.exp(bars.log_range) == pytest.approx([1.0, 2.0, np.nan, 4.0, np.nan], nan_ok=True)
    for decay, ours in zip(DECAYS, bars.log_volatility, strict=True):
        mean = pd.Series(ranges**2).ewm(alpha=1.0 - decay, adjust=False).mean()
        assert np.exp(2.0 * ours[1:]) == pytest.approx(mean[1:].to_numpy())
        assert np.isnan(ours[0])


def test_gain_is_the_difference_of_two_likeliest_laws():
    bars, regimes = market(seed=1)
    moves = np.isfinite(bars.log_return)
    train, test = TRAIN[moves[TRAIN]], TEST[moves[TEST]]
    one = np.ones((BARS, 1))

    gain = next_bar_gain(bars, regimes, TRAIN, TEST)

    best = []  # by scipy alone, for whichever volatility
    for log_volatility in bars.log_volatility:
        volatility, scores = log_volatility[:, None], []
        for known in (regimes, one):
            design = np.hstack([volatility, known]), known
            start = np.concatenate([np.ones(1), np.zeros(2 * known.shape[1]), [8.0]])
            found = minimize(
                lambda law, x=design: (
                    -likelihood(law, bars.log_range[train], x[0][train], x[1][train])
                ),
                start,
                bounds=[(None, None)] * (len(start) - 1) + [(2.001, 200.0)],
            )
            scores.append(likelihood(found.x, bars.log_range[test], design[0][test], known[test]))
        best.append(scores[0] - scores[1])
    assert min(abs(gain.log_range.mean() - each) for each in best) < 1e-4


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_true_regimes_gain_beyond_chance_and_regimes_of_another_market_do_not(seed):
    bars, regimes = market(seed)
    _, others = market(seed + 100)

    true = next_bar_gain(bars, regimes, TRAIN, TEST)
    false = next_bar_gain(bars, others, TRAIN, TEST)

    for name in ("log_return", "log_range"):
        gain, chance = true.summary()[name], false.summary()[name]
        assert gain["mean"] > 0.01
        assert gain["low"] > 0.0
        assert chance["low"] < 0.0
        assert abs(chance["mean"]) < 0.005


def test_probabilities_that_never_change_gain_nothing():
    bars, _ = market(seed=1)

    gain = next_bar_gain(bars, np.full((BARS, 3), 1 / 3), TRAIN, TEST)

    assert gain.log_return == pytest.approx(0.0, abs=1e-3)
    assert gain.log_range == pytest.approx(0.0, abs=1e-3)


def test_a_test_row_changes_no_other_rows_score():
    bars, regimes = market(seed=1)
    before = next_bar_gain(bars, regimes, TRAIN, TEST)
    moved = bars.log_range.copy()
    moved[TEST[100]] += 3.0

    after = next_bar_gain(
        NextBars(bars.times, bars.log_volatility, bars.log_return, moved), regimes, TRAIN, TEST
    )

    assert np.flatnonzero(before.log_range != after.log_range).tolist() == [100]
    assert (before.log_return == after.log_return).all()


def test_symbols_of_one_close_are_resampled_together():
    bars, regimes = market(seed=1)
    once = next_bar_gain(bars, regimes, TRAIN, TEST)
    twice = NextBarGain.join([once, once])

    assert twice.summary()["log_range"] == pytest.approx(once.summary()["log_range"])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1e3))
def test_gain_does_not_depend_on_the_unit_of_prices(seed, unit):
    rng = np.random.default_rng(seed)
    times = np.arange(1, 401) * MINUTE_MS
    returns, ranges = rng.standard_t(4.0, 400), rng.gamma(2.0, 1.0, 400)
    regimes, rows = rng.dirichlet(np.ones(3), 400), np.arange(400)
    ours, scaled = (
        next_bar_gain(
            NextBars.of(times, MINUTE_MS, factor * returns, factor * ranges),
            regimes,
            rows[:200],
            rows[201:],
        )
        for factor in (1.0, unit)
    )

    assert scaled.log_return == pytest.approx(ours.log_return, abs=1e-2)
    assert scaled.log_range == pytest.approx(ours.log_range, abs=1e-2)


def test_a_market_that_never_moves_has_no_row_to_compare():
    still = NextBars.of(np.arange(1, 11) * MINUTE_MS, MINUTE_MS, np.zeros(10), np.zeros(10))

    gain = next_bar_gain(still, np.full((10, 3), 1 / 3), np.arange(5), np.arange(5, 10))

    nothing = {"mean": None, "low": None, "high": None}
    assert gain.summary() == {"rows": 0, "log_return": nothing, "log_range": nothing}
