"""Predictions: calibrated class probabilities of the models; requests and replies of the gateway.

Written by ``workers.inference``; read by ``streams.signals``, ``workers.explain``, the gateway.
Of the requests ``workers.explain`` answers those for an attribution.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from schemas.bounds import MAX_COUNT, Count
from schemas.explanations import Attribution, Explanation
from schemas.record import Milliseconds, Probability, Record, Symbol, Timeframe
from schemas.regimes import SUM_TOLERANCE, RegimeName, TrendState
from schemas.specialists import Answerer


class ClassProbabilities(Record):
    """Probabilities of sell, neutral and buy over the model's horizon; they sum to 1."""

    sell: Probability
    neutral: Probability
    buy: Probability

    @model_validator(mode="after")
    def _sum_to_one(self) -> ClassProbabilities:
        total = self.sell + self.neutral + self.buy
        if abs(total - 1.0) > SUM_TOLERANCE:
            raise ValueError(f"class probabilities sum to {total!r}, expected 1")
        return self


class RegimeView(Record):
    """The regime probabilities that a prediction used."""

    bull: Probability
    bear: Probability
    sideways: Probability
    entropy: Probability
    trend_state: TrendState
    parameters_version: str | None = None

    @property
    def most_probable(self) -> RegimeName:
        """The regime that is most probable; of equals bull, then bear."""
        chances: dict[RegimeName, float] = {
            "bull": self.bull,
            "bear": self.bear,
            "sideways": self.sideways,
        }
        return max(chances, key=chances.__getitem__)


class MarketContext(Record):
    """What grading and scoring need of the bar, so that both have one input and no join."""

    open: float = Field(gt=0)
    close: float = Field(gt=0)
    natr: float | None = Field(description="Wilder ATR over close, a fraction; null in warm-up")
    volume_to_median: float | None = Field(description="Volume over its 20-bar median")
    higher_direction: float | None = Field(
        description="Trend of the next closed higher timeframe: +1, 0, -1; null until closed"
    )
    funding_rate: float | None = None
    funding_time_ms: Milliseconds | None = None
    bars_missing: Count = 0
    high: float | None = Field(default=None, gt=0, description="Null in older records, as low")
    low: float | None = Field(default=None, gt=0)


class ReturnBounds(Record):
    """The mean return of ideas and the 90 % bounds of that mean, fractions of notional."""

    mean: float
    low: float
    high: float


class ExpectedReturns(Record):
    """What long and short ideas of this score earned out of sample, before costs."""

    long: ReturnBounds
    short: ReturnBounds


class Prediction(Record):
    """The ensemble's calibrated answer for one symbol at one bar close."""

    prediction_id: str
    symbol: Symbol
    timeframe_ms: Timeframe
    event_time_ms: Milliseconds
    available_time_ms: Milliseconds
    strategy: str
    model_version: str
    qualified: bool = Field(
        description="Whether the model passed its gates and nothing speaks against this answer"
    )
    feature_set_id: str
    probabilities: ClassProbabilities = Field(description="Pooled, then calibrated")
    members: dict[str, ClassProbabilities] = Field(description="xgboost, lstm: before pooling")
    member_weights: dict[str, Probability]
    strategy_weights: dict[str, Probability] = Field(description="Regime to specialist; sums to 1")
    regime: RegimeView
    context: MarketContext
    horizon_bars: int = Field(gt=0, le=MAX_COUNT)
    threshold: float = Field(gt=0, description="Return that makes a label buy (or -sell), fraction")
    device: str = Field(description="cpu or cuda:N, as it ran")
    confidence_interval: tuple[Probability, Probability] | None = Field(
        default=None,
        description="Venn-Abers bounds of the direction's probability, wide where outcomes are "
        "few; null: the model has no tables of who answered",
    )
    expected_return: ExpectedReturns | None = Field(
        default=None, description="Null as the interval, or for a short history"
    )
    answered_by: Literal[Answerer, "blend"] | None = Field(
        default=None, description="Null in records of older releases: universal"
    )
    why: str | None = Field(default=None, description="Why that one answered, for people")
    distrusted: str | None = Field(
        default=None,
        description="Why this answer is unqualified, whatever the gates say; null: it is not",
    )


class PredictionRequest(Record):
    """A question the view cannot answer: an override, an explanation, or all its values."""

    request_id: str
    symbol: Symbol
    timeframe_ms: Timeframe
    bar_time_ms: Milliseconds = Field(description="Close of the bar asked about")
    event_time_ms: Milliseconds = Field(description="Market time when it was asked")
    deadline_ms: Milliseconds = Field(description="Wall clock after which nobody waits")
    reply_to: str = Field(description="Name of the asking gateway replica")
    model_override: str | None = None
    explain: bool = False
    attribution: Literal["values", "interactions"] | None = Field(
        default=None, description="All features' values, or the strongest pairs beside them"
    )
    answerer: Answerer | None = Field(
        default=None, description="Which part of the model is to answer; null: as it selects"
    )
    prediction: Prediction | None = Field(
        default=None, description="An answer to an override, which is to be explained; null: none"
    )


class PredictionReply(Record):
    """The answer to one request, or why there is none."""

    request_id: str
    reply_to: str = Field(description="The Kafka key")
    event_time_ms: Milliseconds
    status: Literal["ok", "expired", "unknown_model", "unknown_bar", "failed"]
    detail: str = ""
    prediction: Prediction | None = None
    attribution: Attribution | None = None
    explanation: Explanation | None = None
