"""GET /api/performance, /api/performance/summary: what ideas, humans and models have earned."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gateway.answers.performance import GroupBy, Selection, grouped, summary
from gateway.answers.trade_figures import TradeFigures
from gateway.context import AppContext, ContextDep
from gateway.envelope import Envelope, success
from gateway.errors import Refused
from schemas.bounds import TimeMs
from schemas.signals import Grade

router = APIRouter(prefix="/api/performance", tags=["performance"])


class PerformanceFilter(BaseModel):
    """Query of both routes; every field narrows it."""

    model_config = ConfigDict(extra="forbid")

    ticker: str | None = Field(default=None, max_length=40, description="Any spelling; all if left")
    timeframe: str | None = Field(
        default=None, max_length=40, description="One that runs, such as 15m; all if left"
    )
    from_ms: TimeMs | None = Field(default=None, description="Only exits from then on")
    to_ms: TimeMs | None = Field(default=None, description="Only exits before")

    def selection(self, ctx: AppContext) -> Selection:
        """Return the trades that count; raises ``Refused``, ``Unknown`` or ``Unavailable``."""
        ctx.require_ready()
        from_ms, to_ms = self.from_ms, self.to_ms
        if from_ms is not None and to_ms is not None and to_ms <= from_ms:
            raise Refused(f"to_ms: got {to_ms}, expected more than from_ms {from_ms}")
        return Selection(
            None if self.ticker is None else ctx.symbol(self.ticker),
            None if self.timeframe is None else ctx.timeframe_ms(self.timeframe),
            from_ms,
            to_ms,
        )


class GroupFilter(PerformanceFilter):
    """Query of the groups."""

    by: GroupBy = Field(
        default="grade",
        description="Of the signal that a trade is about; hour (UTC) of the entry, month of the "
        "exit",
    )


class ThreeFigures(BaseModel):
    """The same figures of three kinds, which are never mixed."""

    ideas: TradeFigures | None = Field(
        description="What ideas came to; they do not overlap, and nobody chose among them"
    )
    journal: TradeFigures | None = Field(
        description="What humans did, who chose it: how that went, not what a model is worth"
    )
    calls: TradeFigures | None = Field(
        description="Every buy or sell signal held here that has expired; they overlap"
    )


class PerformanceGroup(ThreeFigures):
    """One group; null where it has no trade of a kind."""

    group: str = Field(description="none: trades about no signal")
    refuted_in: list[str] = Field(
        description="Of a grade: where its signals have kept less than it promises, over all time"
    )


class PerformanceGroups(BaseModel):
    """Performance by group, in order."""

    by: GroupBy
    groups: list[PerformanceGroup]


class DayFigures(ThreeFigures):
    """The day so far."""

    from_ms: int = Field(description="Midnight UTC, market time")


class EquityCurves(BaseModel):
    """Sums of net returns after exits, as [ms, fraction], of equal stakes, thinned."""

    ideas: list[tuple[int, float]]
    journal: list[tuple[int, float]]


class FollowedView(BaseModel):
    """Trades of the journal about ideas that have ended; chosen by a human, no experiment."""

    trades: int
    own_return: float | None = Field(description="Mean net return of the human's trades")
    idea_return: float | None = Field(description="The same of the ideas that they are about")
    difference: float | None = Field(description="What the human added, a fraction")
    difference_low: float | None = Field(description="95 % at all looks together, by days")
    difference_high: float | None


class PassedView(BaseModel):
    """Ideas that were let pass and have ended; chosen by a human, no experiment."""

    ideas: int
    winners: int = Field(description="That earned more than 0 after costs")
    losers: int
    net_return: float | None = Field(description="Mean; null without one")


class RefutedGrade(BaseModel):
    """A grade whose signals have come true less often than it promises."""

    symbol: str
    timeframe: str
    grade: Grade


class PerformanceSummary(ThreeFigures):
    """The daily report."""

    as_of_ms: int | None = Field(description="Market time; null before the first bar")
    today: DayFigures | None = Field(description="Null before the first bar")
    equity: EquityCurves
    followed: FollowedView
    skipped: PassedView
    missed: PassedView
    refuted: list[RefutedGrade] = Field(description="By every signal since the first")


@router.get("", response_model=Envelope[PerformanceGroups])
async def performance(ctx: ContextDep, wanted: Annotated[GroupFilter, Query()]) -> Response:
    """Return what ideas, humans and the model's calls have earned after costs, by group."""
    return success(await grouped(ctx, wanted.by, wanted.selection(ctx)))


@router.get("/summary", response_model=Envelope[PerformanceSummary])
async def performance_summary(
    ctx: ContextDep, wanted: Annotated[PerformanceFilter, Query()]
) -> Response:
    """Return the daily report: ideas, journal and calls, all of them and today's.

    Beside them equity curves, and what a human made of the ideas.
    """
    return success(await summary(ctx, wanted.selection(ctx)))
