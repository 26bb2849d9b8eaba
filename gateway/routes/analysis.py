"""GET /api/analysis/{ticker}/regime and /indicators: what the models see of a market."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.context import ContextDep, TimeframeQuery
from gateway.envelope import Envelope, raw, success
from gateway.errors import Refused
from gateway.views.series_view import WINDOW
from schemas.bounds import TimeMs
from schemas.regimes import RegimeProbabilities

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
    known = newest.names if newest else ()
    for name in wanted:
        if name not in known:
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
