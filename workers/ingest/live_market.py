"""The live market: one stream connection, kept alive, that serves a feed for each symbol."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from schemas.dead_letter import DeadLetter
from schemas.market import LedgerEntry
from schemas.topics import RAW_BARS
from streams.runtime.codec import dead_letter, never_stored
from workers.bars.markers import finding, interval_findings, late_finding
from workers.ingest.freshness import Freshness
from workers.ingest.market_clock import MarketClock
from workers.ingest.normalise import (
    PayloadRejected,
    read_kline_event,
    read_mark,
    read_settlement,
    read_trade,
)
from workers.ingest.outbox import Outbox
from workers.ingest.symbol_feed import SymbolFeed, WaitLimits
from workers.venue.exchange import Exchange, ExchangeError, VenueUnavailable
from workers.venue.reach import Reach

POLL_S = 0.1
STREAM = "stream"  # among the requests of ``Reach``
FUNDING_RETRY_S = 1.0
CHECKED_SETTLEMENTS = 6  # the newest ones; older ones have been checked before
FIRST_RECONNECT_S, LONGEST_RECONNECT_S = 0.1, 5.0

log = structlog.get_logger()


def refused(raw: Any, cause: str, now_ms: int) -> DeadLetter:
    """Return the dead letter of a payload that never became a raw bar."""
    body = raw if isinstance(raw, bytes) else (raw if isinstance(raw, str) else json.dumps(raw))
    payload = body if isinstance(body, bytes) else body.encode()
    return dead_letter(
        never_stored(RAW_BARS.name, None, payload, now_ms), "ingest", "undecodable", cause
    )


@dataclass
class LiveMarket:
    """Follows the streams of a venue until cancelled.

    Attributes:
        exchange: The venue.
        feeds: By symbol, all of one timeframe; backfilled up to now.
        clock: Market time.
        outbox: Takes records and dead letters.
        limits: Waits in wall-clock seconds.
        reach: Is told while the stream brings nothing.
        reconnects: How often the stream was opened again.
    """

    exchange: Exchange
    feeds: Mapping[str, SymbolFeed]
    clock: MarketClock
    outbox: Outbox
    limits: WaitLimits
    reach: Reach
    reconnects: int = 0
    _heard_s: float = 0.0
    _heard_ms: int = 0
    _published: set[tuple[str, str, int]] = field(default_factory=set)

    async def run(self) -> None:
        """Follow the market; raises whatever ends a task."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stream())
            tasks.create_task(self._fetch_due_settlements())
            tasks.create_task(self._watch_freshness())
            for feed in self.feeds.values():
                tasks.create_task(feed.follow())

    def take(self, frame: dict[str, Any]) -> None:
        """Hand one raw market event to its feed; raises ``PayloadRejected``."""
        self._heard_s = asyncio.get_running_loop().time()
        kind = frame["e"]
        if kind == "aggTrade":
            trade = read_trade(frame)
            if trade.symbol in self.feeds:
                self.feeds[trade.symbol].add_trade(trade)
        elif kind == "markPriceUpdate":
            mark = read_mark(frame)
            self._see(mark.time_ms)
            if mark.symbol in self.feeds:
                self.feeds[mark.symbol].markers.add_mark(mark)
        elif kind == "kline":
            self._take_kline(frame)

    def _take_kline(self, frame: dict[str, Any]) -> None:
        series = next(iter(self.feeds.values())).series
        bar = read_kline_event(frame, series.timeframe_ms, self.exchange.source)
        if isinstance(frame.get("E"), int):
            self._see(frame["E"])
        ahead_ms = max(series.timeframe_ms, self.clock.error_ms)
        if bar is not None and bar.event_time_ms > self.clock.now_ms() + ahead_ms:
            raise PayloadRejected(
                f"bar closes at {bar.event_time_ms}, market time is {self.clock.now_ms()}"
            )
        if bar is not None and bar.symbol in self.feeds:
            self.feeds[bar.symbol].queue.put_nowait(bar)

    def _see(self, event_ms: int) -> None:
        self.clock.see(event_ms)
        self._heard_ms = max(self._heard_ms, event_ms)

    def refuse(self, raw: str | bytes, error: Exception) -> None:
        """Send an unreadable frame to the dead letters; the stream goes on."""
        cause = str(error) if isinstance(error, PayloadRejected) else f"unreadable frame: {error}"
        self.outbox.refuse(refused(raw, cause, self.clock.now_ms()))

    async def _stream(self) -> None:
        wait_s, told = FIRST_RECONNECT_S, False
        while True:
            opened_s = self._heard_s = asyncio.get_running_loop().time()
            reason = await self._watch_until_lost()
            if self._heard_s > opened_s or not told:
                wait_s = FIRST_RECONNECT_S
                told = True  # an outage is told once, however often the stream is opened in vain
                log.warning(
                    "stream.lost",
                    source=self.exchange.source,
                    reason=reason,
                    reconnects=self.reconnects,
                    remedy="none: it is opened again, and what was missed is fetched",
                )
            self.reach.failed(STREAM, f"its stream: {reason}", wait_s)
            await asyncio.sleep(wait_s * random.uniform(0.75, 1.25))
            wait_s = min(2 * wait_s, LONGEST_RECONNECT_S)
            self.reconnects += 1

    async def _watch_until_lost(self) -> str:
        opened_s = self._heard_s
        series = next(iter(self.feeds.values())).series
        watch = asyncio.ensure_future(self.exchange.watch(tuple(self.feeds), series.interval, self))
        loop = asyncio.get_running_loop()
        try:
            while not watch.done():
                await asyncio.wait([watch], timeout=POLL_S)
                if self._heard_s > opened_s:
                    self.reach.settled(STREAM)
                if loop.time() - self._heard_s > self.limits.silence_s:
                    self._publish_stall()
                    return f"no message for {self.limits.silence_s:g} s"
        finally:
            watch.cancel()
            outcome = (await asyncio.gather(watch, return_exceptions=True))[0]
        if not isinstance(outcome, VenueUnavailable):
            raise outcome if isinstance(outcome, BaseException) else AssertionError(outcome)
        return str(outcome)

    def _publish_stall(self) -> None:
        if not self._heard_ms:
            return
        now_ms = max(self.clock.now_ms(), self._heard_ms)
        for feed in self.feeds.values():
            bars = (now_ms - self._heard_ms) // feed.series.timeframe_ms
            note = "the stream fell silent and was opened again"
            entry = finding(feed.contract, "stall", (self._heard_ms, now_ms), bars=bars, note=note)
            self.outbox.put(entry)

    async def _watch_freshness(self) -> None:
        series = next(iter(self.feeds.values())).series
        freshness = Freshness.for_bars(series.timeframe_ms, self.clock.speed, self.limits)
        while True:
            await asyncio.sleep(POLL_S)
            for symbol, feed in self.feeds.items():
                freshness.see(symbol, feed.expected_ms, self.clock.now_ms())

    async def _fetch_due_settlements(self) -> None:
        """Fetch each funding settlement once its announced time has come."""
        retry_at_s: dict[str, float] = {}
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(POLL_S)
            for symbol, feed in self.feeds.items():
                due = feed.markers.due(self.clock.now_ms())
                if due and loop.time() >= retry_at_s.get(symbol, 0.0):
                    retry_at_s[symbol] = loop.time() + FUNDING_RETRY_S
                    with contextlib.suppress(ExchangeError):
                        await self._fetch_settlements(feed)

    async def _fetch_settlements(self, feed: SymbolFeed) -> None:
        markers = feed.markers
        last = markers.settlements[-1].time_ms if markers.settlements else markers.pending_ms - 1
        rows = await self.exchange.funding_rates(feed.series.symbol, last + 1)
        try:
            added = markers.add_settlements([read_settlement(row) for row in rows])
        except PayloadRejected as error:
            self.outbox.refuse(refused(rows, str(error), self.clock.now_ms()))
            return
        newest = markers.settlements[-CHECKED_SETTLEMENTS:]
        self._publish_new(feed, [*interval_findings(feed.contract, newest, ended=False)])
        self._publish_new(feed, late_finding(feed.contract, added))

    def _publish_new(self, feed: SymbolFeed, entries: list[LedgerEntry]) -> None:
        """Publish the ledger entries that have not been published before."""
        for entry in entries:
            identity = (feed.series.symbol, entry.kind, entry.from_ms)
            if identity not in self._published:
                self._published.add(identity)
                self.outbox.put(entry)
