"""POST /api/v1/predict: the models' answer for a symbol, as of a moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from gateway.answers.predict import PredictQuery, answer
from gateway.context import ContextDep
from gateway.envelope import plain
from gateway.errors import Detail
from schemas.answers import Action, ExplanationStatus
from schemas.explanations import Explanation
from schemas.predictions import ReturnBounds

router = APIRouter(prefix="/api/v1/predict", tags=["predict"])

Outcome = Literal["pass", "warn", "fail"]
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _zoned(text: str) -> str:
    """Accept ISO 8601 with a zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("expected ISO 8601 with a zone, e.g. 2025-10-24T00:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError("the zone is missing; expected e.g. 2025-10-24T00:00:00Z")
    if not FIRST <= moment <= LAST:  # compared, not converted: the ends of the calendar overflow
        raise ValueError("expected a moment from 1970 to 2200")
    return text


class PredictBody(BaseModel):
    """What is asked. Types are strict: ``0`` is no boolean."""

    model_config = ConfigDict(strict=True, extra="forbid")

    symbol: str = Field(min_length=1, max_length=40, description="Any spelling, e.g. BTC-USD")
    timestamp: Annotated[str, AfterValidator(_zoned)] | None = Field(
        default=None, max_length=40, description="As of when; null: now. ISO 8601 with a zone"
    )
    strategy_override: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="A loaded model of the timeframe, by name or version; bull_specialist, "
        "bear_specialist, sideways_specialist and universal are parts of the newest",
    )
    timeframe: str | None = Field(
        default=None, max_length=40, description="One that runs, such as 15m; null: the base"
    )
    risk_check: bool = True
    explain: bool = False


class RegimeBody(BaseModel):
    """The regime probabilities that were used."""

    bull: float
    bear: float
    sideways: float
    entropy: float = Field(description="Shannon over ln 3, in [0, 1]")
    trend_state: str


CheckName = Literal["position_limit", "concentration", "daily_loss_limit"]


class RiskCheckBody(BaseModel):
    """One limit with its numbers; null: what it is about is unknown, and it fails."""

    name: CheckName
    outcome: Outcome
    detail: str
    value: float | None = Field(
        description="As it would be: notional, notional over equity, result of the day as a "
        "fraction of the wallet at midnight"
    )
    limit: float | None = Field(description="Up to where value may go, this included")


class RiskBody(BaseModel):
    """Advisory checks; without a connected account none of them can pass."""

    approved: bool = Field(description="No check fails")
    warnings: list[str]
    checks: dict[CheckName, Outcome]
    details: list[RiskCheckBody]
    quantity_note: str = Field(description="Why no quantity is recommended; empty with one")


class PredictMetadata(BaseModel):
    """Where the answer comes from."""

    model_version: str
    answered_by: str | None = Field(
        description="universal, a specialist or blend; null: an older release"
    )
    why: str | None = Field(description="Why that one answered")
    latency_ms: float = Field(description="Inside the gateway")
    timestamp: str = Field(description="When it was answered, ISO 8601, UTC")
    bar_time: str = Field(description="Close of the bar it is about, market time")
    timeframe: str
    timeframe_ms: int
    age_bars: float = Field(description="Market time since that close, in bars")
    signal_id: str | None = Field(description="Null for an override")
    grade: str | None = Field(description="Null for an override")
    qualified: bool = Field(
        description="Whether the model passed its gates and nothing speaks against this answer"
    )
    horizon_bars: int
    reference_price: float
    probabilities: dict[str, float]
    members: dict[str, dict[str, float]]
    confidence_interval: tuple[float, float] | None = Field(
        description="Venn-Abers bounds of that probability; null: the model has none"
    )
    expected_net_return: ReturnBounds | None = Field(
        description="After costs and the funding due; null: HOLD, an override, or no table"
    )
    device: str


class PredictAnswer(BaseModel):
    """Advice, never an order."""

    decision_id: str
    symbol: str
    action: Action
    confidence: float = Field(description="Calibrated probability of the action")
    recommended_quantity: float | None = Field(
        description="Contracts, rounded down to the venue's step; null for the reason in "
        "quantity_note of the risk check"
    )
    regime_probabilities: RegimeBody
    strategy_weights: dict[str, float]
    risk_validation: RiskBody | None = Field(description="Null when risk_check is false")
    explanation: Explanation | None
    explanation_status: ExplanationStatus
    stale: bool = Field(description="The bar is older than two bars")
    metadata: PredictMetadata


class NotYet(Detail):
    """Why there is no answer yet."""

    progress: dict[str, Any] | None = Field(
        default=None, description="Of the first training: stage, done in [0, 1], note"
    )


@router.post(
    "",
    response_model=PredictAnswer,
    responses={
        400: {
            "model": Detail,
            "description": "Wrong field, unknown timeframe or model, moment in the future",
        },
        404: {"model": Detail, "description": "Unknown symbol, or older than the view"},
        503: {"model": NotYet, "description": "Starting, training, or data older than 10 bars"},
        504: {"model": Detail, "description": "The override was not answered within 100 ms"},
    },
)
async def predict(body: PredictBody, request: Request, ctx: ContextDep) -> Response:
    """Return the newest prediction at or before ``timestamp``.

    Answered from the view; a worker is asked only for an override or an explanation not made
    yet, for at most 100 ms: the explanation is then ``pending``, the override gets 504.
    """
    as_of_ms = None
    if body.timestamp is not None:
        as_of_ms = int(datetime.fromisoformat(body.timestamp).timestamp() * 1000)
    query = PredictQuery(
        symbol=body.symbol,
        timeframe=body.timeframe,
        as_of_ms=as_of_ms,
        model=body.strategy_override,
        risk_check=body.risk_check,
        explain=body.explain,
        trace_id=request.state.correlation_id,
        client=request.client.host if request.client else None,
    )
    with ctx.metrics.timed_prediction():
        advice = await answer(ctx, query)
    ctx.metrics.count_action(advice["action"])
    with ctx.metrics.timed_stage("serialisation"):
        return plain(advice)
