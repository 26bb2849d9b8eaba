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
from schemas.timeframes import timeframe_name
from schemas.topics import DRIFT_REPORTS

router = APIRouter(tags=["models"])


class DriftReportView(DriftReport):
    """The newest report of a symbol and timeframe, with its newest look at the features."""

    timeframe: str
    features_rows: int | None = Field(description="Rows of that look; null before the first")
    features: list[FeatureShift] = Field(description="The strongest evidence first")


class DriftList(BaseModel):
    """The newest reports; a series has one once its model has had a block of predictions."""

    topic: str = Field(description="Holds all of them, for ever")
    harmful: int = Field(description="How many give a reason to retrain")
    reports: list[DriftReportView]


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
    return success(_listed(ctx, _reports(ctx, symbol, timeframe)))


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
    if not named:
        known = sorted({each.strategy for each in ctx.views.drift.newest()})
        raise Unknown(
            f"model '{name}' has no report of drift, expected one of "
            f"{', '.join(known) or 'none yet: the first comes after a block of predictions'}",
        )
    return plain(_listed(ctx, named))


def _reports(ctx: AppContext, symbol: str | None, timeframe: str | None) -> list[DriftReport]:
    return ctx.views.drift.newest(
        None if symbol is None else ctx.symbol(symbol),
        None if timeframe is None else ctx.timeframe_ms(timeframe),
    )


def _listed(ctx: AppContext, reports: list[DriftReport]) -> dict[str, Any]:
    return {
        "topic": DRIFT_REPORTS.name,
        "harmful": sum(bool(report.reasons) for report in reports),
        "reports": [_view(ctx, report) for report in reports],
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
