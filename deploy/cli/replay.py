"""``regimeflow replay``: recompute a span of the log and compare it with the topics."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.cli.console import (
    Json,
    emit,
    fail,
    kafka,
    parse_symbol,
    parse_time_ms,
    progress_bar,
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
    from deploy.cli.tables.replay import report_document, report_lines
    from deploy.topics.verify import replay_log
    from workers.research.replay.recompute import MADE, Span, inference_of_models

    span = Span(
        parse_time_ms(since) if since else 0,
        parse_time_ms(until) if until else None,
        parse_symbol(symbol) if symbol else None,
    )
    if span.to_ms is not None and span.to_ms < span.from_ms:
        raise fail(f"--to {until} lies before --from {since}", 2)
    with kafka() as settings, progress_bar("raw bars") as progress:
        report = replay_log(
            settings,
            span,
            inference_of_models(),
            verify=MADE if verify else (),
            shown=shown,
            progress=progress,
        )
    if as_json:
        emit(report_document(report, verified=verify))
    else:
        typer.echo("\n".join(report_lines(report, verified=verify)))
    raise typer.Exit(1 if report.differing else 0)
