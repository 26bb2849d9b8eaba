"""``regimeflow strategy``: configs of strategies, stored, compared, made ACTIVE."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from deploy.cli.config_commands import ROOT, next_steps, outcome_lines, send, strategy_path
from deploy.cli.config_file import NAME as FILE_NAME
from deploy.cli.config_file import ConfigFile, config_path, read_config
from deploy.cli.console import Json, fail, parse_time_ms, show
from deploy.cli.gateway_client import gateway_url, request_json
from deploy.cli.options import DryRun, Url
from deploy.cli.tables.strategy import (
    config_lines,
    difference_lines,
    differences,
    strategy_lines,
    summary_line,
)
from deploy.time_text import time_text

app = typer.Typer(
    help="Configs of strategies: stored, compared, made ACTIVE.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the strategy.")]
ConfigId = Annotated[str, typer.Argument(metavar="CONFIG_ID", help="Such as v2-1a2b3c4d.")]


def list_strategies(*, url: Url = None, as_json: Json = False) -> None:
    """List the strategies that have configs, and which version of each is ACTIVE."""
    with next_steps():
        rows = request_json(gateway_url(url), ROOT)["strategies"]
    show(rows, lambda: strategy_lines(rows), as_json=as_json)


app.command("list")(list_strategies)


def get_strategy(name: Name, *, url: Url = None, as_json: Json = False) -> None:
    """Show the ACTIVE config of a strategy; without one, its newest version."""
    with next_steps():
        config = request_json(gateway_url(url), strategy_path(name))

    def lines() -> list[str]:
        import yaml

        text = yaml.safe_dump(config["config_data"], sort_keys=False, allow_unicode=True)
        return [f"# {name}: {summary_line(config)}", text.rstrip()]

    show(config, lines, as_json=as_json)


@app.command()
def stage(
    name: Name,
    *,
    version: Annotated[str, typer.Option(help="As strategy.version of the file, or in its place.")],
    file: Annotated[
        Path, typer.Option(help="The config, or the folder that holds tradai.yaml.")
    ] = Path(FILE_NAME),
    description: Annotated[str, typer.Option(help="Kept with the version.")] = "",
    dry_run: DryRun = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Store a strategy's config as a new version, a DRAFT."""
    config = read_config(config_path(file))
    content = with_version(config, name, version)
    body = {"config_data": content, "description": description, "dry_run": dry_run}
    with next_steps():
        answer = send(gateway_url(url), strategy_path(name, "configs"), body)

    def lines() -> list[str]:
        told, stored = outcome_lines(answer["outcome"]), answer["config"]
        if dry_run:
            return [*told, "next: the same without --dry-run"]
        if stored["status"] == "ACTIVE":
            return [*told, f"nothing to do: {name} follows it"]
        return [*told, f"next: `regimeflow strategy activate {name} {stored['config_id']}`"]

    show(answer, lines, as_json=as_json)


def with_version(config: ConfigFile, name: str, version: str) -> dict[str, Any]:
    """Return the content with its version; exit code 2 where the file contradicts the call.

    Of two versions that differ in zeros at the end, such as 1 and 1.0.0, the file's stays.
    """
    written = config.strategy
    if written.get("name", name) != name:
        raise fail(f"{config.path} is the config of {written['name']}, not of {name}", 2)
    stated = written.get("version", version)
    if _without_zeros(stated) != _without_zeros(version):
        raise fail(
            f"--version {version}, but strategy.version of {config.path} is {stated}: change one "
            "of them",
            2,
        )
    return {**config.content, "strategy": {**written, "version": stated}}


def _without_zeros(version: str) -> tuple[str, ...]:
    parts = version.split(".")
    while len(parts) > 1 and parts[-1].strip("0") == "":
        parts.pop()
    return tuple(parts)


@app.command()
def activate(
    name: Name,
    config_id: ConfigId,
    *,
    dry_run: DryRun = False,
    reason: Annotated[str, typer.Option(help="Kept with the audit entry.")] = "",
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Make a version ACTIVE in place of the one that is."""
    body = {"dry_run": dry_run, "reason": reason}
    with next_steps():
        path = strategy_path(name, "configs", config_id, "activate")
        answer = send(gateway_url(url), path, body)

    def lines() -> list[str]:
        told = outcome_lines(answer["outcome"])
        if dry_run:
            return [*told, "next: the same without --dry-run"]
        return [*told, *effective_lines(answer["config"])]

    show(answer, lines, as_json=as_json)


def effective_lines(config: dict[str, Any]) -> list[str]:
    """Return from which bar on a version counts; nothing where its strategy does not run."""
    from_ms = config["effective_from_ms"]
    if from_ms is None:
        return []
    return [f"it counts from the bar that closes at {time_text(from_ms)} UTC, market time"]


@app.command()
def configs(
    name: Name,
    *,
    as_of: Annotated[
        str | None, typer.Option(help="As they stood then, wall clock: ISO 8601 (UTC) or epoch ms.")
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List the versions of a strategy's config."""
    query = "" if as_of is None else f"?as_of={quote(as_of_query(as_of), safe='')}"
    with next_steps():
        document = request_json(gateway_url(url), strategy_path(name, "configs") + query)
    show(document, lambda: config_lines(document), as_json=as_json)


def as_of_query(text: str) -> str:
    """Return a time of the command line as the routes take it; exit code 2 where it is none."""
    return datetime.fromtimestamp(parse_time_ms(text) / 1000, UTC).isoformat()


@app.command()
def diff(
    name: Name,
    before: Annotated[str, typer.Argument(metavar="ID1", help="A version.")],
    after: Annotated[str, typer.Argument(metavar="ID2", help="Another one.")],
    *,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Show in which keys two versions of a strategy's config differ."""
    with next_steps():
        address = gateway_url(url)
        listed = request_json(address, strategy_path(name, "configs"))["configs"]
        known = [config["config_id"] for config in listed]
        for each in (before, after):
            if each not in known:
                expected = ", ".join(known) or "none: `regimeflow strategy stage` stores one"
                raise fail(f"{name} has no config {each!r}, expected one of {expected}")
        one, other = (
            request_json(address, strategy_path(name, "configs", each))["config_data"]
            for each in (before, after)
        )
    rows = differences(one, other)
    document = {"strategy": name, "before": before, "after": after, "differences": rows}
    show(document, lambda: difference_lines(rows), as_json=as_json)
