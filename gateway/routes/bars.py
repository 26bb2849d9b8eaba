"""GET /api/bars/{ticker}: the newest checked bars, for candles."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.context import ContextDep, TimeframeQuery
from gateway.envelope import Envelope, raw, success
from gateway.views.series_view import WINDOW
from schemas.bounds import TimeMs
from schemas.market import Bar

router = APIRouter(prefix="/api/bars", tags=["bars"])


class BarList(BaseModel):
    """Bars oldest first."""

    symbol: str
    timeframe: str
    timeframe_ms: int = Field(description="Bar length")
    bars: list[Bar]


@router.get("/{ticker:path}", response_model=Envelope[BarList])
async def bars(
    ticker: str,
    ctx: ContextDep,
    timeframe: TimeframeQuery = None,
    limit: Annotated[int, Query(ge=1, le=WINDOW)] = 500,
    before_ms: Annotated[TimeMs | None, Query(description="Only closes before this")] = None,
) -> Response:
    """Return up to ``limit`` bars whose close is before ``before_ms``, oldest first.

    Symbols are accepted in any spelling. 404 for a symbol without bars.
    """
    view = ctx.series(ticker, timeframe)
    newest = view.bars.tail(limit, before_ms)
    return success(view.heading() | {"bars": [raw(bar.raw) for bar in newest]})
