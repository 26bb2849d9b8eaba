"""Payloads of Binance USD-M to records: pure functions, strict about numbers.

Unknown fields are ignored: the venue adds new ones. The venue's inclusive close time (...999)
becomes exclusive here and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from schemas.market import Origin, RawBar
from schemas.symbols import canonical
from workers.bars.markers import Funding, Mark

KLINE_COLUMNS = 11  # the twelfth is unused


class PayloadRejected(ValueError):
    """A payload is not as documented; the message names field, value and expectation."""


@dataclass(frozen=True)
class Provenance:
    """Where a bar comes from, and when it was first known, UTC epoch milliseconds."""

    origin: Origin
    source: str
    known_at_ms: int = 0


class AggTrade(NamedTuple):
    """One aggregate trade: price in quote, quantity in base currency."""

    symbol: str
    number: int
    first_fill: int
    last_fill: int
    time_ms: int
    price: float
    quantity: float
    taker_buys: bool


def read_kline_row(
    symbol: str, timeframe_ms: int, row: Sequence[Any], provenance: Provenance
) -> RawBar:
    """Return the bar of one REST kline row; raises ``PayloadRejected``."""
    if not isinstance(row, list | tuple) or len(row) < KLINE_COLUMNS:
        raise PayloadRejected(f"kline row {row!r}, expected {KLINE_COLUMNS} or more columns")
    names = ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q")
    return _bar(symbol, timeframe_ms, dict(zip(names, row, strict=False)), provenance)


def read_kline_event(event: Mapping[str, Any], timeframe_ms: int, source: str) -> RawBar | None:
    """Return the bar of a WebSocket kline; None while it is open; raises ``PayloadRejected``."""
    kline = event.get("k")
    if not isinstance(kline, dict):
        raise PayloadRejected(f"field k {kline!r}, expected an object")
    final = kline.get("x")
    if not isinstance(final, bool):
        raise PayloadRejected(f"field x {final!r}, expected true or false")
    if not final:
        return None
    known_at_ms, opened = _integer(event, "E"), _integer(kline, "t")
    if known_at_ms < opened:
        raise PayloadRejected(f"field t {opened} is after the event's own time {known_at_ms}")
    return _bar(_symbol(event), timeframe_ms, kline, Provenance("stream", source, known_at_ms))


def read_trade(payload: Mapping[str, Any], symbol: str | None = None) -> AggTrade:
    """Return the trade of an aggTrade frame or REST row; raises ``PayloadRejected``."""
    maker_bought = payload.get("m")
    if not isinstance(maker_bought, bool):
        raise PayloadRejected(f"field m {maker_bought!r}, expected true or false")
    return AggTrade(
        symbol or _symbol(payload),
        _integer(payload, "a"),
        _integer(payload, "f"),
        _integer(payload, "l"),
        _integer(payload, "T"),
        _number(payload, "p"),
        _number(payload, "q"),
        not maker_bought,
    )


def read_mark(event: Mapping[str, Any]) -> Mark:
    """Return the mark price of a markPriceUpdate frame; raises ``PayloadRejected``."""
    return Mark(_symbol(event), _integer(event, "E"), _number(event, "p"), _integer(event, "T"))


def read_mark_row(row: Sequence[Any]) -> tuple[int, float]:
    """Return (open time, close of the mark price) of a mark kline; raises ``PayloadRejected``."""
    if not isinstance(row, list | tuple) or len(row) < KLINE_COLUMNS:
        raise PayloadRejected(f"mark kline row {row!r}, expected {KLINE_COLUMNS} or more columns")
    fields = {"t": row[0], "c": row[4]}
    return _integer(fields, "t"), _number(fields, "c")


def read_settlement(row: Mapping[str, Any]) -> Funding:
    """Return one settlement of a fundingRate row; raises ``PayloadRejected``."""
    if not isinstance(row, dict):
        raise PayloadRejected(f"funding row {row!r}, expected an object")
    return Funding(_integer(row, "fundingTime"), _number(row, "fundingRate"))


def _bar(
    symbol: str, timeframe_ms: int, kline: Mapping[str, Any], provenance: Provenance
) -> RawBar:
    opened, closed = _integer(kline, "t"), _integer(kline, "T") + 1
    if closed != opened + timeframe_ms:
        raise PayloadRejected(
            f"field T {closed - 1} with t {opened}, expected {opened + timeframe_ms - 1}"
        )
    return RawBar(
        symbol=symbol,
        timeframe_ms=timeframe_ms,
        open_time_ms=opened,
        event_time_ms=closed,
        available_time_ms=max(closed, provenance.known_at_ms),
        open=_number(kline, "o"),
        high=_number(kline, "h"),
        low=_number(kline, "l"),
        close=_number(kline, "c"),
        volume=_number(kline, "v"),
        quote_volume=_number(kline, "q"),
        taker_buy_volume=_number(kline, "V"),
        trades=_integer(kline, "n"),
        origin=provenance.origin,
        source=provenance.source,
    )


def _symbol(payload: Mapping[str, Any]) -> str:
    text = payload.get("s")
    try:
        if isinstance(text, str):
            return canonical(text)
    except ValueError as error:
        raise PayloadRejected(f"field s: {error}") from None
    raise _wrong(payload, "s", "a symbol")


def _integer(payload: Mapping[str, Any], name: str) -> int:
    value = payload.get(name)
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    if type(value) is int and value >= 0:
        return value
    raise _wrong(payload, name, "a whole number of at least 0")


def _number(payload: Mapping[str, Any], name: str) -> float:
    value = payload.get(name)
    try:
        number = float(value) if isinstance(value, str | int | float) else math.nan
    except ValueError:
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise _wrong(payload, name, "a finite number")
    return number


def _wrong(payload: Mapping[str, Any], name: str, expected: str) -> PayloadRejected:
    return PayloadRejected(f"field {name} {payload.get(name)!r}, expected {expected}")
