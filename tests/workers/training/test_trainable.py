"""One market that nothing can be learned from costs the others nothing, and is named."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.build import START_MS
from tests.fakes.training_markets import SMALL, market
from tests.workers.training.test_train import REQUEST, quiet
from workers.training.dataset import FeatureSeries
from workers.training.fit import TooFewRows, fit_model
from workers.training.fit_regimes import OBSERVATIONS
from workers.training.table import build_table
from workers.training.train import register, train

BARS = 2_400
BTC, ETH = REQUEST.symbols


SMA, BASIS = (OBSERVATIONS.index(name) for name in ("sma_distance_200", "mark_basis"))


def still(series: FeatureSeries, bars: int = BARS) -> FeatureSeries:
    """Return a market whose price stands still for its first bars, its features as computed."""
    rows, observed = series.rows.copy(), series.observed.copy()
    rows[:bars, :2] = 0.0
    observed[:bars] = 0.0
    price = np.where(np.arange(len(series.times)) < bars, 1.0, series.close)
    return replace(
        series, rows=rows, observed=observed, open=price, high=price, low=price, close=price
    )


def newest(series: FeatureSeries, bars: int, unknown: int = 0) -> FeatureSeries:
    """Return a market listed some bars before the end; its features need ``unknown`` of them."""
    rows, observed = series.rows[-bars:].copy(), series.observed[-bars:].copy()
    rows[:unknown, 2], observed[:unknown, SMA] = np.nan, np.nan
    return replace(
        series,
        times=series.times[-bars:],
        rows=rows,
        observed=observed,
        **{
            name: getattr(series, name)[-bars:]
            for name in ("open", "high", "low", "close", "natr", "funding")
        },
    )


ETHEREUM = market(edge=0.0, bars=BARS)[ETH]


@pytest.fixture(scope="module")
def forest_alone() -> bytes:
    """The forest of the other market where nobody asked for a second one."""
    asked = REQUEST.model_copy(update={"symbols": (BTC,)})
    alone = {BTC: market(edge=0.0, bars=BARS)[BTC]}
    return train(asked, alone, SMALL, quiet).contents["forest.json"]


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (still(ETHEREUM), "its price does not move in 2,400 bars"),
        (newest(ETHEREUM, 36, 36), "sma_distance_200 is known for 0 of its 36 bars"),
        (newest(ETHEREUM, 300, 200), "sma_distance_200 is known for 100 of its 300 bars"),
        (newest(ETHEREUM, 8), "none of its 8 bars has 8 bars of complete features"),
        (newest(ETHEREUM, 1), "its price does not move in 1 bars"),
        (None, "it has no bars in the span"),
    ],
    ids=["still", "listed now", "too new for a mean", "too new for a label", "one bar", "none"],
)
def test_a_market_without_anything_to_learn_is_named_and_the_others_train(
    other, reason, forest_alone, tmp_path
):
    alone = {BTC: market(edge=0.0, bars=BARS)[BTC]}
    both = alone if other is None else alone | {ETH: other}

    trained = train(REQUEST, both, SMALL, quiet)

    model = register(trained, REQUEST, tmp_path, START_MS)
    assert model.symbols == (BTC,)
    assert [regime.symbol for regime in model.regimes] == [BTC]
    assert model.left_out.keys() == {ETH}
    assert model.left_out[ETH].startswith(reason)
    assert json.loads(trained.contents["report.json"])["left_out"] == model.left_out
    assert trained.contents["forest.json"] == forest_alone


def test_a_market_that_moves_again_is_in_the_next_training():
    moved = still(ETHEREUM, BARS // 2)

    trained = train(REQUEST, market(edge=0.0, bars=BARS) | {ETH: moved}, SMALL, quiet)

    assert trained.left_out == {}
    assert [regime.symbol for regime in trained.fitted.regimes] == [BTC, ETH]


def test_a_fold_before_a_listing_gives_that_market_the_posterior_that_is_served_without_a_filter():
    series = market(edge=0.0, bars=BARS) | {ETH: newest(ETHEREUM, BARS // 3)}
    table = build_table(series, SMALL.labels, SMALL.lstm.window)
    listed = series[ETH].times[0]

    fitted = fit_model(table, table.usable[table.times[table.usable] < listed], SMALL, quiet)

    assert fitted.left_out == {ETH: "it has no bars"}
    assert fitted.posteriors[-len(series[ETH].times) :] == pytest.approx(1 / 3)
    assert len(fitted.posteriors) == len(table.times)


def test_a_market_that_moved_once_neither_fails_nor_is_left_out():
    once = still(ETHEREUM)
    once.rows[BARS // 3, 0], once.close[BARS // 3 :] = 0.01, 1.01
    once.observed[BARS // 3 : BARS // 3 + 20] = 1e-3
    once.observed[BARS // 3 :, BASIS] = 1e-4

    trained = train(REQUEST, market(edge=0.0, bars=BARS) | {ETH: once}, SMALL, quiet)

    assert np.isfinite(trained.fitted.posteriors).all()
    assert trained.left_out == {}


def test_a_new_listing_costs_the_others_no_observation():
    series = market(edge=0.0, bars=BARS) | {ETH: newest(ETHEREUM, 600, 400)}

    trained = train(REQUEST, series, SMALL, quiet)

    assert trained.fitted.regimes[0].observations == OBSERVATIONS


def test_without_any_market_to_learn_from_every_reason_is_told():
    series = {symbol: still(one) for symbol, one in market(edge=0.0, bars=400).items()}

    with pytest.raises(TooFewRows, match=r"BTCUSDT: its price does not move.*ETHUSDT: its price"):
        train(REQUEST, series, SMALL, quiet)
