"""GET /api/explain/{ticker} and /history: which features drove the signals of a market."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.answers.explain import find_explanation
from gateway.context import ContextDep
from gateway.envelope import Envelope, raw, success
from schemas.explanations import Explanation

router = APIRouter(prefix="/api/explain", tags=["explain"])


class ExplanationAnswer(BaseModel):
    """The explanation of the newest signal."""

    symbol: str
    signal_id: str | None = Field(description="Null while there is no signal")
    status: Literal["ready", "pending", "none"] = Field(
        description="pending: asked for, not made yet; none: there is no signal"
    )
    stale: bool = Field(description="The newest signal is older than two bars")
    explanation: Explanation | None


class ExplanationHistory(BaseModel):
    """Explanations oldest first."""

    symbol: str
    explanations: list[Explanation]


@router.get("/{ticker:path}/history", response_model=Envelope[ExplanationHistory])
async def history(
    ticker: str, ctx: ContextDep, limit: Annotated[int, Query(ge=1, le=500)] = 10
) -> Response:
    """Return up to ``limit`` newest explanations that have been made, oldest first."""
    symbol, view = ctx.symbol(ticker)
    explanations = [raw(item) for item in view.explanations.tail(limit)]
    return success({"symbol": symbol, "explanations": explanations})


@router.get("/{ticker:path}", response_model=Envelope[ExplanationAnswer])
async def explain(ticker: str, ctx: ContextDep) -> Response:
    """Return the explanation of the newest signal, asking for it where it is not made yet.

    Waits at most 100 ms; then ``status`` is ``pending`` and the explanation follows on the
    stream and on the next call.
    """
    symbol, view = ctx.symbol(ticker)
    signal = view.signals.newest()
    explanation = None if signal is None else await find_explanation(ctx, signal)
    status = "none" if signal is None else "pending" if explanation is None else "ready"
    body = {
        "symbol": symbol,
        "signal_id": signal.signal_id if signal else None,
        "status": status,
        "stale": ctx.stale(view, view.signals),
        "explanation": raw(explanation),
    }
    return success(body)
