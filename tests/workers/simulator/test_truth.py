"""True regimes and parameters: a filter that has them finds the regimes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from workers.simulator.kernel import CLOSE
from workers.simulator.market import BAR_MS, BLOCK_BARS, EPOCH_MS, SimulatedMarket
from workers.simulator.model import MarketModel
from workers.simulator.truth import (
    observations,
    true_emissions,
    true_parameters,
    true_regimes,
)

DAYS = 20 * BLOCK_BARS


def filtered(log_density, transition):
    """Most likely regime at each bar by the forward recursion, Hamilton (1989)."""
    posterior, out = np.full(3, 1 / 3), np.empty(len(log_density), np.int64)
    for t, row in enumerate(log_density):
        weight = (transition.T @ posterior) * np.exp(row - row.max())
        posterior = weight / weight.sum()
        out[t] = posterior.argmax()
    return out


def balanced_accuracy(guess, truth):
    return np.mean([(guess[truth == r] == r).mean() for r in range(3)])


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT"])
def test_filter_with_true_parameters_finds_the_regimes(symbol):
    drawn = SimulatedMarket(7, [symbol])
    seen, truth = observations(drawn.bars(symbol, 0, DAYS)), drawn.bars(symbol, 1, DAYS).regimes
    half = len(seen) // 2
    moments = true_emissions(seen[:half], truth[:half])

    log_density = np.column_stack(
        [
            stats.multivariate_normal.logpdf(seen[half:], mean, covariance)
            for mean, covariance in zip(moments.mean, moments.covariance, strict=True)
        ]
    )
    guess = filtered(log_density, true_parameters(drawn, symbol).transition)

    assert balanced_accuracy(guess, truth[half:]) > 0.75


def test_a_trend_makes_the_drift_of_bull_and_bear_so_many_times_as_strong():
    calm, strong = (
        SimulatedMarket(7, ["BTCUSDT"], MarketModel(trend=trend)).bars("BTCUSDT", 0, DAYS)
        for trend in (1.0, 8.0)
    )

    more = np.diff(np.log(strong.prices(CLOSE))) - np.diff(np.log(calm.prices(CLOSE)))

    # The innovations are the same, so that the difference is the drift alone, less its reversion.
    np.testing.assert_array_equal(strong.regimes, calm.regimes)
    found = [more[strong.regimes[1:] == regime].mean() for regime in range(3)]
    assert found == pytest.approx(7.0 * MarketModel().drift, abs=0.5e-4)


def test_true_regimes_are_those_of_the_requested_bars():
    drawn = SimulatedMarket(7, ["BTCUSDT"])
    start = EPOCH_MS + 10 * BAR_MS

    regimes = true_regimes(drawn, "BTCUSDT", start + 1, start + 100 * BAR_MS)

    np.testing.assert_array_equal(regimes, drawn.bars("BTCUSDT", 11, 110).regimes)
    assert len(true_regimes(drawn, "BTCUSDT", 0, EPOCH_MS)) == 0


def test_true_parameters_scale_with_the_contract():
    drawn = SimulatedMarket(7, ["BTCUSDT", "SOLUSDT"])

    btc, sol = (true_parameters(drawn, symbol) for symbol in drawn.symbols)

    np.testing.assert_allclose(sol.return_scale, 1.6 * btc.return_scale)
    np.testing.assert_allclose(sol.return_mean, 1.6 * btc.return_mean)
    np.testing.assert_allclose(btc.transition.sum(axis=1), 1.0)


def test_moments_need_every_regime():
    with pytest.raises(ValueError, match="longer span"):
        true_emissions(np.zeros((10, 2)), np.zeros(10, np.int64))
