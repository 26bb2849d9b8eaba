"""The time of a question about the past."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.errors import Refused
from schemas.bounds import LAST_MS


def time_ms(text: str) -> int:
    """Return the time that a query says, ISO 8601; raises ``Refused``."""
    try:
        at = datetime.fromisoformat(text.replace(" ", "+"))
        at_ms = round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        at_ms = -1
    if not 0 <= at_ms <= LAST_MS:
        raise Refused(f"as_of: got {text!r}, expected a time such as 2026-11-29T12:00:00Z")
    return at_ms
