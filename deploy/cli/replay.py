"""``regimeflow replay``: recompute a span of the log and compare it with the topics."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.cli.console import Json, kafka, progress_bar, report_errors, show
from deploy.cli.options import SpanOptions, with_options


@with_options
def replay(
    *,
    closes: SpanOptions,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare with the topics byte for byte.")
    ] = False,
    shown: Annotated[int, typer.Option(min=1, help="Differences described.")] = 20,
    as_json: Json = False,
) -> None:
    """Recompute a span of the log; compare it with --verify.

    Exit code 1 when a record differs, or when there was nothing to compare. States begin at the
    first raw bar, so everything before the span is recomputed too.
    """
    from deploy.cli.tables.replay import exit_code, report_document, report_lines
    from deploy.topics.tail import require_timeframe
    from deploy.topics.verify import replay_log
    from workers.research.replay.recompute import MADE, model_inference

    span = closes.span()
    with kafka() as settings, progress_bar("raw bars") as progress:
        if span.timeframe_ms is not None:
            with report_errors(2):
                require_timeframe(settings, span.timeframe_ms)
        report = replay_log(
            settings,
            span,
            model_inference(),
            verify=MADE if verify else (),
            shown=shown,
            progress=progress,
        )
    show(
        report_document(report, verified=verify),
        report_lines(report, verified=verify),
        as_json=as_json,
    )
    raise typer.Exit(exit_code(report, verified=verify))
