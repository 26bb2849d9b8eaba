"""Opening the stream: its path, who may connect, and how a connection is denied."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.types import Send

from gateway.envelope import failure

PATH = "/api/realtime/signals"
POLICY = 1008  # close codes, from the registry of RFC 6455
TRY_LATER = 1013
SIGNED_OUT = 4401  # of the range that applications may use


def same_origin(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether a browser's page may connect: no Origin (no browser), or that of the gateway.

    An Origin that is no URL is of no page here.
    """
    by_name = dict(headers)
    origin = by_name.get(b"origin")
    if origin is None:
        return True
    try:
        netloc = urlsplit(origin.decode("latin-1")).netloc
    except ValueError:
        return False
    return netloc == by_name.get(b"host", b"").decode("latin-1")


async def close_at_once(accept: Send, send: Send, reason: str) -> None:
    """Accept and close at once, so that a browser's page can read the reason."""
    await accept({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": TRY_LATER, "reason": reason})


async def refuse(
    send: Send, status: int, reason: str, more: Mapping[str, str] | None = None
) -> None:
    """Deny a wrong request before it is accepted, in the envelope of ``/api``."""
    named = {"content-type": "application/json", **(more or {})}
    headers = [(name.lower().encode(), text.encode()) for name, text in named.items()]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": failure(reason)})
