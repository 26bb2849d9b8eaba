"""``regimeflow backtest signals``: what signals were worth, over a month or all history."""

from __future__ import annotations

import json
import time
from calendar import timegm
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.console import (
    Json,
    emit,
    fail,
    kafka,
    load_settings,
    parse_symbol,
    parse_time_ms,
    progress_bar,
    report_errors,
)

if TYPE_CHECKING:
    from deploy.topics.verify import ReplayReport
    from workers.research.replay.recompute import Span
    from workers.research.replay.report import SignalReport


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
    since: Annotated[
        str | None, typer.Option("--from", help="First close that counts: ISO 8601 (UTC) or ms.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Last close that counts.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Only this symbol, in any spelling.")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare each signal and score with the topics.")
    ] = False,
    shown: Annotated[int, typer.Option(min=1, help="Differences described.")] = 20,
    out: Annotated[Path | None, typer.Option(help="File for the report, JSON.")] = None,
    html: Annotated[Path | None, typer.Option(help="File for the report, one page.")] = None,
    png: Annotated[Path | None, typer.Option(help="Folder for the charts, PNG.")] = None,
    as_json: Json = False,
) -> None:
    """Replay the live pipeline and score every signal.

    Over this home's topics with the models that served, or over files with one model. Exit code 1
    when a record differs. Everything before the span is recomputed too.
    """
    from deploy.cli.tables.signals import signal_lines

    span = _span(month, since, until, symbol)
    if files and verify:
        raise fail("--verify compares with this home's topics; it takes no --data", 2)
    if model is not None and not files:
        raise fail("--model goes with --data; the topics name their own models", 2)
    began = time.monotonic()
    report, compared = (
        _of_files(files, model, span) if files else _of_topics(span, shown, verify=verify)
    )
    ran = {"seconds": round(time.monotonic() - began, 3)}
    document = _document(report, span, compared, verified=verify) | ran
    _write(report, document, out, html, png)
    if as_json:
        emit(document)
    else:
        typer.echo("\n".join(signal_lines(document)))
    raise typer.Exit(1 if compared is not None and compared.differing else 0)


def _span(month: str | None, since: str | None, until: str | None, symbol: str | None) -> Span:
    """Return what counts; a bar that closes at midnight belongs to the day that it ends."""
    from workers.research.replay.recompute import Span

    name = parse_symbol(symbol) if symbol else None
    if month is not None:
        if since or until:
            raise fail("--month and --from or --to exclude each other", 2)
        first, last = _month(month)
        return Span(first + 1, last, name)
    span = Span(parse_time_ms(since) if since else 0, parse_time_ms(until) if until else None, name)
    if span.to_ms is not None and span.to_ms < span.from_ms:
        raise fail(f"--to {until} lies before --from {since}", 2)
    return span


def _month(text: str) -> tuple[int, int]:
    try:
        year, number = time.strptime(text, "%Y-%m")[:2]
    except ValueError:
        raise fail(f"--month {text!r}, expected e.g. 2026-04", 2) from None
    after = (year + number // 12, number % 12 + 1)
    first, last = (timegm((*each, 1, 0, 0, 0)) * 1000 for each in ((year, number), after))
    return first, last


def _of_files(
    files: list[str], model: Path | None, span: Span
) -> tuple[SignalReport, ReplayReport | None]:
    with progress_bar("bars") as progress, report_errors(2):
        from workers.models.artifact import root_of
        from workers.research.replay.signal_backtest import backtest_signals, newest_model

        folder = model or newest_model(root_of(load_settings().models))
        return backtest_signals(files, folder, span, progress=progress), None


def _of_topics(span: Span, shown: int, *, verify: bool) -> tuple[SignalReport, ReplayReport]:
    from deploy.topics.verify import replay_log
    from schemas.topics import SCORED_SIGNALS, SIGNALS
    from workers.research.replay import recompute
    from workers.research.replay.report import report_of
    from workers.research.replay.tally import Tally

    inference = recompute.inference_of_models()
    tally = Tally(span.from_ms, inference.priors)
    with kafka() as settings, progress_bar("raw bars") as progress:
        compared = replay_log(
            settings,
            span,
            inference,
            verify=(SIGNALS, SCORED_SIGNALS) if verify else (),
            shown=shown,
            progress=progress,
            each=tally.take,
        )
    return report_of(tally), compared


def _document(
    report: SignalReport, span: Span, compared: ReplayReport | None, *, verified: bool
) -> dict[str, Any]:
    from deploy.cli.tables.replay import report_document

    found: dict[str, Any] = report.model_dump(mode="json")
    found |= {"from_ms": span.from_ms or None, "to_ms": span.to_ms}
    found["refused_models"] = [] if compared is None else compared.refused_models
    found["verified"] = None
    if verified and compared is not None:
        whole = report_document(compared, verified=True)
        topics = {n: c for n, c in whole["topics"].items() if n.startswith("signals.")}
        found["verified"] = {
            "topics": topics,
            "differing": compared.differing,
            "differences": whole["differences"],
        }
    return found


def _write(
    report: SignalReport,
    document: dict[str, Any],
    out: Path | None,
    html: Path | None,
    png: Path | None,
) -> None:
    with report_errors():
        for path in (out, html):
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
        if out is not None:
            out.write_text(json.dumps(document, allow_nan=False) + "\n")
        if html is not None:
            from workers.research.replay.page import page_of

            html.write_text(page_of(report))
        if png is not None:
            from workers.research.charts.png import png_of
            from workers.research.replay.page import equity_chart, reliability_chart

            png.mkdir(parents=True, exist_ok=True)
            for name, chart in (
                ("equity", equity_chart(report)),
                ("reliability", reliability_chart(report)),
            ):
                (png / f"signals_{name}.png").write_bytes(png_of(chart))
