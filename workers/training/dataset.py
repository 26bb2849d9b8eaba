"""Training rows of one symbol: features as they were served, prices and funding beside them."""

from __future__ import annotations

import math
from array import array
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from schemas.features import FeatureVector
from streams.features.catalog import FEATURES
from streams.signals.risk import LEVEL_FEATURE

Array = NDArray[np.float64]
Rows = NDArray[np.int64]  # row numbers, or one integer for each row
LEAST_PERIODS = 12  # of a clock in the history: five in that of the first fold
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class FeatureSeries:
    """Features, prices and funding of one symbol; a hole in the bars is a jump in ``times``.

    Attributes:
        times: Bar closes, ms, increasing, shape (T,).
        rows: Features in model order, NaN where null, shape (T, F).
        observed: Observations of the regime filter, NaN where null, shape (T, D).
        open, high, low, close: Prices of each bar, shape (T,); high and low are NaN in old records.
        natr: Average true range over the close, NaN in warm-up, shape (T,).
        funding: Sum of the funding rates settled up to each bar, shape (T,).
    """

    symbol: str
    timeframe_ms: int
    names: tuple[str, ...]
    times: NDArray[np.int64]
    rows: Array
    observed: Array
    open: Array
    high: Array
    low: Array
    close: Array
    natr: Array
    funding: Array

    def column(self, name: str) -> Array:
        """Return one feature over time, shape (T,)."""
        return np.asarray(self.rows[:, self.names.index(name)])

    def run_lengths(self) -> NDArray[np.int64]:
        """Return how many complete rows without a hole end with each bar, shape (T,).

        A value beyond single precision is as good as missing: XGBoost refuses it.
        """
        complete = np.asarray((np.abs(self.rows) <= LARGEST).all(axis=1))
        follows = np.concatenate(([False], np.diff(self.times) == self.timeframe_ms))
        lengths = np.zeros(len(self.times), dtype=np.int64)
        run = 0
        for i, (whole, joined) in enumerate(zip(complete.tolist(), follows.tolist(), strict=True)):
            run = (run + 1 if joined else 1) if whole else 0
            lengths[i] = run
        return lengths


@dataclass
class _Columns:
    """What a training keeps of the vectors of one symbol; plain numbers, a tenth of their size."""

    times: array[int] = field(default_factory=lambda: array("q"))
    funding_times: array[int] = field(default_factory=lambda: array("q"))
    funding_rates: array[float] = field(default_factory=lambda: array("d"))
    open: array[float] = field(default_factory=lambda: array("d"))
    high: array[float] = field(default_factory=lambda: array("d"))
    low: array[float] = field(default_factory=lambda: array("d"))
    close: array[float] = field(default_factory=lambda: array("d"))
    natr: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))  # row after row

    def add(self, vector: FeatureVector, wanted: tuple[str, ...]) -> None:
        """Append a vector unless it repeats or runs backwards; what is null becomes NaN."""
        if self.times and vector.event_time_ms <= self.times[-1]:
            return
        self.times.append(vector.event_time_ms)
        self.funding_times.append(vector.funding_time_ms or 0)
        self.funding_rates.append(vector.funding_rate or 0.0)
        self.open.append(vector.open)
        self.high.append(_number(vector.high))
        self.low.append(_number(vector.low))
        self.close.append(vector.close)
        self.natr.append(_number(vector.values.get(LEVEL_FEATURE)))
        self.values.extend(_number(vector.values.get(name)) for name in wanted)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def collect_series(
    vectors: Iterable[FeatureVector], names: tuple[str, ...], observations: tuple[str, ...]
) -> dict[str, FeatureSeries]:
    """Return the series of each symbol, sorted by name; symbols may be mixed.

    Vectors that repeat or run backwards are left out.
    """
    by_symbol: dict[str, _Columns] = {}
    timeframe_ms = 0
    for vector in vectors:
        timeframe_ms = vector.timeframe_ms
        by_symbol.setdefault(vector.symbol, _Columns()).add(vector, (*names, *observations))
    return {s: _series((s, timeframe_ms), by_symbol.pop(s), names) for s in sorted(by_symbol)}


def _series(market: tuple[str, int], bars: _Columns, names: tuple[str, ...]) -> FeatureSeries:
    stamps, rates = np.array(bars.funding_times, np.int64), np.array(bars.funding_rates)
    values = np.frombuffer(bars.values).reshape(len(bars.times), -1)
    # The first stamp may be hours old: only a change of it is a settlement.
    settled = np.concatenate(([False], (np.diff(stamps) != 0) & (stamps[:-1] > 0)))
    return FeatureSeries(
        symbol=market[0],
        timeframe_ms=market[1],
        names=names,
        times=np.array(bars.times, np.int64),
        rows=np.ascontiguousarray(values[:, : len(names)]),
        observed=np.ascontiguousarray(values[:, len(names) :]),
        open=np.array(bars.open),
        high=np.array(bars.high),
        low=np.array(bars.low),
        close=np.array(bars.close),
        natr=np.array(bars.natr),
        funding=np.cumsum(np.where(settled, rates, 0.0)),
    )


def without_rare_clocks(series: Mapping[str, FeatureSeries]) -> Mapping[str, FeatureSeries]:
    """Return series without the features of a clock that came round too seldom in them.

    An hour that came a few times tells those days from all others, and nothing of the next one. A
    clock that comes round with every bar says nothing at all.
    """
    each = list(series.values())
    span_ms = max(one.times[-1] for one in each) - min(one.times[0] for one in each)
    periods_ms = {f.name: f.period_ms for f in FEATURES if f.period_ms}
    useless = {
        name
        for name, period_ms in periods_ms.items()
        if not each[0].timeframe_ms < period_ms <= span_ms / LEAST_PERIODS
    }
    return {symbol: _without(one, useless) for symbol, one in series.items()}


def _without(series: FeatureSeries, names: Collection[str]) -> FeatureSeries:
    places = [place for place, name in enumerate(series.names) if name not in names]
    if len(places) == len(series.names):
        return series
    kept = tuple(series.names[place] for place in places)
    return replace(series, names=kept, rows=np.ascontiguousarray(series.rows[:, places]))
