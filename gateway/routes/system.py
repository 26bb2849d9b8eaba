"""GET /health, /metrics and /api/system: how the system is, how it is set, what operators did."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.access.control import Mode
from gateway.answers.effective_settings import effective_settings
from gateway.answers.health import health, process_states, short_health, symbol_states
from gateway.answers.model_state import ModelState
from gateway.answers.performance import performance
from gateway.context import ContextDep, PrincipalDep
from gateway.envelope import Envelope, plain, success
from schemas.dead_letter import DeadLetter
from schemas.status import CanaryTrace, MonitorWindow, OperatorAction
from schemas.topics import OPERATOR_AUDIT
from streams.runtime.environment import SourceKind

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
    canary: CanaryTrace | None = Field(description="The last bar followed through the chain")
    windows: list[MonitorWindow] = Field(description="Newest rates by topic and symbol")
    dead_letters: dict[str, DeadLetterView]
    unreadable: dict[str, UnreadableView] = Field(
        description="What this gateway could not read; a processor's dead letters are above"
    )
    answers: AnswersView
    cache: Literal["memory", "redis", "degraded"]
    websocket_clients: int


class TimingView(BaseModel):
    """How long something took, as its histogram knows it: quantiles are linear within a bucket."""

    count: int
    mean_ms: float | None = Field(description="Null before the first")
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None = Field(description="At most the largest bound, 1000")


class RequestFigures(TimingView):
    """Requests of a family of routes since the start, until the head of the answer."""

    refused: int = Field(description="Answered with a status of 400 to 499")
    error: int = Field(description="Answered with a status of 500 or more")


class PredictionFigures(BaseModel):
    """What ``/api/v1/predict`` answered since the start."""

    outcomes: dict[str, int] = Field(description="success, refused, error")
    actions: dict[str, int] = Field(description="BUY, SELL, HOLD")
    latency: TimingView


class LagFigures(BaseModel):
    """Records that are committed and not consumed."""

    views: dict[str, int] = Field(description="By topic, of this gateway; without those at the end")
    processes: dict[str, int] = Field(description="By consumer group")


class ViewFigures(BaseModel):
    """The view of one topic."""

    age_s: float = Field(description="Since its newest record was written, wall clock")


class StreamFigures(BaseModel):
    """WebSocket streams."""

    open: int
    dropped: int = Field(description="Closed since the start because they were too slow")


class Performance(BaseModel):
    """Figures of performance of this gateway, and of the pipeline as it sees it."""

    uptime_s: float | None = Field(description="Of the process; null where no /proc tells")
    memory_bytes: int | None = Field(description="Resident; null as above")
    cpu_seconds: float | None = Field(description="Used since the start; null as above")
    requests: dict[str, RequestFigures] = Field(description="By family of routes")
    active_requests: int = Field(description="This one included")
    predictions: PredictionFigures
    answers: dict[Literal["recorded", "lost", "waiting"], int] = Field(
        description="Answers of /predict on the way to their topic"
    )
    lag_records: LagFigures
    views: dict[str, ViewFigures] = Field(description="By topic")
    unreadable: dict[str, int] = Field(description="Records in no view, by topic, since the start")
    streams: StreamFigures
    cache: Literal["memory", "redis", "degraded"]


class SettingView(BaseModel):
    """One setting that is in force."""

    name: str
    part: Literal["gateway", "pipeline"]
    value: str | None = Field(description="Null: not set; ********: it may be a secret")
    masked: bool
    source: SourceKind = Field(
        description="Where the value comes from; run: an option of the run, or what it decided"
    )
    named: str | None = Field(description="By what name it came; null: by none")


class SettingList(BaseModel):
    """Settings by name, those of the gateway first."""

    settings: list[SettingView]


class AuditEntry(OperatorAction):
    """What an operator did, and where it stands on its topic."""

    offset: int


class AuditList(BaseModel):
    """Actions of operators, newest first."""

    topic: str = Field(description="Holds all of them, for ever")
    actions: list[AuditEntry]


class LetterGroup(BaseModel):
    """Open dead letters of one topic and cause."""

    topic: str
    kind: Literal["undecodable", "rejected", "bug"]
    cause: str
    count: int
    name: str = Field(description="Of the newest, for `regimeflow topics dlq`")
    newest: DeadLetter = Field(description="Without its bytes")


class LetterList(BaseModel):
    """Open dead letters by topic and cause, as far back as is read."""

    total: int
    groups: list[LetterGroup]


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


@router.get("/api/system/health", response_model=Envelope[Health])
async def system_health(ctx: ContextDep) -> Response:
    """Return the same in the envelope, always 200."""
    return success(health(ctx))


@router.get("/metrics", response_class=Response)
async def metrics(ctx: ContextDep) -> Response:
    """Return the metrics in Prometheus' text format."""
    ctx.metrics.show_states(symbol_states(ctx), process_states(ctx))
    text = ctx.metrics.render(ctx.views, ctx.stream.clients, ctx.wall_ms())
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/api/system/metrics", response_model=Envelope[Performance])
async def system_metrics(ctx: ContextDep) -> Response:
    """Return the figures of performance that people look for; ``/metrics`` has all of them."""
    return success(performance(ctx))


@router.get("/api/system/config", response_model=Envelope[SettingList])
async def system_config(ctx: ContextDep) -> Response:
    """Return every setting in force with its source; a value that may be a secret is masked."""
    return success({"settings": list(effective_settings(ctx.settings))})


@router.get("/api/system/audit", response_model=Envelope[AuditList])
async def system_audit(
    ctx: ContextDep,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    action: Annotated[
        str | None, Query(max_length=100, description="Such as configs.activate; all if left")
    ] = None,
    subject: Annotated[
        str | None,
        Query(max_length=300, description="The whole, or its parts before a slash; all if left"),
    ] = None,
) -> Response:
    """Return what operators did, newest first."""
    ctx.require_ready()
    newest = islice(ctx.views.audit.newest(action, subject), limit)
    actions = [{**each.model_dump(), "offset": offset} for offset, each in newest]
    return success({"topic": OPERATOR_AUDIT.name, "actions": actions})


@router.get("/api/system/dead-letters", response_model=Envelope[LetterList])
async def system_dead_letters(ctx: ContextDep) -> Response:
    """Return how many open dead letters each topic has by cause, with the newest of each."""
    ctx.require_ready()
    groups = [
        {
            "topic": group.topic,
            "kind": group.newest.kind,
            "cause": group.newest.cause,
            "count": group.count,
            "name": group.name,
            "newest": group.newest.model_dump(),
        }
        for group in ctx.views.dead_letters.by_cause()
    ]
    return success({"total": sum(group["count"] for group in groups), "groups": groups})
