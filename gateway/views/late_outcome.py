"""What an encoded result came to, read out of it when a sum first needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from schemas.signals import ScoredSignal
from schemas.trades import TradeResult
from streams.evaluation.trade_outcome import TradeOutcome

Read = Callable[[bytes], TradeOutcome | None]


def read_call(raw: bytes) -> TradeOutcome | None:
    """Return what a scored call came to; None for a neutral one, and where nobody can know."""
    return TradeOutcome.of_call(ScoredSignal.decode(raw))


def read_trade(raw: bytes) -> TradeOutcome | None:
    """Return what a trade came to; None for one that is withdrawn."""
    result = TradeResult.decode(raw)
    return None if result.withdrawn else TradeOutcome.of_trade(result)


@dataclass(slots=True)
class LateOutcome:
    """A result's bytes, and what it came to once somebody has asked.

    A start takes every result there is, and may never be asked for a sum of them. An outcome is of
    a dozen small objects, which cost more to keep than the rest of a view does.
    """

    raw: bytes
    _read: Read | None = field(compare=False)
    revision: int = 1
    _outcome: TradeOutcome | None = field(default=None, compare=False, init=False)

    def outcome(self) -> TradeOutcome | None:
        """Return what it came to; None where that is nothing to count. Any thread may ask."""
        read = self._read
        if read is not None:
            self._outcome = read(self.raw)
            self._read = None
        return self._outcome


def known_outcomes(results: Iterable[LateOutcome]) -> Iterator[TradeOutcome]:
    """Yield what each result came to that counts."""
    return filter(None, (each.outcome() for each in results))
