"""View of ideas: the newest of them as they stand, and why signals opened none."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from gateway.errors import Unknown
from gateway.views.arrival import Arrival
from gateway.views.newest import drop_oldest
from schemas.ideas import IdeaAction, IdeaEvent, SuppressedTotals
from schemas.record import Record

LIMIT = 20_000  # ideas, of about a kB each
STEPS: dict[IdeaAction, int] = {"decided": 0, "opened": 1, "closed": 2}


@dataclass(slots=True, eq=False)
class CompactIdea:
    """An idea's bytes, and what lists filter and sort by."""

    raw: bytes
    idea_id: str
    symbol: str
    timeframe_ms: int
    action: IdeaAction
    rank: float | None
    kind: tuple[str, str, int, str]  # strategy, symbol, timeframe, side

    @classmethod
    def of(cls, event: IdeaEvent, raw: bytes) -> CompactIdea:
        """Return the compact form of an idea."""
        kind = event.strategy, event.symbol, event.timeframe_ms, event.side
        return cls(
            raw=raw,
            idea_id=event.idea_id,
            symbol=event.symbol,
            timeframe_ms=event.timeframe_ms,
            action=event.action,
            rank=event.rank,
            kind=kind,
        )

    @property
    def open(self) -> bool:
        """Whether it has not ended; one that enters at the next open has not."""
        return self.action != "closed"


class IdeasView:
    """The newest ideas by id, in the order of their decisions; the totals of what opened none."""

    def __init__(self) -> None:
        self._ideas: OrderedDict[str, CompactIdea] = OrderedDict()
        self._open: dict[str, CompactIdea] = {}
        self.suppressed: dict[str, SuppressedTotals] = {}  # by subject

    def folds(self) -> dict[type[Record], Callable[[Any, Arrival], None]]:
        """Return what takes each record that this view is made of."""
        return {
            IdeaEvent: self._put,
            SuppressedTotals: lambda totals, _: self.suppressed.update({totals.subject: totals}),
        }

    def _put(self, event: IdeaEvent, arrival: Arrival) -> None:
        """Take a step of an idea; one that is not after the last changes nothing."""
        before = self._ideas.get(event.idea_id)
        if before is not None and STEPS[before.action] >= STEPS[event.action]:
            return
        idea = self._ideas[event.idea_id] = CompactIdea.of(event, arrival.raw)
        if idea.open:
            self._open[event.idea_id] = idea
        else:
            self._open.pop(event.idea_id, None)
        for oldest in drop_oldest(self._ideas, LIMIT):
            self._open.pop(oldest.idea_id, None)

    def open_symbols(self, strategy: str) -> set[str]:
        """Return the symbols of a strategy's ideas that have not ended."""
        return {idea.symbol for idea in self._open.values() if idea.kind[0] == strategy}

    def require(self, idea_id: str) -> CompactIdea:
        """Return an idea; raises ``Unknown``."""
        idea = self._ideas.get(idea_id)
        if idea is None:
            raise Unknown(f"no idea {idea_id[:64]!r} is held; GET /api/ideas lists the newest")
        return idea

    def open_by_rank(self, beside: CompactIdea | None = None) -> list[CompactIdea]:
        """Return the ideas that have not ended, the highest rank first.

        Args:
            beside: An idea that keeps its place among them though it may have ended.
        """
        newest_first = (
            reversed(self._open.values())
            if beside is None or beside.open
            else (idea for idea in self.newest_first() if idea.open or idea is beside)
        )
        return sorted(newest_first, key=lambda i: -1.0 if i.rank is None else i.rank, reverse=True)

    def newest_first(self) -> Iterator[CompactIdea]:
        """Yield the ideas, those that were decided last first."""
        return reversed(self._ideas.values())
