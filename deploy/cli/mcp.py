"""``regimeflow mcp``: what the gateway knows, for assistants; they can change nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.cli.console import fail, note, report_errors, validate
from deploy.cli.options import Url

MISSING = (
    "the libraries of the server for assistants are not installed: run `uv sync --inexact "
    "--no-default-groups --extra mcp` in the checkout (its uv may lie in .uv/bin)"
)


def mcp(
    *,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65_535,
            help="Serve streamable HTTP on this port of 127.0.0.1 (0: any free one) instead of "
            "standard input and output.",
        ),
    ] = None,
    url: Url = None,
) -> None:
    """Serve health, signals, explanations, models and research to assistants (MCP), read-only.

    The API key comes from REGIMEFLOW_API_KEY. Over HTTP every caller shows his own.
    """
    from deploy.cli.gateway_client import gateway_url
    from deploy.generate.api_document import api_document
    from deploy.local.ports import LOOPBACK, usable_port
    from deploy.local.surroundings import port_problem, require
    from gateway.settings import GatewaySettings

    try:
        from deploy.cli.mcp_server import CALLERS, OWN, ReadingClient, mcp_server
    except ModuleNotFoundError as missing:
        raise fail(f"{MISSING} ({missing.name})") from None
    with report_errors(2):
        address = gateway_url(url)
    document = api_document(validate(GatewaySettings, {"host": LOOPBACK}))
    with report_errors():
        if port:
            require(port_problem(port))
        chosen = usable_port(0) if port == 0 else port
        client = ReadingClient(address, OWN if chosen is None else CALLERS)
        server = mcp_server(document, client)
        if chosen is None:
            server.run("stdio", show_banner=False, log_level="CRITICAL")
            return
        note(f"assistants ask http://{LOOPBACK}:{chosen}/mcp about {address}; Ctrl-C stops it")
        server.run("http", show_banner=False, host=LOOPBACK, port=chosen, log_level="CRITICAL")
