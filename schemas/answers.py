"""Answers of the gateway: what it advised, to whom, by which versions and how fast.

Written by the gateway; read by people, with ``regimeflow topics tail`` or a consumer of their own.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.predictions import ClassProbabilities
from schemas.record import Milliseconds, Probability, Record, Symbol, Timeframe
from schemas.signals import Grade

Action = Literal["BUY", "SELL", "HOLD"]
ExplanationStatus = Literal["not_requested", "ready", "pending"]
NotNegative = Annotated[float, Field(ge=0)]


class PredictionAnswer(Record):
    """One answer of ``/api/v1/predict``. Advice, never an order."""

    correlation_id: str = Field(description="Of the request, as its response carried it")
    symbol: Symbol
    timeframe_ms: Timeframe
    bar_time_ms: Milliseconds = Field(description="Close of the bar that was answered about")
    event_time_ms: Milliseconds = Field(description="Wall clock when it was answered")
    client: str | None = Field(
        description="Network address of who asked, without port; nobody logs in, so it is all that "
        "is known"
    )
    replica: str = Field(description="Name of the gateway that answered")
    as_of_ms: Milliseconds | None = Field(description="Moment asked about; null: now")
    model_override: str | None = Field(
        description="Model asked for by name; null: the one in service"
    )
    prediction_id: str = Field(description="The answer's decision_id")
    signal_id: str | None = Field(description="Null for an override")
    action: Action
    confidence: Probability = Field(description="Calibrated probability of the action")
    probabilities: ClassProbabilities
    grade: Grade | None = Field(description="Null for an override")
    recommended_quantity: float | None = Field(description="Null: equity is unknown")
    risk_approved: bool | None = Field(description="Null: no risk check was asked for")
    explanation_status: ExplanationStatus
    stale: bool = Field(description="Whether the bar was older than two bars")
    age_bars: NotNegative = Field(description="Market time since the bar's close, in bars")
    strategy: str
    model_version: str
    qualified: bool = Field(
        description="Whether the model passed its gates and nothing speaks against this answer"
    )
    feature_set_id: str
    regime_parameters_version: str | None
    latency_ms: NotNegative = Field(description="Inside the gateway, as the answer said")
