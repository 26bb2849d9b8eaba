"""Higher bars, made of the checked base bars of one symbol.

A higher bar spans a multiple of the base bar and is aligned to the UTC epoch. It leaves with its
last base bar; where that one is missing, with the first base bar behind it. It says how many base
bars it lacks. The first one is left out unless it is seen from its beginning on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schemas.bounds import Count
from schemas.market import Bar, LedgerEntry, RawBar
from schemas.record import Milliseconds, Record, Timeframe

SUMS = ("volume", "quote_volume", "taker_buy_volume", "trades")
LAST_KNOWN = ("mark_price", "funding_rate", "funding_time_ms")


class GrowingBar(Record):
    """A higher bar that has not closed.

    Attributes:
        since_ms: From where base bars are missed: the close of the higher bar before.
        parts: Base bars in it.
        made: The bar so far; null: it has left, or its beginning was not seen.
    """

    timeframe_ms: Timeframe
    open_time_ms: Milliseconds
    since_ms: Milliseconds
    parts: Count
    made: Bar | None

    @property
    def close_ms(self) -> int:
        """Close, exclusive."""
        return self.open_time_ms + self.timeframe_ms


Growing = tuple[GrowingBar, ...]
NONE: Growing = ()


def grow(
    before: Growing, base: RawBar, last_close_ms: int
) -> tuple[Growing, Sequence[Record], Sequence[Record]]:
    """Take one base bar into the higher bars that are made of it.

    Args:
        before: The higher bars after the base bar before.
        base: The next base bar in order; ``higher_ms`` names their lengths.
        last_close_ms: Of the base bar before; negative without one.

    Returns: the higher bars after it; what leaves before it, because it shows that a last base bar
    is missing; what it closes. Ledger entries stand behind their bar. Uses no data after its close.
    """
    if not base.higher_ms:
        return NONE, (), ()
    earlier = {each.timeframe_ms: each for each in before}
    after, cut, closed = list[GrowingBar](), list[Record](), list[Record]()
    for length_ms in base.higher_ms:
        growing = earlier.get(length_ms)
        if growing is None or base.open_time_ms >= growing.close_ms:
            if growing is not None:
                cut += _leave(growing, base)
            growing = _begin(growing, base, length_ms, last_close_ms)
        elif growing.made is not None:
            longer = {"parts": growing.parts + 1, "made": _longer(growing.made, base)}
            growing = growing.changed(longer)
        if base.event_time_ms == growing.close_ms:
            closed += _leave(growing, base)
            growing = growing.changed({"made": None})
        after.append(growing)
    return tuple(after), cut, closed


def _begin(
    before: GrowingBar | None, base: RawBar, length_ms: int, last_close_ms: int
) -> GrowingBar:
    opened = base.open_time_ms - base.open_time_ms % length_ms
    whole = base.open_time_ms == opened or before is not None or 0 <= last_close_ms <= opened
    made: dict[str, Any] = {
        **base.__dict__,
        "timeframe_ms": length_ms,
        "open_time_ms": opened,
        "event_time_ms": opened + length_ms,
        "bars_missing": 0,
        "revision": 0,
        "origin": "aggregated",
        "higher_ms": (),
        "made_until_ms": None,
    }
    return GrowingBar.unchecked(
        timeframe_ms=length_ms,
        open_time_ms=opened,
        since_ms=opened if before is None else before.close_ms,
        parts=1,
        made=Bar.unchecked(**made) if whole else None,
    )


def _longer(made: Bar, base: RawBar) -> Bar:
    """Return a higher bar and one more base bar behind it."""
    values = {
        **made.__dict__,
        "available_time_ms": base.available_time_ms,
        "high": max(made.high, base.high),
        "low": min(made.low, base.low),
        "close": base.close,
        "source": base.source,
    }
    for name in SUMS:
        total, part = values[name], getattr(base, name)
        values[name] = None if total is None or part is None else total + part
    for name in LAST_KNOWN:
        value = getattr(base, name)
        values[name] = values[name] if value is None else value
    return Bar.unchecked(**values)


def _leave(growing: GrowingBar, base: RawBar) -> list[Record]:
    """Return a higher bar and what the ledger says of it; ``base`` closes it, or follows it."""
    if growing.made is None:
        return []
    length_ms, opened, since_ms = growing.timeframe_ms, growing.open_time_ms, growing.since_ms
    missing = (growing.close_ms - since_ms) // base.timeframe_ms - growing.parts
    known = {"bars_missing": missing, "available_time_ms": base.available_time_ms}
    entry = LedgerEntry(
        symbol=base.symbol,
        timeframe_ms=length_ms,
        event_time_ms=growing.close_ms,
        kind="gap",
        from_ms=since_ms,
        to_ms=opened,
        bars=(opened - since_ms) // length_ms,
    )
    left: list[Record] = [growing.made.model_copy(update=known)]
    if entry.bars:
        left.append(entry)
    if (lacking := length_ms // base.timeframe_ms - growing.parts) > 0:
        cut = {"kind": "partial", "from_ms": opened, "to_ms": growing.close_ms, "bars": 1}
        left.append(entry.model_copy(update={**cut, "note": f"{lacking} base bars are missing"}))
    return left
