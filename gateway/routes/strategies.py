"""/api/v1/strategies: configs of strategies; list, get, validate, merge, create, activate."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field, JsonValue, model_validator
from starlette.responses import Response

from gateway.answers import commands
from gateway.answers.as_of import time_ms
from gateway.answers.commands import Body, Caller, CallerDep, ReasonedBody
from gateway.context import AppContext, ContextDep
from gateway.envelope import iso, plain
from gateway.errors import Detail, Refused
from gateway.views import clock
from schemas.bounds import Count
from schemas.commands import CommandOutcome
from schemas.configs import ConfigCommand, ConfigId, ConfigStatus, Content, StrategyName
from streams.configs.content import ConfigRefused, check_values, content_hash, normalised
from streams.configs.merge import TracedValue, environment_layer, expand, merge
from streams.configs.yaml_text import parse_yaml

router = APIRouter(prefix="/api/v1/strategies", tags=["strategies"])

Action = Literal["create", "activate", "deprecate"]
Name = Annotated[StrategyName, Path(description="Of the strategy")]
Id = Annotated[ConfigId, Path(description="Such as v2-1a2b3c4d")]
LATE: dict[int | str, dict[str, Any]] = {
    202: {"model": commands.OutcomeView, "description": "Not decided yet; ask its url"},
    409: {"model": Detail, "description": "Another revision, or another state, than was meant"},
}


class ContentBody(Body):
    """A config, as JSON or as the text of a tradai.yaml."""

    config_data: dict[str, JsonValue] | None = None
    yaml: str | None = Field(default=None, max_length=65_536)

    @model_validator(mode="after")
    def _one_of_both(self) -> ContentBody:
        if (self.config_data is None) == (self.yaml is None):
            raise ValueError("give exactly one of config_data and yaml")
        return self

    def content(self) -> Content:
        """Return the content as it was written; raises ``ConfigRefused``."""
        return (self.config_data or {}) if self.yaml is None else parse_yaml(self.yaml)


class CommandBody(ReasonedBody):
    """What a command on a config may say."""

    expected_revision: Count | None = Field(
        default=None, description="As last read; 409 if it has changed. Null: as seen by this call"
    )


class CreateBody(ContentBody, CommandBody):
    """A version to create."""

    description: str = Field(default="", max_length=1_000)


class MergeBody(Body):
    """Layers of a config, the lowest first."""

    base: dict[str, JsonValue] = Field(default_factory=dict, description="As of tradai.yaml")
    strategy_name: StrategyName | None = Field(
        default=None,
        description="Its ACTIVE config comes above the base",
    )
    model_tags: dict[str, JsonValue] = Field(
        default_factory=dict, description="Tags of the model, parts in mappings"
    )
    overrides: dict[str, JsonValue] = Field(
        default_factory=dict, description="Above everything, the environment too"
    )


class ConfigVersion(BaseModel):
    """A version of a strategy's config."""

    strategy_name: str
    config_id: str
    config_hash: str
    config_data: dict[str, JsonValue]
    status: ConfigStatus
    version_number: int
    created_at: str = Field(description="Wall clock, ISO 8601")
    deployed_at: str | None = Field(description="When it became ACTIVE, the same; null: never")
    superseded_by: str | None
    description: str
    effective_from_ms: int | None = Field(
        description="Market time of its first bars; null: none, such as where it does not run"
    )
    expires_at: str | None = Field(
        description="Wall clock: 90 days after its deprecation; null: it is none"
    )
    revision: int


class CommandAnswer(BaseModel):
    """How a command was decided, and the version it was about."""

    outcome: commands.OutcomeView
    config: ConfigVersion | None = Field(description="Null where a dry run would create it")


class ConfigList(BaseModel):
    """The versions of a strategy as they stood at a time."""

    strategy_name: str
    as_of: str = Field(description="Wall clock, ISO 8601")
    revision: int = Field(description="Now, whatever the time asked for")
    active: str | None = Field(description="The ACTIVE version's id")
    configs: list[ConfigVersion]


class StrategySummary(BaseModel):
    """One strategy that has configs."""

    name: str
    active: str | None
    versions: int
    revision: int


class StrategyList(BaseModel):
    """Every strategy that has configs."""

    strategies: list[StrategySummary]


class Validation(BaseModel):
    """Whether a content is a config."""

    valid: bool
    errors: list[str] = Field(description="Path, value and expectation of each fault")
    config_hash: str | None
    config_data: dict[str, JsonValue] | None = Field(description="Normalised, as it is hashed")


class Merged(BaseModel):
    """A merged config, and where each value comes from."""

    config_data: dict[str, JsonValue]
    trace: dict[str, Any] = Field(description="By dotted path: source, value, hides")


@router.get("", response_model=StrategyList)
async def strategies(ctx: ContextDep) -> Response:
    """Return the strategies that have configs."""
    ctx.require_ready()
    view, now_ms = ctx.views.configs, ctx.wall_ms()
    rows = [
        {
            "name": name,
            "active": active.config_id if (active := view.active(name, now_ms)) else None,
            "versions": len(view.require(name).at(now_ms)),
            "revision": view.revision(name),
        }
        for name in view.names()
    ]
    return plain({"strategies": rows})


@router.post("/validate", response_model=Validation)
async def validate(body: ContentBody) -> Response:
    """Say whether a content is a config, and what is wrong with it; nothing is stored."""
    try:
        content = normalised(body.content())
    except ConfigRefused as refused:
        errors = [fault.text for fault in refused.faults]
        return plain({"valid": False, "errors": errors, "config_hash": None, "config_data": None})
    return plain(
        {
            "valid": True,
            "errors": [],
            "config_hash": content_hash(content),
            "config_data": content,
        }
    )


@router.post("/merge", response_model=Merged)
async def merged(body: MergeBody, ctx: ContextDep) -> Response:
    """Merge layers into one config: overrides, environment, model tags, stored, base.

    Where a layer is silent the one below it counts. The trace names the source of every value, and
    the values that it hides.
    """
    ctx.require_ready()
    try:
        content, trace = _merged(ctx, body)
    except ConfigRefused as refused:
        raise Refused(str(refused)) from None
    return plain({"config_data": content, "trace": trace})


def _merged(ctx: AppContext, body: MergeBody) -> tuple[Content, dict[str, TracedValue]]:
    layers: list[tuple[str, Content]] = [("yaml", dict(body.base))]
    if body.strategy_name is not None:
        ctx.views.configs.require(body.strategy_name)
        active = ctx.views.configs.active(body.strategy_name, ctx.wall_ms())
        if active is not None:
            layers.append((f"stored {active.config_id}", ctx.views.configs.content(active)))
    layers += [
        ("model tags", dict(body.model_tags)),
        ("environment", environment_layer(ctx.settings.config_environment)),
        ("overrides", dict(body.overrides)),
    ]
    for source, layer in layers:
        check_values(layer, source)
    content, trace = merge(layers)
    content = expand(content, ctx.settings.config_variables)
    normalised(content)
    return content, trace


@router.get("/{name}", response_model=ConfigVersion)
async def strategy(name: Name, ctx: ContextDep) -> Response:
    """Return the ACTIVE config of a strategy; without one, its newest version."""
    ctx.require_ready()
    view, now_ms = ctx.views.configs, ctx.wall_ms()
    stood = view.require(name).at(now_ms)
    return plain(view.entity(view.active(name, now_ms) or stood[-1]))


@router.get("/{name}/configs", response_model=ConfigList)
async def configs(
    name: Name,
    ctx: ContextDep,
    as_of: Annotated[
        str | None, Query(max_length=40, description="ISO 8601, wall time; left out: now")
    ] = None,
) -> Response:
    """Return the versions of a strategy, as they stood at a time."""
    ctx.require_ready()
    now_ms = ctx.wall_ms()
    at_ms = now_ms if as_of is None else time_ms(as_of, now_ms)
    view = ctx.views.configs
    stood = view.require(name).at(at_ms)
    active = view.active(name, at_ms)
    return plain(
        {
            "strategy_name": name,
            "as_of": iso(at_ms),
            "revision": view.revision(name),
            "active": None if active is None else active.config_id,
            "configs": [view.entity(change) for change in stood],
        }
    )


@router.get("/{name}/configs/{config_id}", response_model=ConfigVersion)
async def config(name: Name, config_id: Id, ctx: ContextDep) -> Response:
    """Return one version of a strategy's config."""
    ctx.require_ready()
    view = ctx.views.configs
    return plain(view.entity(view.require_version(name, config_id, ctx.wall_ms())))


@router.post("/{name}/configs", response_model=CommandAnswer, responses=LATE)
async def create(name: Name, body: CreateBody, caller: CallerDep) -> Response:
    """Create a version, a DRAFT; a content that is stored already answers with its id."""
    try:
        content = normalised(body.content())
    except ConfigRefused as refused:
        raise Refused(str(refused)) from None
    asked = {"config_data": content, "description": body.description}
    return await _command(caller, ("create", name), body, asked)


@router.post("/{name}/configs/{config_id}/activate", response_model=CommandAnswer, responses=LATE)
async def activate(
    name: Name, config_id: Id, caller: CallerDep, body: CommandBody | None = None
) -> Response:
    """Make a version ACTIVE in place of the one that is; it counts from the bar that is named."""
    ctx = caller.ctx
    version = ctx.views.configs.require_version(name, config_id, ctx.wall_ms())
    asked = {"config_id": config_id, "config_data": ctx.views.configs.content(version)}
    return await _command(caller, ("activate", name), body or CommandBody(), asked)


@router.post("/{name}/configs/{config_id}/deprecate", response_model=CommandAnswer, responses=LATE)
async def deprecate(
    name: Name, config_id: Id, caller: CallerDep, body: CommandBody | None = None
) -> Response:
    """Give a DRAFT up; it expires after 90 days."""
    asked = {"config_id": config_id}
    return await _command(caller, ("deprecate", name), body or CommandBody(), asked)


async def _command(
    caller: Caller, about: tuple[Action, str], body: CommandBody, asked: dict[str, Any]
) -> Response:
    action, name = about
    ctx, revision = caller.ctx, body.expected_revision
    said = body.model_dump(include=set(CommandBody.model_fields))
    outcome = await caller.decided(
        body,
        {"action": action, "strategy": name, **asked, **said},
        lambda told: ConfigCommand(
            **told,
            # Of two that come together one wins: both were meant for what they saw.
            expected_revision=ctx.views.configs.revision(name) if revision is None else revision,
            strategy=name,
            action=action,
            effective_from_ms=(
                clock.effective_from_ms(ctx.views, ctx.wall_ms()) if action == "activate" else None
            ),
            **asked,
        ),
    )
    if isinstance(outcome, dict):
        return plain(outcome, 202)
    answer = commands.body(outcome.command_id, outcome, dry_run=outcome.dry_run)
    return plain({"outcome": answer, "config": await _subject(ctx, name, outcome)})


async def _subject(ctx: AppContext, name: str, outcome: CommandOutcome) -> dict[str, Any] | None:
    """Return the version that an outcome is about, once its facts have been read."""
    view = ctx.views.configs
    await view.wait_for(name, outcome.revision, commands.WAIT_S)
    change = view.newest(name, outcome.subject.rpartition("/")[2])
    return None if change is None else view.entity(change)
