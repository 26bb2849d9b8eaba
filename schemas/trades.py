"""Trades that have ended: what each earned, and on what grounds it was entered.

Written by ``streams.journal`` and ``streams.ideas``.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.bounds import Count
from schemas.configs import ConfigId, StrategyName
from schemas.predictions import ReturnBounds
from schemas.record import Milliseconds, Probability, Record, Symbol, Timeframe
from schemas.regimes import RegimeName
from schemas.signals import Direction, Grade

Side = Literal["buy", "sell"]
# Of an idea. A gap beyond a level closes at the open, for the reason of that level.
ExitReason = Literal["target", "invalidation", "horizon", "reversal", "unknown"]
# Exact: a number of JSON is a double, which holds no cents.
DecimalText = str


class EntryGrounds(Record):
    """The signal that a trade was about, as it stood."""

    signal_id: str = Field(min_length=1, max_length=200)
    strategy: StrategyName
    timeframe_ms: Timeframe
    event_time_ms: Milliseconds = Field(description="Of the signal")
    direction: Direction
    grade: Grade
    confidence: Probability
    regime: RegimeName = Field(description="The most probable one")
    model_version: str
    config_id: ConfigId | None = Field(description="Null: no config was effective")
    idea_id: str | None = Field(
        default=None, max_length=200, description="Of the idea that it opened; null: none was named"
    )
    invalidation_price: float | None = Field(
        default=None, gt=0, description="Where it was wrong; null: it had none"
    )
    expected_net_return: ReturnBounds | None = Field(
        default=None, description="Null: the model had no tables"
    )


class TradeResult(Record):
    """What one trade earned after costs. Of two with one id the higher revision counts."""

    trade_id: str
    kind: Literal["journal", "paper"] = Field(
        description="journal: a human did it; paper: nobody did, it is what an idea came to"
    )
    symbol: Symbol
    strategy: StrategyName
    revision: Count
    withdrawn: bool = Field(
        default=False, description="A correction says that there is no such trade, or no end of it"
    )
    side: Side
    opened_ms: Milliseconds
    closed_ms: Milliseconds
    entry_price: float = Field(gt=0)
    exit_price: float = Field(gt=0)
    quantity: DecimalText | None = Field(description="Null: it was not said")
    gross_return: float = Field(description="Fraction of the entry, in the trade's direction")
    cost: float = Field(description="Fees, fraction of the entry; negative: a rebate")
    fees_assumed: bool = Field(description="The fees were not said: those of a taker on both sides")
    net_return: float = Field(description="gross_return - cost, less the funding that is known")
    profit: DecimalText | None = Field(description="In the quote currency; null without a quantity")
    grounds: EntryGrounds | None = Field(description="Null: it was about no signal")
    timeframe_ms: Timeframe | None = Field(default=None, description="Of the idea, as what follows")
    idea_id: str | None = Field(default=None, description="Null: it was about no idea")
    exit_reason: ExitReason | None = None
    funding: float | None = Field(default=None, description="Paid (+) or received (-), fraction")
    r_multiple: float | None = Field(
        default=None, description="net_return over the distance to the stop; null: there was none"
    )
    adverse_excursion: float | None = Field(
        default=None, ge=0, description="Furthest against it, fraction of the entry"
    )
    favourable_excursion: float | None = Field(
        default=None, ge=0, description="Furthest its way, fraction of the entry"
    )
    expected_net_return: ReturnBounds | None = Field(
        default=None, description="As it was expected at the decision"
    )
