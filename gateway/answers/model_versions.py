"""Versions of models as the routes show them, and the thresholds of a registration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field

from gateway.answers.training_budget import RetrainingView
from gateway.context import AppContext
from gateway.envelope import iso
from gateway.views.versions import VersionLine
from schemas.certificates import ModelCertificate
from schemas.diagnostics import ConfidenceBin, ModelEquity
from schemas.gates import ForecastScore, GateReport, Holdout, ModelComparison, holds
from schemas.models import ModelMetrics, ModelRegistered
from schemas.policies import REGISTRATION, GatesUsed, RegistrationPolicy
from schemas.specialists import ModelSelection
from schemas.timeframes import timeframe_name
from schemas.versions import DeploymentChanged, ModelStageChanged, ModelVersion, VersionStage

TRAINED = {
    *("reports", "scores", "holdout", "certificate", "selection", "reliability", "equity"),
    "policy",
}


class VersionView(BaseModel):
    """A version of a model at its stage."""

    version: int = Field(description="1, 2, 3, ... of a strategy and timeframe")
    model_version: str
    stage: VersionStage
    since: str = Field(description="Market time of the stage, ISO 8601")
    reason: str = Field(description="Why it has this stage")
    effective_from: str | None = Field(
        description="Market time of the first bar of its last service; null: it has never served"
    )
    timeframe: str
    qualified: bool = Field(description="Passed every gate")
    gates: dict[str, bool]
    registered_at: str = Field(description="Market time, ISO 8601")
    trained_from: str | None = Field(description="Null: it was imported, nobody knows")
    trained_to: str | None = Field(description="The same")
    symbols: list[str]
    horizon_bars: int
    feature_set_id: str
    request_id: str = Field(description="Of the training")
    metrics: ModelMetrics
    comparison: ModelComparison | None = Field(
        description="With the version that served when it was trained; null: none"
    )


class VersionDetails(VersionView):
    """A version with all that its training reports."""

    reports: list[GateReport] = Field(description="The gates in order")
    scores: list[ForecastScore] = Field(description="Beside members and baselines, on the folds")
    holdout: Holdout | None
    certificate: ModelCertificate | None
    selection: ModelSelection | None = Field(description="Who answers; null: an older release")
    reliability: list[ConfidenceBin] = Field(
        description="Of the answers that serve, on the folds; empty: an older release"
    )
    equity: ModelEquity | None = Field(description="Of the same; null: an older release")
    uri: str
    files: list[str]
    mlflow_run_id: str | None = Field(description="Null until it is mirrored into MLflow")
    history: list[ModelStageChanged] = Field(
        description="Every change of its stage; what thresholds decided, with the values found"
    )
    policy: GatesUsed | None = Field(
        description="By which its training judged it; null: older than policies in configs"
    )


class VersionList(BaseModel):
    """The versions of a strategy at a timeframe, as they stood at a market time."""

    strategy_name: str
    timeframe: str
    as_of: str
    revision: int = Field(description="Now, whatever the time asked for")
    production: int | None = Field(
        description="The version that serves, or served the bars that closed then; null: none"
    )
    versions: list[VersionView]
    retraining: RetrainingView | None = Field(
        description="What retrainings are left now; null: nothing was told of it"
    )


class CandidateList(BaseModel):
    """The versions to which one can roll back, what has served last first."""

    strategy_name: str
    timeframe: str
    production: int | None
    candidates: list[VersionView]


class ThresholdView(BaseModel):
    """One threshold of a registration, and the value that was found."""

    name: str
    threshold: float
    value: float | None = Field(description="In the threshold's unit; null: not reported")
    rule: Literal["at_least", "at_most"]
    passed: bool


class DeploymentView(BaseModel):
    """A config and a model that answer together."""

    deployment_id: str
    number: int
    replaces: str | None
    config_id: str
    model_version: str
    version: int | None = Field(description="Number of the model's version")
    timeframe: str
    effective_from: str = Field(description="Market time, ISO 8601")
    reason: str


def entity(version: ModelVersion, stood: ModelStageChanged | None = None) -> dict[str, Any]:
    """Return a version as it stands, or as it stood after a change."""
    model = version.model
    stage, since_ms, reason = version.stage, version.since_ms, version.reason
    effective_ms = version.effective_from_ms
    if stood is not None:
        stage, since_ms, reason = stood.to_stage, stood.event_time_ms, stood.reason
        effective_ms = stood.effective_from_ms if stage == "Production" else None
    return {
        "version": version.number,
        "model_version": version.model_version,
        "stage": stage,
        "since": iso(since_ms),
        "reason": reason,
        "effective_from": None if effective_ms is None else iso(effective_ms),
        "timeframe": timeframe_name(version.timeframe_ms),
        "qualified": model.qualified,
        "gates": model.gates,
        "registered_at": iso(model.event_time_ms),
        "trained_from": None if model.imported else iso(model.trained_from_ms),
        "trained_to": None if model.imported else iso(model.trained_to_ms),
        "symbols": list(model.symbols),
        "horizon_bars": model.horizon_bars,
        "feature_set_id": model.feature_set_id,
        "request_id": model.request_id,
        "metrics": model.metrics.model_dump(),
        "comparison": None if model.comparison is None else model.comparison.model_dump(),
    }


def details(line: VersionLine, version: ModelVersion) -> dict[str, Any]:
    """Return a version with its reports, its files and its history."""
    history = [change for change in line.changes if change.number == version.number]
    return {
        **entity(version),
        **version.model.model_dump(include=TRAINED),
        "uri": version.model.uri,
        "files": [file.path for file in version.model.files],
        "history": [change.model_dump() for change in history],
    }


def candidates(line: VersionLine) -> list[ModelVersion]:
    """Return what one can roll back to, what has served last first."""
    return sorted(
        (
            version
            for version in line.versions.values()
            if version.stage == "Archived"
            or (version.stage != "Production" and version.effective_from_ms is not None)
        ),
        key=lambda version: (version.effective_from_ms or -1, version.number),
        reverse=True,
    )


def deployment_entity(line: VersionLine, change: DeploymentChanged) -> dict[str, Any]:
    """Return a deployment as the routes show it."""
    numbers = {version.model_version: number for number, version in line.versions.items()}
    return {
        "deployment_id": change.deployment_id,
        "number": change.number,
        "replaces": change.replaces,
        "config_id": change.config_id,
        "model_version": change.model_version,
        "version": numbers.get(change.model_version),
        "timeframe": timeframe_name(change.timeframe_ms),
        "effective_from": iso(change.event_time_ms),
        "reason": change.reason,
    }


def registration_policy(
    ctx: AppContext, name: str, at_ms: int
) -> tuple[str | None, RegistrationPolicy]:
    """Return what the config ACTIVE at a wall time asks of a model, and its id; else defaults."""
    active = ctx.views.configs.active(name, at_ms)
    if active is None:
        return None, RegistrationPolicy()
    return active.config_id, ctx.views.configs.parsed(active).gates.registration


def judge(model: ModelRegistered, wanted: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return each threshold of a registration, by its key, with the value of a model's reports."""
    figures = {f.name: f.value for report in model.reports for f in report.figures}
    rows = []
    for name, row in REGISTRATION.items():
        threshold, figure = wanted[name], figures.get(row.figure)
        value = None if figure is None else row.scale * figure
        rows.append(
            {
                "name": name,
                "threshold": threshold,
                "value": value,
                "rule": row.rule,
                "passed": holds(row.rule, value, threshold),
            }
        )
    return rows
