"""GET /api/ideas, /api/ideas/suppressed, /api/ideas/{id}: what to act on, and why nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import dropwhile, islice
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gateway.answers import ideas
from gateway.answers.ideas import IdeaDetail, IdeaItem
from gateway.context import AppContext, ContextDep
from gateway.envelope import Envelope, success
from gateway.views.ideas import CompactIdea
from schemas.ideas import SuppressedBy, SuppressedTotals
from schemas.timeframes import timeframe_name

router = APIRouter(prefix="/api/ideas", tags=["ideas"])

TimeframeName = Annotated[
    str | None, Field(max_length=40, description="One that runs, such as 15m; all if left")
]


class MarketFilter(BaseModel):
    """Query of what is listed of markets; every field narrows it."""

    model_config = ConfigDict(extra="forbid")

    ticker: str | None = Field(default=None, max_length=40, description="Any spelling; all if left")
    timeframe: TimeframeName = None


class IdeaFilter(MarketFilter):
    """Query of the list of ideas; every field narrows it."""

    state: Literal["open", "closed"] | None = Field(
        default=None, description="open: also one that enters at the next open"
    )
    min_rank: float | None = Field(
        default=None, ge=0, le=100, description="Percentile of what was expected of it"
    )
    limit: int = Field(default=50, ge=1, le=500)
    after: str | None = Field(
        default=None, max_length=64, description="The idea at which the page before ended"
    )


class IdeaList(BaseModel):
    """Ideas; open ones by their rank, the highest first, others those decided last first."""

    ideas: list[IdeaItem]
    after: str | None = Field(description="Ask for the next page with it; null: this is the last")


class SuppressedItem(SuppressedTotals):
    """Totals of one strategy, symbol and timeframe."""

    timeframe: str


class SuppressedList(BaseModel):
    """Why signals opened no idea, counted since the first, and the last of them in each market."""

    signals: int = Field(description="That opened none")
    decided: int = Field(description="Ideas meanwhile")
    reasons: dict[SuppressedBy, int]
    best_expected_net_return: float | None = Field(
        description="The highest mean among the last ones; null: none has a direction and tables"
    )
    markets: list[SuppressedItem] = Field(description="By symbol and timeframe")


@router.get("", response_model=Envelope[IdeaList])
async def listed(ctx: ContextDep, wanted: Annotated[IdeaFilter, Query()]) -> Response:
    """Return ideas that run or have ended. None for days is a right answer, too."""
    markets = _markets(ctx, wanted)
    view = ctx.views.ideas
    last = None if wanted.after is None else view.require(wanted.after)
    rows: Iterator[CompactIdea] = (
        iter(view.open_by_rank(last)) if wanted.state == "open" else view.newest_first()
    )
    if last is not None:
        rows = islice(dropwhile(lambda idea: idea is not last, rows), 1, None)
    # After the place is found: the idea at which a page ended may no longer be in the list.
    passing = (
        idea
        for idea in rows
        if _fits(idea.symbol, idea.timeframe_ms, markets)
        and not (wanted.state == "closed" and idea.open)
        and (wanted.min_rank is None or (idea.rank is not None and idea.rank >= wanted.min_rank))
    )
    page = list(islice(passing, wanted.limit + 1))
    shown = page[: wanted.limit]
    return success(
        {
            "ideas": [ideas.item(ctx, idea) for idea in shown],
            "after": shown[-1].idea_id if len(page) > len(shown) else None,
        }
    )


@router.get("/suppressed", response_model=Envelope[SuppressedList])
async def suppressed(ctx: ContextDep, wanted: Annotated[MarketFilter, Query()]) -> Response:
    """Return why signals opened no idea, by reason, and what the best of the last was worth."""
    markets = _markets(ctx, wanted)
    held = ctx.views.ideas.suppressed.values()
    totals = [each for each in held if _fits(each.symbol, each.timeframe_ms, markets)]
    totals.sort(key=lambda each: (each.symbol, each.timeframe_ms, each.strategy))
    reasons: dict[SuppressedBy, int] = {}
    for each in totals:
        for reason, count in each.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + count
    expected = [each.expected_net_return for each in totals]
    return success(
        {
            "signals": sum(reasons.values()),
            "decided": sum(each.decided for each in totals),
            "reasons": reasons,
            "best_expected_net_return": max((e.mean for e in expected if e), default=None),
            "markets": [
                {**each.model_dump(), "timeframe": timeframe_name(each.timeframe_ms)}
                for each in totals
            ],
        }
    )


@router.get("/{idea_id}", response_model=Envelope[IdeaDetail])
async def idea(
    idea_id: Annotated[str, Path(max_length=64, description="Of the idea")], ctx: ContextDep
) -> Response:
    """Return one idea with its signal, and what those like it came to."""
    ctx.require_ready()
    return success(ideas.detail(ctx, ctx.views.ideas.require(idea_id)))


Markets = tuple[str | None, int | None]


def _markets(ctx: AppContext, wanted: MarketFilter) -> Markets:
    """Return symbol and timeframe that are asked for, None for all; raises as ``ctx`` does."""
    ctx.require_ready()
    symbol = None if wanted.ticker is None else ctx.symbol(wanted.ticker)
    return symbol, None if wanted.timeframe is None else ctx.timeframe_ms(wanted.timeframe)


def _fits(symbol: str, timeframe_ms: int, markets: Markets) -> bool:
    return markets[0] in (None, symbol) and markets[1] in (None, timeframe_ms)
