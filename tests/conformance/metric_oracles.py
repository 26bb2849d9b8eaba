"""Every metric a second time: by empyrical, scipy or pandas, or from its formula in plain Python.

Nothing here is shared with the metrics but the names.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import mean, median

import empyrical
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from statsmodels.tsa.stattools import acf

from streams.evaluation.report import FinishedRun

Vector = NDArray[np.float64]
YEAR = 365


def equity_curve(run: FinishedRun) -> pd.Series:
    return pd.Series([1.0, *(1.0 + run.returns).cumprod()])


def underwater(run: FinishedRun) -> pd.Series:
    equity = equity_curve(run)
    return 1.0 - equity / equity.cummax()


def longest_underwater(run: FinishedRun) -> float:
    """Walk the days one by one."""
    longest = current = 0
    for below in underwater(run) > 0.0:
        current = current + 1 if below else 0
        longest = max(longest, current)
    return float(longest)


def ulcer(run: FinishedRun) -> float:
    percent = [100.0 * d for d in underwater(run)][1:]
    return math.sqrt(sum(d * d for d in percent) / len(percent))


def mertens(returns: Vector) -> float:
    """Return the variance of sqrt(n - 1) x the daily Sharpe ratio."""
    sharpe = np.mean(returns) / stats.tstd(returns)
    excess = stats.kurtosis(returns, fisher=True)
    return float(1.0 + sharpe**2 / 2.0 - stats.skew(returns) * sharpe + excess * sharpe**2 / 4.0)


def standard_error(run: FinishedRun) -> float:
    return math.sqrt(mertens(run.returns) / (len(run.returns) - 1)) * math.sqrt(YEAR)


def probability_above_zero(run: FinishedRun) -> float:
    sharpe = np.mean(run.returns) / stats.tstd(run.returns)
    statistic = sharpe * math.sqrt(len(run.returns) - 1) / math.sqrt(mertens(run.returns))
    return float(stats.norm.cdf(statistic))


def track_record(run: FinishedRun) -> float:
    sharpe = np.mean(run.returns) / stats.tstd(run.returns)
    return float(1.0 + mertens(run.returns) * (stats.norm.ppf(0.95) / sharpe) ** 2)


def lo(run: FinishedRun) -> float:
    """Write the variance of a sum of q returns out as its q x q correlations."""
    lags = int(4.0 * (len(run.returns) / 100.0) ** (2.0 / 9.0))
    rho = np.zeros(YEAR)
    rho[: lags + 1] = acf(run.returns, nlags=lags, fft=False)
    apart = np.abs(np.subtract.outer(np.arange(YEAR), np.arange(YEAR)))
    sharpe = np.mean(run.returns) / stats.tstd(run.returns)
    return float(YEAR * sharpe / math.sqrt(rho[apart].sum()))


def profit_factor(run: FinishedRun) -> float:
    pnl = run.trades.pnl.tolist()
    return float(sum(p for p in pnl if p > 0) / sum(-p for p in pnl if p < 0))


def expectancy_ratio(run: FinishedRun) -> float:
    pnl = run.trades.pnl.tolist()
    wins, losses = [p for p in pnl if p > 0], [-p for p in pnl if p < 0]
    return float((1.0 + mean(wins) / mean(losses)) * len(wins) / len(pnl) - 1.0)


def cost_share(run: FinishedRun) -> float:
    cost = math.fsum(run.trades.cost)
    return cost / (math.fsum(run.trades.pnl) + cost)


def turnover(run: FinishedRun) -> float:
    return math.fsum(abs(t) for t in run.traded) / (len(run.returns) / YEAR)


ORACLES: dict[str, Callable[[FinishedRun], float]] = {
    "total_return": lambda r: empyrical.cum_returns_final(r.returns),
    "annual_return": lambda r: empyrical.annual_return(r.returns, annualization=YEAR),
    "annual_volatility": lambda r: empyrical.annual_volatility(r.returns, annualization=YEAR),
    "sharpe_ratio": lambda r: empyrical.sharpe_ratio(r.returns, annualization=YEAR),
    "sharpe_standard_error": standard_error,
    "autocorrelation_adjusted_sharpe_ratio": lo,
    "probabilistic_sharpe_ratio": probability_above_zero,
    "minimum_track_record_length": track_record,
    "t_statistic": lambda r: stats.ttest_1samp(r.returns, 0.0).statistic,
    "sortino_ratio": lambda r: empyrical.sortino_ratio(r.returns, annualization=YEAR),
    "calmar_ratio": lambda r: empyrical.calmar_ratio(r.returns, annualization=YEAR),
    "omega_ratio": lambda r: empyrical.omega_ratio(r.returns, annualization=YEAR),
    "max_drawdown": lambda r: -empyrical.max_drawdown(r.returns),
    "max_drawdown_days": longest_underwater,
    "ulcer_index": ulcer,
    "tail_ratio": lambda r: empyrical.tail_ratio(r.returns),
    "skewness": lambda r: stats.skew(r.returns),
    "kurtosis": lambda r: stats.kurtosis(r.returns, fisher=False),
    "win_rate": lambda r: sum(p > 0 for p in r.trades.pnl) / len(r.trades.pnl),
    "profit_factor": profit_factor,
    "expectancy": lambda r: mean(r.trades.pnl.tolist()),
    "expectancy_ratio": expectancy_ratio,
    "average_hold_ms": lambda r: mean(r.trades.hold_ms.tolist()),
    "median_hold_ms": lambda r: median(r.trades.hold_ms.tolist()),
    "cost_share": cost_share,
    "exposure": lambda r: sum(p != 0 for p in r.position) / len(r.position),
    "turnover": turnover,
}
