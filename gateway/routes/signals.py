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

from gateway.context import Given, Parts
from gateway.envelope import Envelope, raw, success
from gateway.errors import Unknown
from gateway.views.scores import ReliabilityBin, ScoreRow, reliability, summary
from gateway.views.views import HeldSignal
from schemas.explanations import Explanation
from schemas.signals import Direction, Grade, ScoredSignal, Signal, SignalAcknowledged

router = APIRouter(prefix="/api/signals", tags=["signals"])


class SignalItem(Signal):
    """A signal with what has happened to it since."""

    acknowledged: SignalAcknowledged | None = Field(description="Null: nobody has seen it")
    score: ScoredSignal | None = Field(description="Null before its expiry")
    explained: bool = Field(description="Whether its explanation has been made")


class SignalDetail(SignalItem):
    """One signal with its explanation."""

    explanation: Explanation | None = Field(
        description="Null until made; GET /api/explain/{ticker} asks for the newest"
    )


class SignalList(BaseModel):
    """Signals newest first; ``summary`` and ``reliability`` only with ``scored=true``."""

    signals: list[SignalItem]
    summary: list[ScoreRow] | None = Field(
        description="Scores of all held signals of the ticker (or of all), by group"
    )
    reliability: list[ReliabilityBin] | None = Field(
        description="The same signals by confidence: is 80 % right 80 % of the time?"
    )


class Acknowledge(BaseModel):
    """Who has seen the signal."""

    model_config = ConfigDict(strict=True, extra="forbid")

    by: str = Field(default="operator", min_length=1, max_length=100)


class SignalFilter(BaseModel):
    """Query of the list; every field narrows it."""

    model_config = ConfigDict(extra="forbid")

    ticker: str | None = Field(default=None, max_length=40, description="Any spelling; all if left")
    limit: int = Field(default=50, ge=1, le=500)
    scored: bool | None = Field(
        default=None, description="true: expired ones only, with a summary; false: open ones only"
    )
    grade: list[Grade] | None = Field(default=None, description="May be repeated")
    direction: list[Direction] | None = Field(default=None, description="May be repeated")
    before_ms: int | None = Field(default=None, ge=0, description="Only bar closes before")

    def passes(self, given: Parts, held: HeldSignal) -> bool:
        """Whether a signal belongs in the answer."""
        return (
            (self.grade is None or held.grade in self.grade)
            and (self.direction is None or held.direction in self.direction)
            and (self.scored is None or (given.views.score_of(held) is not None) == self.scored)
        )


def _item(given: Parts, held: HeldSignal) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(held.raw)
    seen = given.views.acknowledged.get(held.signal_id)
    score = given.views.score_of(held)
    body["acknowledged"] = seen.model_dump() if seen else None
    body["score"] = raw(score.raw) if score else None
    body["explained"] = given.views.explanation_of(held) is not None
    return body


@router.get("", response_model=Envelope[SignalList])
async def signals(given: Given, wanted: Annotated[SignalFilter, Query()]) -> Response:
    """Return the newest signals first, filtered.

    With ``scored=true`` also the track record: hit rate with its 95 % Wilson interval, mean net
    return and calibration by grade.
    """
    given.require_ready()
    symbols = [given.symbol(wanted.ticker)[0]] if wanted.ticker else given.views.known()
    series = [given.views.of(symbol).signals for symbol in symbols]
    newest_first = merge(
        *(reversed(one.tail(one.limit, wanted.before_ms)) for one in series),
        key=lambda held: held.event_time_ms,
        reverse=True,
    )
    passing = (held for held in newest_first if wanted.passes(given, held))
    body = {
        "signals": [_item(given, held) for held in islice(passing, wanted.limit)],
        "summary": summary(given.views, symbols) if wanted.scored else None,
        "reliability": reliability(given.views, symbols) if wanted.scored else None,
    }
    return success(body)


def _held(given: Parts, signal_id: str) -> HeldSignal:
    given.require_ready()
    held = given.views.signals.get(signal_id)
    if held is None:
        raise Unknown(f"signal {signal_id} is not among the newest held; GET /api/signals lists")
    return held


@router.get("/{signal_id}", response_model=Envelope[SignalDetail])
async def signal(signal_id: str, given: Given) -> Response:
    """Return one signal with its explanation, score and acknowledgement."""
    held = _held(given, signal_id)
    body = _item(given, held)
    body["explanation"] = raw(given.views.explanation_of(held))
    return success(body)


@router.post("/{signal_id}/acknowledge", response_model=Envelope[SignalAcknowledged])
async def acknowledge(
    signal_id: str, request: Request, given: Given, body: Acknowledge | None = None
) -> Response:
    """Mark a signal as seen; doing it again changes nothing and returns the first mark."""
    held = _held(given, signal_id)
    seen = given.views.acknowledged.get(signal_id)
    if seen is None:
        seen = SignalAcknowledged(
            signal_id=signal_id,
            symbol=held.symbol,
            event_time_ms=given.wall_ms(),
            by=(body or Acknowledge()).by,
        )
        await given.bus.publish(seen, trace_id=request.state.correlation_id)
        seen = given.views.acknowledged.setdefault(signal_id, seen)
    return success(seen.model_dump())
