"""What trades have earned together: pure, and without a numerical library, for the gateway.

Of the journal's, which somebody chose, it says how that went, not what a model is worth.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from schemas.timeframes import DAY_MS
from schemas.trades import TradeResult
from streams.evaluation.calibration import wilson_interval
from streams.evaluation.interval import NORMAL, Interval

FEWEST_DAYS = 10  # as everywhere where blocks of time bear an interval
LEVEL = 0.95


@dataclass(frozen=True)
class TradeSummary:
    """Figures of finished trades; None where undefined.

    Attributes:
        trades, wins: How many, and how many earned more than 0 after costs.
        hit_rate: Share of wins, in [0, 1].
        hit_rate_interval: Of independent trades (Wilson, 1927).
        expectancy: Mean net return of a trade, a fraction.
        expectancy_interval: By days, because trades of one day move together.
        days: With an exit.
        profit: Sum of those whose quantity is known, in the quote currency.
        profit_trades: How many those are.
        profit_factor: Gross win over gross loss, of net returns; None without a loss.
        max_drawdown: Deepest fall of the cumulative net return, of equal stakes, a fraction.
        cost_share: Costs over the return before costs; None unless that is above 0.
        average_hold_ms: From entry to exit.
        fees_assumed: Trades whose fees were not said.
    """

    trades: int
    wins: int
    hit_rate: float | None
    hit_rate_interval: Interval | None
    expectancy: float | None
    expectancy_interval: Interval | None
    days: int
    profit: Decimal | None
    profit_trades: int
    profit_factor: float | None
    max_drawdown: float | None
    cost_share: float | None
    average_hold_ms: float | None
    fees_assumed: int


def summarise(results: Sequence[TradeResult]) -> TradeSummary:
    """Return the figures of some trades, in whatever order they come."""
    ended = sorted(results, key=lambda result: (result.closed_ms, result.trade_id))
    net = [result.net_return for result in ended]
    wins = sum(value > 0.0 for value in net)
    loss = -math.fsum(value for value in net if value < 0.0)
    gross = math.fsum(result.gross_return for result in ended)
    profits = [Decimal(result.profit) for result in ended if result.profit is not None]
    holds = [result.closed_ms - result.opened_ms for result in ended]
    return TradeSummary(
        trades=len(net),
        wins=wins,
        hit_rate=wins / len(net) if net else None,
        hit_rate_interval=wilson_interval(wins, len(net), LEVEL),
        expectancy=_mean(net),
        expectancy_interval=_by_days(ended),
        days=len({result.closed_ms // DAY_MS for result in ended}),
        profit=sum(profits, Decimal(0)) if profits else None,
        profit_trades=len(profits),
        profit_factor=math.fsum(value for value in net if value > 0.0) / loss if loss else None,
        max_drawdown=_deepest_fall(net) if net else None,
        cost_share=math.fsum(result.cost for result in ended) / gross if gross > 0.0 else None,
        average_hold_ms=_mean(holds),
        fees_assumed=sum(result.fees_assumed for result in ended),
    )


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _by_days(results: Sequence[TradeResult]) -> Interval | None:
    """Return the interval of the mean return, by the sums of days (Liang, Zeger, 1986)."""
    days: dict[int, list[float]] = defaultdict(list)
    for result in results:
        days[result.closed_ms // DAY_MS].append(result.net_return)
    if len(days) < FEWEST_DAYS:
        return None
    mean = math.fsum(result.net_return for result in results) / len(results)
    squares = math.fsum(math.fsum(value - mean for value in day) ** 2 for day in days.values())
    error = math.sqrt(squares * len(days) / (len(days) - 1)) / len(results)
    reach = NORMAL.inv_cdf(0.5 + LEVEL / 2.0) * error
    return Interval(mean - reach, mean + reach, LEVEL)


def _deepest_fall(net: Sequence[float]) -> float:
    """Return how far the sum of returns has been below its highest value before, 0 or more."""
    total = highest = deepest = 0.0
    for value in net:
        total += value
        highest = max(highest, total)
        deepest = max(deepest, highest - total)
    return deepest
