"""``regimeflow data ...``: market data as files and on the topics."""

from __future__ import annotations

import typer

app = typer.Typer(help="Market data: fetch, check, export.", no_args_is_help=True)
