"""Simulated markets whose true regimes are known, as a regime filter sees them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.features.catalog import FEATURE_NAMES
from streams.features.kernel import BarColumns, batch_features
from streams.regimes.hamilton import Array, filtered_probabilities, hamilton_filter
from workers.simulator import funding, kernel
from workers.simulator.market import BAR_MS, SimulatedMarket
from workers.training.baum_welch import HiddenMarkovModel, ObservationSequences, run_em
from workers.training.fit_regimes import (
    OBSERVATIONS,
    RegimeFit,
    RegimePlan,
    SymbolBars,
    fit_regimes,
)
from workers.training.regime_evidence import as_read
from workers.training.regime_metrics import RegimeScore, regime_score

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT")
FIRST_BAR = 2_000  # every feature has warmed up


@dataclass(frozen=True)
class RegimeBars:
    """Consecutive bars of one symbol: observations (T, D), log returns and true regimes (T,)."""

    observations: Array
    log_returns: Array
    regimes: NDArray[np.int64]


def regime_bars(market: SimulatedMarket, symbol: str, first: int, last: int) -> RegimeBars:
    """Return simulated bars, their features by the pipeline's kernel."""
    bars = market.bars(symbol, first, last)
    close = bars.prices(kernel.CLOSE)
    premium = funding.opening_premium(market, symbol, first, last)
    columns = BarColumns.of(
        bars.open_time_ms // BAR_MS + 1,
        open=bars.prices(kernel.OPEN),
        high=bars.prices(kernel.HIGH),
        low=bars.prices(kernel.LOW),
        close=close,
        volume=bars.volume,
        mark_price=close * funding.mark_factor(premium),
    )
    values = batch_features(columns)
    seen = values[:, [FEATURE_NAMES.index(name) for name in OBSERVATIONS]]
    return RegimeBars(seen, values[:, FEATURE_NAMES.index("log_return_1")], bars.regimes)


def true_model(
    market: SimulatedMarket, observations: Array, regimes: NDArray[np.int64]
) -> HiddenMarkovModel:
    """Return the best emissions of the family when the regimes are known, on the market's chain."""
    width = observations.shape[1]
    # Three equal states stay equal: fitted on the bars of one regime, they are its emission.
    alike = HiddenMarkovModel(
        np.full(3, 1 / 3),
        np.full((3, 3), 1 / 3),
        np.zeros((3, width)),
        np.ones((3, width)),
        np.full(3, 8.0),
    )
    each = [
        run_em(alike, ObservationSequences.lay_out([observations[regimes == k]]), 200, 1e-9).model
        for k in range(3)
    ]
    return HiddenMarkovModel(
        market.model.stationary,
        market.model.transition,
        np.array([model.location[0] for model in each]),
        np.array([model.scale[0] for model in each]),
        np.array([model.freedom[0] for model in each]),
    )


@dataclass(frozen=True)
class OutOfSample:
    """A filter fitted on the first bars, and its score on the bars after them.

    Attributes:
        fit: Of the first bars.
        score: Of what it publishes.
        truth: Of the filter with true parameters and the same power, not calibrated.
    """

    fit: RegimeFit
    score: RegimeScore
    truth: RegimeScore


def out_of_sample(seed: int, history: int, judged: int) -> OutOfSample:
    """Fit one filter on all symbols' first bars and judge it on the next ones."""
    market = SimulatedMarket(seed, SYMBOLS)
    span = history + judged
    bars = {s: regime_bars(market, s, FIRST_BAR, FIRST_BAR + span) for s in SYMBOLS}
    past = {
        s: SymbolBars(b.observations[:history], b.log_returns[:history]) for s, b in bars.items()
    }
    fit = fit_regimes(past, OBSERVATIONS, RegimePlan(starts=4, iterations=60))
    scaled = {
        s: (as_read(b.observations, OBSERVATIONS) - fit.moments[s].centre) / fit.moments[s].spread
        for s, b in bars.items()
    }
    regimes = [b.regimes[history:] for b in bars.values()]
    known = true_model(
        market,
        np.vstack(list(scaled.values())),
        np.concatenate([b.regimes for b in bars.values()]),
    )
    times = np.arange(1, judged + 1, dtype=np.int64) * BAR_MS
    published = [
        filtered_probabilities(fit.parameters(s, BAR_MS, 0), times, b.observations[history:])
        for s, b in bars.items()
    ]
    assert fit.evidence is not None
    packed = known.packed(fit.evidence.power)
    best = [
        hamilton_filter(packed, known.initial, rows[history:], np.ones(judged, np.int64))[0]
        for rows in scaled.values()
    ]
    return OutOfSample(fit, regime_score(published, regimes), regime_score(best, regimes))
