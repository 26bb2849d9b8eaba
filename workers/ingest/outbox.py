"""Ingest's side of the bus: what is already there, and an outbox that never blocks the market."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Protocol

from schemas.dead_letter import DeadLetter
from schemas.market import HistoryReady, RawBar
from schemas.record import Record
from schemas.topics import HISTORY, RAW_BARS
from streams.runtime.reader import BeforeEnd, Reader
from streams.runtime.settings import KafkaSettings

LOOK_BACK = 4_096  # records read first from the end of the raw bars
WIDER = 8


def newest_closes(
    kafka: KafkaSettings, symbols: Collection[str], timeframe_ms: int
) -> dict[str, int]:
    """Return the close of the newest raw bar of each symbol that is on the topic.

    Reads backwards in growing steps, so that a long history costs nothing at a restart.
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
        look_back *= WIDER


def history_is_ready(kafka: KafkaSettings, strategy: str) -> bool:
    """Return whether a complete history has been announced for a strategy."""
    with Reader(kafka, (HISTORY,)) as reader:
        records = [message.record for message in reader.read_to_end()]
    return any(isinstance(r, HistoryReady) and r.strategy == strategy for r in records)


class Writer(Protocol):
    """What ``streams.runtime.chain.Publisher`` does."""

    def publish(self, record: Record, trace_id: str | None = None) -> None:
        """Queue a record."""

    def refuse(self, letter: DeadLetter) -> None:
        """Queue a dead letter."""

    def flush(self) -> None:
        """Wait until all is acknowledged."""


class Outbox:
    """Takes records at once and writes them in order, in a thread, with each batch acknowledged."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._waiting: list[Record | DeadLetter] = []
        self._changed = asyncio.Condition()
        self._ready = asyncio.Event()
        self._writing = 0

    def put(self, record: Record) -> None:
        """Queue one record."""
        self._waiting.append(record)
        self._ready.set()

    def refuse(self, letter: DeadLetter) -> None:
        """Queue one dead letter."""
        self._waiting.append(letter)
        self._ready.set()

    async def run(self) -> None:
        """Write until cancelled; raises what the writer raises, and the process must end."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            batch, self._waiting = self._waiting, []
            self._writing = len(batch)
            await asyncio.to_thread(self._write, batch)
            self._writing = 0
            async with self._changed:
                self._changed.notify_all()

    async def below(self, limit: int) -> None:
        """Wait until fewer than ``limit`` records are not yet acknowledged."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._waiting) + self._writing < limit)

    def _write(self, batch: list[Record | DeadLetter]) -> None:
        for item in batch:
            if isinstance(item, DeadLetter):
                self._writer.refuse(item)
            else:
                self._writer.publish(item)
        self._writer.flush()
