"""/api/portfolio: what the account of a key that may only read holds. Nothing can be traded."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.answers.portfolio import ReadAccount, require_account
from gateway.context import ContextDep
from gateway.envelope import Envelope, success
from schemas.portfolio import AccountPosition, AssetBalance, DayIncome
from streams.account_risk import Exposure, exposure

router = APIRouter(prefix="/api/portfolio", tags=["portfolio"])


class AccountRead(BaseModel):
    """Where and when the account was read."""

    venue: str
    event_time_ms: int = Field(description="By the venue's clock")
    age_s: float = Field(description="Since then, by ours")
    stale: bool = Field(description="Newer snapshots are missing")
    equity: float = Field(description="US dollars, as are all amounts")


class BalanceView(AccountRead):
    """What the account is worth."""

    wallet_balance: float
    unrealized_profit: float
    available: float = Field(description="Not bound as margin")
    initial_margin: float
    maintenance_margin: float
    margin_ratio: float | None = Field(
        description="maintenance_margin over equity: at 1 positions are closed; null without equity"
    )
    assets: list[AssetBalance]
    day: DayIncome
    day_result: float = Field(description="Booked today, without transfers and unrealised profit")


class PositionView(AccountPosition):
    """An open position."""

    share: float | None = Field(description="notional over equity; null without equity")
    liquidation_distance: float | None = Field(
        description="Move from the mark price that would close it, a fraction; null: no price"
    )


class PositionList(AccountRead):
    """The open positions, by symbol."""

    positions: list[PositionView]


class SymbolExposure(BaseModel):
    """Notional of one symbol."""

    symbol: str
    long: float
    short: float
    net: float = Field(description="long less short")
    gross: float = Field(description="long and short")
    share: float | None = Field(description="gross over equity; null without equity")


class ExposureView(AccountRead):
    """How much of the market the account holds."""

    long: float
    short: float
    net: float = Field(description="long less short")
    gross: float = Field(description="long and short")
    leverage: float | None = Field(description="gross over equity; null without equity")
    symbols: list[SymbolExposure] = Field(description="The largest first")


@router.get("/balance", response_model=Envelope[BalanceView])
async def balance(ctx: ContextDep) -> Response:
    """Return what the account is worth, and what the day has brought."""
    account = require_account(ctx)
    held = account.snapshot
    return success(
        {
            **held.model_dump(exclude={"positions"}),
            **_read(account),
            "margin_ratio": _over(held.maintenance_margin, held.equity),
            "day_result": held.day.result,
        }
    )


@router.get("/positions", response_model=Envelope[PositionList])
async def positions(ctx: ContextDep) -> Response:
    """Return the open positions."""
    account = require_account(ctx)
    held = account.snapshot
    rows = [
        {
            **each.model_dump(),
            "share": _over(each.notional, held.equity),
            "liquidation_distance": None
            if each.liquidation_price is None
            else abs(each.mark_price - each.liquidation_price) / each.mark_price,
        }
        for each in held.positions
    ]
    return success({**_read(account), "positions": rows})


@router.get("/exposure", response_model=Envelope[ExposureView])
async def market_exposure(ctx: ContextDep) -> Response:
    """Return the notional of the positions, in all and by symbol."""
    account = require_account(ctx)
    held, whole = account.snapshot, exposure(account.snapshot.positions)
    symbols = [
        {
            "symbol": symbol,
            **_sides(each := exposure(group)),
            "share": _over(each.gross, held.equity),
        }
        for symbol, group in groupby(held.positions, key=lambda position: position.symbol)
    ]
    return success(
        {
            **_read(account),
            **_sides(whole),
            "leverage": _over(whole.gross, held.equity),
            "symbols": sorted(symbols, key=lambda row: (-row["gross"], row["symbol"])),
        }
    )


def _read(account: ReadAccount) -> dict[str, Any]:
    held = account.snapshot
    return {
        "venue": held.venue,
        "event_time_ms": held.event_time_ms,
        "age_s": account.age_ms / 1000,
        "stale": account.stale,
        "equity": held.equity,
    }


def _sides(each: Exposure) -> dict[str, float]:
    return {"long": each.long, "short": each.short, "net": each.net, "gross": each.gross}


def _over(amount: float, equity: float) -> float | None:
    return amount / equity if equity > 0 else None
