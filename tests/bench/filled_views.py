"""Records as they stand on the topics, by the hundred thousand, for views that are full."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.journal import JournalEntry, JournalTrade
from schemas.record import Record
from schemas.timeframes import HOUR_MS
from schemas.trades import EntryGrounds
from tests.build import START_MS, closed_idea, scored, signal, suppressed_totals, trade_result

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT")
STARTS = START_MS // HOUR_MS * HOUR_MS
PLACE, TIME = "place-of-the-record", 1_111_111_111_111  # stand in the templates


def encoded(number: int, templates: tuple[tuple[str, bytes], ...]) -> Iterator[tuple[str, bytes]]:
    """Yield one record of each template as (topic, bytes), at its own hour and with its own id."""
    symbol = SYMBOLS[number % len(SYMBOLS)].encode()
    close = STARTS + number // len(SYMBOLS) * HOUR_MS
    for topic, template in templates:
        raw = template.replace(PLACE.encode(), b"%d" % number).replace(b"BTCUSDT", symbol)
        yield topic, raw.replace(b"%d" % TIME, b"%d" % close)


def templates(*records: Record) -> tuple[tuple[str, bytes], ...]:
    """Return records with their topics as what ``encoded`` fills in."""
    from schemas.topics import topic_of

    return tuple((topic_of(record).name, record.encode()) for record in records)


def signals() -> tuple[Record, ...]:
    """A signal and its score."""
    at: dict[str, Any] = {"timeframe_ms": HOUR_MS, "signal_id": PLACE, "event_time_ms": TIME}
    made = signal(**at, expires_ms=TIME + 12 * HOUR_MS)
    score = scored(**at, signal_time_ms=TIME, grade="B", net_return=-0.0012)
    return made, score


def trades() -> tuple[Record, ...]:
    """An idea and what it came to, and a trade of the journal that was about it."""
    grounds = EntryGrounds(
        signal_id=PLACE,
        strategy="ensemble",
        timeframe_ms=HOUR_MS,
        event_time_ms=TIME,
        direction="buy",
        grade="B",
        confidence=0.7,
        regime="bull",
        model_version="m1",
        config_id=None,
    )
    at = {"opened_ms": TIME, "closed_ms": TIME, "grounds": grounds, "trade_id": PLACE}
    entry = JournalEntry(
        strategy="ensemble",
        trade_id=PLACE,
        symbol="BTCUSDT",
        revision=1,
        event_time_ms=TIME,
        trade=JournalTrade(
            action="executed", side="buy", entry="100", exit="101", opened_ms=TIME, closed_ms=TIME
        ),
        grounds=grounds,
        command_id=PLACE,
        by="bench",
    )
    times = dict.fromkeys(("event_time_ms", "opened_ms", "closed_ms", "expires_ms"), TIME)
    idea = closed_idea(idea_id=PLACE, signal_id=PLACE, timeframe_ms=HOUR_MS, **times)
    paper = trade_result(kind="paper", net_return=0.004, **at)
    return idea, paper, entry, trade_result(kind="journal", **at)


def suppressed() -> tuple[Record, ...]:
    """The totals of each market."""
    return tuple(
        suppressed_totals(
            symbol=symbol, subject=f"ensemble/{symbol}/{HOUR_MS}", timeframe_ms=HOUR_MS
        )
        for symbol in SYMBOLS
    )
