"""``regimeflow loadtest``: how fast and how well the gateway answers predict requests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.console import (
    Json,
    emit,
    gateway_port,
    report_errors,
    running_facts,
)


def loadtest(
    *,
    url: Annotated[
        str | None, typer.Option(help="Of the gateway; default: that of this home's run.")
    ] = None,
    requests: Annotated[int, typer.Option(min=1, help="In all.")] = 1_000,
    concurrent: Annotated[int, typer.Option(min=1, help="Connections that ask at once.")] = 10,
    output: Annotated[Path | None, typer.Option(help="Write the report there as JSON.")] = None,
    as_json: Json = False,
) -> None:
    """Measure predict requests; exit code 1 when one failed."""
    from deploy.cli.load_client import measure_load

    facts = running_facts() if url is None else None
    address = url or (facts or {}).get("url") or f"http://127.0.0.1:{gateway_port(None)}"
    with report_errors():
        report = measure_load(address, requests, concurrent, output)
    if as_json:
        emit(report)
    else:
        latency = ", ".join(f"{name} {value:g}" for name, value in report["latency_ms"].items())
        actions = ", ".join(f"{name} {count}" for name, count in report["actions"].items())
        typer.echo(
            f"{report['requests']} requests to {address} over {concurrent} connections in "
            f"{report['elapsed_s']:g} s: {report['requests_per_second']:g} a second"
        )
        typer.echo(f"success   {report['success_rate']:.2%}   statuses {report['statuses']}")
        typer.echo(f"ms        {latency}\nactions   {actions}")
    raise typer.Exit(0 if report["success_rate"] == 1.0 else 1)
