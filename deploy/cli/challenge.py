"""``regimeflow challenge``: a model in Staging compared with the one that serves."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Annotated, Any, Literal
from urllib.parse import quote

import typer

from deploy.cli.config_commands import next_steps, send
from deploy.cli.console import Json, load_settings, show
from deploy.cli.gateway_client import gateway_url, request_json
from deploy.cli.models import Reason, Timeframe, version_value
from deploy.cli.options import DryRun, Url
from deploy.cli.tables.challenge import (
    challenge_lines,
    decided_lines,
    details_lines,
    evaluation_lines,
)

app = typer.Typer(
    help="Challenges: a model in Staging compared with the one that serves.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

HINTS = {
    404: "`regimeflow challenge list` lists the challenges, `regimeflow models list` the versions",
    409: "`regimeflow models list` shows how the versions stand, `regimeflow challenge list` what "
    "is active",
    503: "`regimeflow status` shows what runs",
}

Challenge = Annotated[str, typer.Argument(metavar="ID", help="Such as challenge-3584e04ffdea.")]
Strategy = Annotated[
    str | None, typer.Option("--name", help="Of the strategy; that of this home if left.")
]


def _reported() -> AbstractContextManager[None]:
    return next_steps(HINTS)


def _model_path(name: str | None) -> str:
    return f"api/v1/models/{quote(name or load_settings().strategy, safe='')}/challenges"


def _path(challenge: str, *parts: str) -> str:
    return "/".join(["api/v1/challenges", quote(challenge, safe=""), *parts])


@app.command()
def create(
    challenger: Annotated[
        str, typer.Argument(metavar="V", help="In Staging: its number, or its model version.")
    ],
    *,
    name: Strategy = None,
    timeframe: Timeframe = None,
    basis: Annotated[
        Literal["log_loss", "trades"],
        typer.Option(help="log_loss: both predict the same bars; trades: those that are posted."),
    ] = "log_loss",
    min_trades: Annotated[
        int | None, typer.Option(help="Of each model, before anything is decided; by the config.")
    ] = None,
    deadline_hours: Annotated[
        float | None, typer.Option(help="Wall clock; then the champion is kept; by the config.")
    ] = None,
    reason: Reason = "",
    dry_run: DryRun = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Let a version challenge the one that serves."""
    body: dict[str, Any] = {
        "challenger": version_value(challenger),
        "timeframe": timeframe,
        "basis": basis,
        "min_trades": min_trades,
        "deadline_hours": deadline_hours,
        "reason": reason,
        "dry_run": dry_run,
    }
    with _reported():
        answer = send(gateway_url(url), _model_path(name), body)
    show(answer, lambda: decided_lines(answer), as_json=as_json)


@app.command("list")
def list_challenges(
    *,
    name: Strategy = None,
    timeframe: Timeframe = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List the challenges of a model, the newest first."""
    asked = "" if timeframe is None else f"?timeframe={quote(timeframe, safe='')}"
    with _reported():
        document = request_json(gateway_url(url), f"{_model_path(name)}{asked}")
    show(document, lambda: challenge_lines(document), as_json=as_json)


@app.command("show")
def show_challenge(challenge: Challenge, *, url: Url = None, as_json: Json = False) -> None:
    """Show a challenge, and how the interval of its gain has shrunk."""
    with _reported():
        row = request_json(gateway_url(url), _path(challenge))
    show(row, lambda: details_lines(row), as_json=as_json)


@app.command()
def evaluate(challenge: Challenge, *, url: Url = None, as_json: Json = False) -> None:
    """Say what a challenge comes to by now; it may be asked after every outcome."""
    with _reported():
        row = request_json(gateway_url(url), _path(challenge, "evaluate"))
    show(row, lambda: evaluation_lines(row), as_json=as_json)


@app.command()
def trade(
    challenge: Challenge,
    trade_id: Annotated[str, typer.Argument(metavar="TRADE", help="Counts once.")],
    *,
    variant: Annotated[Literal["champion", "challenger"], typer.Option(help="Whose trade it is.")],
    net_return: Annotated[float, typer.Option(help="After costs, fraction of the entry.")],
    opened_ms: Annotated[int, typer.Option(help="Market time of the entry, epoch ms.")],
    closed_ms: Annotated[int, typer.Option(help="Market time of the exit, epoch ms.")],
    dry_run: DryRun = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Count a trade of one of the two models."""
    body: dict[str, Any] = {
        "trade_id": trade_id,
        "variant": variant,
        "net_return": net_return,
        "opened_ms": opened_ms,
        "closed_ms": closed_ms,
        "dry_run": dry_run,
    }
    with _reported():
        answer = send(gateway_url(url), _path(challenge, "trades"), body)
    show(answer, lambda: decided_lines(answer), as_json=as_json)


@app.command()
def cancel(
    challenge: Challenge,
    *,
    reason: Reason = "",
    dry_run: DryRun = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """End a challenge without a decision."""
    with _reported():
        body = {"reason": reason, "dry_run": dry_run}
        answer = send(gateway_url(url), _path(challenge, "cancel"), body)
    show(answer, lambda: decided_lines(answer), as_json=as_json)
