"""``regimeflow replay`` and ``loadtest``: is the log right, and how fast is the answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.console import (
    Json,
    bar,
    chosen_port,
    emit,
    fail,
    kafka,
    moment_ms,
    running_facts,
    spoken_errors,
    symbol_of,
)


def replay(
    *,
    since: Annotated[
        str | None, typer.Option("--from", help="First close that counts: ISO 8601 (UTC) or ms.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Last close that counts.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Only this symbol, in any spelling.")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare with the topics byte for byte.")
    ] = False,
    shown: Annotated[int, typer.Option(min=1, help="Differences described.")] = 20,
    as_json: Json = False,
) -> None:
    """Recompute a span of the log; compare it with --verify.

    Exit code 1 when a record differs. States begin at the first raw bar, so everything before the
    span is recomputed too.
    """
    from deploy.cli.replay_lines import report_lines, report_of
    from deploy.topics.verify import replay_log
    from workers.research.replay.recompute import MADE, Span, inference_of_models

    span = Span(
        moment_ms(since) if since else 0,
        moment_ms(until) if until else None,
        symbol_of(symbol) if symbol else None,
    )
    if span.to_ms is not None and span.to_ms < span.from_ms:
        raise fail(f"--to {until} lies before --from {since}", 2)
    with kafka() as settings, bar("raw bars") as progress:
        report = replay_log(
            settings,
            span,
            inference_of_models(),
            verify=MADE if verify else (),
            shown=shown,
            progress=progress,
        )
    if as_json:
        emit(report_of(report, verified=verify))
    else:
        typer.echo("\n".join(report_lines(report, verified=verify)))
    raise typer.Exit(1 if report.differing else 0)


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
    from deploy.cli.loadtest import loadtest as measure

    facts = running_facts() if url is None else None
    address = url or (facts or {}).get("url") or f"http://127.0.0.1:{chosen_port(None)}"
    with spoken_errors():
        report = measure(address, requests, concurrent, output)
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
