"""Funding and mark price joined onto a bar as of its close: nothing later is used."""

from __future__ import annotations

import bisect
import itertools
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.market import LedgerEntry, LedgerKind, RawBar
from schemas.timeframes import HOUR_MS, MINUTE_MS

STAMP_TOLERANCE_MS = MINUTE_MS  # a settlement this late still belongs to its whole hour
KEPT_MARKS = 16


class Mark(NamedTuple):
    """Mark price of a contract at a moment, and when funding is next settled."""

    symbol: str
    time_ms: int
    price: float
    next_funding_ms: int


class Funding(NamedTuple):
    """One settlement: the rate that longs paid to shorts, a fraction of the notional."""

    time_ms: int
    rate: float


@dataclass
class Markers:
    """What is known of one symbol's mark price and settlements, oldest first."""

    settlements: list[Funding] = field(default_factory=list)
    pending_ms: int = 0  # stamp of the settlement that is announced next; 0: none is
    _marks: deque[Mark] = field(default_factory=lambda: deque(maxlen=KEPT_MARKS))

    def add_mark(self, mark: Mark) -> None:
        """Take the next mark price of the stream."""
        self._marks.append(mark)
        if not self.pending_ms and mark.next_funding_ms > self._last_stamp():
            self.pending_ms = mark.next_funding_ms

    def due(self, now_ms: int) -> bool:
        """Return whether an announced settlement should be there by now and is not known."""
        return 0 < self.pending_ms <= now_ms

    def add_settlements(self, rows: Iterable[Funding]) -> list[Funding]:
        """Take settlements in order; returns those that were not known."""
        last = self._last_stamp(exact=True)
        new = [row for row in rows if row.time_ms > last]
        self.settlements.extend(new)
        if new and nominal(new[-1].time_ms) >= self.pending_ms:
            self.pending_ms = 0
        return new

    def _last_stamp(self, *, exact: bool = False) -> int:
        if not self.settlements:
            return -1
        last = self.settlements[-1].time_ms
        return last if exact else nominal(last)

    def settled_before(self, close_ms: int) -> Funding | None:
        """Return the last settlement before a close.

        One that carries the very stamp of the close is not taken: it becomes known after it, live
        as in history.
        """
        index = bisect.bisect_left(self.settlements, (close_ms,))
        return self.settlements[index - 1] if index else None

    def joined(self, bar: RawBar, mark_price: float | None = None) -> RawBar:
        """Return the bar with mark price and funding as of its close.

        ``mark_price`` is that of history; without it, the last of the stream that is not later
        than the close and not older than the bar.
        """
        if mark_price is None:
            mark_price = next(
                (
                    mark.price
                    for mark in reversed(self._marks)
                    if bar.open_time_ms <= mark.time_ms <= bar.event_time_ms
                ),
                None,
            )
        settled = self.settled_before(bar.event_time_ms)
        return bar.model_copy(
            update={
                "mark_price": mark_price,
                "funding_rate": settled.rate if settled else None,
                "funding_time_ms": settled.time_ms if settled else None,
            }
        )


def nominal(time_ms: int) -> int:
    """Return the whole hour that a settlement belongs to: stamps come some milliseconds late."""
    late = time_ms % HOUR_MS
    return time_ms - late if late <= STAMP_TOLERANCE_MS else time_ms


def interval_findings(
    contract: tuple[str, int], settlements: Sequence[Funding], *, ended: bool
) -> list[LedgerEntry]:
    """Return holes between settlements, and changes of their interval.

    A distance that is a multiple of the intervals on both its sides, which agree, is a hole; any
    other new distance is a change of interval.

    Args:
        contract: Symbol and timeframe under which findings are booked.
        settlements: In order.
        ended: Nothing comes after them; else a last distance that is new is not judged yet.
    """
    stamps = [nominal(row.time_ms) for row in settlements]
    steps = [after - before for before, after in itertools.pairwise(stamps)]
    entries: list[LedgerEntry] = []
    for index in range(1, len(steps)):
        before, step = steps[index - 1], steps[index]
        after = steps[index + 1] if index + 1 < len(steps) else None
        if step == before or (after is None and not ended):
            continue
        if _is_hole(before, step, after):
            span, bars = (stamps[index] + before, stamps[index + 1]), step // before - 1
            note = f"{bars} settlements of {before / HOUR_MS:g} h are missing"
            entries.append(finding(contract, "funding_hole", span, bars=bars, note=note))
        elif not (index > 1 and _is_hole(steps[index - 2], before, step)):
            note = f"{before / HOUR_MS:g} h -> {step / HOUR_MS:g} h"
            span = (stamps[index], stamps[index + 1])
            entries.append(finding(contract, "funding_interval", span, note=note))
    return entries


def late_finding(contract: tuple[str, int], settlements: Sequence[Funding]) -> list[LedgerEntry]:
    """Return one note on the settlements whose stamps are late; none when all are whole hours."""
    late = [row for row in settlements if row.time_ms != nominal(row.time_ms)]
    if not late:
        return []
    worst = max(row.time_ms - nominal(row.time_ms) for row in late)
    span = (nominal(late[0].time_ms), late[-1].time_ms)
    note = f"{len(late)} of {len(settlements)} stamps late, at most {worst} ms"
    return [finding(contract, "funding_late", span, bars=len(late), note=note)]


def finding(
    contract: tuple[str, int],
    kind: LedgerKind,
    span: tuple[int, int],
    *,
    bars: int = 1,
    note: str = "",
) -> LedgerEntry:
    """Return a ledger entry of (symbol, timeframe) over a span from open to close."""
    return LedgerEntry(
        symbol=contract[0],
        timeframe_ms=contract[1],
        event_time_ms=span[1],
        kind=kind,
        from_ms=span[0],
        to_ms=span[1],
        bars=bars,
        note=note,
    )


def _is_hole(before: int, step: int, after: int | None) -> bool:
    return 0 < before < step and step % before == 0 and after == before
