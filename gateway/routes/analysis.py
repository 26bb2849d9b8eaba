"""GET /api/analysis, /api/analysis/{ticker}/regime and /indicators: what is seen of a market."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.answers.analysis import analysis
from gateway.answers.model_state import ModelState
from gateway.answers.readings import FamilyReading, Reading
from gateway.context import ContextDep, TimeframeQuery
from gateway.envelope import Envelope, raw, success
from gateway.errors import Refused
from gateway.views.series_view import WINDOW
from schemas.bounds import TimeMs
from schemas.regimes import RegimeProbabilities, TrendState
from schemas.signals import Direction, Grade

router = APIRouter(prefix="/api/analysis", tags=["analysis"])


class RegimeAnswer(BaseModel):
    """Filtered regime probabilities; ``history`` is oldest first."""

    symbol: str
    timeframe: str
    timeframe_ms: int
    regime: RegimeProbabilities | None = Field(description="Null until the first bar is folded")
    stale: bool = Field(description="The newest is older than two bars")
    history: list[RegimeProbabilities]


class IndicatorPoint(BaseModel):
    """The asked-for features at one bar close; null in warm-up."""

    event_time_ms: int
    values: dict[str, float | None]


class Indicators(BaseModel):
    """All features at the newest bar close, in catalogue order."""

    symbol: str
    timeframe: str
    timeframe_ms: int
    event_time_ms: int | None = Field(description="Null until the first vector is folded")
    feature_set_id: str | None
    stale: bool = Field(description="The newest is older than two bars")
    values: dict[str, float | None]
    history: list[IndicatorPoint] = Field(description="Of ``names`` only, oldest first")


class RegimeReading(BaseModel):
    """The filtered regime at the newest bar."""

    event_time_ms: int
    bull: float
    bear: float
    sideways: float
    entropy: float = Field(description="Shannon over ln 3, in [0, 1]: 0 = one regime is certain")
    likeliest: Literal["bull", "bear", "sideways"] | None = Field(
        description="Null where several are equally likely"
    )
    parameters_version: str | None = Field(description="Null: no filter is fitted, all are equal")
    trend_state: TrendState
    trend_bars: int | None = Field(description="How long it has been so, in bars; null: not told")


class SignalReading(BaseModel):
    """The newest signal; GET /api/signals/{signal_id} has all of it."""

    signal_id: str
    event_time_ms: int
    direction: Direction
    grade: Grade
    confidence: float
    qualified: bool
    model_version: str
    horizon_bars: int
    expires_ms: int
    expired: bool = Field(description="Its horizon lies behind")
    reference_price: float
    invalidation_price: float | None
    target_price: float | None


class ChannelLevels(BaseModel):
    """Support and resistance by one channel; null while too few bars are held or one is missing."""

    channel: Literal["donchian"]
    bars: int
    from_ms: int | None = Field(description="Open of the first bar")
    resistance: float | None = Field(description="Highest high")
    support: float | None = Field(description="Lowest low")
    resistance_percent: float | None = Field(description="Above the close, in per cent of it")
    support_percent: float | None = Field(description="Below the close, in per cent of it")


class VolatilityReading(BaseModel):
    """How much the market moves, and how usual that is."""

    natr_14: float | None = Field(description="Average true range over the close, a fraction")
    rank: float | None = Field(description="Share of the values before it that are below, [0, 1]")
    rank_bars: int = Field(description="How many bars the rank looks at")


class FundingReading(BaseModel):
    """The last settled funding known at the close; null where the source has none."""

    rate: float | None = Field(description="A fraction of the notional, per settlement")
    settled_ms: int | None


class TimeframeAnalysis(BaseModel):
    """One timeframe at its newest close."""

    timeframe: str
    timeframe_ms: int
    base: bool = Field(description="Whether the other timeframes are made of its bars")
    close_ms: int | None = Field(description="Null until the first bar")
    close: float | None
    stale: bool = Field(description="The newest bar is older than two of its bars, and not ended")
    detail: str = Field(description="Why something is not there yet; empty when all is")
    model: ModelState
    direction: Reading | None = Field(description="By definitions.direction")
    balance: float | None = Field(description="In [-1, 1]")
    regime: RegimeReading | None
    signal: SignalReading | None
    families: list[FamilyReading]
    levels: list[ChannelLevels]
    volatility: VolatilityReading
    funding: FundingReading


class TimeframeAgreement(BaseModel):
    """How far the timeframes agree."""

    score: float | None = Field(
        description="In [-1, 1]; null when fewer than two directions are known"
    )
    votes: dict[str, Reading | None] = Field(description="By timeframe; null: it does not vote")
    definition: str


class IndicatorRule(BaseModel):
    """How an indicator is read."""

    rule: str
    source: str
    minus: str | None = Field(default=None, description="Feature that is subtracted first, if any")


class AnalysisDefinitions(BaseModel):
    """By which rules the answer was made."""

    direction: str
    levels: str
    indicators: dict[str, IndicatorRule]


class Analysis(BaseModel):
    """All timeframes of a market side by side, ascending."""

    symbol: str
    market_ms: int | None = Field(description="Market time")
    agreement: TimeframeAgreement
    timeframes: list[TimeframeAnalysis]
    definitions: AnalysisDefinitions


@router.get("", response_model=Envelope[Analysis])
async def timeframes(
    ctx: ContextDep,
    ticker: Annotated[str, Query(max_length=40, description="Any spelling, e.g. BTC-USD")],
) -> Response:
    """Return what each timeframe says of a market, and how far they agree.

    Nothing in it is later than the newest close of its timeframe; what is undefined is null.
    """
    return success(analysis(ctx, ticker))


@router.get("/{ticker:path}/regime", response_model=Envelope[RegimeAnswer])
async def regime(
    ticker: str,
    ctx: ContextDep,
    timeframe: TimeframeQuery = None,
    history: Annotated[int, Query(ge=0, le=WINDOW, description="How many past bars")] = 0,
    before_ms: Annotated[TimeMs | None, Query(description="History: only before this")] = None,
) -> Response:
    """Return the newest regime probabilities and ``trend_state``, and a number before them.

    ``entropy`` is Shannon over ln 3: 0 means one regime is certain. Never smoothed.
    """
    view = ctx.series(ticker, timeframe)
    body = view.heading() | {
        "regime": raw(view.regimes.newest()),
        "stale": ctx.stale(view, view.regimes),
        "history": [raw(item) for item in view.regimes.tail(history, before_ms)],
    }
    return success(body)


@router.get("/{ticker:path}/indicators", response_model=Envelope[Indicators])
async def indicators(
    ticker: str,
    ctx: ContextDep,
    timeframe: TimeframeQuery = None,
    history: Annotated[int, Query(ge=0, le=WINDOW, description="How many past bars")] = 0,
    names: Annotated[
        str, Query(max_length=5_000, description="Features of the history, by comma")
    ] = "",
) -> Response:
    """Return every feature at the newest close, and the history of the named ones."""
    view = ctx.series(ticker, timeframe)
    newest = view.features.newest()
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if history and not wanted:
        raise Refused("names: history needs at least one feature, e.g. names=rsi_14")
    known = newest.names if newest else ctx.views.feature_names
    for name in wanted:
        if known and name not in known:
            raise Refused(f"names: no feature {name!r}; see values of this route without names")
    points = []
    for item in view.features.tail(history):
        values = item.values()
        wanted_values = {name: values.get(name) for name in wanted}
        points.append({"event_time_ms": item.event_time_ms, "values": wanted_values})
    body = view.heading() | {
        "event_time_ms": newest.event_time_ms if newest else None,
        "feature_set_id": newest.feature_set_id if newest else None,
        "stale": ctx.stale(view, view.features),
        "values": newest.values() if newest else {},
        "history": points,
    }
    return success(body)
