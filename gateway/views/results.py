"""View of finished trades: what humans and ideas have earned, small enough to hold them all."""

from __future__ import annotations

from typing import Literal, NamedTuple

from gateway.views.arrival import Arrival
from schemas.trades import TradeResult
from streams.evaluation.trade_outcome import TradeOutcome

TradeKind = Literal["journal", "paper"]


class CompactTrade(NamedTuple):
    """A result's bytes, and what sums and groups need of it."""

    raw: bytes
    revision: int
    outcome: TradeOutcome | None  # None: it is withdrawn


class ResultsView:
    """The newest revision of every result; written on the event loop only."""

    def __init__(self) -> None:
        self._results: dict[TradeKind, dict[str, CompactTrade]] = {"journal": {}, "paper": {}}
        self.changes: dict[TradeKind, int] = {"journal": 0, "paper": 0}

    def put(self, result: TradeResult, arrival: Arrival) -> None:
        """Take what a trade earned; an older revision than is known changes nothing."""
        results = self._results[result.kind]
        known = results.get(result.trade_id)
        if known is None or known.revision <= result.revision:
            outcome = None if result.withdrawn else TradeOutcome.of_trade(result)
            results[result.trade_id] = CompactTrade(arrival.raw, result.revision, outcome)
            self.changes[result.kind] += 1

    def encoded(self, kind: TradeKind, trade_id: str) -> bytes | None:
        """Return what a trade earned; None while it has no end, or its result has not come."""
        known = self._results[kind].get(trade_id)
        return None if known is None or known.outcome is None else known.raw

    def outcome(self, kind: TradeKind, trade_id: str) -> TradeOutcome | None:
        """Return what one trade came to; None as ``encoded``."""
        known = self._results[kind].get(trade_id)
        return None if known is None else known.outcome

    def outcomes(self, kind: TradeKind) -> list[TradeOutcome]:
        """Return what every trade of a kind came to."""
        results = self._results[kind].values()
        return [each.outcome for each in results if each.outcome is not None]
