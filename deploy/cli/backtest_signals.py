"""``regimeflow backtest signals``: what signals were worth, over a month or all history."""

from __future__ import annotations

import time
from calendar import timegm
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.console import (
    Json,
    fail,
    kafka,
    load_settings,
    progress_bar,
    report_errors,
    show,
    write_json,
)
from deploy.cli.options import SpanOptions, with_options

if TYPE_CHECKING:
    from deploy.topics.verify import ReplayReport
    from workers.research.replay.recompute import Span
    from workers.research.replay.signal_report import SignalReport


@dataclass(frozen=True)
class ReportOptions:
    """Where the report goes."""

    out: Annotated[Path | None, typer.Option(help="File for the report, JSON.")] = None
    html: Annotated[Path | None, typer.Option(help="File for the report, one page.")] = None
    png: Annotated[Path | None, typer.Option(help="Folder for the charts, PNG.")] = None
    as_json: Json = False


@with_options
def signals(
    *,
    files: Annotated[
        list[str] | None,
        typer.Option("--data", "--bars", help="FILE or FILE=SYMBOL:TIMEFRAME; else this home's."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Folder of a model; with files. Default: the home's last.")
    ] = None,
    month: Annotated[str | None, typer.Option(help="Of one month, e.g. 2026-04.")] = None,
    closes: SpanOptions,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare each signal and score with the topics.")
    ] = False,
    shown: Annotated[int, typer.Option(min=1, help="Differences described.")] = 20,
    output: ReportOptions,
) -> None:
    """Replay the live pipeline and score every signal.

    Over this home's topics with the models that served, or over files with one model; of one
    timeframe, the base bar if none is chosen. Exit code 1 when a record differs, or when --verify
    had nothing to compare. Everything before the span is recomputed too.
    """
    from deploy.cli.tables.replay import exit_code
    from deploy.cli.tables.signals import signal_lines

    span = closes.span() if month is None else _month_span(month, closes)
    if files and verify:
        raise fail("--verify compares with this home's topics; it takes no --data", 2)
    if model is not None and not files:
        raise fail("--model goes with --data; the topics name their own models", 2)
    started = time.monotonic()
    report, replay = (
        (_replay_files(files, model, span), None)
        if files
        else _replay_topics(span, shown, verify=verify)
    )
    seconds = round(time.monotonic() - started, 3)
    document = _document(report, span, replay, verified=verify) | {"seconds": seconds}
    _write(report, document, output)
    show(document, lambda: signal_lines(document), as_json=output.as_json)
    raise typer.Exit(0 if replay is None else exit_code(replay, verified=verify))


def _month_span(month: str, closes: SpanOptions) -> Span:
    """Return a month; a bar that closes at midnight belongs to the day that it ends."""
    from workers.research.replay.recompute import Span

    if closes.since or closes.until:
        raise fail("--month and --from or --to exclude each other", 2)
    try:
        year, number = time.strptime(month, "%Y-%m")[:2]
    except ValueError:
        raise fail(f"--month {month!r}, expected e.g. 2026-04", 2) from None
    next_month = (year + number // 12, number % 12 + 1)
    first, last = _first_ms(year, number), _first_ms(*next_month)
    return Span(first + 1, last, closes.canonical_symbol, closes.timeframe_ms)


def _first_ms(year: int, month: int) -> int:
    return timegm((year, month, 1, 0, 0, 0)) * 1000


def _replay_files(files: list[str], model: Path | None, span: Span) -> SignalReport:
    with progress_bar("bars") as progress, report_errors(2):
        from workers.bars.bar_names import parse_subject
        from workers.models.artifact import models_root
        from workers.research.replay.signal_backtest import backtest_signals, newest_model

        if model is None:
            timeframe_ms = span.timeframe_ms or parse_subject(files[0])[2]
            model = newest_model(models_root(load_settings()), timeframe_ms)
        return backtest_signals(files, model, span, progress=progress)


def _replay_topics(span: Span, shown: int, *, verify: bool) -> tuple[SignalReport, ReplayReport]:
    from deploy.topics.tail import base_timeframe_ms, require_timeframe
    from deploy.topics.verify import replay_log
    from schemas.topics import SCORED_SIGNALS, SIGNALS
    from workers.research.replay import recompute
    from workers.research.replay.signal_report import signal_report
    from workers.research.replay.tally import Tally

    inference = recompute.model_inference()
    with kafka() as settings, progress_bar("raw bars") as progress:
        if span.timeframe_ms is not None:
            with report_errors(2):
                require_timeframe(settings, span.timeframe_ms)
        span = replace(span, timeframe_ms=span.timeframe_ms or base_timeframe_ms(settings))
        tally = Tally(span.from_ms, inference.priors, span.timeframe_ms)
        replay = replay_log(
            settings,
            span,
            inference,
            verify=(SIGNALS, SCORED_SIGNALS) if verify else (),
            shown=shown,
            progress=progress,
            on_record=tally.take,
        )
    return signal_report(tally), replay


def _document(
    report: SignalReport, span: Span, replay: ReplayReport | None, *, verified: bool
) -> dict[str, Any]:
    from deploy.cli.tables.replay import report_document
    from workers.provenance import with_provenance

    document: dict[str, Any] = report.model_dump(mode="json")
    document |= {"from_ms": span.from_ms or None, "to_ms": span.to_ms}
    document["refused_models"] = [] if replay is None else replay.refused_models
    models = [row["model_version"] for row in document["models"]]
    asked = [span.from_ms, span.to_ms, document["symbols"], models, verified]
    document = with_provenance(document, asked)
    document["verified"] = None
    if verified and replay is not None:
        whole = report_document(replay, verified=True)
        topics = {n: c for n, c in whole["topics"].items() if n.startswith("signals.")}
        document["verified"] = {
            "topics": topics,
            "compared": replay.compared,
            "differing": replay.differing,
            "differences": whole["differences"],
        }
    return document


def _write(report: SignalReport, document: dict[str, Any], output: ReportOptions) -> None:
    with report_errors():
        if output.out is not None:
            write_json(output.out, document)
        if output.html is not None:
            from workers.research.replay.signal_page import signal_page

            output.html.parent.mkdir(parents=True, exist_ok=True)
            output.html.write_text(signal_page(report))
        if output.png is not None:
            _write_charts(report, output.png)


def _write_charts(report: SignalReport, folder: Path) -> None:
    from workers.research.charts.png import to_png
    from workers.research.replay.signal_page import equity_chart, reliability_chart

    folder.mkdir(parents=True, exist_ok=True)
    for name, chart in (
        ("equity", equity_chart(report)),
        ("reliability", reliability_chart(report)),
    ):
        (folder / f"signals_{name}.png").write_bytes(to_png(chart))
