"""GET /api/v1/mlflow/models/{name}, /experiments/{id}: what MLflow shows, as it was mirrored."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.context import ContextDep
from gateway.envelope import iso, plain
from gateway.errors import Unknown
from schemas.bounds import MAX_COUNT
from schemas.mlflow import MlflowRun, RunKind, RunStatus

router = APIRouter(prefix="/api/v1/mlflow", tags=["mlflow"])

LONGEST_NAME = 250
SHOWN_NAMES = 20


class MlflowRunView(BaseModel):
    """One run of MLflow."""

    run_id: str
    kind: RunKind
    subject: str = Field(description="model/<version>, training/<request id> or job/<job id>")
    experiment_id: str
    experiment_name: str
    status: RunStatus
    ended_at: str = Field(description="ISO 8601, UTC")
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]


class MlflowVersionView(MlflowRunView):
    """One version of a registered model, with the run that made it."""

    version: str = Field(description="MLflow's number")
    stage: str
    aliases: list[str]


class MlflowModelView(BaseModel):
    """A registered model."""

    name: str
    versions: list[MlflowVersionView] = Field(description="The highest number first")


class MlflowExperimentView(BaseModel):
    """An experiment and its newest runs."""

    experiment_id: str
    name: str
    total: int
    runs: list[MlflowRunView]


@router.get("/models/{model_name}", response_model=MlflowModelView)
async def mlflow_model(
    model_name: Annotated[str, Path(min_length=1, max_length=LONGEST_NAME)],
    ctx: ContextDep,
    version: Annotated[
        int | None, Query(ge=1, le=MAX_COUNT, description="Only this number of MLflow's")
    ] = None,
) -> Response:
    """Return the versions of a registered model; of a higher timeframe it is `ensemble-15m`.

    The answer is what was mirrored last. MLflow itself is not asked, so it may be away.
    """
    ctx.require_ready()
    view = ctx.views.mlflow
    versions = view.of_model(model_name)
    if not versions:
        raise Unknown(_unknown("model", model_name, view.model_names()))
    chosen = [run for run in versions if version is None or run.number == str(version)]
    if not chosen:
        numbers = ", ".join(str(run.number) for run in versions[:SHOWN_NAMES])
        raise Unknown(f"model {model_name} has no version {version}; there are {numbers}")
    return plain({"name": model_name, "versions": [_version(run) for run in chosen]})


@router.get("/experiments/{experiment_id:path}", response_model=MlflowExperimentView)
async def mlflow_experiment(
    experiment_id: Annotated[
        str, Path(min_length=1, max_length=LONGEST_NAME, description="MLflow's id, or the name")
    ],
    ctx: ContextDep,
    limit: Annotated[int, Query(ge=1, le=500, description="Newest runs")] = 100,
) -> Response:
    """Return an experiment's runs: models, failed trainings, and jobs that asked for `log`.

    The answer is what was mirrored last. MLflow itself is not asked, so it may be away.
    """
    ctx.require_ready()
    view = ctx.views.mlflow
    runs = view.of_experiment(experiment_id)
    if not runs:
        raise Unknown(_unknown("experiment", experiment_id, view.experiments()))
    body = {
        "experiment_id": runs[0].experiment_id,
        "name": runs[0].experiment,
        "total": len(runs),
        "runs": [_run(run) for run in runs[:limit]],
    }
    return plain(body)


def _unknown(noun: str, name: str, known: list[str]) -> str:
    if not known:
        return (
            f"no {noun} {name}: nothing is mirrored into MLflow yet; a model is half a minute "
            "after its registration, while no other is trained; /health says what keeps MLflow "
            "behind"
        )
    more = f" and {len(known) - SHOWN_NAMES} more" if len(known) > SHOWN_NAMES else ""
    return f"MLflow has no {noun} {name} of ours; there are {', '.join(known[:SHOWN_NAMES])}{more}"


def _run(run: MlflowRun) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "kind": run.kind,
        "subject": run.subject,
        "experiment_id": run.experiment_id,
        "experiment_name": run.experiment,
        "status": run.status,
        "ended_at": iso(run.event_time_ms),
        "params": run.params,
        "metrics": run.metrics,
        "tags": run.tags,
    }


def _version(run: MlflowRun) -> dict[str, Any]:
    return _run(run) | {"version": run.number, "stage": run.stage, "aliases": list(run.aliases)}
