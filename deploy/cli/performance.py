"""``regimeflow performance``: what ideas, humans and the model's calls have earned after costs."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlencode

import typer

from deploy.cli.console import Json, parse_time_ms, report_errors, show
from deploy.cli.gateway_client import gateway_url, request_json
from deploy.cli.options import Url
from deploy.cli.tables.performance import group_lines, summary_lines


def performance(
    *,
    by: Annotated[
        Literal["grade", "symbol", "timeframe", "regime", "hour", "model", "month"] | None,
        typer.Option(help="A row for each; default: the daily report."),
    ] = None,
    ticker: Annotated[str | None, typer.Option(help="Such as BTC-USD; default: all.")] = None,
    timeframe: Annotated[str | None, typer.Option(help="Such as 1h; default: all.")] = None,
    since: Annotated[
        str | None, typer.Option("--from", help="First exit that counts: ISO 8601 (UTC) or ms.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", help="End of the exits that count, the same.")
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Say what ideas, the journal and the model's calls have earned after costs, each apart."""
    asked = {
        "by": by,
        "ticker": ticker,
        "timeframe": timeframe,
        "from_ms": None if since is None else parse_time_ms(since),
        "to_ms": None if until is None else parse_time_ms(until),
    }
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    path = "api/performance/summary" if by is None else "api/performance"
    with report_errors():
        answer = request_json(gateway_url(url), f"{path}?{query}")["data"]
    lines = summary_lines if by is None else group_lines
    show(answer, lambda: lines(answer, timeframe), as_json=as_json)
