"""Configs of strategies: commands, versions, what is ACTIVE, and what signals follow of it.

Written by ``streams.configs``; commands by the gateway.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from schemas.bounds import Count, Text
from schemas.commands import Command, CommandId
from schemas.drift import DriftPolicy
from schemas.record import Milliseconds, Probability, Record, Symbol, Timeframe
from schemas.signals import Grade
from schemas.specialists import SpecialistPolicy
from schemas.timeframes import DAY_MS

KEPT_MS = 90 * DAY_MS  # after its deprecation, wall clock
# Of variables that say values of a config: REGIMEFLOW_CONFIG__STRATEGY__TIMEFRAME.
VARIABLE_PREFIX = "REGIMEFLOW_CONFIG__"

StrategyName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$", max_length=100, description="The Kafka key"
    ),
]
ConfigId = Annotated[
    str,
    Field(
        pattern=r"^v[1-9][0-9]{0,8}-[0-9a-f]{8}$",
        max_length=20,
        description="v{number}-{hash[:8]}",
    ),
]
ConfigHash = Annotated[
    str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the normalised content")
]
ConfigStatus = Literal["DRAFT", "ACTIVE", "DEPRECATED"]
ConfirmationName = Literal["trend_state", "higher_timeframe", "volume", "entropy"]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class ConfigCommand(Command):
    """Create a version, make one ACTIVE, or give one up."""

    strategy: StrategyName
    action: Literal["create", "activate", "deprecate"]
    config_id: ConfigId | None = Field(default=None, description="Null for create")
    config_data: dict[str, JsonValue] | None = Field(
        default=None, description="For create; for activate the content of that id, once more"
    )
    description: str = Field(default="", max_length=1_000)
    effective_from_ms: Milliseconds | None = Field(
        default=None, description="Market time from which an activation counts"
    )


class ConfigChanged(Record):
    """A version of a strategy's config as it stands after a change."""

    strategy: StrategyName
    config_id: ConfigId
    config_hash: ConfigHash
    version_number: Count
    status: ConfigStatus
    event_time_ms: Milliseconds = Field(description="Of the change, wall clock")
    created_ms: Milliseconds
    deployed_ms: Milliseconds | None = Field(description="When it became ACTIVE; null: never")
    deprecated_ms: Milliseconds | None = Field(description="It can be activated 90 days longer")
    superseded_by: ConfigId | None
    description: str
    config_data: dict[str, JsonValue] | None = Field(
        description="The content; null where an earlier change of this version holds it"
    )
    effective_from_ms: Milliseconds | None = Field(
        description="Market time of the first bars it counts for; null: it is not ACTIVE"
    )
    revision: Count = Field(description="Of the strategy's configs, after this change")
    command_id: CommandId
    by: str
    reason: str


def expired(deprecated_ms: int | None, now_ms: int) -> bool:
    """Return whether a version that was deprecated at a time is gone; null: it is none."""
    return deprecated_ms is not None and now_ms >= deprecated_ms + KEPT_MS


class SignalPolicy(Record):
    """What grading, scoring and ideas take from a config."""

    grade_bands: tuple[Probability, Probability, Probability] = Field(
        default=(0.85, 0.75, 0.65),
        description="Least confidence of A+, A and B, half-open bands, falling",
    )
    confirmations: tuple[ConfirmationName, ...] = Field(
        default=("trend_state", "higher_timeframe", "volume", "entropy"),
        description="Checks whose failure lowers a grade by one in all",
    )
    max_entropy: Fraction = Field(default=0.9, description="Of the regime, for its check")
    min_volume: float = Field(
        default=1.0, ge=0.0, le=1e6, description="Multiple of the 20-bar median, for its check"
    )
    taker_fee: Fraction = Field(default=0.0005, description="One side, of notional")
    slippage: Fraction = Field(default=0.0001, description="One side, of notional")
    min_edge: Fraction = Field(
        default=0.0,
        description="An idea needs a lower bound of expected net return above it, of notional",
    )
    least_grade: Grade = Field(default="C", description="Of a signal that may become an idea")
    qualified_only: bool = Field(
        default=True, description="No idea of a model that failed its gates"
    )

    @model_validator(mode="after")
    def _falling(self) -> Self:
        highest, middle, lowest = self.grade_bands
        if not highest >= middle >= lowest:
            raise ValueError(f"grade_bands fall from A+ to B, got {list(self.grade_bands)}")
        return self


class ConfigUse(BaseModel):
    """What a job took from the ACTIVE config of its strategy; the values stand in the job."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    strategy: StrategyName
    config_id: ConfigId
    taken: tuple[Text, ...] = Field(
        max_length=50, description="Fields of the job about which its request was silent"
    )
    experiment_name: str | None = Field(default=None, max_length=200, description="Of MLflow")
    auto_log_params: bool = True


class ActiveConfig(Record):
    """The ACTIVE version of a strategy, compacted by its name."""

    strategy: StrategyName
    config_id: ConfigId
    config_hash: ConfigHash
    version_number: Count
    event_time_ms: Milliseconds
    effective_from_ms: Milliseconds
    revision: Count
    config_data: dict[str, JsonValue]


class ConfigEffective(Record):
    """From which bar a market's signals follow a config; a copy for each symbol and timeframe."""

    symbol: Symbol
    timeframe_ms: Timeframe
    strategy: StrategyName
    config_id: ConfigId
    event_time_ms: Milliseconds = Field(description="The first bar close may lie at this time")
    included: bool = Field(description="Whether the symbol is of the strategy's universe")
    policy: SignalPolicy
    drift: DriftPolicy | None = Field(default=None, description="Null: the defaults")
    specialists: SpecialistPolicy | None = Field(default=None, description="Null: the defaults")


Content = dict[str, Any]
