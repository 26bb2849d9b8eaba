"""The metrics of one run in one record, and the catalogue that says what each number is.

To add one: write it in its module, add its field and its line here and its oracle in the
conformance suite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from schemas.record import Record
from streams.evaluation import metrics as m
from streams.evaluation import overfitting as o
from streams.evaluation.metrics import Vector
from streams.evaluation.walkforward import t_statistic

Unit = Literal["fraction", "ratio", "percent", "days", "ms", "currency", "equity/year", "number"]


def _none() -> Vector:
    return np.empty(0)


@dataclass(frozen=True, eq=False)
class Trades:
    """Closed trades of a run, one element each, shape (trades,).

    Attributes:
        pnl: Net of every cost, in the currency of the account.
        cost: Fees, slippage and funding paid; funding earned is negative.
        hold_ms: From entry to exit.
    """

    pnl: Vector = field(default_factory=_none)
    cost: Vector = field(default_factory=_none)
    hold_ms: Vector = field(default_factory=_none)


@dataclass(frozen=True, eq=False)
class Run:
    """All that the metrics look at.

    Attributes:
        returns: Of each UTC day, ``metrics.daily_returns``.
        trades: The closed ones.
        position: Signed, of each bar; only whether it is 0 counts.
        traded: Notional of each fill over the equity before it.
    """

    returns: Vector
    trades: Trades = field(default_factory=Trades)
    position: Vector = field(default_factory=_none)
    traded: Vector = field(default_factory=_none)

    @property
    def equity(self) -> Vector:
        """Daily, the start equity of 1 first."""
        return m.equity_curve(self.returns)


@dataclass(frozen=True)
class Metric:
    """One line of the catalogue.

    Attributes:
        name: Also the field of ``Metrics``.
        function: Its one definition.
        values: Takes from a run what the function is called with.
        meaning: One line for people.
        unit: Of the value.
        higher_is_better: None where neither is.
        low: Smallest possible value; None without a bound.
        high: Largest possible value; None without a bound.
    """

    name: str
    function: Callable[..., float | None]
    values: Callable[[Run], tuple[object, ...]]
    meaning: str
    unit: Unit
    higher_is_better: bool | None
    low: float | None = None
    high: float | None = None

    def of(self, run: Run) -> float | None:
        """Return its value for a run, None where undefined."""
        return self.function(*self.values(run))


def _returns(run: Run) -> tuple[object, ...]:
    return (run.returns,)


def _equity(run: Run) -> tuple[object, ...]:
    return (run.equity,)


def _pnl(run: Run) -> tuple[object, ...]:
    return (run.trades.pnl,)


def _hold(run: Run) -> tuple[object, ...]:
    return (run.trades.hold_ms,)


def _cost(run: Run) -> tuple[object, ...]:
    return run.trades.pnl, run.trades.cost


def _position(run: Run) -> tuple[object, ...]:
    return (run.position,)


def _traded(run: Run) -> tuple[object, ...]:
    return run.traded, run.returns.size


METRICS: tuple[Metric, ...] = (
    Metric("total_return", m.total_return, _equity, "Growth of equity", "fraction", True, -1.0),
    Metric(
        "annual_return", m.annual_return, _equity, "Compound growth a year", "fraction", True, -1.0
    ),
    Metric(
        "annual_volatility",
        m.annual_volatility,
        _returns,
        "Deviation of daily returns x sqrt(365)",
        "fraction",
        False,
        0.0,
    ),
    Metric(
        "sharpe_ratio",
        m.sharpe_ratio,
        _returns,
        "Mean over deviation of daily returns, a year",
        "ratio",
        True,
    ),
    Metric(
        "sharpe_standard_error",
        o.sharpe_standard_error,
        _returns,
        "How far the Sharpe ratio may be off, one deviation",
        "ratio",
        False,
        0.0,
    ),
    Metric(
        "autocorrelation_adjusted_sharpe_ratio",
        o.autocorrelation_adjusted_sharpe_ratio,
        _returns,
        "Sharpe ratio a year, for days that resemble the day before",
        "ratio",
        True,
    ),
    Metric(
        "probabilistic_sharpe_ratio",
        o.probabilistic_sharpe_ratio,
        _returns,
        "Probability that the true Sharpe ratio is above 0",
        "fraction",
        True,
        0.0,
        1.0,
    ),
    Metric(
        "minimum_track_record_days",
        o.minimum_track_record_length,
        _returns,
        "Days that show a Sharpe ratio above 0 at 95 %",
        "days",
        False,
        1.0,
    ),
    Metric(
        "t_statistic",
        t_statistic,
        _returns,
        "Mean daily return over its standard error",
        "number",
        True,
    ),
    Metric(
        "sortino_ratio",
        m.sortino_ratio,
        _returns,
        "Mean over downside deviation of daily returns, a year",
        "ratio",
        True,
    ),
    Metric(
        "calmar_ratio",
        m.calmar_ratio,
        _equity,
        "Annual return over maximum drawdown, whole run",
        "ratio",
        True,
    ),
    Metric(
        "omega_ratio",
        m.omega_ratio,
        _returns,
        "Sum of gains over sum of losses, by day",
        "ratio",
        True,
        0.0,
    ),
    Metric(
        "max_drawdown",
        m.max_drawdown,
        _equity,
        "Deepest fall from a peak, relative to it, at daily closes",
        "fraction",
        False,
        0.0,
        1.0,
    ),
    Metric(
        "max_drawdown_days",
        m.max_drawdown_days,
        _equity,
        "Most days in a row below an earlier peak",
        "days",
        False,
        0.0,
    ),
    Metric(
        "ulcer_index",
        m.ulcer_index,
        _equity,
        "Root mean square drawdown",
        "percent",
        False,
        0.0,
        100.0,
    ),
    Metric(
        "tail_ratio",
        m.tail_ratio,
        _returns,
        "95th over 5th percentile of daily returns, absolute",
        "ratio",
        True,
        0.0,
    ),
    Metric("skewness", m.skewness, _returns, "Third moment of daily returns", "number", True),
    Metric(
        "kurtosis",
        m.kurtosis,
        _returns,
        "Fourth moment of daily returns, 3 for a normal",
        "number",
        None,
        1.0,
    ),
    Metric("win_rate", m.win_rate, _pnl, "Share of winning trades", "fraction", True, 0.0, 1.0),
    Metric(
        "profit_factor",
        m.profit_factor,
        _pnl,
        "Gross win over gross loss of trades",
        "ratio",
        True,
        0.0,
    ),
    Metric("expectancy", m.expectancy, _pnl, "Mean net result of a trade", "currency", True),
    Metric(
        "expectancy_ratio",
        m.expectancy_ratio,
        _pnl,
        "Expected result for each unit at risk",
        "ratio",
        True,
        -1.0,
    ),
    Metric("average_hold_ms", m.average_hold_ms, _hold, "Mean time in a trade", "ms", None, 0.0),
    Metric("median_hold_ms", m.median_hold_ms, _hold, "Median time in a trade", "ms", None, 0.0),
    Metric(
        "cost_share",
        m.cost_share,
        _cost,
        "Costs over the result before costs",
        "fraction",
        False,
    ),
    Metric(
        "exposure",
        m.exposure,
        _position,
        "Share of bars with a position",
        "fraction",
        None,
        0.0,
        1.0,
    ),
    Metric(
        "turnover",
        m.turnover,
        _traded,
        "Bought and sold a year, in multiples of equity",
        "equity/year",
        None,
        0.0,
    ),
)


class Metrics(Record):
    """What a run earned, and how sure that is; null where undefined. Units are in ``METRICS``."""

    days: int
    trades: int
    total_return: float | None
    annual_return: float | None
    annual_volatility: float | None
    sharpe_ratio: float | None
    sharpe_standard_error: float | None
    sharpe_interval: tuple[float, float] | None  # 95 %, by the standard error
    autocorrelation_adjusted_sharpe_ratio: float | None
    probabilistic_sharpe_ratio: float | None
    minimum_track_record_days: float | None
    t_statistic: float | None
    sortino_ratio: float | None
    calmar_ratio: float | None
    omega_ratio: float | None
    max_drawdown: float | None
    max_drawdown_days: float | None
    ulcer_index: float | None
    tail_ratio: float | None
    skewness: float | None
    kurtosis: float | None
    win_rate: float | None
    profit_factor: float | None
    expectancy: float | None
    expectancy_ratio: float | None
    average_hold_ms: float | None
    median_hold_ms: float | None
    cost_share: float | None
    exposure: float | None
    turnover: float | None


def report(run: Run) -> Metrics:
    """Return every metric of a finished run."""
    interval = o.sharpe_interval(run.returns)
    return Metrics(
        days=run.returns.size,
        trades=run.trades.pnl.size,
        sharpe_interval=None if interval is None else (interval.low, interval.high),
        **{metric.name: metric.of(run) for metric in METRICS},
    )
