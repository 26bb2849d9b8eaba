"""``regimeflow loadtest``: how fast and how well the gateway answers predict requests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.console import Json, report_errors, show
from deploy.cli.gateway_client import local_url
from deploy.cli.options import Url


def loadtest(
    *,
    url: Url = None,
    requests: Annotated[int, typer.Option(min=1, help="In all.")] = 1_000,
    concurrent: Annotated[int, typer.Option(min=1, help="Connections that ask at once.")] = 10,
    output: Annotated[Path | None, typer.Option(help="Write the report there as JSON.")] = None,
    as_json: Json = False,
) -> None:
    """Measure predict requests; exit code 1 when one failed."""
    from deploy.cli.load_client import check_target, measure_load

    address = url or local_url()
    with report_errors(2):
        check_target(address, output)
    with report_errors():
        report = measure_load(address, requests, concurrent, output)
    latency = ", ".join(f"{name} {value:g}" for name, value in report["latency_ms"].items())
    actions = ", ".join(f"{name} {count}" for name, count in report["actions"].items())
    speed = f"{report['elapsed_s']:g} s: {report['requests_per_second']:g} a second"
    lines = (
        f"{report['requests']} requests to {address} over {concurrent} connections in {speed}",
        f"success   {report['success_rate']:.2%}   statuses {report['statuses']}",
        f"ms        {latency}",
        f"actions   {actions}",
    )
    show(report, lines, as_json=as_json)
    raise typer.Exit(0 if report["success_rate"] == 1.0 else 1)
