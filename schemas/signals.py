"""Signals: graded predictions shown to a human, their acknowledgement and their score.

Written by ``streams.signals``, the gateway and ``streams.scoring``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.bounds import MAX_COUNT
from schemas.predictions import ClassProbabilities, MarketContext, RegimeView, ReturnBounds
from schemas.record import Milliseconds, Probability, Record, Symbol, Timeframe
from schemas.regimes import RegimeName
from schemas.specialists import Answerer

Direction = Literal["buy", "sell", "neutral"]
Grade = Literal["A+", "A", "B", "C"]
ScoreGroup = Literal["directional", "A+", "A", "B", "C", "neutral"]
# Whether a signal may open an idea; else the first reason why not, in this order.
Decision = Literal["act", "neutral", "unqualified", "grade", "no_tables", "edge", "data"]
Percentile = Annotated[float, Field(ge=0, le=100)]


class Confirmation(Record):
    """One secondary check of the grade; null means it could not be judged and counts as failed."""

    name: str
    passed: bool | None
    detail: str


class RiskCheck(Record):
    """One advisory risk check; missing data fails closed and says so."""

    name: Literal["position_limit", "concentration", "daily_loss_limit"]
    outcome: Literal["pass", "warn", "fail"]
    detail: str


class Signal(Record):
    """A graded prediction with direction, horizon, levels and notes. Advice, never an order."""

    signal_id: str
    prediction_id: str
    symbol: Symbol
    timeframe_ms: Timeframe
    event_time_ms: Milliseconds
    available_time_ms: Milliseconds
    strategy: str
    model_version: str
    feature_set_id: str
    qualified: bool
    direction: Direction
    confidence: Probability = Field(description="Calibrated probability of the direction")
    grade: Grade
    probabilities: ClassProbabilities
    members: dict[str, ClassProbabilities]
    strategy_weights: dict[str, Probability]
    regime: RegimeView
    confirmations: tuple[Confirmation, ...]
    horizon_bars: int = Field(gt=0, le=MAX_COUNT)
    expires_ms: Milliseconds = Field(description="Close of the last bar of the horizon")
    reference_price: float = Field(gt=0, description="Close at t: shown, never traded")
    invalidation_price: float | None = Field(default=None, description="Where the idea is wrong")
    target_price: float | None = None
    threshold: float = Field(gt=0, description="Return that would make it right, a fraction")
    context: MarketContext
    recommended_quantity: float | None = Field(
        default=None, description="Advice, rounded down to the step; null: equity unknown"
    )
    risk_approved: bool
    risk_checks: tuple[RiskCheck, ...]
    risk_notes: tuple[str, ...]
    device: str
    config_id: str | None = Field(
        default=None, description="Of the config it was graded by; null: none was effective"
    )
    round_trip_cost: float | None = Field(
        default=None, ge=0, description="Fraction of notional, by that config; null: the default"
    )
    confidence_interval: tuple[Probability, Probability] | None = Field(
        default=None,
        description="Venn-Abers bounds of the direction's probability; null: the model has none",
    )
    expected_net_return: ReturnBounds | None = Field(
        default=None,
        description="Of its direction, after costs and the funding due until it expires; null: "
        "neutral, or the model has no tables",
    )
    answered_by: Literal[Answerer, "blend"] | None = Field(
        default=None, description="Part of the model that answered; null: an older release"
    )
    why: str | None = Field(default=None, description="Why that one answered, for people")
    rank: Percentile | None = Field(
        default=None,
        description="Percentile of its expected net return among the last 1,000 of its symbol and "
        "timeframe; null: its lower bound is not above 0, or there are fewer than 100",
    )
    decision: Decision | None = Field(
        default=None,
        description="act: it may open an idea; else why not, by its config; null: an older release",
    )
    since_ms: Milliseconds | None = Field(
        default=None,
        description="Of the unbroken row of signals with this direction that it belongs to, the "
        "close of the first; null: an older release, or an answer that is no signal",
    )
    grade_promise: Probability | None = Field(
        default=None,
        description="Least hit rate that its grade stands for, by its config; null: C, neutral, or "
        "an older release",
    )


class SignalAcknowledged(Record):
    """A human has seen a signal."""

    signal_id: str
    symbol: Symbol
    event_time_ms: Milliseconds
    by: str


class ScoredSignal(Record):
    """What became of a signal at its expiry, after costs."""

    signal_id: str
    symbol: Symbol
    timeframe_ms: Timeframe
    event_time_ms: Milliseconds = Field(description="Close of the bar that ended the horizon")
    available_time_ms: Milliseconds
    signal_time_ms: Milliseconds
    model_version: str
    qualified: bool
    direction: Direction
    grade: Grade
    confidence: Probability
    probabilities: ClassProbabilities
    outcome: Literal["sell", "neutral", "buy"] | None = Field(
        description="The label that came true; null: a hole in the bars made it unknowable"
    )
    hit: bool | None = Field(description="direction == outcome; null when unknowable")
    entry_price: float | None = Field(description="Open of the bar after the signal")
    exit_price: float | None = Field(description="Close at expiry")
    gross_return: float | None = Field(description="Fraction, in the signal's direction")
    cost: float | None = Field(ge=0, description="Fees and slippage, fraction of notional")
    funding: float | None = Field(description="Paid (+) or received (-), fraction of notional")
    net_return: float | None = Field(description="gross - cost - funding; 0 for neutral")
    brier: float | None = Field(default=None, description="Multiclass Brier score, in [0, 2]")
    log_loss: float | None = Field(default=None, ge=0, description="Natural log")
    regime: RegimeName | None = Field(
        default=None, description="The most probable one at the signal; null: an older release"
    )
    grade_promise: Probability | None = Field(
        default=None, description="Of the signal; null: C, neutral, or an older release"
    )


class ScoreCell(Record):
    """Scored signals of one group and one bin of confidence, added up."""

    group: Literal["A+", "A", "B", "C", "neutral"] = Field(
        description="The grade of directional signals, or neutral"
    )
    bin: int = Field(ge=0, le=9, description="Confidence in tenths, rounded down")
    signals: int = Field(ge=1, le=MAX_COUNT, description="Expired")
    known: int = Field(ge=0, le=MAX_COUNT, description="With a knowable outcome")
    hits: int = Field(ge=0, le=MAX_COUNT)
    confidence: float = Field(ge=0, description="Sum over the known")
    net_return: float = Field(description="Sum over the known, after costs")
    brier: float = Field(ge=0, description="Sum over the known")


class ScoreChain(Record):
    """Scored signals of a group that do not overlap: each was made when the last had expired."""

    group: ScoreGroup
    bin: int | None = Field(ge=0, le=9, description="Confidence in tenths; null: all of the group")
    until_ms: Milliseconds = Field(description="Expiry of the last one")
    known: int = Field(ge=1, le=MAX_COUNT, description="All have a knowable outcome")
    hits: int = Field(ge=0, le=MAX_COUNT)
    promise: float = Field(ge=0, description="Sum of what they promise, of a grade; else 0")


class ScoreTotals(Record):
    """All scored signals of one symbol and timeframe since the first, added up."""

    subject: str = Field(description="<symbol>/<timeframe_ms>, the Kafka key")
    symbol: Symbol
    timeframe_ms: Timeframe
    event_time_ms: Milliseconds = Field(description="Expiry of the last signal counted")
    available_time_ms: Milliseconds
    from_ms: Milliseconds = Field(description="Bar close of the first signal counted")
    cells: tuple[ScoreCell, ...] = Field(description="Those that hold signals, in order")
    chains: tuple[ScoreChain, ...] = Field(
        default=(), description="Of every group, and of each bin of directional and neutral signals"
    )
