"""The server of ``regimeflow mcp``: tools made from the API's document, answered by a gateway.

    [assistant] -- MCP --> [this server] -- GET, at most the scope read --> [gateway]

The gateway decides who may read. Over standard input and output it is shown the API key that is
set, over HTTP what the caller shows: this server lends nobody its key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from fastmcp import FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.server.dependencies import get_http_headers
from fastmcp.server.middleware import Middleware
from fastmcp.tools.base import ToolResult

from deploy.cli.gateway_client import TIMEOUT_S, no_gateway
from deploy.cli.mcp_tools import BY_NAME, bounded, call_arguments, read_document
from deploy.local.gateway_request import KEY_HEADER, KEY_SETTING, SIGN_IN, Refusal, key_headers
from deploy.local.loopback import is_loopback
from gateway.access.scopes import needed_scope

INSTRUCTIONS = (
    "RegimeFlow turns crypto-futures market data into graded, explained and scored signals. You "
    "can read, and change nothing; nothing here can place an order. Times are epoch milliseconds "
    "of market time. Null means undefined or not known yet, never zero. Grades go from A+ to C; a "
    "model that is not qualified failed its gates. A field named cut says what was left out."
)


@dataclass(frozen=True)
class CredentialSource:
    """What shows a gateway who asks.

    Attributes:
        headers: Those of the call that is made now.
        name: Of the credential, for people.
        sign_in: Said where there is none and the gateway wants one.
    """

    headers: Callable[[], dict[str, str]]
    name: str
    sign_in: str


def _caller_headers() -> dict[str, str]:
    shown = get_http_headers(include={"authorization"})
    names = ("authorization", KEY_HEADER.lower())
    return {name: shown[name] for name in names if name in shown}


OWN = CredentialSource(key_headers, KEY_SETTING, SIGN_IN)
CALLERS = CredentialSource(
    _caller_headers,
    "what the request to this server showed",
    "the gateway wants to know who asks: send this server a bearer token, or an API key as "
    f"{KEY_HEADER}; it passes on what its caller shows",
)


class ReadingClient(httpx2.AsyncClient):
    """Sends a gateway what needs no more than the scope read; a refusal is an error of the tool."""

    def __init__(
        self,
        url: str,
        source: CredentialSource,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """Take the gateway's address and what shows it who asks."""
        super().__init__(
            base_url=url,
            timeout=TIMEOUT_S,
            transport=transport,
            trust_env=not is_loopback(url),  # a proxy is for other machines
        )
        self._source = source

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Return a successful response; raises ``ToolError`` with the reason of any other."""
        if request.method != "GET" or needed_scope("GET", request.url.path) != "read":
            raise ToolError(f"{request.method} {request.url.path} is not for assistants")
        shown = self._source.headers()
        # A new request: what else the caller's headers say is not for the gateway.
        asked = self.build_request("GET", request.url, headers=shown)
        try:
            response = await super().send(asked, **options)
        except httpx2.RequestError as error:
            raise ToolError(no_gateway(str(self.base_url), error)) from None
        if response.is_success:
            return response
        challenge = response.headers.get("WWW-Authenticate", "")
        refusal = Refusal(response.status_code, response.reason_phrase, response.content, challenge)
        credential = self._source.name if shown else None
        raise ToolError(refusal.advice(credential, self._source.sign_in))


class ShortAnswers(Middleware):
    """Gives calls the defaults of their limits, and bounds what they answer."""

    async def on_call_tool(self, context: Any, call_next: Any) -> ToolResult:
        """Answer one call."""
        message = context.message
        if message.name in BY_NAME:
            try:
                arguments = call_arguments(BY_NAME[message.name], message.arguments or {})
            except ValueError as error:
                raise ToolError(str(error)) from None
            message = message.model_copy(update={"arguments": arguments})
        result = await call_next(context.copy(message=message))
        if result.structured_content is None:
            raise ToolError("the gateway did not answer with a JSON object; is it RegimeFlow?")
        return ToolResult(structured_content=bounded(result.structured_content))


def mcp_server(document: Mapping[str, Any], client: ReadingClient) -> FastMCP:
    """Return the server of the tools.

    Args:
        document: Of the gateway's API.
        client: Asks the gateway.
    """

    def read_only(_: Any, tool: Any) -> None:
        tool.annotations = {"readOnlyHint": True, "openWorldHint": False}

    server: FastMCP = FastMCP.from_openapi(
        read_document(document),
        client,
        name="regimeflow",
        instructions=INSTRUCTIONS,
        mcp_component_fn=read_only,
        strict_input_validation=True,
        middleware=[ShortAnswers()],
    )
    return server
