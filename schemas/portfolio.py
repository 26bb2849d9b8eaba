"""The account of a human at the venue, as a key that may only read shows it.

Written by ``workers.account``; read by the gateway, which advises by it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.bounds import Text
from schemas.record import Milliseconds, Record


class AssetBalance(Record):
    """One asset of an account, in units of its own."""

    asset: Text
    wallet_balance: float
    unrealized_profit: float
    available: float


class AccountPosition(Record):
    """One open position."""

    symbol: Text = Field(description="As the venue names it, e.g. BTCUSDT")
    side: Literal["long", "short"]
    quantity: float = Field(gt=0, description="In units of the contract")
    entry_price: float = Field(gt=0)
    mark_price: float = Field(gt=0)
    notional: float = Field(gt=0, description="quantity times mark_price")
    unrealized_profit: float
    liquidation_price: float | None = Field(description="Null: the venue names none")


class DayIncome(Record):
    """What was booked since midnight UTC, in US dollars; paid is negative.

    Another asset, such as BNB for fees, counts at the venue's price when the account was read.
    """

    from_ms: Milliseconds
    realized_profit: float
    commission: float
    funding: float
    other: float = Field(description="Rebates, insurance and the like")
    transferred: float = Field(description="Put in (+) or taken out (-): no result")
    unvalued: tuple[Text, ...] = Field(
        description="Assets of further bookings that have no price there, so they are in no sum"
    )

    @property
    def result(self) -> float:
        """What was earned, without transfers."""
        return self.realized_profit + self.commission + self.funding + self.other


class AccountSnapshot(Record):
    """An account at a moment; totals are the venue's own."""

    venue: Text = Field(description="The Kafka key, e.g. binanceusdm")
    event_time_ms: Milliseconds = Field(description="By the venue's clock")
    wallet_balance: float = Field(description="Without unrealised profit, US dollars")
    unrealized_profit: float
    equity: float = Field(description="wallet_balance and unrealized_profit")
    available: float = Field(description="Not bound as margin")
    initial_margin: float = Field(ge=0)
    maintenance_margin: float = Field(ge=0)
    assets: tuple[AssetBalance, ...] = Field(description="Those that are not empty, by name")
    positions: tuple[AccountPosition, ...] = Field(description="By symbol and side")
    day: DayIncome
