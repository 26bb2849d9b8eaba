"""Points in time as people read them."""

from __future__ import annotations

from datetime import UTC, datetime


def time_text(time_ms: int) -> str:
    """Return a point in time for people, UTC."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def span_text(from_ms: int, to_ms: int) -> str:
    """Return a span of time for people, UTC."""
    return f"{time_text(from_ms)} to {time_text(to_ms)}"
