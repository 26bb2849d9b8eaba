"""``regimeflow ideas``: what there is to act on, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
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
    asked: dict[str, str | int | None] = {"ticker": ticker, "timeframe": timeframe, "limit": limit}
    query = _query(asked)
    with report_errors():
        address = gateway_url(url)
        rows = [
            row
            for each in ("open", "closed")
            if state in (None, each)
            for row in request_json(address, f"api/ideas?state={each}&{query}")["data"]["ideas"]
        ]
        asked.pop("limit")
        why = {} if rows or as_json else _suppressed(address, asked)
    show(rows, lambda: idea_lines(rows, why), as_json=as_json)


def _suppressed(address: str, asked: dict[str, str | int | None]) -> Mapping[str, Any]:
    query = _query(asked)
    answer: Mapping[str, Any] = request_json(address, f"api/ideas/suppressed?{query}")["data"]
    return answer


def _query(asked: dict[str, str | int | None]) -> str:
    return urlencode({name: value for name, value in asked.items() if value is not None})
