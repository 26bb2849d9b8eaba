"""Training rows of one symbol: features as they were served, prices and funding beside them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.features import FeatureVector

Array = NDArray[np.float64]
Rows = NDArray[np.int64]  # row numbers, or one integer for each row


@dataclass(frozen=True)
class FeatureSeries:
    """Features, prices and funding of one symbol; a hole in the bars is a jump in ``times``.

    Attributes:
        times: Bar closes, ms, increasing, shape (T,).
        rows: Features in model order, NaN where null, shape (T, F).
        observed: Observations of the regime filter, NaN where null, shape (T, D).
        open: Open of each bar, shape (T,).
        close: Close of each bar, shape (T,).
        funding: Sum of the funding rates settled up to each bar, shape (T,).
    """

    symbol: str
    timeframe_ms: int
    names: tuple[str, ...]
    times: NDArray[np.int64]
    rows: Array
    observed: Array
    open: Array
    close: Array
    funding: Array

    def column(self, name: str) -> Array:
        """Return one feature over time, shape (T,)."""
        return np.asarray(self.rows[:, self.names.index(name)])

    def run_lengths(self) -> NDArray[np.int64]:
        """Return how many complete rows without a hole end with each bar, shape (T,)."""
        complete = np.asarray(~np.isnan(self.rows).any(axis=1))
        follows = np.concatenate(([False], np.diff(self.times) == self.timeframe_ms))
        lengths = np.zeros(len(self.times), dtype=np.int64)
        run = 0
        for i, (whole, joined) in enumerate(zip(complete.tolist(), follows.tolist(), strict=True)):
            run = (run + 1 if joined else 1) if whole else 0
            lengths[i] = run
        return lengths


def collect_series(
    vectors: Iterable[FeatureVector], names: tuple[str, ...], observations: tuple[str, ...]
) -> dict[str, FeatureSeries]:
    """Return the series of each symbol, sorted by name; symbols may be mixed.

    Vectors that repeat or run backwards are left out.
    """
    by_symbol: dict[str, list[FeatureVector]] = {}
    for vector in vectors:
        ordered = by_symbol.setdefault(vector.symbol, [])
        if not ordered or vector.event_time_ms > ordered[-1].event_time_ms:
            ordered.append(vector)
    return {s: _series(by_symbol[s], names, observations) for s in sorted(by_symbol)}


def _matrix(vectors: list[FeatureVector], names: tuple[str, ...]) -> Array:
    return np.array([[v.values.get(n) for n in names] for v in vectors], dtype=np.float64)


def _series(
    vectors: list[FeatureVector], names: tuple[str, ...], observations: tuple[str, ...]
) -> FeatureSeries:
    stamps = np.array([v.funding_time_ms or 0 for v in vectors], dtype=np.int64)
    rates = np.array([v.funding_rate or 0.0 for v in vectors])
    # The first stamp may be hours old: only a change of it is a settlement.
    settled = np.concatenate(([False], (np.diff(stamps) != 0) & (stamps[:-1] > 0)))
    return FeatureSeries(
        symbol=vectors[0].symbol,
        timeframe_ms=vectors[0].timeframe_ms,
        names=names,
        times=np.array([v.event_time_ms for v in vectors], dtype=np.int64),
        rows=_matrix(vectors, names),
        observed=_matrix(vectors, observations),
        open=np.array([v.open for v in vectors]),
        close=np.array([v.close for v in vectors]),
        funding=np.cumsum(np.where(settled, rates, 0.0)),
    )
