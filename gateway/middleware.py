"""The outermost middleware: correlation id, limits, security headers, WebSockets.

It is pure ASGI and wraps the whole app, so that errors, static files and streams carry the same
headers as every other response.
"""

from __future__ import annotations

import asyncio
import re
from uuid import uuid4

import structlog
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.context import STARTING, AppContext
from gateway.errors import error_response
from gateway.stream import handshake

log = structlog.get_logger()

CORRELATION_HEADER = "X-Correlation-ID"
CORRELATION_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
BODY_BYTES = 65_536
LENGTH = re.compile(r"[0-9]{1,18}")
LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "[::1]"}
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class EdgeMiddleware:
    """Checks every connection, stamps every response, and serves the stream."""

    def __init__(self, app: ASGIApp, ctx: AppContext) -> None:
        self._app = app
        self._ctx = ctx
        self._loopback = ctx.settings.loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = {k: v.decode("latin-1") for k, v in scope["headers"]}
        sent_id = headers.get(b"x-correlation-id", "")
        correlation_id = sent_id if CORRELATION_ID.fullmatch(sent_id) else str(uuid4())
        scope.setdefault("state", {})["correlation_id"] = correlation_id
        refusal = self._refusal(scope, headers)
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send, refusal, correlation_id)
        else:
            await self._http(scope, receive, send, refusal, correlation_id)

    def _refusal(self, scope: Scope, headers: dict[bytes, str]) -> tuple[int, str] | None:
        host = headers.get(b"host", "")
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        if self._loopback and name not in LOOPBACK_HOSTS:
            # Another site can make its name resolve to loopback; it must not read this gateway.
            return 400, f"host {host!r} is not this machine; expected one of {LOOPBACK_HOSTS}"
        unsafe = scope["type"] == "websocket" or scope["method"] not in {"GET", "HEAD", "OPTIONS"}
        if unsafe and not handshake.same_origin(scope["headers"]):
            return 403, "the page that asks is of another origin"
        length = headers.get(b"content-length", "0")
        if not LENGTH.fullmatch(length):
            return 400, f"Content-Length {length!r} is no number of bytes"
        if int(length) > BODY_BYTES:
            return 413, f"the body has {length} bytes, at most {BODY_BYTES} are read"
        return None

    async def _websocket(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        refusal: tuple[int, str] | None,
        correlation_id: str,
    ) -> None:
        if scope["path"] != handshake.PATH:
            refusal = 404, f"no stream {scope['path']}; expected {handshake.PATH}"
        stamp = (CORRELATION_HEADER.lower().encode(), correlation_id.encode())
        stamped = False

        async def accept(message: Message) -> None:
            nonlocal stamped
            if not stamped and message["type"] != "websocket.http.response.body":
                stamped = True
                message["headers"] = [*message.get("headers", ()), stamp]
            await send(message)

        if refusal is not None:
            await receive()
            await handshake.refuse(accept, *refusal)
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
        refusal: tuple[int, str] | None,
        correlation_id: str,
    ) -> None:
        started = False
        if scope["method"] == "HEAD":
            scope, receive, send = as_get(scope, send)

        async def stamped(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers[CORRELATION_HEADER] = correlation_id
                for name, text in SECURITY_HEADERS.items():
                    headers.setdefault(name, text)
            await send(message)

        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > BODY_BYTES:
                raise HTTPException(413, f"the body has more than {BODY_BYTES} bytes")
            return message

        if refusal is not None:
            await error_response(scope["path"], *refusal)(scope, receive, stamped)
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
