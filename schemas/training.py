"""Training as events: requests, progress, cancellations."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.bounds import Count
from schemas.models import ModelFile
from schemas.policies import PolicyDecision, RetrainingPolicy
from schemas.record import Milliseconds, Probability, Record, Symbol, Timeframe
from schemas.variants import SearchTrials

TrainingStage = Literal[
    "dataset", "regimes", "folds", "boosted", "lstm", "calibration", "done", "failed"
]


class ChampionReference(Record):
    """The model that serves while another is trained, for the comparison of both."""

    model_version: str
    uri: str
    files: tuple[ModelFile, ...]


class TrainingRequest(Record):
    """Train a model of a strategy on a span of the features topic."""

    request_id: str
    strategy: str = Field(description="The Kafka key")
    event_time_ms: Milliseconds
    symbols: tuple[Symbol, ...] = Field(min_length=1)
    timeframe_ms: Timeframe
    from_ms: Milliseconds
    to_ms: Milliseconds = Field(description="Last bar close that may be trained on")
    reason: Literal["bootstrap", "manual", "drift", "age", "features", "schedule"]
    closes: dict[Symbol, Milliseconds] = Field(
        default_factory=dict,
        description="By symbol, its newest bar close at or before to_ms; absent: to_ms",
    )
    base_ms: Timeframe | None = Field(
        default=None, description="Length of the base bars that these bars are made of; null: none"
    )
    champion: ChampionReference | None = Field(
        default=None, description="Serves when it is asked for; null: none does, or it is not told"
    )
    causes: tuple[str, ...] = Field(
        default=(), description="All that asked for it; empty: the reason alone"
    )
    decision: PolicyDecision | None = Field(
        default=None, description="Its limits with the values found; null where none applies"
    )
    search_trials: SearchTrials | None = Field(
        default=None, description="Of a search in each fold; null: as the ACTIVE config says"
    )


class TrainingProgress(Record):
    """One step of a training run, for progress bars."""

    request_id: str
    strategy: str
    event_time_ms: Milliseconds
    stage: TrainingStage
    done: Probability
    note: str = ""
    timeframe_ms: Timeframe | None = None


class TrainingBudget(Record):
    """What decides whether a strategy and timeframe may be trained again, compacted."""

    strategy: str
    timeframe_ms: Timeframe
    trained_ms: tuple[Milliseconds, ...] = Field(
        description="Market times of the retrainings that were asked for, of a month at least"
    )
    failed: bool = Field(
        default=False,
        description="The last one ended without a model: who asks by hand waits for no cooldown",
    )
    rejected: Count = Field(description="Challengers kept out since the last that was promoted")
    training_id: str | None = Field(description="Request of the one under way; null: none is")
    cause: str | None
    training_since_ms: Milliseconds | None
    waiting: tuple[str, ...] = Field(default=(), description="Causes of the next training")
    policy: RetrainingPolicy
    config_id: str | None = Field(description="Whose policy it is; null: the defaults")

    @property
    def subject(self) -> str:
        """The Kafka key: ``<strategy>/<timeframe_ms>``."""
        return f"{self.strategy}/{self.timeframe_ms}"


class TrainingCancelled(Record):
    """A training that was asked for is to stop, or not to begin."""

    request_id: str
    strategy: str = Field(description="The Kafka key")
    timeframe_ms: Timeframe
    event_time_ms: Milliseconds
    by: str
    reason: str
