"""GET /api/signals, /api/signals/{id}; POST /api/signals/{id}/acknowledge."""

from __future__ import annotations

from heapq import merge
from itertools import islice
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from gateway.context import AppContext, ContextDep, PrincipalDep
from gateway.envelope import Envelope, raw, success
from gateway.errors import Unknown
from gateway.views.compact import CompactSignal
from gateway.views.feature_ranks import FeatureRank, feature_ranks
from gateway.views.read_model import ReadModel
from gateway.views.scores import (
    ReliabilityBin,
    ScoreRow,
    ScoreSpan,
    refuted_grades,
    track_record,
)
from schemas.bounds import TimeMs
from schemas.explanations import Explanation
from schemas.signals import Direction, Grade, ScoredSignal, Signal, SignalAcknowledged
from schemas.timeframes import timeframe_name

router = APIRouter(prefix="/api/signals", tags=["signals"])


class SignalItem(Signal):
    """A signal with what has happened to it since."""

    acknowledged: SignalAcknowledged | None = Field(description="Null: nobody has seen it")
    score: ScoredSignal | None = Field(description="Null before its expiry")
    explained: bool = Field(description="Whether its explanation has been made")
    grade_refuted: bool = Field(
        description="Whether signals of its grade, ticker and timeframe have kept less than the "
        "grade promises, by now"
    )


class SignalDetail(SignalItem):
    """One signal with its explanation."""

    explanation: Explanation | None = Field(
        description="Null until made; GET /api/explain/{ticker} asks for the newest"
    )
    ranks: dict[str, FeatureRank] = Field(
        description="Of the explanation's features, where enough bars are held to tell"
    )


class SignalList(BaseModel):
    """Signals newest first; the track record of the ticker (or of all) with ``scored=true``."""

    timeframe: str = Field(description="Of every signal listed")
    signals: list[SignalItem]
    span: ScoreSpan | None = Field(description="What the track record covers")
    summary: list[ScoreRow] | None = Field(
        description="Scores of every signal that has expired, held here or not, by group"
    )
    reliability: list[ReliabilityBin] | None = Field(
        description="The same signals by confidence: is 80 % right 80 % of the time?"
    )


class Acknowledge(BaseModel):
    """Who has seen the signal."""

    model_config = ConfigDict(strict=True, extra="forbid")

    by: str = Field(
        default="operator",
        min_length=1,
        max_length=100,
        description="Where nobody has to sign in; else it is who has",
    )


class SignalFilter(BaseModel):
    """Query of the list; every field narrows it."""

    model_config = ConfigDict(extra="forbid")

    ticker: str | None = Field(default=None, max_length=40, description="Any spelling; all if left")
    timeframe: str | None = Field(
        default=None, max_length=40, description="One that runs, such as 15m; the base if left"
    )
    limit: int = Field(default=50, ge=1, le=500)
    scored: bool | None = Field(
        default=None, description="true: expired ones only, with a summary; false: open ones only"
    )
    grade: list[Grade] | None = Field(default=None, max_length=100, description="May be repeated")
    direction: list[Direction] | None = Field(
        default=None, max_length=100, description="May be repeated"
    )
    min_rank: float | None = Field(
        default=None, ge=0, le=100, description="Least percentile; leaves out what has no rank"
    )
    before_ms: TimeMs | None = Field(default=None, description="Only bar closes before")

    def passes(self, views: ReadModel, signal: CompactSignal) -> bool:
        """Whether a signal belongs in the answer."""
        rank = -1.0 if signal.rank is None else signal.rank
        return (
            (self.grade is None or signal.grade in self.grade)
            and (self.direction is None or signal.direction in self.direction)
            and (self.min_rank is None or rank >= self.min_rank)
            and (self.scored is None or (views.score(signal) is not None) == self.scored)
        )


def _item(views: ReadModel, signal: CompactSignal, refuted: frozenset[str]) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(signal.raw)
    acknowledged = views.acknowledged.get(signal.signal_id)
    score = views.score(signal)
    body["acknowledged"] = acknowledged.model_dump() if acknowledged else None
    body["score"] = raw(score)
    body["explained"] = views.explained(signal)
    body["grade_refuted"] = signal.direction != "neutral" and signal.grade in refuted
    return body


@router.get("", response_model=Envelope[SignalList])
async def signals(ctx: ContextDep, wanted: Annotated[SignalFilter, Query()]) -> Response:
    """Return the newest signals first, filtered.

    With ``scored=true`` also the track record: hit rate with an interval that holds at every look,
    whether the grade's promise is refuted, mean net return and calibration by grade.
    """
    ctx.require_ready()
    symbols = (
        [ctx.symbol(wanted.ticker)] if wanted.ticker is not None else ctx.views.known_symbols()
    )
    timeframe_ms = ctx.timeframe_ms(wanted.timeframe)
    windows = [ctx.views.series(symbol, timeframe_ms).signals for symbol in symbols]
    newest_first = merge(
        *(reversed(window.tail(window.limit, wanted.before_ms)) for window in windows),
        key=lambda signal: signal.event_time_ms,
        reverse=True,
    )
    passing = (signal for signal in newest_first if wanted.passes(ctx.views, signal))
    refuted = {each: refuted_grades(ctx.views, each, timeframe_ms) for each in symbols}
    body = {
        "timeframe": timeframe_name(timeframe_ms),
        "signals": [
            _item(ctx.views, signal, refuted[signal.symbol])
            for signal in islice(passing, wanted.limit)
        ],
        "span": None,
        "summary": None,
        "reliability": None,
    }
    if wanted.scored:
        body |= track_record(ctx.views, symbols, timeframe_ms).model_dump()
    return success(body)


def _signal(ctx: AppContext, signal_id: str) -> CompactSignal:
    ctx.require_ready()
    compact = ctx.views.signals.get(signal_id)
    if compact is None:
        raise Unknown(f"signal {signal_id} is not among the newest held; GET /api/signals lists")
    return compact


def _ranks(ctx: AppContext, signal: CompactSignal, explanation: bytes) -> dict[str, Any]:
    drivers = orjson.loads(explanation)
    names = [driver["feature"] for driver in (*drivers["positive"], *drivers["negative"])]
    view = ctx.views.series(signal.symbol, signal.timeframe_ms)
    ranks = feature_ranks(view, names, signal.event_time_ms)
    return {name: rank.model_dump() for name, rank in ranks.items()}


@router.get("/{signal_id}", response_model=Envelope[SignalDetail])
async def signal(signal_id: str, ctx: ContextDep) -> Response:
    """Return one signal with its explanation, score and acknowledgement."""
    compact = _signal(ctx, signal_id)
    refuted = refuted_grades(ctx.views, compact.symbol, compact.timeframe_ms)
    body = _item(ctx.views, compact, refuted)
    explanation = ctx.views.explanation(compact)
    body["explanation"] = raw(explanation)
    body["ranks"] = {} if explanation is None else _ranks(ctx, compact, explanation)
    return success(body)


@router.post("/{signal_id}/acknowledge", response_model=Envelope[SignalAcknowledged])
async def acknowledge(
    signal_id: str,
    request: Request,
    ctx: ContextDep,
    principal: PrincipalDep,
    body: Acknowledge | None = None,
) -> Response:
    """Mark a signal as seen; doing it again changes nothing and returns the first mark."""
    compact = _signal(ctx, signal_id)
    acknowledged = ctx.views.acknowledged.get(signal_id)
    if acknowledged is None:
        acknowledged = SignalAcknowledged(
            signal_id=signal_id,
            symbol=compact.symbol,
            event_time_ms=ctx.wall_ms(),
            by=principal.signature((body or Acknowledge()).by),
        )
        await ctx.bus.publish(acknowledged, trace_id=request.state.correlation_id)
        acknowledged = ctx.views.acknowledged.setdefault(signal_id, acknowledged)
    return success(acknowledged.model_dump())
