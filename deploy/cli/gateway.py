"""``regimeflow serve`` and ``health``: the gateway alone, and what it says of the system."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.cli.console import (
    Json,
    cluster,
    fail,
    gateway_port,
    load_settings,
    note,
    report_errors,
    show,
)
from deploy.cli.options import Url
from deploy.cli.settings import refuse_unexpected


def serve(
    *,
    port: Annotated[int | None, typer.Option(help="Gateway port [8080]; 0: any free one.")] = None,
    reload: Annotated[
        bool, typer.Option("--reload", help="Start it again whenever its source changes.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Serve the gateway alone until Ctrl-C, on the cluster that is set or this home's broker.

    A run has its own gateway; this one stands beside it, on another port.
    """
    from deploy.local.gateway_alone import serve_gateway
    from deploy.local.pipeline import Run, check_port, gateway_url, prepare, process_environment
    from deploy.local.ports import usable_port
    from deploy.local.told_settings import told_sources
    from streams.runtime.environment import SOURCES

    settings, chosen = load_settings(), gateway_port(port)
    refuse_unexpected(settings, gateway=True)
    with report_errors(), cluster() as client:
        run = Run(settings, chosen or usable_port(0), ("gateway",))
        check_port(run)
        prepare(run, client, note)
        servers = client["bootstrap.servers"]
        facts = {"url": gateway_url(run), "bootstrap_servers": servers, "reload": reload}
        lines = [f"gateway of the cluster at {servers} on {gateway_url(run)}; Ctrl-C stops it"]
        show(facts, lines, as_json=as_json)
        told = process_environment(run, client)
        serve_gateway({**told, SOURCES: told_sources(settings, told)}, reload=reload)


def health(*, url: Url = None, as_json: Json = False) -> None:
    """Say what /health says; exit code 1 unless it is healthy."""
    from deploy.cli.gateway_client import gateway_url
    from deploy.local.gateway_request import SIGN_IN
    from deploy.local.run_watch import RunView, ask_health, read_models, summary_lines

    with report_errors(2):
        address = gateway_url(url)
    answer, locked = ask_health(address)
    if locked:
        raise fail(SIGN_IN)
    if answer is None:
        raise fail(
            f"no gateway answers at {address}: start it with `regimeflow run` or "
            "`regimeflow serve`, or give --url"
        )
    lines = summary_lines(RunView(answer, None if as_json else read_models(address)))
    show(answer, lines, as_json=as_json)
    raise typer.Exit(0 if answer["status"] == "healthy" else 1)
