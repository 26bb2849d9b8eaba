"""The metrics of one run in one record, and the catalogue of their units and meanings.

To add a metric: write it in its module, add its field and its line here and its oracle in the
conformance suite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np

from schemas.record import Record
from streams.evaluation import metrics as m
from streams.evaluation import overfitting as o
from streams.evaluation import trade_metrics as t
from streams.evaluation.interval import Interval
from streams.evaluation.metrics import Vector
from streams.evaluation.out_of_sample import t_statistic
from streams.evaluation.resampling import bootstrap_interval

Unit = Literal["fraction", "ratio", "percent", "days", "ms", "currency", "equity/year", "number"]

Range = tuple[float | None, float | None]


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
class FinishedRun:
    """The series of a finished run that the metrics read.

    Attributes:
        returns: Of each UTC day, ``metrics.daily_returns``.
        position: Of each bar, signed; metrics ask only whether it is 0.
        traded: Notional of each fill over the equity before it.
        trades: Closed ones.
    """

    returns: Vector
    position: Vector
    traded: Vector
    trades: Trades = field(default_factory=Trades)

    @property
    def equity(self) -> Vector:
        """Daily, the start equity of 1 first."""
        return m.equity_curve(self.returns)


@dataclass(frozen=True)
class Metric:
    """One line of the catalogue.

    Attributes:
        function: Its one definition; the function's name is the field of ``Metrics``.
        arguments: Takes the arguments of the function from a run.
        unit: Of the value.
        better: Which of two values is better.
        range: Smallest and largest possible value, None without a bound.
        meaning: One line for people.
    """

    function: Callable[..., float | None]
    arguments: Callable[[FinishedRun], tuple[object, ...]]
    unit: Unit
    better: Literal["higher", "lower", "either"]
    range: Range
    meaning: str

    @property
    def name(self) -> str:
        """Also the field of ``Metrics``."""
        return self.function.__name__

    def of(self, run: FinishedRun) -> float | None:
        """Return its value for a run, None where undefined."""
        return self.function(*self.arguments(run))


def _returns(run: FinishedRun) -> tuple[object, ...]:
    return (run.returns,)


def _equity(run: FinishedRun) -> tuple[object, ...]:
    return (run.equity,)


def _pnl(run: FinishedRun) -> tuple[object, ...]:
    return (run.trades.pnl,)


def _hold(run: FinishedRun) -> tuple[object, ...]:
    return (run.trades.hold_ms,)


def _cost(run: FinishedRun) -> tuple[object, ...]:
    return run.trades.pnl, run.trades.cost


def _position(run: FinishedRun) -> tuple[object, ...]:
    return (run.position,)


def _traded(run: FinishedRun) -> tuple[object, ...]:
    return run.traded, run.returns.size


ANY: Range = (None, None)
POSITIVE: Range = (0.0, None)
SHARE: Range = (0.0, 1.0)

# Function, its arguments, unit, which value is better, range, meaning.
METRICS: tuple[Metric, ...] = (
    Metric(m.total_return, _equity, "fraction", "higher", (-1.0, None), "Growth of equity"),
    Metric(m.annual_return, _equity, "fraction", "higher", (-1.0, None), "Compound growth a year"),
    Metric(
        m.annual_volatility, _returns, "fraction", "lower", POSITIVE, "Deviation of days, a year"
    ),
    Metric(m.sharpe_ratio, _returns, "ratio", "higher", ANY, "Mean over deviation of days, a year"),
    Metric(
        o.sharpe_standard_error,
        _returns,
        "ratio",
        "lower",
        POSITIVE,
        "Deviation of the Sharpe ratio",
    ),
    Metric(
        o.autocorrelation_adjusted_sharpe_ratio,
        _returns,
        "ratio",
        "higher",
        ANY,
        "Sharpe ratio of days that resemble the day before",
    ),
    Metric(
        o.probabilistic_sharpe_ratio,
        _returns,
        "fraction",
        "higher",
        SHARE,
        "Probability that the true Sharpe ratio is above 0",
    ),
    Metric(
        o.minimum_track_record_length,
        _returns,
        "days",
        "lower",
        (1.0, None),
        "Days that show a Sharpe ratio above 0 at 95 %",
    ),
    Metric(t_statistic, _returns, "number", "higher", ANY, "Mean day over its standard error"),
    Metric(
        m.sortino_ratio, _returns, "ratio", "higher", ANY, "Mean over downside deviation, a year"
    ),
    Metric(m.calmar_ratio, _equity, "ratio", "higher", ANY, "Annual return over max drawdown"),
    Metric(m.omega_ratio, _returns, "ratio", "higher", POSITIVE, "Sum of gaining over losing days"),
    Metric(
        m.max_drawdown,
        _equity,
        "fraction",
        "lower",
        SHARE,
        "Deepest fall from a peak, at daily closes",
    ),
    Metric(
        m.max_drawdown_days, _equity, "days", "lower", POSITIVE, "Most days in a row below a peak"
    ),
    Metric(m.ulcer_index, _equity, "percent", "lower", (0.0, 100.0), "Root mean square drawdown"),
    Metric(
        m.tail_ratio,
        _returns,
        "ratio",
        "higher",
        POSITIVE,
        "95th over 5th percentile of days, absolute",
    ),
    Metric(m.skewness, _returns, "number", "higher", ANY, "Third moment of days"),
    Metric(
        m.kurtosis, _returns, "number", "either", (1.0, None), "Fourth moment of days, normal 3"
    ),
    Metric(t.win_rate, _pnl, "fraction", "higher", SHARE, "Share of winning trades"),
    Metric(
        t.profit_factor, _pnl, "ratio", "higher", POSITIVE, "Gross win over gross loss of trades"
    ),
    Metric(t.expectancy, _pnl, "currency", "higher", ANY, "Mean net result of a trade"),
    Metric(
        t.expectancy_ratio,
        _pnl,
        "ratio",
        "higher",
        (-1.0, None),
        "Mean result for each unit at risk",
    ),
    Metric(t.average_hold_ms, _hold, "ms", "either", POSITIVE, "Mean time in a trade"),
    Metric(t.median_hold_ms, _hold, "ms", "either", POSITIVE, "Median time in a trade"),
    Metric(t.cost_share, _cost, "fraction", "lower", ANY, "Costs over the result before costs"),
    Metric(t.exposure, _position, "fraction", "either", SHARE, "Share of bars with a position"),
    Metric(t.turnover, _traded, "equity/year", "either", POSITIVE, "Bought and sold a year"),
)

HEADLINES = ("annual_return", "sharpe_ratio", "sortino_ratio", "calmar_ratio", "max_drawdown")


class Metrics(Record):
    """Every metric of a run, null where undefined; ``METRICS`` has the units."""

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
    minimum_track_record_length: float | None
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


def report(run: FinishedRun) -> Metrics:
    """Return every metric of a finished run."""
    interval = o.sharpe_interval(run.returns)
    return Metrics(
        days=run.returns.size,
        trades=run.trades.pnl.size,
        sharpe_interval=None if interval is None else (interval.low, interval.high),
        **{metric.name: metric.of(run) for metric in METRICS},
    )


def intervals(returns: Vector, seed: int = 0, draws: int = 1000) -> dict[str, Interval | None]:
    """Return the 95 % interval of each of ``HEADLINES`` by the stationary bootstrap.

    Args:
        returns: Of each UTC day.
        seed: The same seed gives the same intervals; all metrics see the same draws.
        draws: Number of resampled series.

    A drawdown is that of the resampled order of days. None as in ``bootstrap_interval``.
    """
    return {
        metric.name: bootstrap_interval(returns, partial(_of_days, metric), seed, draws)
        for metric in METRICS
        if metric.name in HEADLINES
    }


def _of_days(metric: Metric, returns: Vector) -> float | None:
    return metric.of(FinishedRun(returns, _none(), _none()))
