"""How the regime filter behaves on recorded bars out of sample, refitted as time goes on.

A filter is fitted on the bars before each block of bars, as a training fits it, and runs over the
block. Every number is of the blocks alone, by the filtered probabilities that would have been
published. What follows a close is the next bar, never the one that has just shown the regime.

Sources: Hubert and Arabie (1985), Journal of Classification 2 for the adjusted Rand index; Politis
and Romano (1994), JASA 89(428) for the intervals.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import comb, entr

from schemas.regimes import LN_3, RegimeParameters
from schemas.timeframes import timeframe_name
from streams.features.catalog import FEATURE_NAMES
from streams.features.kernel import BarColumns, batch_features
from streams.regimes.hamilton import filtered_probabilities
from streams.regimes.trend_state import FEATURES as TREND_FEATURES
from streams.regimes.trend_state import Trend, next_trend
from workers.bars.bar_files import PRICES, BarFile
from workers.training.dataset import Array, Rows
from workers.training.fit import TrainingPlan
from workers.training.fit_regimes import (
    OBSERVATIONS,
    RegimePlan,
    SymbolBars,
    fit_regimes,
    usable_observations,
)
from workers.training.metrics import unclear_share
from workers.training.next_bar import NextBarGain, NextBars, mean_interval, next_bar_gain

REGIMES = ("bull", "bear", "sideways")
TREND_STATES = ("TRENDING", "RANGING", "CHOPPY", "UNKNOWN")
ENTROPY_QUANTILES = (0.1, 0.5, 0.9)
ALMOST_CERTAIN = 0.99
BPS = 1e4


@dataclass(frozen=True)
class ReportPlan:
    """How often a filter is fitted, and on how many bars."""

    train_bars: int = 10_000
    refit_bars: int = 2_500
    regimes: RegimePlan = field(default_factory=lambda: TrainingPlan().regimes)


@dataclass(frozen=True)
class _Market:
    """The bars of one symbol, with all features of each close, shape (N, F), NaN where null."""

    symbol: str
    timeframe_ms: int
    features: Array
    next_bars: NextBars

    @classmethod
    def read(cls, file: BarFile) -> _Market:
        """Compute the features of a file, as a replay of it does."""
        times = file.open_time_ms + file.timeframe_ms
        columns = {name: file.columns[name] for name in (*PRICES, "volume")}
        indices = times // file.timeframe_ms
        features = batch_features(BarColumns.of(indices, file.timeframe_ms, **columns))
        returns, ranges = (
            features[:, FEATURE_NAMES.index(n)] for n in ("log_return_1", "log_range")
        )
        after = NextBars.of(times, file.timeframe_ms, returns, ranges)
        return cls(file.symbol, file.timeframe_ms, features, after)

    @property
    def times(self) -> Rows:
        """Bar closes, ms, shape (N,)."""
        return self.next_bars.times

    def columns(self, names: Sequence[str]) -> Array:
        """Return some features, shape (N, len(names))."""
        return np.ascontiguousarray(self.features[:, [FEATURE_NAMES.index(n) for n in names]])

    def rows(self, from_ms: int, to_ms: int) -> Rows:
        """Return the numbers of the bars that close after one time and up to another."""
        first, last = np.searchsorted(self.times, (from_ms, to_ms), side="right")
        return np.arange(first, last)


@dataclass(frozen=True)
class _Block:
    """What one fit says of one market; ``labels`` names its training rows, ``train``."""

    train: Rows
    labels: Rows
    test: Rows
    posteriors: Array
    next_bar: NextBarGain


def regime_report(
    files: Sequence[BarFile], plan: ReportPlan, progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """Return what the filter says out of sample of some recorded markets.

    Args:
        files: Bars of one timeframe, in order, a file for each symbol; at least one. They are
            fitted together, as in a training.
        plan: How often to fit, and on what.
        progress: Told of blocks done, and of all.

    Raises:
        ValueError: The bars do not suffice, or a filter cannot be fitted; the message says why.
    """
    markets = [_Market.read(file) for file in files]
    step = files[0].timeframe_ms
    first, last = max(m.times[0] for m in markets) - step, min(m.times[-1] for m in markets)
    span = int(last - first) // step
    if span <= plan.train_bars:
        raise ValueError(
            f"the files cover {span:,} bars in common, expected more than the {plan.train_bars:,} "
            "that each fit is made of (--train-bars); take longer files, or fewer bars"
        )
    starts = range(int(first) + plan.train_bars * step, int(last), plan.refit_bars * step)
    blocks: dict[str, list[_Block]] = {market.symbol: [] for market in markets}
    records: dict[str, RegimeParameters] = {}
    for number, start_ms in enumerate(starts):
        progress(number, len(starts))
        stop_ms = min(start_ms + plan.refit_bars * step, int(last))
        records = _fit(markets, start_ms, plan, records)
        for market in markets:
            test = market.rows(start_ms, stop_ms)
            train = market.rows(start_ms - plan.train_bars * step, start_ms)
            blocks[market.symbol].append(_judge(market, records[market.symbol], train, test))
    return {
        "timeframe": timeframe_name(step),
        "train_bars": plan.train_bars,
        "refit_bars": plan.refit_bars,
        "fits": len(starts),
        "markets": {m.symbol: _market_report(m, blocks[m.symbol]) for m in markets},
    }


def _fit(
    markets: Sequence[_Market],
    until_ms: int,
    plan: ReportPlan,
    previous: Mapping[str, RegimeParameters],
) -> dict[str, RegimeParameters]:
    """Fit one filter on the bars of all markets up to a time, as a training does."""
    bars = {}
    for market in markets:
        rows = market.rows(until_ms - plan.train_bars * market.timeframe_ms, until_ms)
        seen = market.columns((*OBSERVATIONS, "log_return_1"))[rows]
        bars[market.symbol] = SymbolBars(seen[:, :-1], seen[:, -1])
    names = usable_observations({s: each.observations for s, each in bars.items()})
    if not names:
        raise ValueError(f"no filter can be fitted up to {until_ms}: no observation varies")
    used = [OBSERVATIONS.index(name) for name in names]
    fit = fit_regimes(
        {s: SymbolBars(each.observations[:, used], each.log_returns) for s, each in bars.items()},
        names,
        plan.regimes,
        previous,
    )
    return {m.symbol: fit.parameters(m.symbol, m.timeframe_ms, until_ms) for m in markets}


def _judge(market: _Market, record: RegimeParameters, train: Rows, test: Rows) -> _Block:
    both = np.concatenate([train, test])
    observed = market.columns(record.observations)[both]
    posteriors = np.full((len(market.times), 3), np.nan)
    posteriors[both] = filtered_probabilities(record, market.times[both], observed)
    # The bar after the last training row is the first of the block.
    gain = next_bar_gain(market.next_bars, posteriors, train[:-1], test)
    return _Block(train, posteriors[train].argmax(axis=1), test, posteriors[test], gain)


def _market_report(market: _Market, blocks: Sequence[_Block]) -> dict[str, Any]:
    rows = np.concatenate([block.test for block in blocks])
    if not len(rows):
        raise ValueError(f"{market.symbol} has no bar after the first {len(blocks[0].train):,}")
    posteriors = np.concatenate([block.posteriors for block in blocks])
    named = posteriors.argmax(axis=1)
    entropy = entr(posteriors).sum(axis=1) / LN_3
    runs = len(run_lengths(named))
    return {
        "bars": len(rows),
        "from_ms": int(market.times[rows[0]]),
        "to_ms": int(market.times[rows[-1]]),
        "dwell_bars": len(rows) / runs,
        "switches_per_1000_bars": 1_000 * (runs - 1) / len(rows),
        "entropy": {f"p{100 * q:.0f}": float(np.quantile(entropy, q)) for q in ENTROPY_QUANTILES},
        "entropy_confirmation_fails": unclear_share(posteriors),
        "almost_certain": float((posteriors.max(axis=1) > ALMOST_CERTAIN).mean()),
        "refits": _agreement(blocks),
        "next_bar": NextBarGain.join([block.next_bar for block in blocks]).summary(),
        "regimes": {
            name: _stays(named, k) | _bar_after(market.next_bars, rows, named == k)
            for k, name in enumerate(REGIMES)
        },
        "trend_states": _trend_stays(market, rows),
    }


def _agreement(blocks: Sequence[_Block]) -> dict[str, float | None]:
    """Return how far each fit and the one before agree on the bars that both were made of."""
    rand, same = [], []
    for before, after in itertools.pairwise(blocks):
        _, ours, theirs = np.intersect1d(before.train, after.train, return_indices=True)
        if len(ours):
            rand.append(adjusted_rand_index(before.labels[ours], after.labels[theirs]))
            same.append(float((before.labels[ours] == after.labels[theirs]).mean()))
    if not rand:
        return {"adjusted_rand": None, "least_adjusted_rand": None, "same_name": None}
    return {
        "adjusted_rand": float(np.mean(rand)),
        "least_adjusted_rand": min(rand),
        "same_name": float(np.mean(same)),
    }


def adjusted_rand_index(ours: Rows, theirs: Rows) -> float:
    """Return how far two labellings agree: 1 the same groups, 0 as by chance; names do not matter.

    Args:
        ours: Labels from 0, shape (n,), n at least 1.
        theirs: Others of the same bars.

    >>> adjusted_rand_index(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]))
    1.0
    """
    table = np.zeros((ours.max() + 1, theirs.max() + 1))
    np.add.at(table, (ours, theirs), 1.0)
    together = float(comb(table, 2).sum())
    rows, columns = (float(comb(table.sum(axis=axis), 2).sum()) for axis in (1, 0))
    pairs = float(comb(len(ours), 2))
    chance = rows * columns / pairs if pairs else 0.0
    most = (rows + columns) / 2.0
    return 1.0 if most == chance else (together - chance) / (most - chance)


def run_lengths(labels: NDArray[Any]) -> Rows:
    """Return the length of each run of equal labels, in order."""
    ends = np.flatnonzero(np.append(labels[1:] != labels[:-1], True))
    return np.diff(ends, prepend=-1)


def _stays(labels: Rows, label: int) -> dict[str, Any]:
    """Return the share of the bars that have a label, and how long it lasts; None without."""
    lengths = run_lengths(labels)
    starts = np.cumsum(lengths) - lengths
    runs = lengths[labels[starts] == label]
    return {
        "share": float((labels == label).mean()),
        "dwell_bars": float(runs.mean()) if len(runs) else None,
    }


def _trend_stays(market: _Market, rows: Rows) -> dict[str, Any]:
    trend, states = Trend(), []
    for values in market.columns(TREND_FEATURES).tolist():
        known = (None if math.isnan(value) else value for value in values)
        trend = next_trend(trend, dict(zip(TREND_FEATURES, known, strict=True)))
        states.append(TREND_STATES.index(trend.state))
    labels = np.array(states)[rows]
    return {name: _stays(labels, k) for k, name in enumerate(TREND_STATES)}


def _bar_after(bars: NextBars, rows: Rows, chosen: NDArray[np.bool_]) -> dict[str, Any]:
    """Return mean and root mean square of the log return after some closes, in basis points."""
    moves, times = BPS * bars.log_return[rows], bars.times[rows]
    counted = chosen & ~np.isnan(moves)
    square = mean_interval(moves**2, times, counted)
    return {
        "next_return_bps": mean_interval(moves, times, counted),
        "next_volatility_bps": {
            name: None if value is None else math.sqrt(value) for name, value in square.items()
        },
    }
