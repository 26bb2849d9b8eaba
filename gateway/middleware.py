"""The outermost middleware: correlation id, who asks, limits, security headers, WebSockets.

It is pure ASGI and wraps the whole app, so that errors, static files and streams carry the same
headers as every other response.
"""

from __future__ import annotations

import asyncio
import re
import time
from uuid import uuid4

import structlog
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.access.control import PROTOCOL, request_credentials, stream_credentials
from gateway.access.headers import PREFLIGHT, allow_origin, security_headers
from gateway.access.principal import Denied
from gateway.context import STARTING, AppContext
from gateway.errors import error_response
from gateway.stream import handshake

log = structlog.get_logger()

CORRELATION_HEADER = "X-Correlation-ID"
CORRELATION_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
BODY_BYTES = 65_536
LENGTH = re.compile(r"[0-9]{1,18}")
LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "[::1]"}


class EdgeMiddleware:
    """Checks every connection, stamps every response, and serves the stream."""

    def __init__(self, app: ASGIApp, ctx: AppContext) -> None:
        self._app = app
        self._ctx = ctx
        self._access = ctx.access
        self._loopback = ctx.settings.loopback
        self._origins = frozenset(ctx.settings.cors_origins)
        self._security: dict[tuple[tuple[str, ...], bool], dict[str, str]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = by_name(scope)
        sent_id = headers.get(b"x-correlation-id", "")
        correlation_id = sent_id if CORRELATION_ID.fullmatch(sent_id) else str(uuid4())
        scope.setdefault("state", {})["correlation_id"] = correlation_id
        refusal = self._refusal(scope, headers) or await self._identify(scope, headers)
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send, refusal, correlation_id)
        else:
            await self._http(scope, receive, send, refusal, correlation_id)

    async def _identify(self, scope: Scope, headers: dict[bytes, str]) -> Denied | None:
        """Note in the scope who asks, or return why he may not."""
        if scope["type"] == "websocket":
            method, shown = "GET", stream_credentials(headers, scope.get("subprotocols", ()))
        else:
            method, shown = scope["method"], request_credentials(headers)
            if self._is_preflight(method, headers):
                return None
        client = scope.get("client")
        address = client[0] if client else "unknown"
        try:
            principal = await self._access.admit(method, scope["path"], shown, address)
        except Denied as denied:
            return denied
        scope["state"]["principal"] = principal
        return None

    def _is_preflight(self, method: str, headers: dict[bytes, str]) -> bool:
        """Whether a browser asks if a page of an allowed origin may ask."""
        asks = method == "OPTIONS" and b"access-control-request-method" in headers
        return asks and self._allowed_origin(headers) is not None

    def _allowed_origin(self, headers: dict[bytes, str]) -> str | None:
        origin = headers.get(b"origin", "").lower()
        return origin if origin in self._origins else None

    def _refusal(self, scope: Scope, headers: dict[bytes, str]) -> Denied | None:
        host = headers.get(b"host", "")
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        if self._loopback and name not in LOOPBACK_HOSTS:
            # Another site can make its name resolve to loopback; it must not read this gateway.
            expected = f"expected one of {LOOPBACK_HOSTS}"
            return Denied(400, f"host {host!r} is not this machine; {expected}")
        unsafe = scope["type"] == "websocket" or scope["method"] not in {"GET", "HEAD", "OPTIONS"}
        same = self._allowed_origin(headers) or handshake.same_origin(scope["headers"])
        if unsafe and not same:
            return Denied(403, "the page that asks is of another origin")
        length = headers.get(b"content-length", "0")
        if not LENGTH.fullmatch(length):
            return Denied(400, f"Content-Length {length!r} is no number of bytes")
        if int(length) > BODY_BYTES:
            return Denied(413, f"the body has {length} bytes, at most {BODY_BYTES} are read")
        return None

    async def _websocket(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        refusal: Denied | None,
        correlation_id: str,
    ) -> None:
        if scope["path"] != handshake.PATH:
            refusal = Denied(404, f"no stream {scope['path']}; expected {handshake.PATH}")
        stamp = (CORRELATION_HEADER.lower().encode(), correlation_id.encode())
        stamped = False

        async def accept(message: Message) -> None:
            nonlocal stamped
            if not stamped and message["type"] != "websocket.http.response.body":
                stamped = True
                message["headers"] = [*message.get("headers", ()), stamp]
            if message["type"] == "websocket.accept" and PROTOCOL in scope.get("subprotocols", ()):
                message["subprotocol"] = PROTOCOL
            await send(message)

        if refusal is not None:
            await receive()
            await handshake.refuse(accept, refusal.status, refusal.message, refusal.headers)
        elif not self._ctx.bus.ready:
            await receive()
            await handshake.close_at_once(accept, send, STARTING)
        else:
            await self._ctx.stream.serve(scope, receive, accept, send)

    async def _http(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        refusal: Denied | None,
        correlation_id: str,
    ) -> None:
        started, began_s = False, time.perf_counter()
        early = self._early_answer(scope, refusal)
        if scope["method"] == "HEAD":
            scope, receive, send = as_get(scope, send)

        async def stamped(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                seconds = time.perf_counter() - began_s
                self._ctx.metrics.observe_request(scope["path"], message["status"], seconds)
                self._stamp(MutableHeaders(scope=message), scope)
            await send(message)

        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > BODY_BYTES:
                raise HTTPException(413, f"the body has more than {BODY_BYTES} bytes")
            return message

        if early is not None:
            await early(scope, receive, stamped)
            return
        with self._ctx.metrics.active.track_inprogress():
            try:
                await self._app(scope, limited, stamped)
            except Exception:  # a bug in one request must not reach the others
                log.exception(
                    "request.failed",
                    path=scope["path"],
                    trace_id=correlation_id,
                    remedy="report this with the request; others are answered",
                )
                if started:
                    raise
                message = f"a bug in the gateway; its log names it by {correlation_id}"
                await error_response(scope["path"], 500, message)(scope, receive, stamped)

    def _early_answer(self, scope: Scope, refusal: Denied | None) -> Response | None:
        """Return the answer to a request that the app never sees; None to all others."""
        if refusal is not None:
            response = error_response(scope["path"], refusal.status, refusal.message)
            response.headers.update(refusal.headers)
            return response
        if self._is_preflight(scope["method"], by_name(scope)):
            return Response(status_code=204, headers=PREFLIGHT)
        return None

    def _stamp(self, headers: MutableHeaders, scope: Scope) -> None:
        """Give an answer the headers that every answer has."""
        headers[CORRELATION_HEADER] = scope["state"]["correlation_id"]
        bus = self._ctx.bus
        if bus.ready and not bus.connected and scope["path"].startswith("/api/"):
            # The views are as old as the broker's last answer.
            headers["Age"] = str(max(self._ctx.wall_ms() - bus.heard_ms, 0) // 1_000)
        for name, text in self._security_headers(scope["scheme"]).items():
            headers.setdefault(name, text)
        origin = self._allowed_origin(by_name(scope)) if self._origins else None
        if origin is not None:
            allow_origin(headers, origin)

    def _security_headers(self, scheme: str) -> dict[str, str]:
        key = self._access.page_origins, scheme in {"https", "wss"}
        if key not in self._security:
            self._security[key] = security_headers(key[0], https=key[1])
        return self._security[key]


def by_name(scope: Scope) -> dict[bytes, str]:
    """Return the headers of a request; of one that comes twice the last."""
    return {name: text.decode("latin-1") for name, text in scope["headers"]}


def as_get(scope: Scope, send: Send) -> tuple[Scope, Receive, Send]:
    """Return HEAD as the GET that it stands for, whose body is left out.

    The answer ends with its header: a stream that went on would never end.
    """
    sent = [False]
    answered = asyncio.Event()

    async def receive() -> Message:
        if not sent[0]:
            sent[0] = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send_header(message: Message) -> None:
        if answered.is_set():
            return
        await send(message)
        if message["type"] == "http.response.start":
            answered.set()
            await send({"type": "http.response.body", "body": b""})

    return {**scope, "method": "GET"}, receive, send_header
