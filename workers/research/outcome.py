"""One simulated account as the parts of a JSON result: metrics, benchmarks, what it ran on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.research import Market
from schemas.timeframes import DAY_MS, days_text, timeframe_name
from streams.evaluation.metrics import daily_returns
from streams.evaluation.report import FinishedRun, Metrics, Trades, report
from workers.bars.arrays import Bars
from workers.research.fills import WITHOUT_EXITS, DecidedExits, FillModel, Fills, simulate

JSON = dict[str, Any]
Vector = NDArray[np.float64]

HOLD, CASH = "buy and hold", "cash"


@dataclass(frozen=True, eq=False)
class SimulatedAccount:
    """Bars, and what decisions on them came to."""

    bars: Bars
    fills: Fills

    @cached_property
    def returns(self) -> Vector:
        """Of every UTC day, flat days included."""
        return daily_returns(self.bars.close_time_ms, self.fills.equity)

    @cached_property
    def _last_of_day(self) -> NDArray[np.int64]:
        """The last bar of each UTC day; a day without bars repeats the one before."""
        day = (self.bars.close_time_ms - 1) // DAY_MS
        return np.searchsorted(day, np.arange(day[0], day[-1] + 1), side="right") - 1

    @property
    def daily_equity(self) -> Vector:
        """At the end of each day, the start first, shape (days + 1,)."""
        return np.concatenate((self.fills.equity[:1], self.fills.equity[self._last_of_day]))

    @property
    def daily_held(self) -> Vector:
        """Value of the position over equity at each of them, signed; 0 after a total loss."""
        value = self.fills.position * self.bars.close
        share = np.divide(
            value, self.fills.equity, out=np.zeros(len(value)), where=self.fills.equity > 0.0
        )
        return np.concatenate(([0.0], share[self._last_of_day]))

    @cached_property
    def day_ms(self) -> NDArray[np.int64]:
        """End of each of those days."""
        first, last = ((int(self.bars.close_time_ms[i]) - 1) // DAY_MS for i in (0, -1))
        return (np.arange(first, last + 1, dtype=np.int64) + 1) * DAY_MS

    @cached_property
    def metrics(self) -> Metrics:
        """Every metric of the run."""
        fills = self.fills
        return report(
            FinishedRun(self.returns, fills.position, fills.traded, trades_in(fills.closed))
        )

    def metrics_between(self, span: tuple[int, int], returns: Vector) -> Metrics:
        """Return the metrics of the bars [from, to), with the trades that were closed there.

        Args:
            span: Bars.
            returns: Daily, of those bars.
        """
        first, last = span
        closes, closed = self.bars.close_time_ms, self.fills.closed
        opened_ms = closes[first] - self.bars.timeframe_ms
        inside = closed[
            (closed["exit_time_ms"] >= opened_ms) & (closed["exit_time_ms"] <= closes[last - 1])
        ]
        part = slice(first, last)
        position, traded = self.fills.position[part], self.fills.traded[part]
        return report(FinishedRun(returns, position, traded, trades_in(inside)))


def trades_in(closed: NDArray[Any]) -> Trades:
    """Return closed trades as the metrics look at them."""
    return Trades(
        pnl=closed["pnl"],
        cost=closed["fees"] + closed["slippage"] + closed["funding"],
        hold_ms=(closed["exit_time_ms"] - closed["entry_time_ms"]).astype(np.float64),
    )


def simulate_account(
    bars: Bars,
    target: Vector,
    market: Market,
    participation: float | None = None,
    exits: DecidedExits = WITHOUT_EXITS,
) -> SimulatedAccount:
    """Return what decisions come to with the costs and limits of a request, and some exits."""
    model = FillModel.of(market, participation)
    return SimulatedAccount(bars, simulate(bars, target, model, exits))


def buy_and_hold_account(bars: Bars, market: Market) -> SimulatedAccount:
    """Return buy-and-hold: the coin itself, bought at the second open with the same costs.

    No leverage and no funding: a perpetual held for years at a fixed size is another thing, whose
    funding can eat the account while the price rises.
    """
    plain = market.model_copy(update={"leverage": 1.0, "funding": False})
    return simulate_account(bars, np.ones(len(bars)), plain)


def benchmark_rows(hold: SimulatedAccount) -> list[JSON]:
    """Return the rows of buy-and-hold and cash, which every report shows."""
    cash = FinishedRun(
        np.zeros_like(hold.returns), np.zeros(len(hold.bars)), np.zeros(len(hold.bars))
    )
    return [
        {"name": HOLD, "metrics": hold.metrics.model_dump()},
        {"name": CASH, "metrics": report(cash).model_dump()},
    ]


def benchmark_sharpe(rows: Sequence[JSON], name: str = HOLD) -> float | None:
    """Return the Sharpe ratio of a benchmark."""
    sharpe: float | None = next(r["metrics"]["sharpe_ratio"] for r in rows if r["name"] == name)
    return sharpe


def market_facts(bars: Bars, market: Market) -> JSON:
    """Return what a result ran on: market, span, gaps, costs, and what of funding is unknown."""
    return {
        "market": {
            "symbol": bars.symbol,
            "timeframe": timeframe_name(bars.timeframe_ms),
            "timeframe_ms": bars.timeframe_ms,
            "from_ms": int(bars.open_time_ms[0]),
            "to_ms": int(bars.close_time_ms[-1]),
            "bars": len(bars),
            "gaps": bars.gaps,
            "without_volume": int((bars.volume == 0.0).sum()),
        },
        "costs": {
            name: getattr(market, name)
            for name in ("fee_bps", "slippage_bps", "funding", "leverage", "equity")
        },
        "funding_note": bars.funding_note if market.funding else "funding is left out, as asked",
    }


def covered_days(bars: Bars) -> int:
    """Return how many UTC days the bars touch."""
    return int((bars.close_time_ms[-1] - 1) // DAY_MS - (bars.close_time_ms[0] - 1) // DAY_MS) + 1


def require_span(bars: Bars, days: int, purpose: str) -> None:
    """Raise ValueError unless the bars last so many days.

    Time counts, not dates: an hour on either side of midnight is no two days.
    """
    length_ms = int(bars.close_time_ms[-1] - bars.open_time_ms[0])
    if length_ms < days * DAY_MS:
        needed = days * max(DAY_MS // bars.timeframe_ms, 1)
        raise ValueError(
            f"{len(bars):,} bars of {bars.symbol} cover {days_text(length_ms)} days; {purpose} "
            f"needs {days} days, about {needed:,} bars of this timeframe"
        )
