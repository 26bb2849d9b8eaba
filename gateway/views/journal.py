"""View of the journal: each trade with its history."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from gateway.errors import Unknown
from schemas.journal import JournalEntry


class JournalView:
    """All trades of the journal; written on the event loop only."""

    def __init__(self) -> None:
        self._trades: dict[str, list[JournalEntry]] = {}  # by id, in order of arrival
        self.changes = 0
        self._changed: asyncio.Event | None = None  # of those who wait

    def put(self, entry: JournalEntry) -> None:
        """Take an entry; one that was taken before changes nothing."""
        history = self._trades.setdefault(entry.trade_id, [])
        if history and history[-1].revision >= entry.revision:
            return
        history.append(entry)
        self.changes += 1
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    async def wait_for(self, trade_id: str, revision: int, within_s: float) -> None:
        """Return once a revision of a trade has been read, or when the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self.revision(trade_id) < revision:
                    self._changed = self._changed or asyncio.Event()
                    await self._changed.wait()

    def revision(self, trade_id: str) -> int:
        """Return how a trade stands; 0 before it is added."""
        history = self._trades.get(trade_id)
        return history[-1].revision if history else 0

    def require(self, trade_id: str) -> list[JournalEntry]:
        """Return the history of a trade, the newest entry last; raises ``Unknown``."""
        history = self._trades.get(trade_id)
        if history is None:
            raise Unknown(f"the journal has no trade {trade_id[:64]!r}; GET /api/trades lists them")
        return history

    def newest_first(self) -> Iterator[JournalEntry]:
        """Yield each trade as it stands, those that were added last first."""
        return (history[-1] for history in reversed(self._trades.values()))
