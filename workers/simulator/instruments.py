"""Simulated contracts: price level, tick, step, turnover and funding interval of each."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from decimal import Decimal

QUOTE = "USDT"


@dataclass(frozen=True)
class Instrument:
    """One USD-M perpetual contract of the simulated venue."""

    symbol: str
    anchor_price_usd: float  # the long-run level that the price is loosely tied to
    tick_size: Decimal  # USDT
    step_size: Decimal  # base asset
    beta: float  # volatility relative to BTCUSDT
    turnover_usd: float  # median quote volume of a quiet minute
    funding_interval_hours: int

    @property
    def base_asset(self) -> str:
        """Asset that the contract is on, e.g. BTC."""
        return self.symbol.removesuffix(QUOTE)

    @property
    def price_decimals(self) -> int:
        """Decimal places of a price."""
        return decimals(self.tick_size)

    @property
    def quantity_decimals(self) -> int:
        """Decimal places of a quantity."""
        return decimals(self.step_size)


def decimals(unit: Decimal) -> int:
    """Return the decimal places of a power of ten of at most 1, e.g. 2 for 0.01."""
    return max(0, -int(unit.normalize().as_tuple().exponent))


# Levels, ticks and relative volatility as on the venue in early 2025, rounded.
_KNOWN = {
    row.symbol: row
    for row in (
        Instrument("BTCUSDT", 95_000.0, Decimal("0.1"), Decimal("0.001"), 1.0, 6_000_000.0, 8),
        Instrument("ETHUSDT", 3_400.0, Decimal("0.01"), Decimal("0.001"), 1.25, 4_000_000.0, 8),
        Instrument("SOLUSDT", 190.0, Decimal("0.01"), Decimal("0.01"), 1.6, 1_500_000.0, 8),
        Instrument("BNBUSDT", 700.0, Decimal("0.01"), Decimal("0.01"), 0.95, 600_000.0, 8),
    )
}


def instrument(symbol: str) -> Instrument:
    """Return the contract of a symbol: known values for the majors, else derived from the name.

    Raises:
        ValueError: The symbol is not a USDT contract in canonical form.
    """
    if not (symbol.isascii() and symbol.isalnum() and symbol.isupper() and symbol.endswith(QUOTE)):
        raise ValueError(f"simulated symbol {symbol!r}: expected a canonical one like BTCUSDT")
    if symbol == QUOTE:
        raise ValueError(f"simulated symbol {symbol!r} has no base asset, expected e.g. BTCUSDT")
    if symbol in _KNOWN:
        return _KNOWN[symbol]
    digest = hashlib.blake2b(symbol.encode(), digest_size=8).digest()
    level, turnover, beta, interval = (digest[i] / 255.0 for i in range(4))
    price = 10.0 ** (-1.0 + 3.0 * level)
    magnitude = math.floor(math.log10(price))
    return Instrument(
        symbol=symbol,
        anchor_price_usd=price,
        tick_size=Decimal(1).scaleb(min(0, magnitude - 4)),
        step_size=Decimal(1).scaleb(-max(0, magnitude + 1)),
        beta=1.2 + 0.8 * beta,
        turnover_usd=10.0 ** (5.0 + 1.2 * turnover),
        funding_interval_hours=8 if interval < 0.7 else 4,
    )
