"""Research jobs as events: requests, progress and results.

Written by the gateway (requests, commands) and by the workers ``backtest`` and ``tuning``
(progress, results); read by them and by every view of jobs.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from schemas.bounds import Count
from schemas.record import Milliseconds, Record
from schemas.research import ResearchSpec, TuningSpec

JobKind = Literal["optimize", "performance", "walk_forward", "hyperopt"]
JsonObject = dict[str, JsonValue]

RESULT_BYTES = 900_000  # of an encoded JobResult; Kafka takes records of 1 MiB


class BacktestRequest(Record):
    """Run a back-test, an optimisation or a walk-forward."""

    request_id: str = Field(description="The job's id, and the Kafka key")
    event_time_ms: Milliseconds = Field(description="When it was asked for, wall clock")
    spec: ResearchSpec


class TuningRequest(Record):
    """Search a strategy's parameters; the same id once more goes on where the study stands."""

    request_id: str = Field(description="The job's id, and the Kafka key")
    event_time_ms: Milliseconds = Field(description="When it was asked for, wall clock")
    spec: TuningSpec


class JobCommand(Record):
    """What is to become of a job that was asked for.

    ``cancel`` stops every run of the job that was asked for up to its time. ``resume`` says that
    the job goes on: the request that follows it has a later time.
    """

    job_id: str = Field(description="The Kafka key")
    event_time_ms: Milliseconds = Field(description="Wall clock")
    command: Literal["cancel", "resume"]
    by: str = "operator"


class JobProgress(Record):
    """How far a job is; each supersedes the one before."""

    job_id: str = Field(description="The Kafka key")
    event_time_ms: Milliseconds = Field(description="Wall clock")
    sequence: Count = Field(description="Counts within one run of the job")
    stage: Literal["init", "progress", "partial"] = Field(
        description="init: taken up, again after a crash; partial: stopped, what it has is kept"
    )
    trial: Count = Field(description="Parameter sets, windows or trials done")
    total: Count | None = Field(default=None, description="Of how many; null: not known yet")
    best: float | None = Field(default=None, description="Of the objective; null: none defined")
    note: str = ""


class JobResult(Record):
    """What came of a job; the last one of a job counts."""

    job_id: str = Field(description="The Kafka key")
    kind: JobKind
    event_time_ms: Milliseconds = Field(description="Wall clock")
    status: Literal["done", "failed", "cancelled", "partial"]
    error: str | None = Field(default=None, description="Why it failed")
    fault: Literal["request", "worker"] | None = Field(
        default=None, description="Of a failure: whether asking differently would help"
    )
    trials: Count = Field(description="How many were evaluated")
    seconds: float = Field(ge=0, description="How long it took, waiting not counted")
    spec: JsonObject = Field(description="What was asked for: it reproduces the job")
    result: JsonObject | None = Field(
        default=None, description="Of a cancelled or partial job: what it had by then"
    )
    urls: dict[str, str] = Field(
        default_factory=dict, description="Parts of the result too large for the topic, by name"
    )
    git_commit: str | None = Field(
        default=None, description="Of the code that ran the job; null: a release that told none"
    )
    trace_id: str | None = Field(
        default=None, description="Of the request and of all that it caused; null as above"
    )
