"""GET /api/drift, /api/v1/models/{name}/drift: whether serving models still do as they did."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.context import AppContext, ContextDep
from gateway.envelope import Envelope, plain, success
from gateway.errors import Unknown, openapi_responses
from schemas.drift import DriftReport, FeatureShift
from schemas.models import ModelRegistered
from schemas.timeframes import timeframe_name
from schemas.topics import DRIFT_REPORTS
from streams.evaluation.confidence_sequence import HORIZONS_PER_BLOCK

router = APIRouter(tags=["models"])


class DriftReportView(DriftReport):
    """The newest report of a symbol and timeframe, with its newest look at the features."""

    timeframe: str
    features_rows: int | None = Field(description="Rows of that look; null before the first")
    features: list[FeatureShift] = Field(description="The strongest evidence first")


class DriftUnreported(BaseModel):
    """A model in service of which some symbols have no report yet, and why."""

    strategy: str
    timeframe: str
    model_version: str
    symbols: list[str]
    reason: str


class DriftList(BaseModel):
    """The newest reports; a series has one once its model has had a block of predictions."""

    topic: str = Field(description="Holds all of them, for ever")
    harmful: int = Field(description="How many give a reason to retrain")
    reports: list[DriftReportView]
    unreported: list[DriftUnreported] = Field(description="Models in service that lack reports")


SymbolQuery = Annotated[str | None, Query(max_length=40, description="All if left")]
TimeframeQuery = Annotated[str | None, Query(max_length=10, description="Such as 1h; all if left")]


@router.get(
    "/api/drift", response_model=Envelope[DriftList], responses=openapi_responses("/api/drift")
)
async def drift(
    ctx: ContextDep, symbol: SymbolQuery = None, timeframe: TimeframeQuery = None
) -> Response:
    """Return the newest report of each symbol and timeframe."""
    ctx.require_ready()
    reports = _reports(ctx, symbol, timeframe)
    return success(_listed(ctx, reports, _unreported(ctx, symbol, timeframe)))


@router.get("/api/v1/models/{name}/drift", response_model=DriftList)
async def model_drift(
    ctx: ContextDep,
    name: Annotated[str, Path(max_length=200, description="Its strategy, or its version")],
    symbol: SymbolQuery = None,
    timeframe: TimeframeQuery = None,
) -> Response:
    """Return the newest reports of one model; 404 for one that has none."""
    ctx.require_ready()
    reports = _reports(ctx, symbol, timeframe)
    named = [each for each in reports if name in (each.strategy, each.model_version)]
    lacking = [
        each
        for each in _unreported(ctx, symbol, timeframe)
        if name in (each.strategy, each.model_version)
    ]
    if not named:
        known = sorted({each.strategy for each in ctx.views.drift.newest()})
        raise Unknown(
            f"model '{name}' has no report of drift, expected one of "
            f"{', '.join(known) or 'none yet: the first comes after a block of predictions'}",
        )
    return plain(_listed(ctx, named, lacking))


def _reports(ctx: AppContext, symbol: str | None, timeframe: str | None) -> list[DriftReport]:
    return ctx.views.drift.newest(
        None if symbol is None else ctx.symbol(symbol),
        None if timeframe is None else ctx.timeframe_ms(timeframe),
    )


def _unreported(
    ctx: AppContext, symbol: str | None, timeframe: str | None
) -> list[DriftUnreported]:
    asked = None if timeframe is None else ctx.timeframe_ms(timeframe)
    known = {(report.symbol, report.model_version) for report in _reports(ctx, symbol, timeframe)}
    of = None if symbol is None else ctx.symbol(symbol)
    lacking = []
    for change in ctx.views.models.serving.values():
        model = change.model
        symbols = [
            each
            for each in model.symbols
            if of in (None, each) and (each, model.model_version) not in known
        ]
        if symbols and asked in (None, model.timeframe_ms):
            row = DriftUnreported(
                strategy=model.strategy,
                timeframe=timeframe_name(model.timeframe_ms),
                model_version=model.model_version,
                symbols=symbols,
                reason=_why_unreported(model),
            )
            lacking.append((model.timeframe_ms, model.strategy, row))
    return [row for *_, row in sorted(lacking, key=lambda each: each[:2])]


def _why_unreported(model: ModelRegistered) -> str:
    if model.imported:
        return "not watched: it was imported, so there is no training to measure it against"
    bars = HORIZONS_PER_BLOCK * model.horizon_bars
    return f"no report yet: the first comes after a block of {bars} predictions"


def _listed(
    ctx: AppContext, reports: list[DriftReport], unreported: list[DriftUnreported]
) -> dict[str, Any]:
    return {
        "topic": DRIFT_REPORTS.name,
        "harmful": sum(bool(report.reasons) for report in reports),
        "reports": [_view(ctx, report) for report in reports],
        "unreported": [each.model_dump() for each in unreported],
    }


def _view(ctx: AppContext, report: DriftReport) -> dict[str, Any]:
    look = ctx.views.drift.features(report)
    shifts = [] if look is None else sorted(look.features, key=lambda each: -each.e_value)
    return {
        **report.model_dump(),
        "timeframe": timeframe_name(report.timeframe_ms),
        "features_rows": None if look is None else look.rows,
        "features": [shift.model_dump() for shift in shifts],
    }
