"""What waits for its horizon, and what each bar shows it of its entry and its funding."""

from __future__ import annotations

from typing import TypeVar

from schemas.predictions import MarketContext
from schemas.record import Record


class Pending(Record):
    """Something said at a close, before its expiry, and the bars seen since."""

    event_time_ms: int
    expires_ms: int
    entry_price: float | None = None
    funding_time_ms: int | None = None
    funding_rates: tuple[float, ...] = ()
    broken: bool = False

    def known_entry(self, event_time_ms: int) -> float | None:
        """Return the price of the entry where the outcome is known at a close; else None.

        An outcome that spans a hole in the bars is unknowable.
        """
        knowable = not self.broken and self.expires_ms == event_time_ms
        return self.entry_price if knowable else None


Waiting = TypeVar("Waiting", bound=Pending)


def see(waiting: Waiting, context: MarketContext, *, follows: bool) -> Waiting:
    """Return what waits after one more bar; ``follows``: no bar is missing before it."""
    if waiting.broken or not follows:
        return waiting.model_copy(update={"broken": True})
    changed: dict[str, object] = {}
    if waiting.entry_price is None:
        changed["entry_price"] = context.open
    stamp, rate = context.funding_time_ms, context.funding_rate
    if stamp is not None and stamp != waiting.funding_time_ms:
        changed["funding_time_ms"] = stamp
        # The position pays no settlement at or before its entry.
        if rate is not None and stamp > waiting.event_time_ms:
            changed["funding_rates"] = (*waiting.funding_rates, rate)
    return waiting.model_copy(update=changed) if changed else waiting
