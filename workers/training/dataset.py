"""Training rows of one symbol: features as they were served, prices and funding beside them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

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


class _Bar(NamedTuple):
    """What a training keeps of a vector: a tenth of its size."""

    time_ms: int
    funding_time_ms: int
    funding_rate: float
    open: float
    close: float
    values: Array


def collect_series(
    vectors: Iterable[FeatureVector], names: tuple[str, ...], observations: tuple[str, ...]
) -> dict[str, FeatureSeries]:
    """Return the series of each symbol, sorted by name; symbols may be mixed.

    Vectors that repeat or run backwards are left out.
    """
    by_symbol: dict[str, list[_Bar]] = {}
    timeframe_ms = 0
    for vector in vectors:
        timeframe_ms = vector.timeframe_ms
        ordered = by_symbol.setdefault(vector.symbol, [])
        if not ordered or vector.event_time_ms > ordered[-1].time_ms:
            ordered.append(_bar(vector, (*names, *observations)))
    return {s: _series((s, timeframe_ms), by_symbol[s], names) for s in sorted(by_symbol)}


def _bar(vector: FeatureVector, wanted: tuple[str, ...]) -> _Bar:
    return _Bar(
        vector.event_time_ms,
        vector.funding_time_ms or 0,
        vector.funding_rate or 0.0,
        vector.open,
        vector.close,
        np.array([vector.values.get(name) for name in wanted], dtype=np.float64),
    )


def _series(market: tuple[str, int], bars: list[_Bar], names: tuple[str, ...]) -> FeatureSeries:
    stamps = np.array([bar.funding_time_ms for bar in bars], dtype=np.int64)
    rates = np.array([bar.funding_rate for bar in bars])
    values = np.stack([bar.values for bar in bars])
    # The first stamp may be hours old: only a change of it is a settlement.
    settled = np.concatenate(([False], (np.diff(stamps) != 0) & (stamps[:-1] > 0)))
    return FeatureSeries(
        symbol=market[0],
        timeframe_ms=market[1],
        names=names,
        times=np.array([bar.time_ms for bar in bars], dtype=np.int64),
        rows=np.ascontiguousarray(values[:, : len(names)]),
        observed=np.ascontiguousarray(values[:, len(names) :]),
        open=np.array([bar.open for bar in bars]),
        close=np.array([bar.close for bar in bars]),
        funding=np.cumsum(np.where(settled, rates, 0.0)),
    )
