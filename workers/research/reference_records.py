"""Records of the plain back-test, private to it: nobody publishes them."""

from __future__ import annotations

from pydantic import Field

from schemas.record import Milliseconds, Record, Symbol, Topic
from streams.exits import EXIT_REASONS, NO_EXIT


class MarketBar(Record):
    """One bar with all that an account needs of it."""

    symbol: Symbol
    open_time_ms: Milliseconds
    event_time_ms: Milliseconds
    open: float
    high: float
    low: float
    close: float
    volume: float
    mark_high: float | None
    mark_low: float | None
    mark: float | None = Field(description="At the close")
    funding_due: float = Field(description="Of one unit long, for stamps in (open, close]")


class Decision(Record):
    """The position wanted at a close, a signed multiple of equity."""

    symbol: Symbol
    event_time_ms: Milliseconds
    target: float
    exits: int = Field(default=0, description="Row of the exits that it is held with")


class Trade(Record):
    """A round trip; fields as in ``fill_kernel.TRADE``."""

    entry_time_ms: int
    exit_time_ms: int | None = None
    side: int
    entry_bar: int
    last_bar: int = 0
    units: float = 0.0
    entered_for: float = 0.0
    exited: float = 0.0
    exited_for: float = 0.0
    fees: float = 0.0
    slippage: float = 0.0
    funding: float = 0.0
    liquidated: bool = False
    exit_reason: str = EXIT_REASONS[NO_EXIT]


class ReferenceAccount(Record):
    """State: a wallet, one position at its mean price, and the order on its way."""

    wallet: float = 0.0
    units: float = 0.0
    mean_price: float = 0.0
    target: float = 0.0
    decided: float = 0.0
    exits: int = 0
    entry: float = Field(default=0.0, description="Mean price of the trade's entries")
    best: float = Field(default=0.0, description="The most favourable price since the first")
    leaving: int = Field(default=NO_EXIT, description="Why the position is being closed")
    to_be_sized: bool = False
    wanted: float = 0.0
    bars: int = 0
    trade: Trade | None = None
    liquidated_at_ms: int | None = None

    def equity(self, price: float) -> float:
        """Wallet and what the position has gained at a price."""
        return self.wallet + self.units * (price - self.mean_price)


class EquityMark(Record):
    """What one bar came to: equity and position at its close, trades that ended in it."""

    symbol: Symbol
    event_time_ms: Milliseconds
    equity: float
    units: float
    traded: float = Field(description="Notional filled over the equity before")
    closed: tuple[Trade, ...]
    trade: Trade | None = Field(description="Still open")
    liquidated_at_ms: int | None


MARKET_BARS = Topic("backtest.bars.v1", MarketBar, "symbol", "Bars of a back-test")
DECISIONS = Topic("backtest.decisions.v1", Decision, "symbol", "Positions wanted")
MARKS = Topic("backtest.marks.v1", EquityMark, "symbol", "Equity at each close")
