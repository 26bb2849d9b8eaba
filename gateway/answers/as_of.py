"""The time of a question about the past."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.envelope import iso
from gateway.errors import Refused
from schemas.bounds import LAST_MS

SKEW_MS = 1_000  # by how much a caller's clock may run ahead


def time_ms(text: str, now_ms: int) -> int:
    """Return the time that a query says, ISO 8601; raises ``Refused``, also for a future one."""
    try:
        at = datetime.fromisoformat(text.replace(" ", "+"))
        at_ms = round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        at_ms = -1
    if not 0 <= at_ms <= LAST_MS:
        raise Refused(f"as_of: got {text!r}, expected a time such as 2026-11-29T12:00:00Z")
    if at_ms > now_ms + SKEW_MS:
        raise Refused(f"as_of: got {text!r}, expected a time up to now, which is {iso(now_ms)}")
    return at_ms
