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

from gateway.envelope import Envelope, raw, success
from gateway.errors import Unavailable, Unknown
from gateway.parts import Given, Parts
from gateway.scores import ScoreRow, summary
from gateway.views import HeldSignal
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
    """Signals newest first; ``summary`` only with ``scored=true``."""

    signals: list[SignalItem]
    summary: list[ScoreRow] | None = Field(
        description="Scores of all held signals of the ticker (or of all), by group"
    )


class Acknowledge(BaseModel):
    """Who has seen the signal."""

    model_config = ConfigDict(strict=True, extra="forbid")

    by: str = Field(default="operator", min_length=1, max_length=100)


def _item(given: Parts, held: HeldSignal) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(held.raw)
    seen = given.views.acknowledged.get(held.signal_id)
    score = given.views.score_of(held)
    body["acknowledged"] = seen.model_dump() if seen else None
    body["score"] = raw(score.raw) if score else None
    body["explained"] = given.views.explanation_of(held) is not None
    return body


@router.get("", response_model=Envelope[SignalList])
async def signals(
    given: Given,
    ticker: Annotated[str | None, Query(description="Any spelling; all symbols if left out")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    scored: Annotated[
        bool | None, Query(description="true: only expired ones, with a summary; false: open ones")
    ] = None,
    grade: Annotated[list[Grade] | None, Query(description="May be repeated")] = None,
    direction: Annotated[list[Direction] | None, Query(description="May be repeated")] = None,
    before_ms: Annotated[int | None, Query(ge=0, description="Only bar closes before")] = None,
) -> Response:
    """Return the newest signals first, filtered.

    With ``scored=true`` also the track record: hit rate with its 95 % Wilson interval, mean net
    return and calibration by grade.
    """
    if ticker is None:
        symbols = given.views.known()
    else:
        symbols = [given.symbol(ticker)[0]]
    series = [given.views.of(symbol).signals for symbol in symbols]
    newest_first = merge(
        *(reversed(one.tail(one.limit, before_ms)) for one in series),
        key=lambda held: held.event_time_ms,
        reverse=True,
    )
    wanted = (
        held
        for held in newest_first
        if (grade is None or held.grade in grade)
        and (direction is None or held.direction in direction)
        and (scored is None or (given.views.score_of(held) is not None) == scored)
    )
    body = {
        "signals": [_item(given, held) for held in islice(wanted, limit)],
        "summary": summary(given.views, symbols) if scored else None,
    }
    return success(body)


def _held(given: Parts, signal_id: str) -> HeldSignal:
    if not given.bus.ready:
        raise Unavailable("starting: the views are being read from the topics")
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
