"""Faults that make a raw bar unusable, and the place of a bar among those seen."""

from __future__ import annotations

from typing import Literal

from schemas.bounds import LARGEST, SMALLEST
from schemas.market import RawBar
from schemas.symbols import canonical
from schemas.timeframes import MOST_TIMEFRAMES

Span = tuple[int, int]  # open time of the first bar, close time of the last
Place = Literal["next", "missing", "seen"]

PRICES = ("open", "high", "low", "close")
AMOUNTS = ("volume", "quote_volume", "taker_buy_volume", "trades")
MAX_FUNDING = 1.0  # of one settlement, either way; venues cap it at some hundredths
ROUNDING = 1e-6  # of sums of trades


def find_fault(bar: RawBar) -> str | None:
    """Return why a bar cannot be used, naming value and expectation; None when it can."""
    values = _symbol_fault(bar.symbol) or _number_fault(bar) or _order_fault(bar)
    return values or _time_fault(bar) or _higher_fault(bar)


def _symbol_fault(symbol: str) -> str | None:
    try:
        expected = canonical(symbol)
    except ValueError as error:
        return str(error)
    return None if symbol == expected else f"symbol {symbol!r}, expected {expected!r}"


def _number_fault(bar: RawBar) -> str | None:
    for name in (*PRICES, "mark_price"):
        value = getattr(bar, name)
        if value is not None and not SMALLEST <= value <= LARGEST:
            return f"{name} {value!r}, expected more than 0 ({SMALLEST} to {LARGEST})"
    for name in AMOUNTS:
        value = getattr(bar, name)
        if value is not None and value != 0 and not SMALLEST <= value <= LARGEST:
            return f"{name} {value!r}, expected at least 0 (up to {LARGEST})"
    bought, rate = bar.taker_buy_volume, bar.funding_rate
    if bought is not None and bought > bar.volume * (1.0 + ROUNDING):
        return f"taker_buy_volume {bought!r}, expected at most the volume {bar.volume!r}"
    if rate is not None and abs(rate) > MAX_FUNDING:
        return f"funding_rate {rate!r}, expected {-MAX_FUNDING} to {MAX_FUNDING}"
    return None


def _order_fault(bar: RawBar) -> str | None:
    if bar.high < max(bar.open, bar.close, bar.low):
        return (
            f"high {bar.high!r} is below open {bar.open!r}, close {bar.close!r} or low {bar.low!r}"
        )
    if bar.low > min(bar.open, bar.close):
        return f"low {bar.low!r} is above open {bar.open!r} or close {bar.close!r}"
    return None


def _time_fault(bar: RawBar) -> str | None:
    close = bar.open_time_ms + bar.timeframe_ms
    if bar.event_time_ms != close:
        return f"close time {bar.event_time_ms}, expected {close} (open time + timeframe)"
    if bar.open_time_ms % bar.timeframe_ms:
        return f"open time {bar.open_time_ms}, expected a multiple of {bar.timeframe_ms} ms"
    if bar.available_time_ms < close:
        return f"known at {bar.available_time_ms}, before its close {close}: it is not final"
    return None


def _higher_fault(bar: RawBar) -> str | None:
    """Return why what a bar tells of higher bars cannot be: those to make, or those made."""
    lengths, length_ms, made_ms = bar.higher_ms, bar.timeframe_ms, bar.made_until_ms
    if made_ms is not None and (made_ms > bar.open_time_ms or made_ms % length_ms):
        return (
            f"made_until_ms {made_ms}, expected a multiple of {length_ms} ms, at most the open time"
            f" {bar.open_time_ms}"
        )
    if len(lengths) >= MOST_TIMEFRAMES:
        return f"higher_ms names {len(lengths)} lengths, expected fewer than {MOST_TIMEFRAMES}"
    for before, each in zip((length_ms, *lengths), lengths, strict=False):
        if each <= before or each % length_ms:
            return f"higher_ms {lengths}, expected ascending multiples of {length_ms} ms"
    return None


def locate_bar(
    open_time_ms: int, first_ms: int, last_close_ms: int, holes: tuple[Span, ...]
) -> Place:
    """Return the place of a bar: after all others, in a known hole (or before all), or seen.

    Args:
        open_time_ms: Of the bar.
        first_ms: Open time of the first bar seen; negative without one.
        last_close_ms: Close time of the last bar seen; negative without one.
        holes: Known missing spans.
    """
    if open_time_ms >= last_close_ms:
        return "next"
    if open_time_ms < first_ms or any(start <= open_time_ms < end for start, end in holes):
        return "missing"
    return "seen"


def without(holes: tuple[Span, ...], bar: Span) -> tuple[Span, ...]:
    """Return the holes less one bar's span."""
    start, end = bar
    rest: list[Span] = []
    for low, high in holes:
        if end <= low or high <= start:
            rest.append((low, high))
        else:
            rest.extend(part for part in ((low, start), (end, high)) if part[0] < part[1])
    return tuple(rest)
