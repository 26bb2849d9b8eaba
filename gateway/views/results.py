"""View of finished trades: what humans and ideas have earned, small enough to hold them all."""

from __future__ import annotations

from typing import Literal

from gateway.views.arrival import Arrival
from gateway.views.late_outcome import LateOutcome, read_trade
from schemas.trades import TradeResult
from streams.evaluation.trade_outcome import TradeOutcome

TradeKind = Literal["journal", "paper"]


class ResultsView:
    """The newest revision of every result; written on the event loop only."""

    def __init__(self) -> None:
        self._results: dict[TradeKind, dict[str, LateOutcome]] = {"journal": {}, "paper": {}}
        self.changes: dict[TradeKind, int] = {"journal": 0, "paper": 0}

    def put(self, result: TradeResult, arrival: Arrival) -> None:
        """Take what a trade earned; an older revision than is known changes nothing."""
        results = self._results[result.kind]
        known = results.get(result.trade_id)
        if known is None or known.revision <= result.revision:
            results[result.trade_id] = LateOutcome(arrival.raw, read_trade, result.revision)
            self.changes[result.kind] += 1

    def encoded(self, kind: TradeKind, trade_id: str) -> bytes | None:
        """Return what a trade earned; None while it has no end, or its result has not come."""
        known = self._results[kind].get(trade_id)
        return None if known is None or known.outcome() is None else known.raw

    def outcome(self, kind: TradeKind, trade_id: str) -> TradeOutcome | None:
        """Return what one trade came to; None as ``encoded``."""
        known = self._results[kind].get(trade_id)
        return None if known is None else known.outcome()

    def all_of(self, kind: TradeKind) -> list[LateOutcome]:
        """Return the results of every trade of a kind, also of those that were withdrawn."""
        return list(self._results[kind].values())
