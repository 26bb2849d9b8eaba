"""Where ingest resumes: what the topics hold already."""

from __future__ import annotations

from collections.abc import Collection

from schemas.market import HistoryReady, RawBar
from schemas.topics import HISTORY, RAW_BARS
from streams.runtime.reader import BeforeEnd, Reader
from streams.runtime.settings import KafkaSettings

LOOK_BACK = 4_096  # raw bars that are read first, from the end of the topic
GROWTH = 8  # of the next look-back, while a symbol is missing


def newest_closes(
    kafka: KafkaSettings, symbols: Collection[str], timeframe_ms: int
) -> dict[str, int]:
    """Return by symbol the close of the newest raw bar on the topic.

    Reads the end of the topic first and more only where a symbol is missing, so that a long
    history does not slow a restart.
    """
    look_back = LOOK_BACK
    while True:
        closes: dict[str, int] = {}
        with Reader(kafka, (RAW_BARS,), BeforeEnd(look_back)) as reader:
            whole = not any(reader.positions.values())
            for message in reader.read_to_end():
                bar = message.record
                if isinstance(bar, RawBar) and bar.timeframe_ms == timeframe_ms:
                    closes[bar.symbol] = max(closes.get(bar.symbol, 0), bar.event_time_ms)
        if whole or closes.keys() >= set(symbols):
            return {symbol: close for symbol, close in closes.items() if symbol in symbols}
        look_back *= GROWTH


def history_is_ready(kafka: KafkaSettings, strategy: str) -> bool:
    """Return whether a complete history has been announced for a strategy."""
    with Reader(kafka, (HISTORY,)) as reader:
        records = [message.record for message in reader.read_to_end()]
    return any(isinstance(r, HistoryReady) and r.strategy == strategy for r in records)
