"""The live market: one stream connection kept alive, a feed for each symbol, time as a topic."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from schemas.dead_letter import DeadLetter
from schemas.topics import RAW_BARS
from streams.runtime.codec import dead_letter, never_stored
from workers.bars.markers import finding, interval_findings, late_finding
from workers.ingest.exchange import Exchange, ExchangeError, VenueUnavailable
from workers.ingest.market_clock import FURTHEST_AHEAD_MS, MarketClock
from workers.ingest.normalise import (
    PayloadRejected,
    read_kline_event,
    read_mark,
    read_settlement,
    read_trade,
)
from workers.ingest.symbol_feed import Output, SymbolFeed, WaitLimits

TICK_S = 1.0
LOOK_S = 0.1
SYNCHRONISE_S = 5.0
FUNDING_RETRY_S = 1.0
JUDGED_SETTLEMENTS = 6  # newest; what came before has been judged
RECONNECT_S, RECONNECT_AT_MOST_S = 0.1, 5.0

log = structlog.get_logger()


class Outlet(Output, Protocol):
    """An output that takes dead letters too."""

    def refuse(self, letter: DeadLetter) -> None:
        """Take one dead letter for the raw bars."""


def refused(raw: Any, cause: str, now_ms: int) -> DeadLetter:
    """Return the dead letter of a payload that never became a raw bar."""
    body = raw if isinstance(raw, bytes) else (raw if isinstance(raw, str) else json.dumps(raw))
    payload = body if isinstance(body, bytes) else body.encode()
    return dead_letter(
        never_stored(RAW_BARS.name, None, payload, now_ms), "ingest", "undecodable", cause
    )


@dataclass
class LiveMarket:
    """Runs until cancelled; every feed must know where it goes on.

    Attributes:
        exchange: The venue.
        feeds: By symbol, all of one timeframe.
        clock: Market time.
        output: Where records and dead letters go.
        pace: Waits in wall-clock seconds.
        reconnects: How often the stream was opened again.
    """

    exchange: Exchange
    feeds: Mapping[str, SymbolFeed]
    clock: MarketClock
    output: Outlet
    pace: WaitLimits
    reconnects: int = 0
    _heard_s: float = 0.0
    _heard_ms: int = 0
    _booked: set[tuple[str, str, int]] = field(default_factory=set)

    async def run(self) -> None:
        """Follow the market; raises what ends it."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stream())
            tasks.create_task(self._settle())
            for feed in self.feeds.values():
                tasks.create_task(feed.follow())

    def take(self, frame: dict[str, Any]) -> None:
        """Take one raw market event; raises ``PayloadRejected``, which comes back by ``refuse``."""
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
        if bar is not None and bar.event_time_ms > self.clock.now_ms() + FURTHEST_AHEAD_MS:
            raise PayloadRejected(
                f"bar closes at {bar.event_time_ms}, market time is {self.clock.now_ms()}"
            )
        if bar is not None and bar.symbol in self.feeds:
            self.feeds[bar.symbol].queue.put_nowait(bar)

    def _see(self, event_ms: int) -> None:
        self.clock.see(event_ms)
        self._heard_ms = max(self._heard_ms, event_ms)

    def refuse(self, raw: str | bytes, error: Exception) -> None:
        """Put a frame that could not be read among the dead letters; the stream goes on."""
        cause = str(error) if isinstance(error, PayloadRejected) else f"unreadable frame: {error}"
        log.warning("frame.refused", cause=cause)
        self.output.refuse(refused(raw, cause, self.clock.now_ms()))

    async def _stream(self) -> None:
        wait_s = RECONNECT_S
        while True:
            opened_s = self._heard_s = asyncio.get_running_loop().time()
            reason = await self._watch_until_lost()
            if self._heard_s > opened_s:
                wait_s = RECONNECT_S
            log.warning("stream.lost", reason=reason)
            await asyncio.sleep(wait_s * random.uniform(0.75, 1.25))
            wait_s = min(2 * wait_s, RECONNECT_AT_MOST_S)
            self.reconnects += 1

    async def _watch_until_lost(self) -> str:
        series = next(iter(self.feeds.values())).series
        watch = asyncio.ensure_future(self.exchange.watch(tuple(self.feeds), series.interval, self))
        loop = asyncio.get_running_loop()
        try:
            while not watch.done():
                await asyncio.wait([watch], timeout=LOOK_S)
                if loop.time() - self._heard_s > self.pace.silence_s:
                    self._book_stall()
                    return f"no message for {self.pace.silence_s:g} s"
        finally:
            watch.cancel()
            outcome = (await asyncio.gather(watch, return_exceptions=True))[0]
        if not isinstance(outcome, VenueUnavailable):
            raise outcome if isinstance(outcome, BaseException) else AssertionError(outcome)
        return str(outcome)

    def _book_stall(self) -> None:
        if not self._heard_ms:
            return
        now_ms = max(self.clock.now_ms(), self._heard_ms)
        for feed in self.feeds.values():
            bars = (now_ms - self._heard_ms) // feed.series.timeframe_ms
            note = "the stream fell silent and was opened again"
            entry = finding(feed.contract, "stall", (self._heard_ms, now_ms), bars=bars, note=note)
            self.output.put(entry)

    async def _settle(self) -> None:
        """Fetch each funding settlement once the venue has announced that it is due."""
        ask_again_s: dict[str, float] = {}
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_S)
            for symbol, feed in self.feeds.items():
                due = feed.markers.due(self.clock.now_ms())
                if due and loop.time() >= ask_again_s.get(symbol, 0.0):
                    ask_again_s[symbol] = loop.time() + FUNDING_RETRY_S
                    with contextlib.suppress(ExchangeError):
                        await self._fetch_settlements(feed)

    async def _fetch_settlements(self, feed: SymbolFeed) -> None:
        markers = feed.markers
        last = markers.settlements[-1].time_ms if markers.settlements else markers.pending_ms - 1
        rows = await self.exchange.funding_rates(feed.series.symbol, last + 1)
        try:
            new = markers.add_settlements([read_settlement(row) for row in rows])
        except PayloadRejected as error:
            self.output.refuse(refused(rows, str(error), self.clock.now_ms()))
            return
        newest = markers.settlements[-JUDGED_SETTLEMENTS:]
        self.book(feed, [*interval_findings(feed.contract, newest, ended=False)])
        self.book(feed, late_finding(feed.contract, new))

    def book(self, feed: SymbolFeed, entries: list[Any]) -> None:
        """Put ledger entries out that were not put out before."""
        for entry in entries:
            mark = (feed.series.symbol, entry.kind, entry.from_ms)
            if mark not in self._booked:
                self._booked.add(mark)
                self.output.put(entry)


async def keep_time(exchange: Exchange, clock: MarketClock) -> None:
    """Ask the venue for its time again and again; between the answers the clock runs by itself."""
    while True:
        await asyncio.sleep(SYNCHRONISE_S)
        with contextlib.suppress(ExchangeError):
            await synchronise(exchange, clock)


async def synchronise(exchange: Exchange, clock: MarketClock) -> None:
    """Set market time from the venue's; raises ``VenueUnavailable``."""
    asked_s = clock.monotonic_s()
    venue_ms = await exchange.server_time_ms()
    clock.set(venue_ms, asked_s, clock.monotonic_s())


async def tick(clock: MarketClock, output: Output) -> None:
    """Publish market time once a second."""
    while True:
        output.put(clock.tick())
        await asyncio.sleep(TICK_S)
