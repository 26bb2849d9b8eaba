"""Versions of models: list, stage, promote, roll back, register, train; two paths for one thing.

The paths under ``/api/v1/models`` are those of the document on the strategy service, those under
``/api/v1/strategies/{name}/models`` of the one on versions. A model has the name of its strategy.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.answers import model_commands, model_versions
from gateway.answers.as_of import time_ms
from gateway.answers.commands import CallerDep, OutcomeView
from gateway.answers.model_commands import (
    MOVES,
    CancelBody,
    PromoteBody,
    RegisterBody,
    RetrainBody,
    RollbackBody,
    StageBody,
    VersionAnswer,
    answer,
    requested_line,
)
from gateway.answers.model_versions import (
    CandidateList,
    DeploymentView,
    ThresholdView,
    VersionDetails,
    VersionList,
)
from gateway.answers.training_budget import retraining_view
from gateway.context import AppContext, ContextDep, TimeframeQuery
from gateway.envelope import iso, plain
from gateway.errors import Conflict, Detail, Refused, Unknown
from gateway.views.versions import Line
from schemas.bounds import LAST_MS
from schemas.configs import StrategyName
from schemas.timeframes import timeframe_name

router = APIRouter(prefix="/api/v1", tags=["models"])

MODEL, STRATEGY = "/models/{name}", "/strategies/{name}"
Name = Annotated[StrategyName, Path(description="Of the strategy, which is that of its model")]
Version = Annotated[str, Path(max_length=100, description="Its number, or its model version")]
AsOf = Annotated[
    str | None, Query(max_length=40, description="ISO 8601, market time; left out: now")
]
LATE: dict[int | str, dict[str, Any]] = {
    202: {"model": OutcomeView, "description": "Not decided yet; ask its url"},
    409: {"model": Detail, "description": "Another revision, or another stage, than was meant"},
}


class RegisterAnswer(VersionAnswer):
    """How a registration was decided, threshold by threshold."""

    thresholds: list[ThresholdView]
    config_id: str | None = Field(
        description="Whose gates.registration says what the request does not; null: the defaults"
    )


class DeploymentList(BaseModel):
    """The deployments of a strategy at a timeframe, the newest first."""

    strategy_name: str
    timeframe: str
    current: str | None
    deployments: list[DeploymentView]


@router.get(f"{MODEL}/versions", response_model=VersionList)
@router.get(f"{STRATEGY}/models", response_model=VersionList)
async def versions(
    name: Name, ctx: ContextDep, timeframe: TimeframeQuery = None, as_of: AsOf = None
) -> Response:
    """Return the versions of a model with their stages, as they stood at a market time.

    `production` of a past time is what predicted the bars that closed then, or was the first to do
    so; a version that was promoted serves from the bar that it names. Its reason says why.
    """
    line = requested_line(ctx, name, timeframe)
    now_ms = _now_ms(ctx)
    at_ms = now_ms if as_of is None else time_ms(as_of, now_ms)
    known = ctx.views.versions.require(*line)
    stood = known.at(LAST_MS if as_of is None else at_ms)
    rows = [
        model_versions.entity(known.versions[change.number], None if as_of is None else change)
        for change in stood
        if change.number in known.versions
    ]
    return plain(
        {
            "strategy_name": name,
            "timeframe": timeframe_name(line[1]),
            "as_of": iso(at_ms),
            "revision": known.revision,
            "production": _production(rows)
            if as_of is None
            else _predicted(ctx, line, at_ms) or known.served_at(at_ms) or _production(rows),
            "versions": rows,
            "retraining": retraining_view(ctx.views.versions.budget(*line), now_ms),
        }
    )


def _predicted(ctx: AppContext, line: Line, at_ms: int) -> int | None:
    """Return the version that predicted the bars that closed last; None where none is held."""
    strategy, timeframe_ms = line
    held = (
        ctx.views.series(symbol, timeframe_ms).signals.at_or_before(at_ms)
        for symbol in ctx.views.known_symbols()
    )
    then = [s for s in held if s is not None and s.event_time_ms > at_ms - timeframe_ms]
    if not then:
        return None
    newest = max(then, key=lambda signal: signal.event_time_ms)
    version = ctx.views.versions.version(strategy, timeframe_ms, newest.model_version)
    return None if version is None else version.number


def _now_ms(ctx: AppContext) -> int:
    now_ms = ctx.market_ms()
    return ctx.wall_ms() if now_ms is None else now_ms


def _production(rows: list[dict[str, Any]]) -> int | None:
    return next((row["version"] for row in rows if row["stage"] == "Production"), None)


@router.get(f"{MODEL}/versions/{{version}}", response_model=VersionDetails)
async def version(
    name: Name, version: Version, ctx: ContextDep, timeframe: TimeframeQuery = None
) -> Response:
    """Return one version with its reports, its files and every change of its stage."""
    line = requested_line(ctx, name, timeframe)
    named = ctx.views.versions.require_version(*line, version)
    details = model_versions.details(ctx.views.versions.require(*line), named)
    run_id = ctx.views.mlflow.run_id(f"model/{named.model_version}")
    return plain(details | {"mlflow_run_id": run_id})


@router.get(f"{MODEL}/rollback-candidates", response_model=CandidateList)
@router.get(f"{STRATEGY}/models/rollback-candidates", response_model=CandidateList)
async def rollback_candidates(
    name: Name, ctx: ContextDep, timeframe: TimeframeQuery = None
) -> Response:
    """Return the versions to which one can roll back, what has served last first."""
    line = requested_line(ctx, name, timeframe)
    known = ctx.views.versions.require(*line)
    serving = (v.number for v in known.versions.values() if v.stage == "Production")
    return plain(
        {
            "strategy_name": name,
            "timeframe": timeframe_name(line[1]),
            "production": next(serving, None),
            "candidates": [model_versions.entity(v) for v in model_versions.candidates(known)],
        }
    )


@router.get(f"{STRATEGY}/deployments", response_model=DeploymentList)
async def deployments(name: Name, ctx: ContextDep, timeframe: TimeframeQuery = None) -> Response:
    """Return which config and model have answered together, the newest first."""
    line = requested_line(ctx, name, timeframe)
    known = ctx.views.versions.require(*line)
    rows = [model_versions.deployment_entity(known, each) for each in reversed(known.deployments)]
    return plain(
        {
            "strategy_name": name,
            "timeframe": timeframe_name(line[1]),
            "current": rows[0]["deployment_id"] if rows else None,
            "deployments": rows,
        }
    )


@router.post(f"{STRATEGY}/stage", response_model=VersionAnswer, responses=LATE)
@router.post(f"{STRATEGY}/models/stage", response_model=VersionAnswer, responses=LATE)
async def stage(name: Name, body: StageBody, caller: CallerDep) -> Response:
    """Move a version to a stage: Staging unless another is named.

    To Production is a promotion, to Archived gives the version up.
    """
    asked: dict[str, Any] = {"version": str(body.version)}
    action = MOVES[body.stage]
    if action == "stage":
        asked["to_stage"] = body.stage
    if body.no_archive and action != "promote":
        raise Refused("no_archive: got true, expected it with stage Production alone")
    asked["no_archive"] = body.no_archive
    return await answer(
        caller, requested_line(caller.ctx, name, body.timeframe), action, body, asked
    )


@router.post(f"{STRATEGY}/promote", response_model=VersionAnswer, responses=LATE)
@router.post(f"{STRATEGY}/models/promote", response_model=VersionAnswer, responses=LATE)
async def promote(name: Name, body: PromoteBody, caller: CallerDep) -> Response:
    """Let a version in Staging serve, from the bar that is named; the one before is Archived."""
    return await model_commands.promote(caller, name, body)


@router.post(f"{MODEL}/rollback", response_model=VersionAnswer, responses=LATE)
@router.post(f"{STRATEGY}/models/rollback", response_model=VersionAnswer, responses=LATE)
async def rollback(name: Name, caller: CallerDep, body: RollbackBody | None = None) -> Response:
    """Let an earlier version serve again: the one before, a named one, or that of a deployment."""
    return await model_commands.roll_back(caller, name, body or RollbackBody())


@router.post(f"{STRATEGY}/register", response_model=RegisterAnswer, responses=LATE)
async def register(name: Name, body: RegisterBody, caller: CallerDep) -> Response:
    """Judge the model of a training by thresholds, and register it where it passes all of them.

    409 where it does not; the answer lists each threshold with the value found.
    """
    if body.strategy_name not in (None, name):
        raise Refused(f"strategy_name: got {body.strategy_name!r}, expected {name!r}, as the path")
    line = requested_line(caller.ctx, name, body.timeframe)
    views = caller.ctx.views
    run_id = views.mlflow.model_version(body.run_id) or body.run_id
    trained = views.versions.trained_by(*line, run_id)
    if trained is None:
        raise Unknown(f"run_id: {name} has no model of training {body.run_id}")
    asked = {"version": trained.model_version}
    known = caller.known(model_commands.about(line, "register", body, asked))
    at_ms = caller.ctx.wall_ms() if known is None else known.event_time_ms
    config_id, policy = model_versions.registration_policy(caller.ctx, name, at_ms)
    rows = model_versions.judge(
        trained.model, policy.model_dump() | dict[Any, float](body.thresholds)
    )
    failed = [f"{row['name']} {row['threshold']:g}, found {row['value']}" for row in rows
              if not row["passed"]]  # fmt: skip
    if failed and known is None:
        raise Conflict(
            f"version {trained.number} fails {'; '.join(failed)}",
            thresholds=rows,
            config_id=config_id,
        )
    outcome = await model_commands.decide(caller, line, "register", body, asked)
    if isinstance(outcome, Response):
        return outcome
    shown = model_commands.view(caller.ctx, line, outcome)
    return plain({**shown, "thresholds": rows, "config_id": config_id})


@router.post(f"{STRATEGY}/models/retrain", response_model=VersionAnswer, responses=LATE)
async def retrain(name: Name, caller: CallerDep, body: RetrainBody | None = None) -> Response:
    """Ask for another model; 409 with the limit that forbids it and its numbers."""
    body = body or RetrainBody()
    line = requested_line(caller.ctx, name, body.timeframe)
    asked = {"cause": body.cause, "force": body.force}
    return await answer(caller, line, "retrain", body, asked)


@router.post(f"{STRATEGY}/models/cancel", response_model=VersionAnswer, responses=LATE)
async def cancel(name: Name, caller: CallerDep, body: CancelBody | None = None) -> Response:
    """Stop the training that is under way."""
    body = body or CancelBody()
    line = requested_line(caller.ctx, name, body.timeframe)
    return await answer(caller, line, "cancel", body, {"training_id": body.training_id})
