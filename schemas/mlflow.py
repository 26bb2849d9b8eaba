"""What MLflow shows: the runs and model versions that mirror our topics.

Written by ``workers.training``, the only owner of the mirror; read by the gateway.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.record import Milliseconds, Record

RunKind = Literal["model", "training", "backtest", "search"]
RunStatus = Literal["FINISHED", "FAILED", "KILLED"]


class MlflowRun(Record):
    """A run as it was mirrored last; a mirror that was made again has new ids for it."""

    subject: str = Field(
        description="The Kafka key: model/<version>, training/<request id> or job/<job id>"
    )
    kind: RunKind = Field(description="training: one that failed; others registered a model")
    event_time_ms: Milliseconds = Field(description="When what it shows ended")
    run_id: str = Field(description="Of MLflow")
    experiment_id: str = Field(description="Of MLflow")
    experiment: str = Field(description="Its name")
    status: RunStatus
    params: dict[str, str]
    metrics: dict[str, float] = Field(description="The last value of each")
    tags: dict[str, str]
    model: str | None = Field(default=None, description="Name of the registered model; null: none")
    number: str | None = Field(default=None, description="MLflow's number of the model version")
    stage: str | None = Field(default=None, description="None, Staging, Production or Archived")
    aliases: tuple[str, ...] = Field(default=(), description="champion, challenger")
