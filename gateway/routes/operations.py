"""GET /api/system/health, metrics, config, audit and events, for people who run it."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.answers.effective_settings import effective_settings
from gateway.answers.health import health
from gateway.answers.system_metrics import gateway_figures
from gateway.context import ContextDep
from gateway.envelope import Envelope, success
from gateway.routes.system import Health
from schemas.events import EventKind, SystemEvent
from schemas.status import OperatorAction
from schemas.topics import OPERATOR_AUDIT, SYSTEM_EVENTS
from streams.runtime.environment import SourceKind

router = APIRouter(prefix="/api/system", tags=["system"])


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


class EventEntry(SystemEvent):
    """An event, and where it stands on its topic."""

    offset: int


class EventList(BaseModel):
    """Events, newest first, as far back as is read."""

    topic: str = Field(description="Holds all that are kept")
    events: list[EventEntry]


@router.get("/health", response_model=Envelope[Health])
async def system_health(ctx: ContextDep) -> Response:
    """Return the same as ``/health`` in the envelope, always 200."""
    return success(health(ctx))


@router.get("/metrics", response_model=Envelope[Performance])
async def system_metrics(ctx: ContextDep) -> Response:
    """Return the figures of performance that people look for; ``/metrics`` has all of them."""
    return success(gateway_figures(ctx))


@router.get("/config", response_model=Envelope[SettingList])
async def system_config(ctx: ContextDep) -> Response:
    """Return every setting in force with its source; a value that may be a secret is masked."""
    return success({"settings": list(effective_settings(ctx.settings))})


@router.get("/audit", response_model=Envelope[AuditList])
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


@router.get("/events", response_model=Envelope[EventList])
async def system_events(
    ctx: ContextDep,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    kind: Annotated[EventKind | None, Query(description="All if left")] = None,
    about: Annotated[
        str | None,
        Query(max_length=300, description="Process, symbol, strategy or topic; all if left"),
    ] = None,
) -> Response:
    """Return what people wait for, newest first: the stream sends each as it comes."""
    ctx.require_ready()
    newest = islice(ctx.views.events.newest(kind, about), limit)
    events = [{**each.model_dump(), "offset": offset} for offset, each in newest]
    return success({"topic": SYSTEM_EVENTS.name, "events": events})
