"""The outbox of ingest: it takes records at once, so that publishing never delays the market."""

from __future__ import annotations

import asyncio
from typing import Protocol

from schemas.dead_letter import DeadLetter
from schemas.record import Record


class Writer(Protocol):
    """The part of ``streams.runtime.publisher.Publisher`` that the outbox uses."""

    def publish(self, record: Record, trace_id: str | None = None) -> None:
        """Queue a record."""

    def refuse(self, letter: DeadLetter) -> None:
        """Queue a dead letter."""

    def flush(self) -> None:
        """Wait until all is acknowledged."""


class Outbox:
    """Queues records and writes them in order, in a thread; each batch is acknowledged."""

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
        """Write until cancelled; raises what the writer raises, which ends the process."""
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
        """Wait until fewer than ``limit`` records are unacknowledged."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._waiting) + self._writing < limit)

    def _write(self, batch: list[Record | DeadLetter]) -> None:
        for item in batch:
            if isinstance(item, DeadLetter):
                self._writer.refuse(item)
            else:
                self._writer.publish(item)
        self._writer.flush()
