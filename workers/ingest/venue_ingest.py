"""Ingest of a venue: resume after the last bar of the topic, backfill, announce, follow live."""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Mapping

import structlog

from schemas.market import HistoryReady
from schemas.refdata import RefdataTable
from schemas.timeframes import timeframe_name
from streams.runtime.heartbeat import heartbeat
from streams.runtime.settings import Fatal, KafkaSettings
from streams.runtime.wall_clock import wall_ms
from workers.bars.markers import interval_findings, late_finding
from workers.ingest.contracts import contract_rows
from workers.ingest.higher_history import HigherHistory
from workers.ingest.live_market import LiveMarket, refused
from workers.ingest.market_clock import (
    MarketClock,
    keep_synchronised,
    publish_ticks,
    synchronise,
)
from workers.ingest.outbox import Outbox
from workers.ingest.rest_history import KlineSeries, RestHistory
from workers.ingest.resume import MarketPast
from workers.ingest.status import IngestPublisher, VenueStatus, ingest_status
from workers.ingest.symbol_feed import SymbolFeed, WaitLimits
from workers.settings import Settings
from workers.venue.exchange import Exchange, VenueAccess, VenueRefused, connected
from workers.venue.reach import LOADS_FOR_MS, Reach
from workers.venue.retry import with_retries

PATIENCE_S = math.inf  # a restart brings no venue back, and would forget since when it is away
STATUS_EVERY_S = 5.0
MAX_UNACKNOWLEDGED = 4_000  # records that the backfill may be ahead of the broker
FILLED_AT_ONCE = 8  # symbols

log = structlog.get_logger()


def run_venue(settings: Settings, kafka: KafkaSettings) -> None:
    """Follow the settings' venue until SIGTERM.

    Raises:
        VenueRefused: The venue, the universe or the key cannot work; a restart does not help.
        Fatal: The cluster failed; a restart helps.
    """
    try:
        asyncio.run(_until_stopped(_ingest(settings, kafka)))
    except ExceptionGroup as group:
        raise _first_cause(group) from group


def _first_cause(group: ExceptionGroup[Exception]) -> Exception:
    """Return one cause of a group, a fatal one first."""
    fatal, rest = group.split(Fatal)
    cause: Exception = fatal if fatal is not None else rest or group
    while isinstance(cause, ExceptionGroup):
        cause = cause.exceptions[0]
    return cause


async def _until_stopped(work: Awaitable[None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not task.done():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return
    task.result()


async def _ingest(settings: Settings, kafka: KafkaSettings) -> None:
    publisher = IngestPublisher(kafka)
    outbox = Outbox(publisher)
    loads_ms = LOADS_FOR_MS if settings.exchange == "simulated" else 0
    status = VenueStatus(outbox, Reach(settings.exchange, loads_ms))
    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(outbox.run())
        others = [
            tasks.create_task(heartbeat.beat_with_loop()),
            tasks.create_task(status.follow()),
        ]
        try:
            status.say("starting", f"connecting to {settings.exchange}")
            access = VenueAccess.from_settings(settings)
            async with connected_venue(access, status.reach) as exchange:
                market = (settings.strategy, settings.universe, settings.timeframe_ms)
                past = await asyncio.to_thread(MarketPast.of_topics, kafka, *market)
                await VenueIngest(settings, exchange, outbox, status).run(past)
        finally:
            outbox.put(ingest_status("stopping"))
            drained = asyncio.ensure_future(outbox.below(1))
            await asyncio.wait((writing, drained), return_when=asyncio.FIRST_COMPLETED)
            for task in (writing, drained, *others):
                task.cancel()
            publisher.close()


@contextlib.asynccontextmanager
async def connected_venue(access: VenueAccess, reach: Reach) -> AsyncIterator[Exchange]:
    """Yield a venue, once it has told the rights of a key, if there is one.

    Raises:
        VenueRefused: The key may do more than read.
    """
    asked = None if access.api_key is None else reach  # without a key nothing has answered yet
    async with contextlib.AsyncExitStack() as stack:
        yield await with_retries(
            lambda: stack.enter_async_context(connected(access)), PATIENCE_S, asked
        )


class VenueIngest:
    """Ingest of one connected venue."""

    def __init__(
        self, settings: Settings, exchange: Exchange, outbox: Outbox, status: VenueStatus
    ) -> None:
        self._settings, self._exchange, self._outbox = settings, exchange, outbox
        self._status, self._reach = status, status.reach
        self._speed = settings.speed if settings.exchange == "simulated" else 1.0
        self.clock = MarketClock(self._speed)
        self._history = RestHistory(exchange, self._refuse, self.clock, PATIENCE_S, self._reach)
        self._higher = HigherHistory(self._history, outbox, settings.history_bars)

    async def run(self, past: MarketPast) -> None:
        """Run until cancelled; go on where the topics end."""
        symbols = self._settings.universe
        await with_retries(
            lambda: synchronise(self._exchange, self.clock, symbols), PATIENCE_S, self._reach
        )
        log.info(
            "venue.connected",
            source=self._exchange.source,
            universe=self._settings.universe,
            timeframes=self._settings.timeframes,
            resumed=sorted(past.closes),
        )
        await self._require_listed()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(publish_ticks(self.clock, self._outbox))
            tasks.create_task(keep_synchronised(self._exchange, self.clock, symbols, self._reach))
            feeds = self._feeds(past.closes)
            await self._higher.prepare(self._settings.timeframes[1:], feeds, past)
            await self._fill(feeds, new=set(feeds) - past.closes.keys())
            if self._settings.timeframe_ms not in past.announced:
                ends = {symbol: feed.expected_ms for symbol, feed in feeds.items()}
                self._announce(self._settings.timeframe_ms, ends)
            limits = WaitLimits.for_bars(self._settings.timeframe_ms, self._speed)
            live = LiveMarket(self._exchange, feeds, self.clock, self._outbox, limits, self._reach)
            tasks.create_task(live.run())
            tasks.create_task(self._report(live))
            tasks.create_task(self._higher.follow(feeds, past, self._announce))

    async def _require_listed(self) -> None:
        listed = contract_rows(await with_retries(self._exchange.listed, PATIENCE_S, self._reach))
        traded = {row["symbol"] for row in listed if row["active"]}
        unknown = [symbol for symbol in self._settings.universe if symbol not in traded]
        if unknown:
            raise VenueRefused(
                f"{', '.join(unknown)} is not traded on {self._settings.exchange}; change UNIVERSE"
            )
        self._outbox.put(RefdataTable.of("symbol", listed, self._exchange.source, wall_ms()))

    def _feeds(self, closes: Mapping[str, int]) -> dict[str, SymbolFeed]:
        settings, step = self._settings, self._settings.timeframe_ms
        now_ms = self.clock.now_ms()
        first_ms = now_ms // step * step - settings.history_bars * step
        limits = WaitLimits.for_bars(step, self._speed)
        return {
            symbol: SymbolFeed(
                KlineSeries(symbol, settings.timeframe, step),
                self._history,
                self.clock,
                self._outbox,
                limits,
                closes.get(symbol, first_ms),
            )
            for symbol in settings.universe
        }

    async def _fill(self, feeds: dict[str, SymbolFeed], new: set[str]) -> None:
        """Publish past bars until every feed has reached the last closed one."""
        step = self._settings.timeframe_ms
        slots = asyncio.Semaphore(FILLED_AT_ONCE)
        begun = {symbol: feed.expected_ms for symbol, feed in feeds.items()}

        def share() -> float:
            end = self.clock.now_ms()
            total = sum(max(end - begun[symbol], 1) for symbol in feeds)
            filled = sum(feed.expected_ms - begun[symbol] for symbol, feed in feeds.items())
            return min(1.0, filled / total)

        async def fill(symbol: str, feed: SymbolFeed, until_ms: int) -> None:
            async with slots:
                if not feed.markers.settlements:
                    await self._history.settlements(feed.series, feed.expected_ms, feed.markers)
                    self._publish_settlement_findings(feed)
                span = (feed.expected_ms, until_ms)
                async for page in self._history.pages(feed.series, span, feed.markers):
                    if symbol in new:
                        new.discard(symbol)
                        feed.expected_ms = page[0].open_time_ms  # its listing
                    for bar in page:
                        feed.advance(bar)
                    self._status.say("starting", f"back-fill {symbol}", share())
                    await self._outbox.below(MAX_UNACKNOWLEDGED)

        began_s = time.monotonic()
        while True:
            until_ms = self.clock.now_ms() // step * step
            before = sum(feed.expected_ms for feed in feeds.values())
            async with asyncio.TaskGroup() as tasks:
                for symbol, feed in feeds.items():
                    tasks.create_task(fill(symbol, feed, until_ms))
            if sum(feed.expected_ms for feed in feeds.values()) == before:
                break
        log.info(
            "backfill.done",
            bars={name: (feed.expected_ms - begun[name]) // step for name, feed in feeds.items()},
            seconds=round(time.monotonic() - began_s, 1),
        )

    def _publish_settlement_findings(self, feed: SymbolFeed) -> None:
        rows = feed.markers.settlements
        entries = interval_findings(feed.contract, rows, ended=False)
        for entry in (*entries, *late_finding(feed.contract, rows)):
            if entry.to_ms > feed.expected_ms:
                self._outbox.put(entry)

    def _announce(self, timeframe_ms: int, ends: Mapping[str, int]) -> None:
        to_ms, base_ms = max(ends.values()), self._settings.timeframe_ms
        log.info(
            "history.announced",
            symbols=tuple(ends),
            timeframe=timeframe_name(timeframe_ms),
            to_ms=to_ms,
        )
        self._outbox.put(
            HistoryReady(
                strategy=self._settings.strategy,
                source=self._exchange.source,
                symbols=tuple(ends),
                timeframe_ms=timeframe_ms,
                from_ms=max(0, to_ms - self._settings.history_bars * timeframe_ms),
                to_ms=to_ms,
                event_time_ms=max(to_ms, self.clock.now_ms()),
                closes={symbol: end for symbol, end in ends.items() if end != to_ms},
                base_ms=None if timeframe_ms == base_ms else base_ms,
            )
        )

    async def _report(self, live: LiveMarket) -> None:
        while True:
            repaired = sum(feed.repaired for feed in live.feeds.values())
            skew = self.clock.skew_ms
            detail = f"live: {len(live.feeds)} symbols, {repaired} bars repaired, "
            detail += f"{live.reconnects} reconnects"
            detail += "" if skew is None else f", local clock {skew:+.0f} ms"
            detail += f"; {self._higher.detail}" if self._higher.detail else ""
            self._status.say("running", detail, 1.0)
            await asyncio.sleep(STATUS_EVERY_S)

    def _refuse(self, row: object, error: Exception) -> None:
        self._outbox.refuse(refused(row, str(error), self.clock.now_ms()))
