"""Ideas: decisions to act on a signal, each until it has ended, and what opened none.

Written by ``streams.ideas``. Advice, never an order.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.bounds import Count
from schemas.configs import ConfigId, StrategyName
from schemas.predictions import ReturnBounds
from schemas.record import Milliseconds, Probability, Record, Symbol, Timeframe
from schemas.regimes import RegimeName
from schemas.signals import Direction, Grade, Percentile
from schemas.trades import ExitReason, Side

IdeaAction = Literal["decided", "opened", "closed"]
SuppressedBy = Literal["neutral", "unqualified", "grade", "no_tables", "edge", "data", "open"]


class IdeaEvent(Record):
    """An idea as it stands after one step of its life.

    It is decided at the close of a bar, opened at the open of the next one, which is known when
    that bar has closed, and closed at the first of its exits.
    """

    idea_id: str
    action: IdeaAction
    strategy: StrategyName
    symbol: Symbol
    timeframe_ms: Timeframe
    event_time_ms: Milliseconds = Field(description="Close of the bar that showed it")
    available_time_ms: Milliseconds
    signal_id: str
    model_version: str
    config_id: ConfigId | None = Field(description="Null: no config was effective")
    qualified: bool
    side: Side
    grade: Grade
    confidence: Probability
    regime: RegimeName = Field(description="The most probable one at the decision")
    rank: Percentile | None
    expected_net_return: ReturnBounds
    reference_price: float = Field(gt=0, description="Close of the signal's bar")
    stop_price: float = Field(gt=0, description="Where it is wrong")
    target_price: float = Field(gt=0)
    opened_ms: Milliseconds = Field(
        description="Close of the signal's bar: it enters at the open of the next one"
    )
    expires_ms: Milliseconds = Field(description="Close of the last bar that it may last")
    entry_price: float | None = Field(default=None, gt=0, description="Null: not opened yet")
    risk: float | None = Field(
        default=None,
        gt=0,
        description="From the entry to the stop, fraction of the entry; null: not opened yet, or "
        "opened beyond the stop",
    )
    closed_ms: Milliseconds | None = Field(default=None, description="Null: it runs")
    exit_price: float | None = Field(
        default=None, gt=0, description="Null: it runs, or its end is unknown"
    )
    exit_reason: ExitReason | None = Field(
        default=None,
        description="unknown: bars were missing, so nobody can say what it came to",
    )
    gross_return: float | None = Field(default=None, description="Fraction of the entry, its way")
    cost: float | None = Field(default=None, ge=0, description="Fees and slippage of both sides")
    funding: float | None = Field(default=None, description="Paid (+) or received (-)")
    net_return: float | None = Field(default=None, description="gross_return - cost - funding")
    r_multiple: float | None = Field(default=None, description="net_return / risk")
    adverse_excursion: float | None = Field(
        default=None, ge=0, description="Furthest against it, fraction of the entry"
    )
    favourable_excursion: float | None = Field(
        default=None, ge=0, description="Furthest its way, fraction of the entry"
    )


class SuppressedTotals(Record):
    """Signals of one strategy, symbol and timeframe that opened no idea, by reason, and the last.

    A signal counts once, under the first reason that holds, in their declared order.
    """

    subject: str = Field(description="<strategy>/<symbol>/<timeframe_ms>, the Kafka key")
    strategy: StrategyName
    symbol: Symbol
    timeframe_ms: Timeframe
    event_time_ms: Milliseconds = Field(description="Close of the last one's bar")
    available_time_ms: Milliseconds
    from_ms: Milliseconds = Field(description="Close of the first signal counted")
    decided: Count = Field(description="Ideas that were decided meanwhile")
    reasons: dict[SuppressedBy, Count] = Field(description="How many signals each has stopped")
    signal_id: str = Field(description="Of the last one, as all that follows")
    reason: SuppressedBy
    direction: Direction
    grade: Grade
    expected_net_return: ReturnBounds | None = Field(
        description="Null: neutral, or the model has no tables"
    )
