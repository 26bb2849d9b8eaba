"""The versions of a model: commands on them, their stages, what each deployment is made of.

Commands are published by the gateway and by ``streams.drift``; the rest by ``streams.promotion``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.bounds import MAX_COUNT, Count
from schemas.challenges import ChallengeId
from schemas.commands import Command, CommandId
from schemas.configs import ConfigId, StrategyName
from schemas.models import ModelRegistered
from schemas.policies import PolicyDecision
from schemas.record import Milliseconds, Record, Symbol, Timeframe
from schemas.variants import SearchTrials

VersionStage = Literal["None", "Staging", "Production", "Archived"]
ModelAction = Literal[
    "register", "stage", "promote", "archive", "rollback", "retrain", "cancel", "fail", "review"
]
RetrainCause = Literal["manual", "schedule", "drift", "age", "features"]

# 1, 2, 3, ... of a strategy and timeframe.
VersionNumber = Annotated[int, Field(ge=1, le=MAX_COUNT)]
DeploymentId = Annotated[str, Field(min_length=1, max_length=64)]


class ModelCommand(Command):
    """Move a version to another stage, train another, or stop a training.

    ``fail`` says that a training has ended without a model. ``review`` looks at what waits: it
    changes nothing unless something is due or late.
    """

    strategy: StrategyName
    timeframe_ms: Timeframe
    action: ModelAction
    market_ms: Milliseconds = Field(
        description="Market time at the edge: ages, cooldowns and budgets count in it"
    )
    effective_from_ms: Milliseconds | None = Field(
        default=None,
        description="Market time from which a change of the serving model counts; null: five base "
        "bars after market_ms",
    )
    version: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="Model version, or its number in digits; null for retrain and cancel, and for "
        "a rollback to the one before",
    )
    to_stage: Literal["Staging", "None"] = Field(default="Staging", description="Of stage alone")
    no_archive: bool = Field(
        default=False, description="The version that is replaced returns to Staging"
    )
    deployment_id: DeploymentId | None = Field(
        default=None, description="A rollback goes to the version of this deployment"
    )
    model: ModelRegistered | None = Field(
        default=None,
        description="Registration of that version, once more; needed for one that neither serves "
        "nor has served lately",
    )
    cause: RetrainCause = Field(default="manual", description="Of retrain")
    force: bool = Field(
        default=False, description="Retrain in spite of cooldown, budget and circuit breaker"
    )
    closes: dict[Symbol, Milliseconds] = Field(
        default_factory=dict,
        description="Of retrain: by symbol, its newest bar close; absent: the last close by "
        "market_ms",
    )
    training_id: str | None = Field(
        default=None,
        max_length=100,
        description="Of cancel and fail: the request id of the training; null: the one under way",
    )
    symbols: tuple[Symbol, ...] = Field(
        default=(), description="Of retrain: only these are trained on; empty: all"
    )
    search_trials: SearchTrials | None = Field(
        default=None, description="Of retrain: of a search in each fold; null: as the config says"
    )
    replaces: str | None = Field(
        default=None,
        max_length=100,
        description="Of rollback and promote: refused unless this model version serves; null: "
        "whichever does",
    )
    challenge_id: ChallengeId | None = Field(
        default=None, description="Of promote: the challenge that the version has won"
    )


class ModelStageChanged(Record):
    """A version of a model has moved to a stage, or was registered into one."""

    strategy: StrategyName
    timeframe_ms: Timeframe
    number: VersionNumber
    model_version: str
    from_stage: VersionStage | None = Field(description="Null: it was registered")
    to_stage: VersionStage
    event_time_ms: Milliseconds = Field(description="Market time")
    effective_from_ms: Milliseconds | None = Field(
        description="First bar close for which it serves, or no longer does; null: neither"
    )
    action: str = Field(description="Of the command, or register")
    reason: str
    by: str
    command_id: CommandId | None = Field(description="Null: it followed from a registration")
    revision: Count = Field(description="Of the strategy's models of a timeframe, after it")
    deployment_id: DeploymentId | None = Field(default=None, description="Rolled back to")
    challenge_id: ChallengeId | None = Field(
        default=None, description="The challenge on whose evidence it moved; null: none"
    )
    decision: PolicyDecision | None = Field(
        default=None, description="Thresholds with the values found; null where a command decided"
    )


class ModelVersion(Record):
    """A version of a model as it stands, compacted."""

    strategy: StrategyName
    timeframe_ms: Timeframe
    number: VersionNumber
    model_version: str
    stage: VersionStage
    since_ms: Milliseconds = Field(description="Market time of the stage")
    event_time_ms: Milliseconds = Field(description="Market time of the change")
    effective_from_ms: Milliseconds | None = Field(
        description="First bar close of its last service; null: it has never served"
    )
    reason: str = Field(description="Why it has this stage")
    revision: Count
    model: ModelRegistered

    @property
    def subject(self) -> str:
        """The Kafka key: ``<strategy>/<timeframe_ms>/<number>``."""
        return f"{self.strategy}/{self.timeframe_ms}/{self.number}"


class DeploymentChanged(Record):
    """Another config or another model answers for a strategy and timeframe."""

    strategy: StrategyName
    timeframe_ms: Timeframe
    deployment_id: DeploymentId = Field(description="deploy-{8 hex digits}; never used again")
    number: VersionNumber = Field(description="How many there have been")
    replaces: DeploymentId | None
    config_id: ConfigId
    model_version: str
    event_time_ms: Milliseconds = Field(description="Market time of the first bars it counts for")
    reason: str
