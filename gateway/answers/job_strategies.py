"""The strategy of a job: one of the registry, or what an ACTIVE config of that name runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from gateway.context import AppContext
from gateway.errors import Refused
from gateway.views.jobs import JobView
from schemas.configs import ConfigChanged
from schemas.exits import EXIT_NAMES, ExitsRejected
from schemas.research import Parameter, PerformanceSpec, TuningSpec, require_exits
from schemas.search_space import SpaceRejected, resolve_space
from streams.configs.job_defaults import JobSpec, entry_point, strategy_field, with_config


class JobConfig(BaseModel):
    """What a job took from the config of its strategy."""

    strategy: str = Field(description="As the request named it")
    config_id: str
    taken: dict[str, Any] = Field(description="Fields where the request was silent, with values")
    experiment_name: str | None
    auto_log_params: bool


def config_body(spec: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a stored request took from a config, the fields of ``JobConfig``; None: none."""
    use = spec.get("config")
    if not use:
        return None
    return {**use, "taken": {field: spec[field] for field in use["taken"]}}


def resolve(ctx: AppContext, spec: JobSpec, earlier: JobView | None) -> JobSpec:
    """Return the request as it is stored, with what the strategy's config says.

    Args:
        ctx: Of the app.
        spec: As it was asked.
        earlier: The job of the same ``Idempotency-Key``: its config counts, not the newest.

    Raises: Refused for a strategy, a config or a parameter that is not there.
    """
    name = getattr(spec, strategy_field(spec))
    if name is None or spec.config is not None:
        _require_own_config(ctx, spec)
        return spec
    change = _version(ctx, name, earlier)
    if change is None:
        _require_registered(ctx, name, f"strategy: {name!r} is unknown")
        _require_parameters(ctx, name, spec)
        return spec
    content = ctx.views.configs.content(change)
    runs = entry_point(name, content)
    if ":" not in runs:  # what a package holds, the worker knows
        where = f"strategy.entry_point of {name}'s ACTIVE config {change.config_id}"
        _require_registered(ctx, runs, f"{where}: {runs!r} is unknown")
    try:
        whole = with_config(spec, name, change.config_id, content)
    except ValidationError as invalid:
        faults = "; ".join(_fault(each) for each in invalid.errors())
        raise Refused(f"with {name}'s ACTIVE config {change.config_id}: {faults}") from None
    _require_parameters(ctx, runs, whole)
    return whole


def _version(ctx: AppContext, name: str, earlier: JobView | None) -> ConfigChanged | None:
    used = (earlier.spec.get("config") if earlier else None) or {}
    if used.get("strategy") == name:
        return ctx.views.configs.newest(name, used["config_id"])
    return ctx.views.configs.active(name, ctx.wall_ms())


def _require_own_config(ctx: AppContext, spec: JobSpec) -> None:
    """Let a stored request be asked again, and no other say what it took from a config."""
    use = spec.config
    if use is None:
        return
    change = ctx.views.configs.newest(use.strategy, use.config_id)
    runs = getattr(spec, strategy_field(spec))
    if change is None or entry_point(use.strategy, ctx.views.configs.content(change)) != runs:
        raise Refused(
            f"config: {use.strategy} has no config {use.config_id} that runs {runs}; leave config "
            "out, and name the strategy whose ACTIVE config is meant"
        )


def _require_registered(ctx: AppContext, name: str, fault: str) -> None:
    known = _parameters_by_strategy(ctx)
    if name in known:
        return
    view, now_ms = ctx.views.configs, ctx.wall_ms()
    if name in view.names() and view.active(name, now_ms) is None:
        versions = ", ".join(change.config_id for change in view.require(name).at(now_ms))
        raise Refused(f"strategy: {name} has no ACTIVE config; activate one of {versions}")
    configured = [other for other in view.names() if view.active(other, now_ms) is not None]
    raise Refused(
        f"{fault}; expected one of {', '.join(known)}, or the name of a strategy whose ACTIVE "
        f"config has an entry_point ({', '.join(configured) or 'none yet'})"
    )


def _require_parameters(ctx: AppContext, name: str, spec: JobSpec) -> None:
    """Refuse what a strategy of the registry lacks, and exits that cannot be."""
    known = _parameters_by_strategy(ctx).get(name)
    if not known:  # what a package holds, the worker knows
        return
    if isinstance(spec, TuningSpec):
        _require_space(spec, known)
        return
    field = "params" if isinstance(spec, PerformanceSpec) else "space"
    asked = getattr(spec, field)
    if unknown := sorted(set(asked) - {*known, *EXIT_NAMES}):
        raise Refused(
            f"{field}: {name} has no parameter {', '.join(unknown)}; it has {', '.join(known)}, "
            f"and every strategy {', '.join(EXIT_NAMES)}"
        )
    exits = {each: asked[each] for each in asked.keys() & set(EXIT_NAMES) - set(known)}
    try:
        if isinstance(spec, PerformanceSpec):
            spec.fixed_exits.replaced(exits)
        else:
            require_exits(spec.fixed_exits, exits)
    except ExitsRejected as rejected:
        raise Refused(f"{field}: {rejected}") from None


def _require_space(spec: TuningSpec, known: Mapping[str, Any]) -> None:
    try:
        declared = {name: Parameter.model_validate(row) for name, row in known.items()}
    except ValidationError:  # a registry of another release, which the worker knows
        return
    try:
        resolve_space(spec, declared)
    except ExitsRejected as rejected:
        raise Refused(f"param_space: {rejected}") from None
    except SpaceRejected as rejected:
        raise Refused(str(rejected)) from None


def _parameters_by_strategy(ctx: AppContext) -> dict[str, Mapping[str, Any]]:
    """Return the strategies of the registry; one whose row tells no parameters has none here."""
    rows = ctx.views.refdata.table("strategy").rows
    return {str(row["name"]): _mapping(row.get("parameters")) for row in rows}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _fault(error: Any) -> str:
    place = ".".join(map(str, error["loc"]))
    return f"{place}: {error['msg']}" if place else str(error["msg"])
