"""Challenges: a model that could serve, compared with the one that does, until the test decides.

Commands by the gateway and ``workers.training``; events by ``streams.challenges``; predictions of
both models by ``workers.inference``, their outcomes by ``streams.scoring``, their signals by
``streams.signals``, what their ideas came to by ``streams.ideas``.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from schemas.bounds import MAX_COUNT, Count, Number
from schemas.commands import Command, CommandId
from schemas.configs import ConfigId, StrategyName
from schemas.models import ModelRegistered
from schemas.policies import Hours, MinTrades
from schemas.predictions import Prediction
from schemas.record import Milliseconds, Record, Symbol, Timeframe
from schemas.signals import Signal
from schemas.trades import TradeResult

Variant = Literal["champion", "challenger"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
Recommendation = Literal["PROMOTE_CHALLENGER", "KEEP_CHAMPION", "INCONCLUSIVE"]
ChallengeStatus = Literal["active", "concluded", "expired", "cancelled"]
ChallengeBasis = Literal["log_loss", "trades"]
ChallengeId = Annotated[str, Field(pattern=r"^challenge-[0-9a-f]{12}$", max_length=22)]
ReturnFraction = Annotated[float, Field(ge=-10.0, le=1_000.0, allow_inf_nan=False)]


class ChallengeTrade(Record):
    """A trade that somebody has made by one of the two models."""

    trade_id: str = Field(min_length=1, max_length=100, description="One that is known is not new")
    variant: Variant
    net_return: ReturnFraction = Field(description="After costs, fraction of the entry")
    opened_ms: Milliseconds = Field(description="Market time")
    closed_ms: Milliseconds = Field(description="Market time")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.closed_ms < self.opened_ms:
            raise ValueError(
                f"closed_ms: got {self.closed_ms}, expected {self.opened_ms} or later, the entry's"
            )
        return self


class ChallengeCommand(Command):
    """Create a challenge, add a trade to it, cancel it, or look whether its time is over."""

    strategy: StrategyName
    timeframe_ms: Timeframe
    action: Literal["create", "trade", "cancel", "review"]
    market_ms: Milliseconds = Field(description="Market time at the edge")
    effective_from_ms: Milliseconds | None = Field(
        default=None, description="Of create: market time from which bars and trades count"
    )
    challenge_id: ChallengeId | None = Field(default=None, description="Of trade and cancel")
    champion: ModelRegistered | None = Field(
        default=None, description="Of create: the version that serves, as the edge has read it"
    )
    challenger: ModelRegistered | None = Field(
        default=None, description="Of create: the version in Staging"
    )
    basis: ChallengeBasis = "log_loss"
    min_trades: MinTrades | None = Field(
        default=None, description="Of each variant; null: as the config says"
    )
    deadline_hours: Hours | None = Field(
        default=None, description="Wall clock; null: as the config says"
    )
    trade: ChallengeTrade | None = Field(default=None, description="Of trade")


class ReturnTotals(Record):
    """Trades of one variant in numbers that add up; Welford (1962) for the squares."""

    trades: Count = 0
    wins: Count = Field(default=0, description="That earned more than 0")
    mean: float = Field(default=0.0, description="Net return of a trade, fraction")
    squares: float = Field(default=0.0, ge=0, description="Sum of squared distances from the mean")


class Challenge(Record):
    """A challenge as it stands; what decides it was fixed when it was created."""

    challenge_id: ChallengeId
    strategy: StrategyName
    timeframe_ms: Timeframe
    number: int = Field(ge=1, le=MAX_COUNT, description="1, 2, 3, ... of a strategy")
    status: ChallengeStatus
    champion: str = Field(description="Model version that served when it was created")
    challenger: str = Field(description="Model version")
    basis: ChallengeBasis = Field(
        description="log_loss: paired differences on the same bars; trades: those that are posted"
    )
    symbols: tuple[Symbol, ...] = Field(description="Of both models")
    horizon_bars: int = Field(gt=0, le=MAX_COUNT)
    block_bars: int = Field(gt=0, le=MAX_COUNT, description="Rows of a block, four horizons")
    alpha: float = Field(gt=0, lt=1, description="What the ledger of the strategy grants it")
    family: str = Field(description="The always-valid test that decides")
    min_trades: MinTrades
    automatic: bool = Field(description="Whether its winner is promoted without being asked")
    config_id: ConfigId | None = Field(description="Whose gates.challenge counts; null: defaults")
    created_ms: Milliseconds = Field(description="Wall clock")
    deadline_ms: Milliseconds = Field(description="Wall clock")
    from_ms: Milliseconds = Field(description="Market time from which bars and trades count")
    champion_trades: ReturnTotals = ReturnTotals()
    challenger_trades: ReturnTotals = ReturnTotals()
    outcomes: Count = Field(default=0, description="Bars, or trades, that have been compared")
    blocks: Count = Field(default=0, description="Independent ones that the test has seen")
    gain: float | None = Field(
        default=None,
        description="Mean of champion less challenger log-loss, or of challenger less champion net "
        "return: above 0 the challenger is better; null before the first block",
    )
    low: float | None = Field(default=None, description="Always-valid bound at 1 - alpha; null yet")
    high: float | None = None
    more_bars: Count | None = Field(
        default=None,
        description="Until it decides if all goes on like that; null: too early, or of trades",
    )
    more_trades: Count | None = Field(
        default=None,
        description="The same of a challenge on trades: of both together, none beside another",
    )
    recommendation: Recommendation = "INCONCLUSIVE"
    reason: str = ""


class ChallengeEvent(Record):
    """Something has happened to a challenge."""

    strategy: StrategyName
    timeframe_ms: Timeframe
    event_time_ms: Milliseconds = Field(description="Market time")
    action: Literal["created", "traded", "evaluated", "concluded", "expired", "cancelled"]
    challenge: Challenge = Field(description="As it stands after it")
    by: str
    command_id: CommandId | None = Field(description="Null: it followed from outcomes")
    trade: ChallengeTrade | None = None
    model: ModelRegistered | None = Field(
        default=None, description="The challenger, of created and of what is to be promoted"
    )
    promotes: bool = Field(default=False, description="The challenger is to serve, by policy")

    @property
    def challenge_id(self) -> str:
        """Of the challenge."""
        return self.challenge.challenge_id


class ShadowPrediction(Record):
    """What both models of a challenge say of one bar; the challenger's is no signal."""

    challenge_id: ChallengeId
    strategy: StrategyName
    symbol: Symbol
    timeframe_ms: Timeframe
    event_time_ms: Milliseconds
    available_time_ms: Milliseconds
    block: Count = Field(description="Of the challenge, from 0, by the time of the bar")
    champion: Prediction
    challenger: Prediction


class ChallengeOutcome(Record):
    """How both models of a challenge did on the bars of one block and symbol."""

    strategy: StrategyName = Field(description="The Kafka key")
    challenge_id: ChallengeId
    symbol: Symbol
    timeframe_ms: Timeframe
    event_time_ms: Milliseconds = Field(description="Close of the last bar that was needed")
    block: Count
    rows: Count = Field(description="Bars whose outcome is known")
    gain: Number = Field(description="Sum of champion less challenger log-loss over the rows")
    champion: ReturnTotals = Field(description="Calls held to the horizon, none beside another")
    challenger: ReturnTotals


class ShadowSignals(Record):
    """Both predictions of a bar, graded by one policy; nobody is shown them as signals."""

    challenge_id: ChallengeId
    strategy: StrategyName = Field(description="Of both models")
    symbol: Symbol
    timeframe_ms: Timeframe
    event_time_ms: Milliseconds
    champion: Signal
    challenger: Signal


class ShadowResult(Record):
    """What an idea of one of the two models came to; both begin their challenge without one."""

    challenge_id: ChallengeId
    strategy: StrategyName = Field(description="Of both models")
    symbol: Symbol
    timeframe_ms: Timeframe
    event_time_ms: Milliseconds = Field(description="Close of the bar that ended it")
    variant: Variant
    result: TradeResult = Field(description="On paper; its id is the idea's")
