"""Commands on versions of models: what their routes share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    Field,
    StrictInt,
    StrictStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from starlette.responses import Response

from gateway.answers import commands
from gateway.answers.commands import Caller, ReasonedBody
from gateway.answers.model_versions import VersionView, entity
from gateway.context import AppContext
from gateway.envelope import plain
from gateway.errors import Conflict, GatewayError, Refused, Unavailable, Unknown
from gateway.views import clock
from gateway.views.versions import Line
from schemas.bounds import MAX_COUNT, Count, Number
from schemas.challenges import ChallengeId
from schemas.commands import CommandOutcome
from schemas.configs import ConfigCommand, StrategyName
from schemas.timeframes import timeframe_name
from schemas.versions import (
    DeploymentChanged,
    ModelAction,
    ModelCommand,
    RetrainCause,
    VersionStage,
)


def _version_name(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError:
        raise ValueError(
            f"got {repr(value)[:40]}, expected its number from 1, or its model version"
        ) from None


VersionName = Annotated[
    Annotated[StrictInt, Field(ge=1, le=MAX_COUNT)]
    | Annotated[StrictStr, Field(min_length=1, max_length=100)],
    WrapValidator(_version_name),
]
# A move to each stage is an action of its own.
MOVES: dict[VersionStage, ModelAction] = {
    "None": "stage",
    "Staging": "stage",
    "Production": "promote",
    "Archived": "archive",
}


class ModelBody(ReasonedBody):
    """What a command on the models of a strategy may say."""

    timeframe: str | None = Field(
        default=None, max_length=40, description="One that runs, such as 15m; the base if left"
    )
    expected_revision: Count | None = Field(
        default=None, description="As last read; 409 if it has changed. Null: as seen by this call"
    )


class VersionBody(ModelBody):
    """A version that is commanded."""

    version: VersionName = Field(description="Its number, or its model version")


class StageBody(VersionBody):
    """A version that is to move to a stage."""

    stage: VersionStage = "Staging"
    no_archive: bool = Field(
        default=False, description="To Production: the version before returns to Staging"
    )


class PromoteBody(VersionBody):
    """A version that is to serve."""

    no_archive: bool = Field(default=False, description="The version before returns to Staging")
    challenge_id: ChallengeId | None = Field(
        default=None, description="The challenge that it has won: the facts name it"
    )


class RollbackBody(ModelBody):
    """Where to roll back to; neither named: to the version that served before."""

    version: VersionName | None = Field(default=None, description="Its number, or model version")
    deployment: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="Its model, and its config where another is ACTIVE",
    )
    no_archive: bool = Field(default=False, description="The version before returns to Staging")


class RegisterBody(ModelBody):
    """A training whose model is judged by thresholds."""

    run_id: str = Field(
        min_length=1,
        max_length=100,
        description="Of the training: its request id, or that of its run in MLflow",
    )
    strategy_name: StrategyName | None = Field(default=None, description="That of the path")
    thresholds: dict[
        Literal[
            "min_sharpe_ratio",
            "min_profit_factor",
            "max_drawdown_pct",
            "min_total_trades",
            "min_win_rate",
        ],
        Number,
    ] = Field(
        default_factory=dict,
        description="In place of gates.registration of the ACTIVE config; percent as percent",
    )


class RetrainBody(ModelBody):
    """A training that is asked for."""

    cause: RetrainCause = "manual"
    force: bool = Field(
        default=False, description="In spite of cooldown, monthly budget and circuit breaker"
    )


class CancelBody(ModelBody):
    """A training that is to stop."""

    training_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="Its request id; null: whichever is under way",
    )


class VersionAnswer(BaseModel):
    """How a command was decided, and the version it was about."""

    outcome: commands.OutcomeView
    version: VersionView | None = Field(description="Null where it was about none")
    config: commands.OutcomeView | None = Field(
        default=None, description="Of a rollback to a deployment: how its config became ACTIVE"
    )


def requested_line(ctx: AppContext, name: str, timeframe: str | None) -> Line:
    """Return the strategy and timeframe of a request; raises ``Refused``."""
    ctx.require_ready()
    return name, ctx.timeframe_ms(timeframe)


def about(
    line: Line, action: ModelAction, body: ModelBody, asked: dict[str, Any]
) -> dict[str, Any]:
    """Return all that a request asks for; arguments as of ``decide``."""
    strategy, timeframe_ms = line
    said = body.model_dump(include=set(ModelBody.model_fields))
    told = {"action": action, "strategy": strategy, "timeframe_ms": timeframe_ms}
    return {**told, **asked, **said}


async def decide(
    caller: Caller,
    line: Line,
    action: ModelAction,
    body: ModelBody,
    asked: dict[str, Any],
    *,
    derive: Callable[[], dict[str, Any]] = dict,
) -> CommandOutcome | Response:
    """Return the outcome of a command; where that is late, the answer that says so.

    Args:
        caller: Who asks.
        line: The strategy and timeframe it is about.
        action: What is to be done.
        body: Of the request.
        asked: Further fields of the command, as the request says them.
        derive: Checks a request that is new; returns the fields that follow from what stands now.
    """
    ctx = caller.ctx
    outcome = await caller.decided(
        body,
        about(line, action, body, asked),
        lambda told: _command(ctx, line, action, body, {**told, **asked, **derive()}),
    )
    if isinstance(outcome, dict):
        return plain(outcome, 202)
    await ctx.views.versions.wait_for(line, outcome.revision, commands.WAIT_S)
    return outcome


def _command(
    ctx: AppContext, line: Line, action: ModelAction, body: ModelBody, told: dict[str, Any]
) -> ModelCommand:
    (strategy, timeframe_ms), revision, now_ms = line, body.expected_revision, ctx.wall_ms()
    if told.get("version") is not None:
        told["model"] = ctx.views.versions.require_version(*line, told["version"]).model
    if action == "retrain":
        told["closes"] = _closes(ctx, timeframe_ms)
    return ModelCommand(
        # Of two that come together one wins: both were meant for what they saw.
        expected_revision=ctx.views.versions.revision(*line) if revision is None else revision,
        strategy=strategy,
        timeframe_ms=timeframe_ms,
        action=action,
        market_ms=clock.commanded_ms(ctx.views, now_ms),
        effective_from_ms=clock.effective_from_ms(ctx.views, now_ms),
        **told,
    )


def _closes(ctx: AppContext, timeframe_ms: int) -> dict[str, int]:
    """Return by symbol its newest close: one that lags or has ended does not hold back others."""
    windows = ((s, ctx.views.series(s, timeframe_ms).features) for s in ctx.views.known_symbols())
    return {symbol: window.keys[-1] for symbol, window in windows if window.keys}


async def answer(
    caller: Caller,
    line: Line,
    action: ModelAction,
    body: ModelBody,
    asked: dict[str, Any],
    *,
    derive: Callable[[], dict[str, Any]] = dict,
) -> Response:
    """Return the answer to a command on a version; arguments as of ``decide``."""
    outcome = await decide(caller, line, action, body, asked, derive=derive)
    if isinstance(outcome, Response):
        return outcome
    return plain(view(caller.ctx, line, outcome))


async def promote(caller: Caller, name: str, body: PromoteBody) -> Response:
    """Return the answer to a promotion; of one that names a challenge, its champion must serve."""
    ctx, version = caller.ctx, str(body.version)
    line = requested_line(ctx, name, body.timeframe)
    asked: dict[str, Any] = {"version": version, "no_archive": body.no_archive}
    if body.challenge_id is None:
        return await answer(caller, line, "promote", body, asked)
    asked["challenge_id"] = challenge_id = body.challenge_id

    def won() -> dict[str, Any]:
        challenge = ctx.views.challenges.require(challenge_id)
        named = ctx.views.versions.require_version(*line, version)
        found = (challenge.challenger, challenge.recommendation)
        if found != (named.model_version, "PROMOTE_CHALLENGER"):
            raise Conflict(
                f"{challenge_id}: {found[1]} of {found[0]}, expected PROMOTE_CHALLENGER of "
                f"{named.model_version}"
            )
        return {"replaces": challenge.champion}

    return await answer(caller, line, "promote", body, asked, derive=won)


def view(ctx: AppContext, line: Line, outcome: CommandOutcome) -> dict[str, Any]:
    """Return an outcome with the version that it is about, as that stands now."""
    number = outcome.subject.rpartition("/")[2]
    known = ctx.views.versions.version(*line, number)
    return {
        "outcome": commands.body(outcome.command_id, outcome, dry_run=outcome.dry_run),
        "version": None if known is None else entity(known),
        "config": None,
    }


async def roll_back(caller: Caller, name: str, body: RollbackBody) -> Response:
    """Return the answer to a rollback: to a version, a deployment, or the version before."""
    if body.version is not None and body.deployment is not None:
        raise Refused("version, deployment: expected one of them, got both")
    if body.deployment is not None:
        return await _roll_back_deployment(caller, name, body, body.deployment)
    version = None if body.version is None else str(body.version)
    asked = {"version": version, "no_archive": body.no_archive}
    return await answer(
        caller, requested_line(caller.ctx, name, body.timeframe), "rollback", body, asked
    )


async def _roll_back_deployment(
    caller: Caller, name: str, body: RollbackBody, deployment_id: str
) -> Response:
    """Roll back to the model of a deployment, then make its config ACTIVE where it is not."""
    ctx = caller.ctx
    ctx.require_ready()
    deployment = ctx.views.versions.deployment(name, deployment_id)
    if deployment is None:
        raise Unknown(f"{name} has no deployment {deployment_id}")
    line = (name, deployment.timeframe_ms)
    if body.timeframe is not None and ctx.timeframe_ms(body.timeframe) != line[1]:
        wanted = timeframe_name(line[1])
        raise Refused(
            f"timeframe: got {body.timeframe}, expected {wanted}, that of {deployment_id}"
        )
    asked = {
        "version": deployment.model_version,
        "deployment_id": deployment_id,
        "no_archive": body.no_archive,
    }
    known = caller.known(about(line, "rollback", body, asked))
    at_ms = ctx.wall_ms() if known is None else known.event_time_ms
    switch = {"deployment": deployment_id, "dry_run": body.dry_run, "reason": body.reason}
    told = caller.told(body, switch, "config")
    settled = ctx.views.outcomes.get(told["command_id"])
    config = None if settled else _config_command(ctx, deployment, told, at_ms)
    outcome = await decide(caller, line, "rollback", body, asked)
    if isinstance(outcome, Response):
        if config is not None:
            raise Unavailable(
                f"the rollback to {deployment.model_version} is not decided within "
                f"{commands.WAIT_S:.0f} s, and config {deployment.config_id} is not ACTIVE yet: "
                "ask again, with the same Idempotency-Key if there was one"
            )
        return outcome
    body_ = view(ctx, line, outcome)
    if settled is not None or config is not None:
        try:
            settled = caller.known(switch, "config")
            if settled is None and config is not None:
                settled = await commands.submit(ctx, config)
        except GatewayError as failed:  # the model is back all the same: the caller must know
            failed.message = f"{outcome.detail}; config {deployment.config_id}: {failed.message}"
            raise
        body_["config"] = commands.body(told["command_id"], settled, dry_run=body.dry_run)
    return plain(body_)


def _config_command(
    ctx: AppContext, deployment: DeploymentChanged, told: dict[str, Any], at_ms: int
) -> ConfigCommand | None:
    """Return the command that makes the config of a deployment ACTIVE; None where it was.

    ``at_ms`` is the wall time of the rollback: what was ACTIVE then decides, however late the
    request is repeated.
    """
    name = deployment.strategy
    configs, now_ms = ctx.views.configs, ctx.wall_ms()
    active = configs.active(name, at_ms)
    if active is not None and active.config_id == deployment.config_id:
        return None
    version = configs.require_version(name, deployment.config_id, now_ms)
    return ConfigCommand(
        **told | {"reason": told["reason"] or f"rollback to {deployment.deployment_id}"},
        expected_revision=configs.revision(name),
        strategy=name,
        action="activate",
        config_id=deployment.config_id,
        config_data=configs.content(version),
        effective_from_ms=clock.effective_from_ms(ctx.views, now_ms),
    )
