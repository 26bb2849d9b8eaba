"""Decisions in, trades and equity out: one back-test, compiled.

What happens in a bar, in this order::

    open    an account whose position went beyond its maintenance margin overnight is liquidated;
            a position that the open closes by its exits is closed; the decision of the bar before
            is filled, with slippage and the taker fee
    inside  the exits of the position held, as ``streams.exits`` orders them, and the same check at
            the worst price of the bar, by the mark where it is known; of a level and a margin that
            one bar reaches, the nearer one counts, and the margin before a target
    close   the settlements after the open and up to the close are paid; the same check at the
            mark, and at the close whether anything is left; equity is taken

A decision made at a close is filled at the next bar's open and never sooner. Exits stay in the
market: they cost what every fill costs, pay no settlement of their bar, and the account is flat
until the target changes. The size of an order is set once, when it can first be filled, and kept
until the target changes. A bar without volume fills nothing. All equity is the margin of the one
position, as in an isolated account. It is never below 0: at a liquidation, or where a fill or a
close would leave less than nothing, all of it is lost, the trade says so, and the run trades no
more. ``reference.py`` says the same once more in plain Python, and a test holds the two together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.exits import NO_EXITS, Exits
from schemas.research import Market
from streams.costs import DEFAULT_COSTS, Costs
from streams.exits import exit_rules
from workers.bars.arrays import Bars
from workers.research.fill_bars import PriceColumns
from workers.research.fill_kernel import ACCOUNT, NEVER, TRADE, ExitPlan, Terms, run

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


class FillsRejected(ValueError):
    """Decisions or a fill model cannot be used; names the value and what is expected."""


@dataclass(frozen=True)
class FillModel:
    """What trading costs and allows.

    Attributes:
        taker_fee: Fraction of notional, each side.
        slippage: Fraction of the open, each side.
        leverage: Notional over equity at a target of 1.
        participation: Largest share of a bar's volume that fills take; None: all at once.
        maintenance_margin: Fraction of notional at the mark; below it the account is liquidated.
        equity: Quote currency at the start.
        funding: Whether settlements are paid and earned.
    """

    taker_fee: float = DEFAULT_COSTS.taker_fee
    slippage: float = DEFAULT_COSTS.slippage
    leverage: float = 1.0
    participation: float | None = None
    maintenance_margin: float = 0.004  # first tier of BTCUSDT and ETHUSDT
    equity: float = 10_000.0
    funding: bool = True

    def __post_init__(self) -> None:
        for name, good in {
            "taker_fee": 0.0 <= self.taker_fee < 1.0,
            "slippage": 0.0 <= self.slippage < 1.0,
            "leverage": 0.0 < self.leverage <= 125.0,
            "participation": self.participation is None or 0.0 < self.participation <= 1.0,
            "maintenance_margin": 0.0 <= self.maintenance_margin < 1.0,
            "equity": 0.0 < self.equity < np.inf,
        }.items():
            if not good:
                raise FillsRejected(f"{name} {getattr(self, name)} is out of its range")

    @classmethod
    def of(cls, market: Market, participation: float | None = None) -> FillModel:
        """Return the model that a request asks for."""
        costs = Costs(taker_fee=market.fee_bps / 1e4, slippage=market.slippage_bps / 1e4)
        return cls(
            taker_fee=costs.taker_fee,
            slippage=costs.slippage,
            leverage=market.leverage,
            participation=participation,
            equity=market.equity,
            funding=market.funding,
        )


@dataclass(frozen=True, eq=False)
class DecidedExits:
    """Which exits a position is held with, as decided at each close.

    Attributes:
        sets: One at least.
        row: Of ``sets``, shape (n,); None: the first one throughout.
    """

    sets: tuple[Exits, ...] = (NO_EXITS,)
    row: Rows | None = None


WITHOUT_EXITS = DecidedExits()


@dataclass(frozen=True, eq=False)
class Fills:
    """What the decisions came to.

    Attributes:
        equity: Marked to market at each close, at least 0, shape (n,); 0 after a liquidation.
        position: Units held at each close, shape (n,).
        traded: Notional filled in each bar over the equity before it, shape (n,).
        trades: From flat to flat or to the other side, in order; dtype ``TRADE``.
        fees_paid, slippage_paid: Quote currency.
        funding_paid: Quote currency, negative when more was earned.
        liquidated_at: Close of the bar in which the account was liquidated, or its open where it
            opened beyond; None: it was not.
        unfilled: Share of all ordered units that was not filled, in [0, 1].
        funding_note: What of the funding is not known; empty when all is.
    """

    equity: Floats
    position: Floats
    traded: Floats
    trades: NDArray[Any]
    fees_paid: float
    slippage_paid: float
    funding_paid: float
    liquidated_at: int | None
    unfilled: float
    funding_note: str

    @property
    def closed(self) -> NDArray[Any]:
        """The trades that were closed before the bars ended."""
        closed: NDArray[Any] = self.trades[~self.trades["open"]]
        return closed


def simulate(
    bars: Bars, target: Floats, model: FillModel, exits: DecidedExits = WITHOUT_EXITS
) -> Fills:
    """Fill the decisions of each close at the next open, and close positions by their exits.

    Args:
        bars: Shape (n,).
        target: Wanted position as a signed multiple of equity (times leverage), decided at each
            close, shape (n,), finite; the last one is never filled.
        model: Costs and limits.
        exits: Those that count from the next open on.

    Equity at t uses bars up to t and decisions before t; an open position stays open at the end,
    marked to the last close. A settlement at the very close is in that close's equity.

    Raises: FillsRejected for a target of another length or a value that is not finite.
    """
    n = len(bars)
    account, trades = np.zeros(1, ACCOUNT), np.empty(n, TRADE)
    account["cash"], account["liquidated_at"] = model.equity, NEVER
    equity, position, traded = np.zeros(n), np.zeros(n), np.zeros(n)
    columns, terms = kernel_columns(bars, model), kernel_terms(model)
    plan, wanted = kernel_exits(bars, exits), _checked(bars, target)
    run(columns, terms, plan, wanted, account, trades, (equity, position, traded))
    end = account[0]
    closed = trades[: int(end["trades"])].copy()
    ordered = float(end["ordered"])
    return Fills(
        equity=equity,
        position=position,
        traded=traded,
        trades=closed,
        fees_paid=float(closed["fees"].sum()),
        slippage_paid=float(closed["slippage"].sum()),
        funding_paid=float(closed["funding"].sum()),
        liquidated_at=None if end["liquidated_at"] == NEVER else int(end["liquidated_at"]),
        unfilled=max(0.0, 1.0 - float(end["filled"]) / ordered) if ordered > 0.0 else 0.0,
        funding_note=bars.funding_note if model.funding else "funding is left out, as asked",
    )


def kernel_columns(bars: Bars, model: FillModel) -> PriceColumns:
    """Return the bars as the kernels read them."""
    low, high = bars.mark_low, bars.mark_high
    return PriceColumns(
        bars.open_time_ms,
        bars.open,
        bars.high,
        bars.low,
        bars.close,
        bars.volume,
        bars.funding_due if model.funding else np.zeros(len(bars)),
        np.where(np.isnan(low), bars.low, low),
        np.where(np.isnan(high), bars.high, high),
        np.fmax(bars.open, low),
        np.fmin(bars.open, high),
        np.where(np.isnan(bars.mark), bars.close, bars.mark),
        bars.timeframe_ms,
    )


def kernel_terms(model: FillModel) -> Terms:
    """Return the model as the kernels read it."""
    return Terms(
        model.taker_fee,
        model.slippage,
        model.leverage,
        math.inf if model.participation is None else model.participation,
        model.maintenance_margin,
    )


def kernel_exits(bars: Bars, exits: DecidedExits) -> ExitPlan | None:
    """Return the exits as the kernel reads them; None where there are none."""
    if all(each.empty for each in exits.sets):
        return None
    row = exits.row if exits.row is not None else np.zeros(len(bars), np.int64)
    return ExitPlan(row, exit_rules(exits.sets, bars.timeframe_ms))


def _checked(bars: Bars, target: Floats) -> Floats:
    wanted = np.ascontiguousarray(target, dtype=np.float64)
    if wanted.shape != (len(bars),):
        raise FillsRejected(f"target has shape {wanted.shape}, expected {(len(bars),)} as the bars")
    finite = np.isfinite(wanted)
    if not finite.all():
        row = int(np.argmin(finite))
        raise FillsRejected(f"target of row {row + 1} is {wanted[row]}, expected a finite number")
    return wanted
