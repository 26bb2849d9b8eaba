"""``regimeflow models``: versions of models, their stages, retrainings; and what goes with it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

import typer

from deploy.cli.config_commands import next_steps, send, strategy_path
from deploy.cli.console import Json, fail, load_settings, note, show
from deploy.cli.deployment import Environment, environment_file
from deploy.cli.gateway_client import Answer, gateway_url, request_json
from deploy.cli.options import DryRun, Url
from deploy.cli.strategy import as_of_query
from deploy.cli.tables.models import decided_lines, details_lines, version_lines

app = typer.Typer(
    help="Versions of models: their stages and reports. `regimeflow strategy set-version` promotes "
    "one, `regimeflow deploy rollback` goes back, `regimeflow retrain` asks for another.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

HINTS = {
    400: "`regimeflow models list NAME` lists the versions",
    404: "`regimeflow models list NAME` lists the versions",
    409: "`regimeflow models list NAME` shows how they stand now",
    503: "`regimeflow status` shows what runs",
}

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the strategy.")]
OptionalName = Annotated[
    str | None, typer.Argument(metavar="NAME", help="Of the strategy; that of this home if left.")
]
Version = Annotated[str, typer.Argument(metavar="V", help="Its number, or its model version.")]
Timeframe = Annotated[
    str | None, typer.Option(help="Whose bars the model predicts; the base bar by default.")
]
Reason = Annotated[str, typer.Option(help="Kept with the audit entry.")]
NoArchive = Annotated[
    bool, typer.Option("--no-archive", help="The version before returns to Staging.")
]


def _reported() -> AbstractContextManager[None]:
    return next_steps(HINTS)


def _path(name: str, *parts: str, **query: str | None) -> str:
    asked = {key: value for key, value in query.items() if value is not None}
    path = "/".join(["api/v1/models", *(quote(part, safe="") for part in (name, *parts))])
    return f"{path}?{urlencode(asked)}" if asked else path


def version_value(version: str) -> int | str:
    """Return a version as a route takes it: its number, or its model version."""
    return int(version) if version.isdecimal() and len(version) < 16 else version


@app.command("list")
def list_versions(
    name: OptionalName = None,
    *,
    timeframe: Timeframe = None,
    as_of: Annotated[
        str | None,
        typer.Option(help="As they stood at that market time: ISO 8601 (UTC) or epoch ms."),
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List the versions of a model with their stages."""
    query = {"timeframe": timeframe, "as_of": None if as_of is None else as_of_query(as_of)}
    with _reported():
        path = _path(name or load_settings().strategy, "versions", **query)
        document = request_json(gateway_url(url), path)
    show(document, lambda: version_lines(document), as_json=as_json)


def get_model(
    name: Name,
    *,
    version: Annotated[
        str | None, typer.Option(help="Its number, or its model version; the one that serves.")
    ] = None,
    timeframe: Timeframe = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Show one version of a model: its reports, its files, every change of its stage."""
    if version == "":
        raise fail("--version '', expected its number, or its model version", 2)
    with _reported():
        address = gateway_url(url)
        wanted = version or _production(address, name, timeframe)
        row = request_json(address, _path(name, "versions", wanted, timeframe=timeframe))
    show(row, lambda: details_lines(row), as_json=as_json)


def _production(address: str, name: str, timeframe: str | None) -> str:
    listed = request_json(address, _path(name, "versions", timeframe=timeframe))
    if listed["production"] is None:
        raise fail(f"{name} {listed['timeframe']} has no version in Production: give --version")
    return str(listed["production"])


app.command("show")(get_model)


def set_version(
    name: Name,
    version: Version,
    *,
    stage: Annotated[
        Literal["None", "Staging", "Production", "Archived"],
        typer.Option(help="Where it is to go; Production makes it serve."),
    ] = "Production",
    no_archive: NoArchive = False,
    timeframe: Timeframe = None,
    reason: Reason = "",
    dry_run: DryRun = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Move a version of a strategy's model to a stage."""
    body = {
        "version": version_value(version),
        "stage": stage,
        "no_archive": no_archive,
        "timeframe": timeframe,
        "reason": reason,
        "dry_run": dry_run,
    }
    answer = _sent(url, strategy_path(name, "models", "stage"), body)
    show(answer, lambda: decided_lines(answer), as_json=as_json)


def rollback(
    name: Name,
    *,
    env: Environment,
    deployment: Annotated[
        str | None,
        typer.Option(help="Its id, such as deploy-1a2b3c4d: its model, and its config."),
    ] = None,
    timeframe: Timeframe = None,
    reason: Reason = "",
    dry_run: DryRun = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Let the model that served before serve again, or the model and config of a deployment."""
    body = {
        "deployment": deployment,
        "timeframe": timeframe,
        "reason": reason,
        "dry_run": dry_run,
    }
    with environment_file(env) as file:
        if not as_json:
            note(f"{env}: settings of {file or 'this folder'}, gateway {gateway_url(url)}")
        answer = _sent(url, strategy_path(name, "models", "rollback"), body)
    show({"env": env, **answer}, lambda: decided_lines(answer), as_json=as_json)


def retrain(
    name: OptionalName = None,
    *,
    timeframe: Timeframe = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="In spite of cooldown, monthly budget and circuit breaker."),
    ] = False,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Stop the training that is under way instead.")
    ] = False,
    reason: Reason = "",
    dry_run: DryRun = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Ask for another model, which is compared with the one that serves; or cancel it."""
    if cancel and force:
        raise fail("--force belongs to a training that is asked for: leave it, or --cancel", 2)
    body: dict[str, Any] = {"timeframe": timeframe, "reason": reason, "dry_run": dry_run}
    if not cancel:
        body["force"] = force
    path = strategy_path(
        name or load_settings().strategy, "models", "cancel" if cancel else "retrain"
    )
    answer = _sent(url, path, body)
    show(answer, lambda: decided_lines(answer), as_json=as_json)


def _sent(url: str | None, path: str, body: dict[str, Any]) -> Answer:
    with _reported():
        return send(gateway_url(url), path, body)
