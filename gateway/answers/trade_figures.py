"""Figures of finished trades, as every route about them shows them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from streams.evaluation.interval import Interval
from streams.evaluation.trade_summary import TradeSummary

INTERVALS = ("hit_rate", "expectancy", "expectancy_r")


class TradeFigures(BaseModel):
    """What finished trades have earned after costs; null where undefined.

    Every interval covers with 95 % at all looks together, however often one asks.
    """

    trades: int = Field(description="With an exit")
    wins: int = Field(description="That earned more than 0 after costs")
    hit_rate: float | None = Field(
        description="Won: share of wins. A signal's hit rate counts its direction instead"
    )
    hit_rate_low: float | None = Field(
        description="By those of which each was opened when the last had ended, of any ticker"
    )
    hit_rate_high: float | None
    expectancy: float | None = Field(description="Mean net return of a trade, a fraction")
    expectancy_low: float | None = Field(
        description="By days with an exit; null before ten are over (longer blocks where calls "
        "overlap for long), or without spread"
    )
    expectancy_high: float | None
    expected: float | None = Field(
        description="Mean of the net returns that were expected at the decisions"
    )
    expectancy_r: float | None = Field(
        description="Mean net return over the distance to the stop; null: none had one"
    )
    expectancy_r_low: float | None = Field(description="As that of the expectancy, of those trades")
    expectancy_r_high: float | None
    r_trades: int = Field(description="Trades that had a stop")
    days: int = Field(description="With an exit")
    from_ms: int | None = Field(description="First entry")
    to_ms: int | None = Field(description="Last exit")
    net_return: float | None = Field(description="Sum, as with equal stakes, a fraction")
    buy_and_hold: float | None = Field(
        description="Of each symbol from its first entry to its last exit, the mean: price alone"
    )
    profit: str | None = Field(
        description="Of the trades whose quantity is known, in their quote currency"
    )
    profit_trades: int = Field(description="How many those are")
    profit_factor: float | None = Field(description="Null without a loss")
    max_drawdown: float | None = Field(
        description="Of the sum of net returns, as with equal stakes, a fraction"
    )
    cost_share: float | None = Field(
        description="Costs and funding over the return before them; null unless that is above 0"
    )
    average_hold_ms: float | None
    fees_assumed: int = Field(description="Trades whose fees were not said")


def figures(summary: TradeSummary) -> dict[str, Any]:
    """Return the fields of ``TradeFigures``."""
    fields = dict(vars(summary))
    for name in INTERVALS:
        fields |= bounds(name, fields.pop(f"{name}_interval"))
    profit = summary.profit
    return fields | {"profit": None if profit is None else format(profit, "f")}


def bounds(name: str, interval: Interval | None) -> dict[str, float | None]:
    """Return an interval as two fields; null without one."""
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return {f"{name}_low": low, f"{name}_high": high}
