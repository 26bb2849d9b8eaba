"""Labels: what brute force finds; the threshold is known at t, the rest only after the horizon."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.timeframes import MINUTE_MS
from streams.costs import DEFAULT_COSTS, label_return, label_threshold
from tests.build import START_MS
from workers.training.dataset import FeatureSeries
from workers.training.labels import UNKNOWN, label_series

NAMES = ("log_return_1", "realised_volatility_60")
CLASSES = {"sell": 0, "neutral": 1, "buy": 2}


def series(count=60, seed=0, holes=(), funding=None):
    """A random walk on minute bars; bars named in ``holes`` are not there."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.002, count)))
    kept = np.setdiff1d(np.arange(count), holes)
    volatility = rng.uniform(5e-4, 3e-3, count)
    returns = rng.normal(size=count)
    opened = close * np.exp(rng.normal(0.0, 0.0005, count))
    return FeatureSeries(
        symbol="BTCUSDT",
        timeframe_ms=MINUTE_MS,
        names=NAMES,
        times=START_MS + MINUTE_MS * kept,
        rows=np.column_stack((returns, volatility))[kept],
        observed=np.zeros((len(kept), 1)),
        open=opened[kept],
        high=(np.maximum(opened, close) * 1.001)[kept],
        low=(np.minimum(opened, close) * 0.999)[kept],
        close=close[kept],
        natr=volatility[kept],
        funding=(np.zeros(count) if funding is None else np.cumsum(funding))[kept],
    )


def labelled(one, horizon=5, width=0.5):
    return label_series(one, horizon, "realised_volatility_60", width)


def brute_force(one, horizon, width):
    """Look each bar up by its time, as a person would."""
    at = {int(time): i for i, time in enumerate(one.times)}
    found = []
    for time, i in at.items():
        ahead = [at.get(time + k * one.timeframe_ms) for k in range(1, horizon + 1)]
        if None in ahead:
            found.append((UNKNOWN, None))
            continue
        forward = one.close[ahead[-1]] / one.open[ahead[0]] - 1.0
        threshold = label_threshold(one.column("realised_volatility_60")[i], horizon, width)
        found.append((CLASSES[label_return(forward, threshold)], forward))
    return found


@given(
    seed=st.integers(0, 50),
    horizon=st.integers(1, 9),
    holes=st.sets(st.integers(1, 58), max_size=6),
)
@settings(max_examples=40)
def test_labels_equal_brute_force(seed, horizon, holes):
    one = series(seed=seed, holes=sorted(holes))

    found = labelled(one, horizon)

    expected = brute_force(one, horizon, 0.5)
    assert found.classes.tolist() == [c for c, _ in expected]
    known = found.classes != UNKNOWN
    assert found.forward[known].tolist() == pytest.approx([f for c, f in expected if c != UNKNOWN])
    assert np.isnan(found.forward[~known]).all()


def test_the_last_horizon_is_unknown_never_neutral():
    assert (labelled(series(), horizon=7).classes[-7:] == UNKNOWN).all()


def test_a_series_shorter_than_its_horizon_has_no_label():
    assert (labelled(series(count=3), horizon=5).classes == UNKNOWN).all()


@given(seed=st.integers(0, 20), cut=st.integers(10, 50))
@settings(max_examples=20)
def test_the_future_changes_no_label_that_was_known(seed, cut):
    one = series(seed=seed)
    later = one.times > one.times[cut]
    changed = replace(
        one,
        open=np.where(later, one.open * 3.0, one.open),
        close=np.where(later, one.close / 3.0, one.close),
        rows=np.where(later[:, None], one.rows * 7.0, one.rows),
        funding=np.where(later, 1.0, one.funding),
    )

    before, after = labelled(one), labelled(changed)

    known = before.known_at <= one.times[cut]
    np.testing.assert_array_equal(before.classes[known], after.classes[known])
    np.testing.assert_array_equal(before.funding[known], after.funding[known])
    np.testing.assert_array_equal(before.threshold[: cut + 1], after.threshold[: cut + 1])


def test_a_move_must_beat_the_round_trip_however_calm_the_market():
    calm = series()
    calm = replace(calm, rows=calm.rows * [1.0, 0.0])

    found = labelled(calm)

    assert (found.threshold == DEFAULT_COSTS.round_trip).all()


def test_funding_counts_from_the_entry_to_the_exit():
    rates = np.zeros(60)
    rates[[10, 12, 15]] = 0.001, 0.002, 0.004

    found = labelled(series(funding=rates), horizon=5)

    assert found.funding[[9, 10, 11, 12, 14]].tolist() == pytest.approx(
        [0.003, 0.006, 0.006, 0.004, 0.004]
    )
