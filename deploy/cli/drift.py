"""``regimeflow drift``: whether serving models do as well as they did out of sample."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

import typer

from deploy.cli.console import Json, report_errors, show
from deploy.cli.gateway_client import gateway_url, request_json
from deploy.cli.options import Url
from deploy.cli.tables.drift import drift_lines


def drift(
    symbol: Annotated[str | None, typer.Argument(help="Such as BTC-USD; default: all.")] = None,
    *,
    timeframe: Annotated[str | None, typer.Option(help="Such as 1h; default: all.")] = None,
    features: Annotated[
        int, typer.Option(min=0, max=500, help="Features to show of each, strongest first.")
    ] = 5,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Say how each model does, symbol by symbol; exit code 1 if one should be retrained."""
    asked = {"symbol": symbol, "timeframe": timeframe}
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    with report_errors():
        answer = request_json(gateway_url(url), f"api/drift?{query}")["data"]
    show(answer, lambda: drift_lines(answer, features), as_json=as_json)
    raise typer.Exit(1 if answer["harmful"] else 0)
