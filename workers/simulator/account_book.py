"""The account that every key of the simulated venue shows; nothing on the venue changes it."""

from __future__ import annotations

from dataclasses import dataclass, field

LEVERAGE = 20  # of every position
MAINTENANCE = 0.025  # margin that a position needs, of its notional


@dataclass(frozen=True)
class SimulatedPosition:
    """One open position; a negative quantity is short."""

    symbol: str
    quantity: float
    entry_price: float

    def unrealized(self, mark: float) -> float:
        """Return the profit at a mark price, USDT."""
        return self.quantity * (mark - self.entry_price)

    def notional(self, mark: float) -> float:
        """Return the signed value at a mark price, USDT."""
        return self.quantity * mark


@dataclass(frozen=True)
class SimulatedBooking:
    """One row of the income history; ``kind`` is the venue's word, such as REALIZED_PNL."""

    kind: str
    amount: float
    time_ms: int
    asset: str = "USDT"
    symbol: str = ""


@dataclass
class AccountBook:
    """Wallet, positions and bookings; a test may change them while the venue runs."""

    wallet_balance: float = 10_000.0
    holdings: list[SimulatedPosition] = field(default_factory=list)
    bookings: list[SimulatedBooking] = field(default_factory=list)
    key_revoked: bool = False
