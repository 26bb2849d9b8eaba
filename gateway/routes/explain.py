"""GET /api/explain/{ticker} and /history: which features drove the signals of a market."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.answers.explain import delay_reason, find_attribution, find_explanation
from gateway.context import ContextDep, TimeframeQuery
from gateway.envelope import Envelope, raw, success
from schemas.explanations import Attribution, Explanation, FeatureInteraction

router = APIRouter(prefix="/api/explain", tags=["explain"])


class ExplanationAnswer(BaseModel):
    """The explanation of the newest signal: its strongest drivers, and every feature's value.

    ``base_value`` plus the sum of ``shap_values`` is ``model_output``, the forest's margin of the
    explained class in log-odds, within single precision.
    """

    symbol: str
    timeframe: str
    timeframe_ms: int
    signal_id: str | None = Field(description="Null while there is no signal")
    status: Literal["ready", "pending", "none"] = Field(
        description="pending: asked for, not made yet; none: there is no signal"
    )
    stale: bool = Field(description="The newest signal is older than two bars")
    explanation: Explanation | None
    explanation_text: str | None = Field(description="One sentence on the strongest drivers")
    answered_by: str | None = Field(
        description="universal, a specialist or blend; null: no signal, or an older release"
    )
    shares: dict[str, float] | None = Field(
        description="Whose forests the values are of, and how much of each; null: no values"
    )
    why: str | None = Field(description="Why that one answered; null as answered_by")
    values_status: Literal["ready", "pending", "failed", "none"] = Field(
        description="Of the fields below; pending and failed say why in detail"
    )
    detail: str = Field(description="Why something is not there; empty when all is")
    feature_names: list[str] | None
    shap_values: list[float] | None = Field(description="In the order of feature_names")
    base_value: float | None
    model_output: float | None
    interactions: list[FeatureInteraction] | None = Field(
        description="The five strongest pairs; null unless asked for"
    )


class ExplanationHistory(BaseModel):
    """Explanations oldest first."""

    symbol: str
    timeframe: str
    timeframe_ms: int
    explanations: list[Explanation]
    not_explained: int = Field(
        description="Held signals without one, from the first explanation listed on: the explain "
        "process was behind, and explains them when asked"
    )


@router.get("/{ticker:path}/history", response_model=Envelope[ExplanationHistory])
async def history(
    ticker: str,
    ctx: ContextDep,
    timeframe: TimeframeQuery = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 10,
) -> Response:
    """Return up to ``limit`` newest explanations that have been made, oldest first."""
    view = ctx.series(ticker, timeframe)
    listed = view.explanations.tail(limit)
    first_ms = view.explanations.keys[-len(listed)][0] if listed else 0
    signals = view.signals.items[bisect_left(view.signals.keys, first_ms) :]
    missing = sum(not ctx.views.explained(signal) for signal in signals)
    body = view.heading() | {
        "explanations": [raw(item.raw) for item in listed],
        "not_explained": missing,
    }
    return success(body)


@router.get("/{ticker:path}", response_model=Envelope[ExplanationAnswer])
async def explain(
    ticker: str,
    ctx: ContextDep,
    timeframe: TimeframeQuery = None,
    *,
    interactions: Annotated[
        bool, Query(description="Also the strongest pairs; takes a second, at first some more")
    ] = False,
) -> Response:
    """Return the explanation of the newest signal, asking for it where it is not made yet.

    Waits at most 100 ms; then ``status`` is ``pending`` and the explanation follows on the
    stream and on the next call. With ``interactions=true`` it waits up to 20 s for the pairs.
    """
    view = ctx.series(ticker, timeframe)
    signal = view.signals.newest()
    body: dict[str, Any] = view.heading() | {
        "signal_id": signal.signal_id if signal else None,
        "stale": ctx.stale(view, view.signals),
    }
    if signal is None:
        nothing = dict.fromkeys(ExplanationAnswer.model_fields)
        none = {"status": "none", "values_status": "none", "detail": "there is no signal yet"}
        return success(nothing | none | body)
    explanation, values = await asyncio.gather(
        find_explanation(ctx, signal),
        find_attribution(ctx, signal, "interactions" if interactions else "values"),
    )
    ready, fields = explanation is not None, orjson.loads(signal.raw)
    body |= {
        "status": "ready" if ready else "pending",
        "explanation": raw(explanation),
        "explanation_text": orjson.loads(explanation)["sentence"] if explanation else None,
        "values_status": values.status,
        "answered_by": fields.get("answered_by"),
        "why": fields.get("why"),
        "detail": values.detail or ("" if ready else delay_reason(ctx)),
    }
    return success(body | _values(values.attribution))


def _values(attribution: Attribution | None) -> dict[str, Any]:
    names = (
        *("feature_names", "shap_values", "base_value", "model_output", "interactions"),
        "shares",
    )
    if attribution is None:
        return dict.fromkeys(names)
    return {name: value for name, value in attribution.model_dump().items() if name in names}
