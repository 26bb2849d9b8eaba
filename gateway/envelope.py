"""The two shapes of a response: plain JSON, and the envelope of ``/api``."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import orjson
from pydantic import BaseModel, Field
from starlette.responses import Response

T = TypeVar("T")


class Envelope(BaseModel, Generic[T]):
    """Every answer of ``/api`` (without ``v1``)."""

    success: bool
    data: T | None
    error: str | None
    timestamp: str = Field(description="When it was answered, ISO 8601, UTC")


def is_enveloped(path: str) -> bool:
    """Whether a path, or the family below it, answers in the envelope."""
    return f"{path}/".startswith("/api/") and not f"{path}/".startswith("/api/v1/")


def wall_ms() -> int:
    """Return the wall clock in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def iso(epoch_ms: int) -> str:
    """Return ``2025-10-24T00:00:00.123Z``."""
    stamp = datetime.fromtimestamp(epoch_ms / 1000, UTC)
    return stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stamp_text(epoch_ms: int) -> str:
    """Return a moment for people, as the dashboard writes it: ``24 Oct 2025, 00:00 UTC``."""
    return f"{datetime.fromtimestamp(epoch_ms / 1000, UTC):%d %b %Y, %H:%M} UTC"


def raw(encoded: bytes | None) -> Any:
    """Return encoded JSON as a part of a body; None stays null."""
    return None if encoded is None else orjson.Fragment(encoded)


def encode(body: Any) -> bytes:
    """Return compact JSON; non-finite numbers become null."""
    return orjson.dumps(body)


def plain(body: Any, status: int = 200) -> Response:
    """Return a body without an envelope."""
    return Response(encode(body), status, media_type="application/json")


def success(payload: Any, status: int = 200) -> Response:
    """Return a payload in the envelope."""
    body = {"success": True, "data": payload, "error": None, "timestamp": iso(wall_ms())}
    return Response(encode(body), status, media_type="application/json")


def failure(message: str) -> bytes:
    """Return an encoded envelope with an error message."""
    return encode({"success": False, "data": None, "error": message, "timestamp": iso(wall_ms())})
