"""GET /health, /api/v1/health and /metrics: how the system is."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.access.control import Mode
from gateway.answers.health import health, process_states, short_health, symbol_states
from gateway.answers.model_state import ModelState
from gateway.context import ContextDep, PrincipalDep
from gateway.envelope import plain
from schemas.dead_letter import DeadLetter
from schemas.status import CanaryTrace, MonitorWindow

router = APIRouter(tags=["system"])


class ProcessView(BaseModel):
    """One process, as it said last."""

    state: str = Field(description="silent: it has said nothing for too long")
    detail: str
    said_at: str = Field(
        description="When it said so: done and device are as of then; ISO 8601, UTC"
    )
    done: float | None = Field(description="Progress in [0, 1] of what it does")
    device: str | None
    lag_records: int | None = Field(description="Committed but not consumed; null: unknown")


class SymbolHealth(BaseModel):
    """How fresh a market is."""

    symbol: str
    timeframe: str
    timeframe_ms: int
    bars: int = Field(description="How many are held")
    signals: int = Field(description="How many are held")
    last_bar_ms: int = Field(description="Close of the newest bar")
    age_bars: float
    stale: bool = Field(description="Older than two bars, and not ended")
    ended: bool = Field(description="It gets no more bars: neither a fault nor stale")
    features_complete_at_ms: int | None = Field(
        description="Close of the bar at which no feature is null for want of bars, if none goes "
        "missing; null: the newest bar's are complete"
    )
    last_price: float


class TimeframeHealth(BaseModel):
    """How far a timeframe is, and how fresh its markets are."""

    timeframe: str
    timeframe_ms: int
    base: bool = Field(description="Whether the other timeframes are made of its bars")
    bars: int = Field(description="How many are held, of all symbols")
    signals: int = Field(description="How many are held, of all symbols")
    model: ModelState
    symbols: list[SymbolHealth]


class DeadLetterView(BaseModel):
    """Rejected records of one topic within the window that is read, neither replayed nor dropped.

    The newest comes without its bytes: they stay on the topic of the dead letters.
    """

    count: int
    newest: DeadLetter


class UnreadableRecord(BaseModel):
    """Where a record lies that no view could take, and why."""

    topic: str
    partition: int
    offset: int
    cause: str
    appended_ms: int = Field(description="When it was written")


class UnreadableView(BaseModel):
    """Records of one topic that this gateway could not read since its start."""

    count: int
    newest: UnreadableRecord


class AnswersView(BaseModel):
    """Answers of ``/predict`` by this gateway, on their way to their topic."""

    waiting: int = Field(description="Not there yet")
    lost: int = Field(description="Never there, since the start: the broker took them too slowly")


class AccessHealth(BaseModel):
    """Who may ask this gateway."""

    mode: Mode = Field(description="Which credentials count; off: nobody needs one")
    limits: Literal["off", "memory", "redis", "degraded"] = Field(
        description="Where requests are counted; degraded: by each replica, for Redis is away"
    )


class ShortHealth(BaseModel):
    """What a caller may know who has not signed in; four fields are the documented ones."""

    status: Literal["starting", "healthy", "degraded"]
    model_loaded: bool
    gpu_available: bool
    timestamp: str
    access: AccessHealth


class DriftHealth(BaseModel):
    """How many series have a report of drift, and how many give a reason to retrain."""

    reports: int
    harmful: int = Field(description="Only of models that serve now")


class Health(ShortHealth):
    """How the system is, in full."""

    clock_ms: int | None = Field(description="Market time")
    speed: float | None = Field(description="Market seconds per second")
    degraded: list[str] = Field(description="Every reason, in plain words")
    broker_connected: bool
    replay: bool = Field(description="Whether the bars are recorded ones")
    views_lag_records: int = Field(description="What this gateway has not read yet")
    processes: dict[str, ProcessView]
    timeframes: list[TimeframeHealth] = Field(description="Ascending; the base comes first")
    symbols: list[SymbolHealth] = Field(description="At the base timeframe")
    pending: list[str] = Field(
        description="What higher timeframes lack until their first model serves: no fault"
    )
    drift: DriftHealth
    canary: CanaryTrace | None = Field(description="The last bar followed through the chain")
    windows: list[MonitorWindow] = Field(description="Newest rates by topic and symbol")
    dead_letters: dict[str, DeadLetterView]
    unreadable: dict[str, UnreadableView] = Field(
        description="What this gateway could not read; a processor's dead letters are above"
    )
    answers: AnswersView
    cache: Literal["memory", "redis", "degraded"]
    websocket_clients: int


@router.get(
    "/health", response_model=Health | ShortHealth, responses={503: {"model": Health | ShortHealth}}
)
async def plain_health(ctx: ContextDep, who: PrincipalDep) -> Response:
    """Return 200 once the views are read, 503 with ``starting`` before.

    Open to everybody: who has to sign in and has not gets the short form.
    """
    body = health(ctx) if who.may("read") else short_health(ctx)
    return plain(body, 503 if body["status"] == "starting" else 200)


@router.get("/api/v1/health", response_model=Health, responses={503: {"model": Health}})
async def v1_health(ctx: ContextDep, who: PrincipalDep) -> Response:
    """Return the same as ``/health``."""
    return await plain_health(ctx, who)


PROMETHEUS_TEXT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}}
}


@router.get("/metrics", response_class=Response, responses=PROMETHEUS_TEXT)
async def metrics(ctx: ContextDep) -> Response:
    """Return the metrics in Prometheus' text format."""
    ctx.metrics.show_states(symbol_states(ctx), process_states(ctx))
    text = ctx.metrics.render(ctx.views, ctx.stream.clients, ctx.wall_ms())
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")
