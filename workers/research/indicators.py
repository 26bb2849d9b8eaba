"""Factor indicators over many windows at once, and the positions that their thresholds ask for.

An indicator is centred on 0, so that one threshold ``s >= 0`` serves both sides: beyond ``+s`` is
high, beyond ``-s`` is low, and in between, or where the indicator has no value, the position is
flat. The position is a function of the indicator at t alone: no earlier position counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from schemas.research import Column, FixedFactor, Indicator, SignalType
from workers.bars.arrays import Bars

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Windows = NDArray[np.int64]

compiled = njit(nogil=True, cache=True, error_model="numpy")

FRESH = 256  # bars after which a running sum is summed anew, so that rounding cannot gather
THIN = 1e-3  # a spread below this share of what passed through the sums has lost digits


@dataclass(frozen=True)
class IndicatorRow:
    """What a user reads about an indicator.

    Attributes:
        low, high: Of its range; None where it has no bound.
        thresholds: First, last and step of a usual ``signal_range``.
    """

    name: Indicator
    label: str
    meaning: str
    low: float | None
    high: float | None
    thresholds: tuple[float, float, float]


@dataclass(frozen=True)
class SignalRow:
    """What a user reads about a signal type; positions above and below the threshold."""

    name: SignalType
    label: str
    meaning: str
    above: int
    below: int


INDICATORS = (
    IndicatorRow(
        "bollinger_z",
        "Bollinger z-score",
        "Deviations (of the population) of the value from the mean of the window, itself included",
        None,
        None,
        (0.5, 3.0, 0.25),
    ),
    IndicatorRow(
        "sma_distance",
        "Distance from the simple mean",
        "Value less the mean of the window, as a fraction of the mean's size",
        None,
        None,
        (0.0, 0.1, 0.01),
    ),
    IndicatorRow(
        "ema_distance",
        "Distance from the exponential mean",
        "Value less its exponential mean (2 / (window + 1), begun with the mean of the first "
        "window), as a fraction of the mean's size",
        None,
        None,
        (0.0, 0.1, 0.01),
    ),
    IndicatorRow(
        "rsi",
        "Relative strength index, less 50",
        "Wilder's share of rises in all moves, in percent, less 50: a threshold of 20 is 70 and 30",
        -50.0,
        50.0,
        (5.0, 35.0, 5.0),
    ),
    IndicatorRow(
        "roc",
        "Rate of change",
        "Change over the window as a fraction of the size of the value at its start",
        None,
        None,
        (0.0, 0.2, 0.02),
    ),
    IndicatorRow(
        "min_max",
        "Place in the range",
        "Place between the lowest (-1) and the highest (+1) value of the window",
        -1.0,
        1.0,
        (0.5, 0.95, 0.05),
    ),
    IndicatorRow(
        "percentile_rank",
        "Percentile rank",
        "Rank among the other values of the window, ties counted half: -1 below all, +1 above all",
        -1.0,
        1.0,
        (0.5, 0.95, 0.05),
    ),
)

SIGNAL_TYPES = (
    SignalRow("momentum", "Momentum", "Long above +s, short below -s, else flat", 1, -1),
    SignalRow("momentum_long", "Momentum, long only", "Long above +s, else flat", 1, 0),
    SignalRow("reversion", "Reversion", "Short above +s, long below -s, else flat", -1, 1),
    SignalRow("reversion_long", "Reversion, long only", "Long below -s, else flat", 0, 1),
)

SIDES = {row.name: (row.above, row.below) for row in SIGNAL_TYPES}


def column(bars: Bars, name: Column) -> Vector:
    """Return a column of the bars, shape (n,); ``price`` is the close.

    A funding rate holds from its settlement to the next one; before the first it is NaN.

    Raises: ValueError for funding rates of bars that carry none.
    """
    if name != "funding_rate":
        values: Vector = bars.close if name == "price" else getattr(bars, name)
        return np.ascontiguousarray(values, dtype=np.float64)
    settled = np.flatnonzero(np.isfinite(bars.funding_rate))
    if settled.size == 0:
        raise ValueError(
            f"the bars of {bars.symbol} carry no funding rate: "
            "load them with their funding, or choose another data_column"
        )
    latest = np.searchsorted(settled, np.arange(len(bars.funding_rate)), side="right") - 1
    return np.where(latest < 0, np.nan, bars.funding_rate[settled[latest]])


def indicator(name: Indicator, values: Vector, windows: Sequence[int]) -> Matrix:
    """Return an indicator over every window, shape (windows, n); uses no data after t.

    Args:
        name: Of ``INDICATORS``.
        values: A column, shape (n,); NaN only before its first value.
        windows: Bars, 2 at least, ascending.

    NaN while a window is not full, and where the indicator has no value: a window without spread
    (``bollinger_z``), range (``min_max``) or change (``rsi``), or a reference of 0. Never infinite.

    Raises: ValueError for windows below 2 or out of order.
    Sources: Bollinger (2001), Bollinger on Bollinger Bands; Wilder (1978), New Concepts in
    Technical Trading Systems.
    """
    lengths = np.asarray(windows, dtype=np.int64)
    if lengths.size == 0 or lengths[0] < 2 or np.any(np.diff(lengths) <= 0):
        raise ValueError(f"expected ascending windows of 2 bars at least, got {list(windows)}")
    known = np.isfinite(values)
    first = int(np.argmax(known)) if known.any() else len(values)
    out = np.full((len(lengths), len(values)), np.nan)
    _KERNELS[name](np.ascontiguousarray(values[first:]), lengths, out[:, first:])
    return out


def position(values: Vector, signal: float, signal_type: SignalType) -> NDArray[np.int8]:
    """Return +1, 0 or -1 for each value of an indicator; NaN is flat.

    Raises: ValueError for a negative threshold, under which both sides would hold at once.
    """
    check_threshold(signal)
    above, below = SIDES[signal_type]
    return (above * (values > signal) + below * (values < -signal)).astype(np.int8)


def check_threshold(signal: float) -> None:
    """Raise ValueError unless a threshold is 0 or more."""
    if not signal >= 0.0:
        raise ValueError(
            f"signal {signal:g} is negative: a threshold is 0 or more and holds on both sides; "
            "reversion is the signal_type that mirrors momentum"
        )


def factor_target(
    bars: Bars, factors: Sequence[FixedFactor], combine: Literal["all", "any"] = "all"
) -> Vector:
    """Return the wanted position of combined factors at every close, +1, 0 or -1, shape (n,).

    Args:
        bars: Shape (n,); uses no data after t.
        factors: One at least.
        combine: ``all``: the side on which every factor agrees, else flat. ``any``: the side of
            the majority of those that are not flat, flat when they balance.

    Raises: ValueError without factors, for a negative threshold, or a column the bars lack.
    """
    if not factors:
        raise ValueError("expected one factor at least, got none")
    sides = np.zeros(len(bars.close), dtype=np.int64)
    for factor in factors:
        values = indicator(
            factor.indicator, column(bars, factor.data_column), (int(factor.window),)
        )[0]
        sides += position(values, factor.signal, factor.signal_type)
    needed = len(factors) if combine == "all" else 1
    return np.asarray(np.sign(sides) * (np.abs(sides) >= needed), dtype=np.float64)


@compiled
def _moments(values: Vector, window: int, mean: Vector, spread: Vector) -> None:
    """Write mean less the last value, and summed squared deviations, of each full window.

    The sums are kept about a near level and taken anew when their digits run out, as after a
    spike has left the window. A window of equal values has a spread of exactly 0.
    """
    level, total, squares, seen, about = 0.0, 0.0, 0.0, 0.0, 0.0
    equal, age = 0, FRESH
    for t in range(len(values)):
        equal = equal + 1 if t > 0 and values[t] == values[t - 1] else 1
        if t < window - 1:
            continue
        if t >= window:
            entering, leaving = values[t] - level, values[t - window] - level
            total += entering - leaving
            squares += entering * entering - leaving * leaving
            seen = max(seen, entering * entering)
            about = squares - total * total / window
            age += 1
        if age >= FRESH or about < THIN * seen:
            level, total, squares, seen, age = 0.0, 0.0, 0.0, 0.0, 0
            last = values[t]
            for i in range(t - window + 1, t + 1):
                level += values[i] - last
            level = last + level / window
            for i in range(t - window + 1, t + 1):
                apart = values[i] - level
                total += apart
                squares += apart * apart
                seen = max(seen, apart * apart)
            about = squares - total * total / window
        mean[t] = total / window - (values[t] - level)
        spread[t] = about
        if equal >= window:
            mean[t], spread[t] = 0.0, 0.0


@compiled
def _bollinger_z(values: Vector, windows: Windows, out: Matrix) -> None:
    mean, spread = np.empty(len(values)), np.empty(len(values))
    for row in range(len(windows)):
        window = windows[row]
        _moments(values, window, mean, spread)
        for t in range(window - 1, len(values)):
            deviation = np.sqrt(spread[t] / window)
            out[row, t] = -mean[t] / deviation if deviation > 0.0 else np.nan


@compiled
def _sma_distance(values: Vector, windows: Windows, out: Matrix) -> None:
    mean, spread = np.empty(len(values)), np.empty(len(values))
    for row in range(len(windows)):
        window = windows[row]
        _moments(values, window, mean, spread)
        for t in range(window - 1, len(values)):
            size = abs(values[t] + mean[t])
            out[row, t] = -mean[t] / size if size > 0.0 else np.nan


@compiled
def _ema_distance(values: Vector, windows: Windows, out: Matrix) -> None:
    for row in range(len(windows)):
        window = windows[row]
        mean, weight = 0.0, 2.0 / (window + 1.0)
        for t in range(len(values)):
            if t < window:
                mean += (values[t] - mean) / (t + 1.0)
            else:
                mean += weight * (values[t] - mean)
            if t >= window - 1:
                size = abs(mean)
                out[row, t] = (values[t] - mean) / size if size > 0.0 else np.nan


@compiled
def _rsi(values: Vector, windows: Windows, out: Matrix) -> None:
    for row in range(len(windows)):
        window = windows[row]
        gain, loss, still = 0.0, 0.0, 0
        for t in range(1, len(values)):
            change = values[t] - values[t - 1]
            still = still + 1 if change == 0.0 else 0
            share = 1.0 / min(t, window)  # the first window is a plain mean
            gain += (max(change, 0.0) - gain) * share
            loss += (max(-change, 0.0) - loss) * share
            moved = gain + loss
            if t >= window and still < window and moved > 0.0:
                out[row, t] = 100.0 * gain / moved - 50.0


@compiled
def _roc(values: Vector, windows: Windows, out: Matrix) -> None:
    for row in range(len(windows)):
        window = windows[row]
        for t in range(window, len(values)):
            start = values[t - window]
            out[row, t] = (values[t] - start) / abs(start) if start != 0.0 else np.nan


@compiled
def _min_max(values: Vector, windows: Windows, out: Matrix) -> None:
    # ``low[t]`` is over the last ``length`` bars; two of them cover any window up to twice that.
    low, high, length = values.copy(), values.copy(), 1
    for row in range(len(windows)):
        window = windows[row]
        while 2 * length <= window:
            for t in range(len(values) - 1, length - 1, -1):
                low[t] = min(low[t], low[t - length])
                high[t] = max(high[t], high[t - length])
            length *= 2
        for t in range(window - 1, len(values)):
            lowest = min(low[t], low[t - window + length])
            reach = max(high[t], high[t - window + length]) - lowest
            out[row, t] = 2.0 * (values[t] - lowest) / reach - 1.0 if reach > 0.0 else np.nan


@compiled
def _percentile_rank(values: Vector, windows: Windows, out: Matrix) -> None:
    for t in range(windows[0] - 1, len(values)):
        last, counted, twice = values[t], 1, 0
        for row in range(len(windows)):
            window = windows[row]
            if t < window - 1:
                break
            for i in range(t - window + 1, t - counted + 1):
                twice += (values[i] < last) + (values[i] <= last)
            counted = window
            out[row, t] = twice / (window - 1.0) - 1.0


_KERNELS = {
    "bollinger_z": _bollinger_z,
    "sma_distance": _sma_distance,
    "ema_distance": _ema_distance,
    "rsi": _rsi,
    "roc": _roc,
    "min_max": _min_max,
    "percentile_rank": _percentile_rank,
}


def warm_up() -> None:
    """Compile or load every kernel."""
    for row in INDICATORS:
        indicator(row.name, np.arange(3.0), (2,))
