"""Market: raw bars in, checked bars and the continuity ledger out.

market.bars.raw.v1  -->  [market]  -->  market.bars.v1, market.ledger.v1

Each bar leaves once and in order. A late, repeated or corrected bar is written to the ledger and
goes no further: features never run backwards, and the next training reads the correction.
A bar far ahead of the others waits for the bar that follows it: alone it may have a wrong time, and
would make every bar until then a late one.
A base bar that closes a higher bar sends it out, too: see ``aggregation``.
"""

from __future__ import annotations

from schemas.market import Bar, LedgerEntry, LedgerKind, RawBar
from schemas.record import Record
from schemas.topics import BARS, LEDGER, RAW_BARS
from streams.market.aggregation import NONE, Growing, grow
from streams.market.quality import PRICES, Span, find_fault, locate_bar, without
from streams.processor import Outputs, Processor, RecordRejected

KEPT_HOLES = 64  # the newest; a bar of an older hole is booked as a duplicate
MAX_LEAP_BARS = 60  # a longer hole must be confirmed by a second bar behind it


class MarketState(Record):
    """Bars seen of one symbol and timeframe."""

    first_ms: int = -1
    event_time_ms: int = -1
    values: tuple[float, ...] = ()
    holes: tuple[tuple[int, int], ...] = ()
    leapt: RawBar | None = None
    growing: Growing = NONE


def step(state: MarketState, raw: RawBar) -> tuple[MarketState, Outputs]:
    """Check one raw bar; raises ``RecordRejected`` naming the value that is wrong."""
    fault = find_fault(raw)
    if fault is not None:
        raise RecordRejected(fault)
    leapt = state.leapt
    if leapt is None:
        return _hold(state, raw) if _leaps(state.event_time_ms, raw) else _place(state, raw)
    if raw.open_time_ms == leapt.open_time_ms:
        return _hold(state, raw)  # repeated or corrected before anything followed it
    rest = state.model_copy(update={"leapt": None})
    if raw.open_time_ms > leapt.open_time_ms and not _leaps(leapt.event_time_ms, raw):
        after, first = _place(rest, leapt)
        after, second = _place(after, raw)
        return after, (*first, *second)
    refused = _finding(leapt, "rejected", note=f"{_leap(state, leapt)} bars ahead, none followed")
    after, outputs = _hold(rest, raw) if _leaps(state.event_time_ms, raw) else _place(rest, raw)
    return after, (refused, *outputs)


def _leaps(newest_ms: int, raw: RawBar) -> bool:
    """Return whether a bar opens too long after the newest close to be believed alone."""
    known_ms = _known_ms(newest_ms, raw)
    return 0 <= known_ms < raw.open_time_ms - MAX_LEAP_BARS * raw.timeframe_ms


def _known_ms(newest_ms: int, raw: RawBar) -> int:
    """Return the newest close before a bar: of those seen, or of those that base bars made."""
    return newest_ms if raw.made_until_ms is None else max(newest_ms, raw.made_until_ms)


def _leap(state: MarketState, raw: RawBar) -> int:
    return (raw.open_time_ms - _known_ms(state.event_time_ms, raw)) // raw.timeframe_ms


def _hold(state: MarketState, raw: RawBar) -> tuple[MarketState, Outputs]:
    return state.model_copy(update={"leapt": raw}), ()


def _place(state: MarketState, raw: RawBar) -> tuple[MarketState, Outputs]:
    place = locate_bar(raw.open_time_ms, state.first_ms, state.event_time_ms, state.holes)
    if place == "next":
        return _accept(state, raw)
    if place == "missing":
        return _book_late(state, raw)
    return state, (_repeated(state, raw),)


def _accept(state: MarketState, raw: RawBar) -> tuple[MarketState, Outputs]:
    missing, holes = raw.bars_missing, state.holes
    findings: list[LedgerEntry] = []
    known_ms = _known_ms(state.event_time_ms, raw)
    if known_ms >= 0:
        hole = (known_ms, raw.open_time_ms)
        missing = (hole[1] - hole[0]) // raw.timeframe_ms
        if missing:
            holes = (*holes, hole)[-KEPT_HOLES:]
            findings.append(_finding(raw, "gap", hole, missing))
    if raw.revision:
        findings.append(_finding(raw, "correction", note=f"revision {raw.revision}, none before"))
    if raw.origin == "repair":
        findings.append(_finding(raw, "repaired", note=f"fetched again from {raw.source}"))
    if raw.volume == 0:
        findings.append(_finding(raw, "zero_volume"))
    told = {"bars_missing": missing, "higher_ms": (), "made_until_ms": None}
    checked = Bar(**{**raw.__dict__, **told})
    growing, cut, closed = grow(state.growing, raw, state.event_time_ms)
    after = MarketState(
        first_ms=raw.open_time_ms if state.first_ms < 0 else state.first_ms,
        event_time_ms=raw.event_time_ms,
        values=_values(raw),
        holes=holes,
        growing=growing,
    )
    return after, (*cut, checked, *findings, *closed)


def _book_late(state: MarketState, raw: RawBar) -> tuple[MarketState, Outputs]:
    span = (raw.open_time_ms, raw.event_time_ms)
    before = ((span[1], state.first_ms),) if span[1] < state.first_ms else ()
    after = state.model_copy(
        update={
            "first_ms": min(state.first_ms, raw.open_time_ms),
            "holes": without((*before, *state.holes), span),
        }
    )
    behind = (state.event_time_ms - raw.event_time_ms) // raw.timeframe_ms
    return after, (_finding(raw, "late", note=f"{behind} bars behind the newest"),)


def _repeated(state: MarketState, raw: RawBar) -> LedgerEntry:
    newest = raw.event_time_ms == state.event_time_ms
    if raw.revision or (newest and _values(raw) != state.values):
        return _finding(
            raw, "correction", note=_difference(state, raw) if newest else _summary(raw)
        )
    return _finding(raw, "duplicate")


def _difference(state: MarketState, raw: RawBar) -> str:
    pairs = zip((*PRICES, "volume"), state.values, _values(raw), strict=True)
    changes = [f"{name} {old!r} -> {new!r}" for name, old, new in pairs if old != new]
    return ", ".join((f"revision {raw.revision}", *changes))


def _summary(raw: RawBar) -> str:
    return f"revision {raw.revision}, close {raw.close!r}, volume {raw.volume!r}"


def _values(raw: RawBar) -> tuple[float, ...]:
    return (raw.open, raw.high, raw.low, raw.close, raw.volume)


def _finding(
    raw: RawBar, kind: LedgerKind, span: Span | None = None, bars: int = 1, note: str = ""
) -> LedgerEntry:
    start, end = span or (raw.open_time_ms, raw.event_time_ms)
    return LedgerEntry(
        symbol=raw.symbol,
        timeframe_ms=raw.timeframe_ms,
        event_time_ms=raw.event_time_ms,
        kind=kind,
        from_ms=start,
        to_ms=end,
        bars=bars,
        note=note,
    )


PROCESSOR = Processor(
    name="market",
    reads=(RAW_BARS,),
    writes=(BARS, LEDGER),
    initial=MarketState(),
    step=step,
    state_key=("symbol", "timeframe_ms"),
)
