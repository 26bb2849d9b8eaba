"""What the calls of a model would have earned: one trade at a time and symbol, after all costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from streams.evaluation.interval import NORMAL
from streams.evaluation.metrics import (
    daily_returns,
    equity_curve,
    max_drawdown,
    sharpe_ratio,
    total_return,
)
from streams.evaluation.overfitting import (
    autocorrelation_adjusted_sharpe_ratio,
    expected_max_sharpe,
    sharpe_standard_error,
)
from streams.evaluation.trade_metrics import profit_factor, win_rate
from workers.training.dataset import Array, Rows
from workers.training.labels import NEUTRAL
from workers.training.metrics import Classes, net_returns
from workers.training.table import TrainingTable

TradingFigures = Mapping[str, float | None]


@dataclass(frozen=True)
class CalledTrades:
    """Trades that calls would have opened, in order of their exits.

    Attributes:
        net: Return of each after fees, slippage and funding, a fraction, shape (N,).
        exits_ms: Close of the bar at which each ends, shape (N,).
        from_ms, to_ms: Span of the rows that were judged.
        symbols: Into which the stake is shared out evenly.
    """

    net: Array
    exits_ms: Rows
    from_ms: int
    to_ms: int
    symbols: int

    def equity(self) -> tuple[Rows, Array]:
        """Return times and equity from 1: at the start, at each exit, and at the end."""
        times, place = np.unique(self.exits_ms, return_inverse=True)
        steps = np.bincount(place, weights=self.net, minlength=len(times)) / self.symbols
        curve = equity_curve(steps)
        end_ms = max(self.to_ms, int(times[-1]) + 1) if len(times) else self.to_ms + 1
        return np.concatenate(([self.from_ms], times, [end_ms])), np.append(curve, curve[-1])


def called_trades(
    table: TrainingTable, rows: Rows, predicted: Classes, horizon_bars: int
) -> CalledTrades:
    """Return the trades of the calls on some rows; a call while one is open opens none.

    A trade opens at the open after its row and closes a horizon after it, as its label says.
    """
    starts = np.cumsum([0, *(len(series.times) for series in table.series.values())])
    symbols = np.searchsorted(starts, rows, side="right")
    opened = [
        _not_overlapping(table, rows, np.flatnonzero((symbols == symbol) & (predicted != NEUTRAL)))
        for symbol in np.unique(symbols)
    ]
    which = np.concatenate(opened) if opened else np.empty(0, np.int64)
    which = which[np.argsort(table.known_at[rows[which]], kind="stable")]
    chosen = rows[which]
    times = table.times[rows]
    return CalledTrades(
        net=net_returns(predicted[which], table.forward[chosen], table.funding[chosen]),
        exits_ms=table.known_at[chosen],
        from_ms=int(times.min()) if len(rows) else 0,
        to_ms=int(times.max()) + horizon_bars * table.timeframe_ms if len(rows) else 0,
        symbols=max(len(opened), 1),
    )


def _not_overlapping(table: TrainingTable, rows: Rows, calls: Rows) -> Rows:
    """Return of the calls of one symbol, oldest first, those that no open trade keeps out."""
    entries, exits = table.times[rows[calls]].tolist(), table.known_at[rows[calls]].tolist()
    free_ms, opened = -1, []
    for call, entry_ms, exit_ms in zip(calls.tolist(), entries, exits, strict=True):
        if entry_ms >= free_ms:
            opened.append(call)
            free_ms = exit_ms
    return np.array(opened, np.int64)


def trading_figures(trades: CalledTrades, trials: int) -> TradingFigures:
    """Return by name what trades came to; None where undefined.

    Equity is booked at exits, so a drawdown within a trade is not seen. Ratios are of daily
    returns, days without a trade included.

    Args:
        trades: Of one model.
        trials: Models that were tried for the strategy, this one included.
    """
    times, equity = trades.equity()
    daily = daily_returns(times, equity)
    return {
        "total_profit": total_return(equity),
        "sharpe_ratio": sharpe_ratio(daily),
        "profit_factor": profit_factor(trades.net),
        "max_drawdown": max_drawdown(equity),
        "win_rate": win_rate(trades.net),
        "total_trades": float(len(trades.net)),
        "deflated_sharpe_ratio": deflated_sharpe(daily, trials),
    }


def deflated_sharpe(daily: Array, trials: int) -> float | None:
    """Return the probability that the Sharpe ratio beats the best of so many tries without skill.

    The standard error is widened where days remember each other, never narrowed (Lo, 2002). It
    stands for the spread of the tries too, because their Sharpe ratios are not known. None where
    the Sharpe ratio is None.

    Source: Bailey and Lopez de Prado (2014), Journal of Portfolio Management 40(5), 94-107.
    """
    sharpe, error = sharpe_ratio(daily), sharpe_standard_error(daily)
    if sharpe is None or not error:
        return None
    adjusted = autocorrelation_adjusted_sharpe_ratio(daily)
    if adjusted and sharpe / adjusted > 1.0:
        error *= sharpe / adjusted
    return NORMAL.cdf((sharpe - expected_max_sharpe(float(trials), error)) / error)
