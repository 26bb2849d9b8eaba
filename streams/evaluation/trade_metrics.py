"""Metrics of trades and positions: each has one definition, here, and is None where undefined.

Trades are net of every cost. Each metric looks back over a finished run: none belongs in a signal.
"""

from __future__ import annotations

import numpy as np

from streams.evaluation.metrics import DAYS_PER_YEAR, MIN_PERIODS, Vector, finite, finite_or_none


def win_rate(pnl: Vector) -> float | None:
    """Return the share of trades that earned more than 0, in [0, 1]; None without a trade.

    >>> win_rate(np.array([2.0, -1.0, 3.0, -2.0]))
    0.5
    """
    pnl = finite(pnl, "pnl")
    return finite_or_none(float(np.mean(pnl > 0.0))) if pnl.size else None


def profit_factor(pnl: Vector) -> float | None:
    """Return gross win over gross loss; None without a losing trade.

    >>> profit_factor(np.array([2.0, -1.0, 4.0, -2.0]))
    2.0
    """
    pnl = finite(pnl, "pnl")
    loss = -float(pnl[pnl < 0.0].sum())
    return finite_or_none(pnl[pnl > 0.0].sum() / loss) if loss > 0.0 else None


def expectancy(pnl: Vector) -> float | None:
    """Return the mean result of a trade, in the unit of ``pnl``; None without a trade.

    >>> expectancy(np.array([2.0, -1.0, 3.0, -2.0]))
    0.5
    """
    pnl = finite(pnl, "pnl")
    return finite_or_none(pnl.mean()) if pnl.size else None


def expectancy_ratio(pnl: Vector) -> float | None:
    """Return ``(1 + mean win / mean loss) * win rate - 1``; None without a losing trade.

    >>> expectancy_ratio(np.array([2.0, -1.0, 4.0, -2.0]))
    0.5
    """
    pnl = finite(pnl, "pnl")
    wins, losses = pnl[pnl > 0.0], pnl[pnl < 0.0]
    if losses.size == 0:
        return None
    reward = wins.mean() / -losses.mean() if wins.size else 0.0
    return finite_or_none((1.0 + reward) * (wins.size / pnl.size) - 1.0)


def average_hold_ms(hold_ms: Vector) -> float | None:
    """Return the mean time from entry to exit, in ms; None without a trade.

    >>> average_hold_ms(np.array([60_000.0, 180_000.0]))
    120000.0
    """
    hold_ms = finite(hold_ms, "hold_ms")
    return finite_or_none(hold_ms.mean()) if hold_ms.size else None


def median_hold_ms(hold_ms: Vector) -> float | None:
    """Return the median time from entry to exit, in ms; None without a trade.

    >>> median_hold_ms(np.array([60_000.0, 90_000.0, 600_000.0]))
    90000.0
    """
    hold_ms = finite(hold_ms, "hold_ms")
    return finite_or_none(float(np.median(hold_ms))) if hold_ms.size else None


def cost_share(pnl: Vector, cost: Vector) -> float | None:
    """Return all costs over the result before costs; above 1 costs exceed it.

    Args:
        pnl: Net of costs, one per trade.
        cost: Fees, slippage and funding paid, one per trade; funding earned is negative.

    None unless the result before costs is positive.

    >>> cost_share(np.array([3.0, -1.0]), np.array([1.0, 1.0]))
    0.5
    """
    pnl, cost = finite(pnl, "pnl"), finite(cost, "cost")
    gross = float(pnl.sum() + cost.sum())
    return finite_or_none(cost.sum() / gross) if gross > 0.0 else None


def exposure(position: Vector) -> float | None:
    """Return the share of bars with a position, in [0, 1]; None without a bar.

    >>> exposure(np.array([0.0, 1.0, -1.0, 0.0]))
    0.5
    """
    position = finite(position, "position")
    return finite_or_none(float(np.mean(position != 0.0))) if position.size else None


def turnover(traded: Vector, days: int, periods: int = DAYS_PER_YEAR) -> float | None:
    """Return the notional bought and sold in a year over equity; None below two days.

    Args:
        traded: Notional of each fill over the equity before it, both sides, shape (fills,).
        days: Length of the run, in periods.
        periods: In a year.

    >>> turnover(np.array([0.5, -0.5]), days=365)
    1.0
    """
    traded = finite(traded, "traded")
    return finite_or_none(np.abs(traded).sum() * periods / days) if days >= MIN_PERIODS else None
