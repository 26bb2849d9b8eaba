"""``regimeflow ideas``: what there is to act on, and what came of it."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlencode

import typer

from deploy.cli.console import Json, report_errors, show
from deploy.cli.gateway_client import gateway_url, request_json
from deploy.cli.options import Url
from deploy.cli.tables.ideas import idea_lines


def ideas(
    *,
    state: Annotated[
        Literal["open", "closed"] | None,
        typer.Option(help="open: also what enters at the next open; default: both."),
    ] = None,
    ticker: Annotated[str | None, typer.Option(help="Such as BTC-USD; default: all.")] = None,
    timeframe: Annotated[str | None, typer.Option(help="Such as 1h; default: all.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many of each.")] = 20,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List open ideas by their rank, then those that ended, the newest first. Advice, no order."""
    asked = {"ticker": ticker, "timeframe": timeframe, "limit": limit}
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    with report_errors():
        address = gateway_url(url)
        rows = [
            row
            for each in ("open", "closed")
            if state in (None, each)
            for row in request_json(address, f"api/ideas?state={each}&{query}")["data"]["ideas"]
        ]
    show(rows, lambda: idea_lines(rows), as_json=as_json)
