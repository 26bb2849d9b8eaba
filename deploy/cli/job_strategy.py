"""The strategy of a job that runs here: one of the registry, or what an ACTIVE config runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from deploy.cli.config_commands import strategy_path
from deploy.cli.console import fail, load_settings, note
from deploy.cli.gateway_client import Answer, GatewayFailed, gateway_url, request_json
from workers.settings_errors import error_lines

if TYPE_CHECKING:
    from streams.configs.job_defaults import JobSpec

SPEC = TypeVar("SPEC", bound="JobSpec")


def named_strategy(spec: SPEC) -> SPEC:
    """Return the request with what the ACTIVE config of its strategy says, and say what that is.

    A strategy of the registry is taken as it is. Of another one the gateway is asked for the
    config. Exit code 2 where there is no such strategy.
    """
    from workers.research.strategies import STRATEGIES, allow_packages

    allow_packages(load_settings().strategy_packages)
    from streams.configs.job_defaults import strategy_field

    name = getattr(spec, strategy_field(spec))
    if name is None or ":" in name or name in {strategy.name for strategy in STRATEGIES}:
        return spec
    config = _active_config(name, ", ".join(strategy.name for strategy in STRATEGIES))
    return _with_config(spec, name, config)


def _active_config(name: str, known: str) -> Answer:
    missing = f"there is no strategy {name!r}; there are {known}"
    try:
        listed = request_json(gateway_url(None), strategy_path(name, "configs"))
    except GatewayFailed as failed:
        raise fail(f"{missing}, and no ACTIVE config of that name: {failed}", 2) from None
    active = [config for config in listed["configs"] if config["status"] == "ACTIVE"]
    if not active:
        raise fail(f"{missing}, and {name} has no ACTIVE config: `regimeflow strategy activate`", 2)
    return cast(Answer, active[0])


def _with_config(spec: SPEC, name: str, config: Answer) -> SPEC:
    from pydantic import ValidationError

    from streams.configs.job_defaults import with_config

    try:
        whole = with_config(spec, name, config["config_id"], config["config_data"])
    except ValidationError as invalid:
        faults = "; ".join(error_lines(invalid))
        raise fail(f"with config {config['config_id']} of {name}: {faults}", 2) from None
    use = whole.config
    taken = [f"{field}={_said(getattr(whole, field))}" for field in (use.taken if use else ())]
    note(f"config {config['config_id']} of {name}: {', '.join(taken) or 'nothing is taken'}")
    return cast(SPEC, whole)


def _said(value: object) -> object:
    """Return a setting as options name it: of exits, those that are set."""
    from schemas.exits import Exits

    if not isinstance(value, Exits):
        return value
    told = {name: each for name, each in value if each not in (None, {})}
    return " ".join(
        f"{name}={_levels(each) if isinstance(each, dict) else each}" for name, each in told.items()
    )


def _levels(gains: dict[str, float]) -> str:
    return ",".join(f"{minutes}:{gain}" for minutes, gain in gains.items())
