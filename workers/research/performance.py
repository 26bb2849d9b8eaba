"""One back-test at fixed parameters: equity, daily result, trades, metrics and their intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.research import PerformanceSpec
from streams.evaluation import metrics as m
from streams.evaluation import trade_metrics as t
from streams.evaluation.resampling import bootstrap_interval
from streams.exits import EXIT_REASONS
from workers.bars.arrays import Bars
from workers.research.charts.charts import Chart, ChartSeries, kept_points, over_time, rounded
from workers.research.fill_kernel import TRADE
from workers.research.fills import DecidedExits
from workers.research.outcome import (
    HOLD,
    JSON,
    SimulatedAccount,
    Vector,
    benchmark_rows,
    buy_and_hold_account,
    market_facts,
    require_span,
    simulate_account,
)
from workers.research.strategies import strategy_named
from workers.research.trials import fixed_exits, fixed_target

MAX_TRADES = 500  # listed, newest last; all of them count
MAX_CURVE = 2_000  # points of each curve
DRAWS = 500  # of the bootstrap: the ends of an interval move by a few percent of its width

Statistic = Callable[[Vector], float | None]
ON_RETURNS: dict[str, Statistic] = {
    "sharpe_ratio": m.sharpe_ratio,
    "sortino_ratio": m.sortino_ratio,
    "annual_volatility": m.annual_volatility,
    "omega_ratio": m.omega_ratio,
    "tail_ratio": m.tail_ratio,
    "skewness": m.skewness,
    "kurtosis": m.kurtosis,
}
ON_EQUITY: dict[str, Statistic] = {
    "total_return": m.total_return,
    "annual_return": m.annual_return,
    "calmar_ratio": m.calmar_ratio,
    "max_drawdown": m.max_drawdown,
    "max_drawdown_days": m.max_drawdown_days,
    "ulcer_index": m.ulcer_index,
}
ON_TRADES: dict[str, Statistic] = {
    "win_rate": t.win_rate,
    "profit_factor": t.profit_factor,
    "expectancy": t.expectancy,
    "expectancy_ratio": t.expectancy_ratio,
}


def performance(spec: PerformanceSpec, bars: Bars) -> JSON:
    """Run one back-test.

    Args:
        spec: Factors or a strategy; its market fields have been applied to ``bars``.
        bars: Covering two days at least.

    Returns: A JSON object: ``metrics`` with ``intervals`` (95 %, stationary bootstrap),
    ``equity`` and drawdown at no more than ``MAX_CURVE`` points with every extreme kept,
    ``daily_pnl`` of every day, ``monthly`` returns, ``trades``, ``benchmarks`` and ``plots``.
    Raises: ValueError naming what is wrong with the spec or too little in the bars.
    """
    require_span(bars, m.MIN_PERIODS, "a back-test")
    target, exits = fixed_target(spec, bars), DecidedExits((fixed_exits(spec),))
    account = simulate_account(bars, target, spec, spec.participation, exits)
    hold = buy_and_hold_account(bars, spec)
    fills = account.fills
    charts = account_charts(account, hold)
    return {
        "kind": spec.kind,
        "partial": False,
        "spec": spec.model_dump(mode="json"),
        "strategy": spec.strategy or " and ".join(f.indicator for f in spec.all_factors),
        "params": named_params(spec),
        **market_facts(bars, spec),
        "metrics": account.metrics.model_dump(),
        "intervals": bootstrap_intervals(account),
        "benchmarks": benchmark_rows(hold),
        "equity": thinned_curves(account, hold),
        "daily_pnl": daily_results(account, spec.equity),
        "monthly": monthly_returns(account.day_ms, account.returns),
        "trades": newest_trades(account),
        "costs_paid": {
            "fees": fills.fees_paid,
            "slippage": fills.slippage_paid,
            "funding": fills.funding_paid,
        },
        "liquidated_at_ms": fills.liquidated_at,
        "unfilled": fills.unfilled,
        **rendered_charts(charts, png=spec.png or spec.log),
    }


def named_params(spec: PerformanceSpec) -> dict[str, float]:
    """Return the parameters by name; of several factors they are numbered."""
    if spec.strategy is not None:
        strategy = strategy_named(spec.strategy)
        own, exits = strategy.divided(spec.params)
        return strategy.completed(own) | exits
    params: dict[str, float] = {}
    for number, factor in enumerate(spec.all_factors, start=1):
        of = f"_{number}" if spec.mode == "multi" else ""
        params |= {f"window{of}": float(factor.window), f"signal{of}": factor.signal}
    return params


def bootstrap_intervals(
    account: SimulatedAccount, draws: int = DRAWS
) -> dict[str, list[float] | None]:
    """Return where each metric lies with 95 %: days are drawn again in runs, trades likewise."""
    returns, pnl = account.returns, account.fills.closed["pnl"]

    def curved(statistic: Statistic) -> Statistic:
        return lambda drawn: statistic(m.equity_curve(drawn))

    statistics = [
        *((name, returns, statistic) for name, statistic in ON_RETURNS.items()),
        *((name, returns, curved(statistic)) for name, statistic in ON_EQUITY.items()),
        *((name, pnl, statistic) for name, statistic in ON_TRADES.items()),
    ]
    intervals: dict[str, list[float] | None] = {}
    for name, values, statistic in statistics:
        interval = bootstrap_interval(values, statistic, draws=draws) if values.size else None
        intervals[name] = None if interval is None else [interval.low, interval.high]
    return intervals


def thinned_curves(account: SimulatedAccount, hold: SimulatedAccount) -> JSON:
    """Return equity, buy-and-hold and drawdown at bar closes, thinned with extremes kept."""
    equity = account.fills.equity
    rows = kept_points(equity, MAX_CURVE)
    return {
        "time_ms": account.bars.close_time_ms[rows].tolist(),
        "equity": rounded(equity[rows], 8),
        "buy_and_hold": rounded(hold.fills.equity[rows], 8),
        "drawdown": rounded(m.drawdowns(equity)[rows]),
        "points": len(rows),
        "of": len(equity),
    }


def daily_results(account: SimulatedAccount, start: float) -> JSON:
    """Return the result of every UTC day, in quote currency and as a fraction."""
    ends = np.concatenate(([start], start * np.cumprod(1.0 + account.returns)))
    return {
        "day_end_ms": account.day_ms.tolist(),
        "pnl": rounded(np.diff(ends), 8),
        "return": rounded(account.returns),
    }


def monthly_returns(day_ms: NDArray[np.int64], returns: Vector) -> list[JSON]:
    """Return the compound return of each month and year; None for a month without a day."""
    months: dict[int, list[float | None]] = {}
    for end_ms, value in zip(day_ms.tolist(), returns.tolist(), strict=True):
        day = datetime.fromtimestamp(end_ms / 1000 - 1, UTC)
        year = months.setdefault(day.year, [None] * 12)
        before = year[day.month - 1]
        year[day.month - 1] = (1.0 + (before or 0.0)) * (1.0 + value) - 1.0
    rows = []
    for year_number, values in sorted(months.items()):
        growth = np.prod([1.0 + v for v in values if v is not None])
        rows.append({"year": year_number, "months": values, "total": float(growth) - 1.0})
    return rows


def newest_trades(account: SimulatedAccount) -> JSON:
    """Return the newest trades with the count of all, and whether one is still open."""
    trades = account.fills.trades
    newest = trades[-MAX_TRADES:]
    names = TRADE.names or ()
    listed = [dict(zip(names, trade, strict=True)) for trade in newest.tolist()]
    for row in listed:
        row["exit_reason"] = EXIT_REASONS[row["exit_reason"]]
    note = f"the newest {len(newest):,} of {len(trades):,}" if len(newest) < len(trades) else ""
    return {
        "count": len(trades),
        "open": bool(trades["open"].any()),
        "note": note,
        "reasons": exit_reasons(trades),
        "rows": listed,
    }


def exit_reasons(trades: NDArray[Any]) -> dict[str, int]:
    """Return how many trades ended for each reason, those without any left out."""
    counts = np.bincount(trades["exit_reason"], minlength=len(EXIT_REASONS)).tolist()
    return {reason: count for reason, count in zip(EXIT_REASONS, counts, strict=True) if count > 0}


def account_charts(
    account: SimulatedAccount, hold: SimulatedAccount, bands: Sequence[tuple[float, float]] = ()
) -> dict[str, Chart]:
    """Return the charts of one back-test by name; ``bands`` are shaded spans of time."""
    times, equity = account.bars.close_time_ms, account.fills.equity
    months = [
        (datetime(row["year"], number, 1, tzinfo=UTC).timestamp() * 1000, value)
        for row in monthly_returns(account.day_ms, account.returns)
        for number, value in enumerate(row["months"], start=1)
        if value is not None
    ]
    return {
        "equity": Chart(
            "Equity",
            "",
            "quote currency",
            (
                over_time(HOLD, times, hold.fills.equity, tone="quiet"),
                over_time("strategy", times, equity),
            ),
            x_kind="time",
            y_log=bool(equity.min() > 0.0),
            bands=tuple(bands),
        ),
        "drawdown": Chart(
            "Drawdown",
            "",
            "below the highest equity",
            (over_time("drawdown", times, -m.drawdowns(equity), "area", "bad"),),
            x_kind="time",
            y_unit="percent",
        ),
        "monthly": Chart(
            "Months",
            "",
            "return",
            (ChartSeries("month", [t for t, _ in months], [v for _, v in months], "bar"),),
            x_kind="time",
            y_unit="percent",
        ),
        "daily_returns": _spread(account.returns),
    }


def _spread(returns: Vector) -> Chart:
    counts, edges = np.histogram(returns, bins=41)
    middles = rounded((edges[1:] + edges[:-1]) / 2.0, 4)
    days = ChartSeries("days", middles, [int(c) for c in counts], "bar")
    return Chart("Daily returns", "return", "days", (days,))


def rendered_charts(charts: dict[str, Chart], *, png: bool) -> JSON:
    """Return charts as Plotly JSON, and as PNG in base64 where wanted."""
    from workers.research.charts.plotly_json import to_plotly

    plots = {name: to_plotly(chart) for name, chart in charts.items()}
    if not png:
        return {"plots": plots, "png": None}
    from workers.research.charts.png import to_png_base64

    return {"plots": plots, "png": {name: to_png_base64(chart) for name, chart in charts.items()}}
