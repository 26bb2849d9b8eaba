"""View of the journal: each trade with its history, and what those that have ended earned."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from gateway.errors import Unknown
from schemas.journal import JournalEntry
from schemas.record import Record
from schemas.trades import TradeResult


class JournalView:
    """All trades of the journal; written on the event loop only."""

    def __init__(self) -> None:
        self._trades: dict[str, list[JournalEntry]] = {}  # by id, in order of arrival
        self._results: dict[str, TradeResult] = {}
        self._changed = asyncio.Event()

    def folds(self) -> dict[type[Record], Callable[[Any, object], None]]:
        """Return what takes each record that this view is made of."""
        return {
            JournalEntry: lambda entry, _: self.put(entry),
            TradeResult: lambda result, _: self.put_result(result),
        }

    def put(self, entry: JournalEntry) -> None:
        """Take an entry; one that was taken before changes nothing."""
        history = self._trades.setdefault(entry.trade_id, [])
        if history and history[-1].revision >= entry.revision:
            return
        history.append(entry)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def put_result(self, result: TradeResult) -> None:
        """Take what a trade earned; an older revision than is known changes nothing."""
        known = self._results.get(result.trade_id)
        if result.kind == "journal" and (known is None or known.revision <= result.revision):
            self._results[result.trade_id] = result

    async def wait_for(self, trade_id: str, revision: int, within_s: float) -> None:
        """Return once a revision of a trade has been read, or when the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self.revision(trade_id) < revision:
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

    def result(self, entry: JournalEntry) -> TradeResult | None:
        """Return what a trade earned; None while it has no end, or its result has not come."""
        result = self._results.get(entry.trade_id)
        return None if result is None or result.withdrawn else result
