"""View of the ledger of bars: the newest findings of each kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import NamedTuple

from schemas.market import LedgerEntry, LedgerKind

FINDINGS = 500  # held of a kind; older ones stay on market.ledger.v1

Series = tuple[str, int]  # symbol and timeframe


class HeldFinding(NamedTuple):
    """A finding; ``filled``: how many bars of a gap came later, None where it is no gap."""

    entry: LedgerEntry
    filled: int | None


class LedgerView:
    """The newest findings; one that is read twice is held once."""

    def __init__(self) -> None:
        self._kinds: dict[LedgerKind, dict[LedgerEntry, None]] = {}  # oldest first

    def put(self, entry: LedgerEntry) -> None:
        """Take a finding."""
        held = self._kinds.setdefault(entry.kind, {})
        held[entry] = None
        if len(held) > FINDINGS:
            del held[next(iter(held))]

    def counts(self) -> dict[LedgerKind, int]:
        """Return how many findings are held by kind."""
        return {kind: len(held) for kind, held in self._kinds.items()}

    def newest(
        self, kind: LedgerKind | None = None, symbol: str | None = None
    ) -> Iterator[HeldFinding]:
        """Yield findings of a kind and symbol, the latest in market time first; None: of any."""
        kinds = self._kinds if kind is None else {kind: self._kinds.get(kind, {})}
        entries = [each for each in chain(*kinds.values()) if symbol in (None, each.symbol)]
        late = self._late()
        for entry in sorted(entries, key=lambda each: -each.event_time_ms):
            yield HeldFinding(entry, _filled(entry, late) if entry.kind == "gap" else None)

    def _late(self) -> Mapping[Series, set[int]]:
        """Return by series when the bars opened that came late."""
        late: dict[Series, set[int]] = defaultdict(set)
        for entry in self._kinds.get("late", ()):
            late[entry.symbol, entry.timeframe_ms].add(entry.from_ms)
        return late


def _filled(gap: LedgerEntry, late: Mapping[Series, set[int]]) -> int:
    opened = late.get((gap.symbol, gap.timeframe_ms), set())
    return sum(gap.from_ms <= at_ms < gap.to_ms for at_ms in opened)
