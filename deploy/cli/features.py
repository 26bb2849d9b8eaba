"""``regimeflow features ...``: what the models see of a market."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.console import (
    Json,
    emit,
    fail,
    load_settings,
    note,
    parse_length_ms,
    parse_running_ms,
    parse_symbol,
    report_errors,
)
from deploy.time_text import time_text

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(help="What the models see.", no_args_is_help=True, rich_markup_mode=None)

BARS_SHOWN = 5  # columns that people look at


@app.callback()
def features() -> None:
    """Keep the name of the one command."""


@app.command("show")
def features_show(
    symbol: Annotated[str, typer.Argument(help="In any spelling, e.g. BTCUSDT or BTC-USD.")],
    *,
    data: Annotated[
        str | None,
        typer.Option("--data", help="FILE, FILE=SYMBOL:TIMEFRAME or a folder; else this home's."),
    ] = None,
    timeframe: Annotated[
        str | None, typer.Option(help="Of the bars, e.g. 1h; else the file's, or the shortest.")
    ] = None,
    count: Annotated[
        int | None, typer.Option("-n", min=1, help="Only the newest bars [all; 5 as a table].")
    ] = None,
    dropna: Annotated[
        bool, typer.Option("--dropna", help="Only bars with every feature that the source has.")
    ] = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="As CSV, a row for each bar close.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show all features of a symbol, as the pipeline has published them or from a file of bars.

    A home's are read off its archive, which follows the topic within ten seconds, and later while
    the machine is busy: it is said up to which bar it reaches.
    """
    if as_csv and as_json:
        raise fail("--csv and --json exclude each other", 2)
    load_settings()  # a wrong setting is told as by every command
    name = parse_symbol(symbol)
    if timeframe is not None:
        (parse_running_ms if data is None else parse_length_ms)(timeframe)
    with report_errors(1 if data is None else 2):  # a file that is named wrong is a wrong call
        from workers.research.notebook import build_features

        frame = build_features(name, data, timeframe=timeframe, dropna=dropna)
    if as_csv:
        if reach := _reach(frame):
            note(reach)
        frame.tail(count or len(frame)).to_csv(sys.stdout)
    elif as_json:
        emit(_document(frame.tail(count or len(frame))))
    else:
        typer.echo("\n".join(_lines(frame, count or BARS_SHOWN)))


def _reach(frame: pd.DataFrame) -> str:
    """Return up to which bar the archive reaches; empty for a file."""
    to_ms = frame.attrs.get("archived_to_ms")
    if to_ms is None:
        return ""
    return f"archived up to the close at {time_text(to_ms)} UTC; what is newer is on the topic only"


def _document(frame: pd.DataFrame) -> dict[str, Any]:
    rows = frame.astype(object).where(frame.notna(), None)
    closes_ms = [int(close.timestamp() * 1000) for close in frame.index]
    records = rows.to_dict("records")
    return {
        **{str(name): fact for name, fact in frame.attrs.items()},
        "rows": [
            {"event_time_ms": close_ms, "values": values}
            for close_ms, values in zip(closes_ms, records, strict=True)
        ],
    }


def _lines(frame: pd.DataFrame, count: int) -> list[str]:
    facts, newest = frame.attrs, frame.tail(count)
    width = max(map(len, frame.columns))
    closes = [close.strftime("%d %H:%M:%S") for close in newest.index]
    head = f"{facts['symbol']} {facts['timeframe']}, {len(frame):,} bars, feature set "
    lines = [
        f"{head}{facts['feature_set_id']}, closes up to {frame.index[-1]:%Y-%m-%d %H:%M:%S} UTC",
        *filter(None, (_reach(frame),)),
        f"{'':<{width}}" + "".join(f"{close:>14}" for close in closes),
    ]
    for name, values in newest.items():
        cells = ("null" if value != value else f"{value:.6g}" for value in values)  # noqa: PLR0124
        lines.append(f"{name:<{width}}" + "".join(f"{cell:>14}" for cell in cells))
    return lines
