"""Metrics of returns and equity: each has one definition, here, and is None where undefined.

Series are daily: simple returns of equity over UTC days, flat days included, or the equity itself
with the start equity first. A crypto year has 365 periods. Deviations are of a sample (n - 1).
Each metric looks back over a finished run: none belongs in a signal. One period is no series: a
rate a year, a deviation and a drawdown need two, only the total return says something of one.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from schemas.timeframes import DAY_MS

Vector = NDArray[np.float64]

DAYS_PER_YEAR = 365
MIN_PERIODS = 2  # below it all but the total return are undefined

# A daily return is the ratio of two float64 less one: below this a deviation is rounding.
NO_SPREAD = 1e-14


def daily_returns(times_ms: NDArray[np.int64], equity: Vector) -> Vector:
    """Return the simple return of every UTC day from the first to the last, shape (days,).

    Args:
        times_ms: Bar closes, ascending, shape (n,); a close at midnight ends its day.
        equity: Marked to market at those closes, shape (n,); the first is the start equity.

    A day without a bar returns 0. Equity at or below zero is a total loss: -1 on that day and 0
    after it.

    Raises: ValueError for unequal lengths, times out of order or equity that is not finite.

    >>> closes_ms = np.array([1, 2]) * DAY_MS
    >>> daily_returns(closes_ms, np.array([100.0, 110.0]))
    array([0. , 0.1])
    """
    times_ms = np.asarray(times_ms, dtype=np.int64)
    equity = finite(equity, "equity")
    if times_ms.shape != equity.shape:
        raise ValueError(f"expected a time per equity, got {times_ms.size} and {equity.size}")
    if times_ms.size == 0:
        return np.empty(0)
    if np.any(np.diff(times_ms) <= 0):
        row = int(np.argmax(np.diff(times_ms) <= 0)) + 1
        raise ValueError(f"expected ascending times, row {row} is {times_ms[row]}")
    day = (times_ms - 1) // DAY_MS
    last_of_day = np.searchsorted(day, np.arange(day[0], day[-1] + 1), side="right") - 1
    return equity_returns(np.concatenate((equity[:1], equity[last_of_day])))


def equity_returns(equity: Vector) -> Vector:
    """Return ``equity[t] / equity[t-1] - 1``, shape (n - 1,); after a total loss 0.

    Raises: ValueError unless the start equity is positive and all are finite.

    >>> equity_returns(np.array([100.0, 110.0, 99.0]))
    array([ 0.1, -0.1])
    """
    equity = finite(equity, "equity")
    if equity.size == 0:
        return np.empty(0)
    if equity[0] <= 0.0:
        raise ValueError(f"expected a positive start equity, got {equity[0]}")
    lost = np.maximum.accumulate(equity <= 0.0)
    alive = np.where(lost, 1.0, equity)
    returns = alive[1:] / alive[:-1] - 1.0
    returns[lost[1:]] = 0.0
    if lost[-1]:
        returns[int(np.argmax(lost)) - 1] = -1.0
    return returns


def equity_curve(returns: Vector) -> Vector:
    """Return equity from 1, grown by ``returns``, shape (n + 1,); after a total loss 0.

    >>> equity_curve(np.array([0.1, -0.5]))
    array([1.  , 1.1 , 0.55])
    """
    growth = np.maximum(1.0 + finite(returns, "returns"), 0.0)
    return np.concatenate((np.ones(1), np.cumprod(growth)))


def total_return(equity: Vector) -> float | None:
    """Return last over start equity, less 1, a fraction >= -1; None without a period.

    >>> total_return(np.array([100.0, 90.0, 125.0]))
    0.25
    """
    equity = finite(equity, "equity")
    if equity.size < 2:
        return None
    return finite_or_none(max(equity[-1], 0.0) / equity[0] - 1.0)


def annual_return(equity: Vector, periods: int = DAYS_PER_YEAR) -> float | None:
    """Return the compound growth per year, a fraction >= -1; None below two periods.

    >>> annual_return(np.array([100.0, 150.0, 225.0]), periods=1)
    0.5
    """
    growth = total_return(equity)
    if growth is None or len(equity) <= MIN_PERIODS:
        return None
    years = (len(equity) - 1) / periods
    with np.errstate(over="ignore"):
        return finite_or_none(np.float64(1.0 + growth) ** (1.0 / years) - 1.0)


def annual_volatility(returns: Vector, periods: int = DAYS_PER_YEAR) -> float | None:
    """Return the deviation of returns times sqrt(periods); None below two returns.

    >>> round(annual_volatility(np.array([0.01, -0.02, 0.03]), periods=1), 4)
    0.0252
    """
    returns = finite(returns, "returns")
    if returns.size < MIN_PERIODS:
        return None
    return finite_or_none(_spread(returns) * math.sqrt(periods))


def sharpe_ratio(
    returns: Vector, risk_free: float = 0.0, periods: int = DAYS_PER_YEAR
) -> float | None:
    """Return mean excess return over its deviation, times sqrt(periods).

    Args:
        returns: Shape (n,).
        risk_free: Yearly rate, spread evenly over the periods.
        periods: Of one return in a year.

    None below two returns or without any spread.
    Source: Sharpe (1994), Journal of Portfolio Management 21(1), 49-58.

    >>> round(sharpe_ratio(np.array([0.01, -0.02, 0.03])), 2)
    5.06
    """
    returns = finite(returns, "returns")
    if returns.size < MIN_PERIODS:
        return None
    spread = _spread(returns)
    if spread == 0.0:
        return None
    return finite_or_none((returns.mean() - risk_free / periods) / spread * math.sqrt(periods))


def sortino_ratio(
    returns: Vector, minimum: float = 0.0, periods: int = DAYS_PER_YEAR
) -> float | None:
    """Return mean excess return over the downside deviation, both per year.

    Args:
        returns: Shape (n,).
        minimum: Required yearly return, spread evenly over the periods.
        periods: Of one return in a year.

    The downside deviation averages over all n returns. None below two returns or without a
    shortfall. Source: Sortino and Price (1994), Journal of Investing 3(3), 59-64.

    >>> round(sortino_ratio(np.array([0.01, -0.02, 0.03])), 2)
    11.03
    """
    excess = finite(returns, "returns") - minimum / periods
    if excess.size < MIN_PERIODS:
        return None
    downside = math.sqrt(float(np.mean(np.minimum(excess, 0.0) ** 2)))
    if downside <= NO_SPREAD:
        return None
    return finite_or_none(excess.mean() / downside * math.sqrt(periods))


def calmar_ratio(equity: Vector, periods: int = DAYS_PER_YEAR) -> float | None:
    """Return annual return over maximum drawdown, both of this run.

    None below two periods and without a drawdown.

    >>> calmar_ratio(np.array([100.0, 50.0, 225.0]), periods=1)
    1.0
    """
    growth, fall = annual_return(equity, periods), max_drawdown(equity)
    if growth is None or not fall:
        return None
    return finite_or_none(growth / fall)


def drawdowns(equity: Vector) -> Vector:
    """Return the fall from the highest equity so far as a fraction of it, in [0, 1], shape (n,).

    >>> drawdowns(np.array([100.0, 120.0, 90.0]))
    array([0.  , 0.  , 0.25])
    """
    equity = np.maximum(finite(equity, "equity"), 0.0)
    if equity.size and equity[0] <= 0.0:
        raise ValueError(f"expected a positive start equity, got {equity[0]}")
    return np.asarray(1.0 - equity / np.maximum.accumulate(equity))


def max_drawdown(equity: Vector) -> float | None:
    """Return the deepest relative drawdown, in [0, 1]; the start equity is a peak.

    None below two periods. The deepest fall in money may be on another day.

    >>> max_drawdown(np.array([100.0, 120.0, 90.0]))
    0.25
    """
    depth = drawdowns(equity)
    return finite_or_none(depth.max()) if depth.size > MIN_PERIODS else None


def max_drawdown_days(equity: Vector) -> float | None:
    """Return the largest number of consecutive closes below an earlier peak, also at the end.

    None below two periods; 0 for a run that never fell.

    >>> max_drawdown_days(np.array([100.0, 120.0, 90.0, 110.0, 130.0]))
    2.0
    """
    depth = drawdowns(equity)
    if depth.size <= MIN_PERIODS:
        return None
    peaks = np.append(np.flatnonzero(depth <= 0.0), depth.size)
    return float(np.diff(peaks).max() - 1)


def ulcer_index(equity: Vector) -> float | None:
    """Return the root mean square drawdown, in percent, over the periods after the start.

    None below two periods. Source: Martin and McCann (1989), The Investor's Guide.

    >>> round(ulcer_index(np.array([100.0, 120.0, 90.0])), 2)
    17.68
    """
    depth = drawdowns(equity)[1:]
    if depth.size < MIN_PERIODS:
        return None
    return finite_or_none(100.0 * math.sqrt(float(np.mean(depth**2))))


def omega_ratio(
    returns: Vector, minimum: float = 0.0, periods: int = DAYS_PER_YEAR
) -> float | None:
    """Return the sum of returns above ``minimum`` (yearly) over the sum below it.

    None below two returns or without one below. Source: Keating and Shadwick (2002).

    >>> omega_ratio(np.array([0.01, -0.02, 0.03]))
    2.0
    """
    excess = finite(returns, "returns") - minimum / periods
    below = -float(np.minimum(excess, 0.0).sum())
    if excess.size < MIN_PERIODS or below <= NO_SPREAD:
        return None
    return finite_or_none(np.maximum(excess, 0.0).sum() / below)


def tail_ratio(returns: Vector) -> float | None:
    """Return the 95th percentile over the 5th, both absolute; None if the 5th is 0 or n < 2.

    >>> round(tail_ratio(np.array([0.01, -0.02, 0.03])), 2)
    1.65
    """
    returns = finite(returns, "returns")
    if returns.size < MIN_PERIODS:
        return None
    low, high = np.abs(np.percentile(returns, (5.0, 95.0)))
    return finite_or_none(high / low) if low > NO_SPREAD else None


def skewness(returns: Vector) -> float | None:
    """Return the third standardised moment of the returns; None without spread.

    >>> round(skewness(np.array([0.01, -0.02, 0.03])), 2)
    -0.24
    """
    return _moment(returns, 3)


def kurtosis(returns: Vector) -> float | None:
    """Return the fourth standardised moment, 3 for a normal (not excess); None without spread.

    >>> round(kurtosis(np.array([0.01, -0.02, 0.03])), 2)
    1.5
    """
    return _moment(returns, 4)


def finite(values: Vector, name: str) -> Vector:
    """Return ``values`` as float64, one dimension; raises ValueError where one is not finite."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"expected one dimension of {name}, got shape {values.shape}")
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values)))
        raise ValueError(f"expected finite {name}, row {row} is {values[row]}")
    return values


def finite_or_none(value: float | np.float64) -> float | None:
    """Return a plain float; None for infinity and NaN."""
    return float(value) if math.isfinite(value) else None


def _spread(values: Vector) -> float:
    """Return the sample deviation, exactly 0 where it is only rounding."""
    spread = float(values.std(ddof=1))
    return spread if spread > NO_SPREAD * max(1.0, float(np.abs(values).max())) else 0.0


def _moment(returns: Vector, order: int) -> float | None:
    returns = finite(returns, "returns")
    if returns.size < MIN_PERIODS or _spread(returns) == 0.0:
        return None
    standard = (returns - returns.mean()) / returns.std()
    return finite_or_none(np.mean(standard**order))
