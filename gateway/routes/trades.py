"""/api/trades: the journal of what a human did; list, add, correct, performance."""

from __future__ import annotations

from itertools import dropwhile, islice
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gateway.answers import commands, journal
from gateway.answers.commands import CallerDep
from gateway.answers.journal import (
    CorrectionBody,
    TradeAnswer,
    TradeBody,
    TradeDetails,
    TradeList,
    TradeState,
)
from gateway.answers.performance import journal_figures
from gateway.answers.trade_figures import TradeFigures
from gateway.context import ContextDep
from gateway.envelope import Envelope, success
from schemas.journal import JournalAction

router = APIRouter(prefix="/api/trades", tags=["trades"])

TradeName = Annotated[str, Path(max_length=64, description="Of the trade")]
LATE: dict[int | str, dict[str, Any]] = {
    202: {
        "model": Envelope[commands.OutcomeView],
        "description": "Not decided yet; ask its url",
    },
}


class TradeFilter(BaseModel):
    """Query of the list; every field narrows it."""

    model_config = ConfigDict(extra="forbid")

    ticker: str | None = Field(default=None, max_length=40, description="Any spelling; all if left")
    action: JournalAction | None = None
    state: TradeState | None = Field(default=None, description="passed: skipped or missed")
    limit: int = Field(default=50, ge=1, le=500)
    after: str | None = Field(
        default=None, max_length=64, description="The trade at which the page before ended"
    )


class TradePerformance(TradeFigures):
    """What the finished trades of the journal have earned after costs.

    They were chosen by a human: the figures say how that went, not what a model is worth.
    """

    open: int
    skipped: int
    missed: int


@router.get("", response_model=Envelope[TradeList])
async def trades(ctx: ContextDep, wanted: Annotated[TradeFilter, Query()]) -> Response:
    """Return the trades of the journal, those that were added last first."""
    ctx.require_ready()
    symbol = None if wanted.ticker is None else ctx.symbol(wanted.ticker)
    rows = ctx.views.journal.newest_first()
    if wanted.after is not None:
        ctx.views.journal.require(wanted.after)
        rows = islice(dropwhile(lambda entry: entry.trade_id != wanted.after, rows), 1, None)
    passing = (
        entry
        for entry in rows
        if symbol in (None, entry.symbol)
        and wanted.action in (None, entry.trade.action)
        and wanted.state in (None, journal.state(entry))
    )
    page = list(islice(passing, wanted.limit + 1))
    shown = page[: wanted.limit]
    return success(
        {
            "trades": [journal.entity(ctx, entry) for entry in shown],
            "after": shown[-1].trade_id if len(page) > len(shown) else None,
        }
    )


@router.post("", response_model=Envelope[TradeAnswer], responses=LATE)
async def add(body: TradeBody, caller: CallerDep) -> Response:
    """Record a trade that was executed, skipped or missed; nothing is ever ordered."""
    return await journal.add(caller, body)


@router.get("/performance", response_model=Envelope[TradePerformance])
async def performance(
    ctx: ContextDep,
    ticker: Annotated[str | None, Query(max_length=40, description="All if left")] = None,
) -> Response:
    """Return what the finished trades have earned, and how many were let pass."""
    ctx.require_ready()
    symbol = None if ticker is None else ctx.symbol(ticker)
    return success(await journal_figures(ctx, symbol))


@router.get("/{trade_id}", response_model=Envelope[TradeDetails])
async def trade(trade_id: TradeName, ctx: ContextDep) -> Response:
    """Return one trade with every revision."""
    ctx.require_ready()
    history = ctx.views.journal.require(trade_id)
    revisions = [entry.model_dump() for entry in history]
    return success({**journal.entity(ctx, history[-1]), "history": revisions})


@router.put("/{trade_id}", response_model=Envelope[TradeAnswer], responses=LATE)
async def correct(trade_id: TradeName, body: CorrectionBody, caller: CallerDep) -> Response:
    """Correct a trade: another revision of it; what the body leaves out stays."""
    return await journal.correct(caller, trade_id, body)
