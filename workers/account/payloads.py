"""Account payloads of Binance USD-M to records: pure, strict about numbers.

Unknown fields are ignored: the venue adds new ones.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from schemas.portfolio import AccountPosition, AccountSnapshot, AssetBalance, DayIncome
from schemas.symbols import QUOTES

Parsed = TypeVar("Parsed")

# Kinds of bookings that move money in or out; every other one is a result.
MOVED = re.compile("TRANSFER|COIN_SWAP|AUTO_EXCHANGE|WELCOME_BONUS")


class AccountUnreadable(ValueError):
    """A payload is not as documented; the message names field and expectation."""


class _Payload(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, allow_inf_nan=False, frozen=True, hide_input_in_errors=True
    )


class _Asset(_Payload):
    asset: str
    wallet_balance: float
    unrealized_profit: float
    available_balance: float


class _Account(_Payload):
    total_wallet_balance: float
    total_unrealized_profit: float
    total_margin_balance: float
    available_balance: float
    total_initial_margin: float
    total_maint_margin: float
    assets: tuple[_Asset, ...]


class _Position(_Payload):
    symbol: str
    position_amt: float
    entry_price: float
    mark_price: float
    un_realized_profit: float
    liquidation_price: float


class Booking(_Payload):
    """One row of the income history; ``tran_id`` is unique among those of its kind."""

    symbol: str
    income_type: str
    income: float
    asset: str
    time: int
    tran_id: int | str


_ACCOUNT = TypeAdapter(_Account)
_POSITIONS = TypeAdapter(tuple[_Position, ...])
_BOOKINGS = TypeAdapter(tuple[Booking, ...])


def read_bookings(rows: Sequence[Any]) -> tuple[Booking, ...]:
    """Return the bookings of an income history; raises ``AccountUnreadable``."""
    return _parsed("income", _BOOKINGS, rows)


def close_price(bars: Sequence[Any]) -> float | None:
    """Return the close of the newest of some klines; None without one that can be read."""
    try:
        price = float(bars[-1][4])
    except (IndexError, TypeError, ValueError):
        return None
    return price if math.isfinite(price) and price > 0.0 else None


def day_income(from_ms: int, bookings: Iterable[Booking], prices: Mapping[str, float]) -> DayIncome:
    """Return the sums of the bookings of a UTC day; what has no price is in none of them.

    Args:
        from_ms: Midnight.
        bookings: Of the day.
        prices: Of assets that are no dollar, in dollars.
    """
    sums = dict.fromkeys(("realized_profit", "commission", "funding", "other", "transferred"), 0.0)
    unvalued = set()
    for booking in bookings:
        price = 1.0 if booking.asset in QUOTES else prices.get(booking.asset)
        if price is None:
            unvalued.add(booking.asset)
        else:
            sums[_place(booking.income_type)] += booking.income * price
    return DayIncome(from_ms=from_ms, unvalued=tuple(sorted(unvalued)), **sums)


def _place(kind: str) -> str:
    if MOVED.search(kind):
        return "transferred"
    results = {"REALIZED_PNL": "realized_profit", "COMMISSION": "commission"}
    return {**results, "FUNDING_FEE": "funding"}.get(kind, "other")


def account_snapshot(
    venue: str, time_ms: int, account: object, positions: object, day: DayIncome
) -> AccountSnapshot:
    """Return what an account holds.

    Args:
        venue: Name for the record.
        time_ms: When the venue was asked, by its own clock.
        account: Raw totals and assets.
        positions: Raw positions; one without a quantity is none.
        day: The UTC day of that time.

    Raises: AccountUnreadable.
    """
    totals = _parsed("account", _ACCOUNT, account)
    rows = _parsed("positions", _POSITIONS, positions)
    try:
        return AccountSnapshot(
            venue=venue,
            event_time_ms=time_ms,
            wallet_balance=totals.total_wallet_balance,
            unrealized_profit=totals.total_unrealized_profit,
            equity=totals.total_margin_balance,
            available=totals.available_balance,
            initial_margin=totals.total_initial_margin,
            maintenance_margin=totals.total_maint_margin,
            assets=tuple(
                AssetBalance(
                    asset=each.asset,
                    wallet_balance=each.wallet_balance,
                    unrealized_profit=each.unrealized_profit,
                    available=each.available_balance,
                )
                for each in sorted(totals.assets, key=lambda each: each.asset)
                if each.wallet_balance or each.unrealized_profit
            ),
            positions=tuple(
                sorted(
                    (_position(row) for row in rows if row.position_amt),
                    key=lambda each: (each.symbol, each.side),
                )
            ),
            day=day,
        )
    except ValidationError as error:
        raise _unreadable("account", error) from None


def _position(row: _Position) -> AccountPosition:
    return AccountPosition(
        symbol=row.symbol,
        side="long" if row.position_amt > 0 else "short",
        quantity=abs(row.position_amt),
        entry_price=row.entry_price,
        mark_price=row.mark_price,
        notional=abs(row.position_amt) * row.mark_price,
        unrealized_profit=row.un_realized_profit,
        liquidation_price=row.liquidation_price if row.liquidation_price > 0 else None,
    )


def _parsed(what: str, adapter: TypeAdapter[Parsed], payload: object) -> Parsed:
    try:
        return adapter.validate_python(payload)
    except ValidationError as error:
        raise _unreadable(what, error) from None


def _unreadable(what: str, error: ValidationError) -> AccountUnreadable:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, (what, *first["loc"])))
    return AccountUnreadable(f"{place}: {first['msg']}")
