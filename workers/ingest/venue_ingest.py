"""Ingest as a process: resume, back-fill, announce, follow; or play recorded files.

venue or files  -->  [ingest]  -->  market.bars.raw.v1, market.history.v1, clock.ticks.v1
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Literal

from schemas.market import HistoryReady
from schemas.refdata import RefdataTable
from schemas.status import WorkerStatus
from streams.runtime.publisher import Publisher
from streams.runtime.settings import Fatal, KafkaSettings
from streams.runtime.wall_clock import wall_ms
from workers.bars.markers import interval_findings, late_finding
from workers.ingest.contracts import contract_rows
from workers.ingest.exchange import Exchange, VenueAccess, VenueRefused, connected
from workers.ingest.live_market import LiveMarket, keep_time, refused, synchronise, tick
from workers.ingest.market_clock import MarketClock
from workers.ingest.outbox import Outbox, history_is_ready, newest_closes
from workers.ingest.rest_history import KlineSeries, RestHistory, with_retries
from workers.ingest.symbol_feed import Output, SymbolFeed, WaitLimits
from workers.settings import Settings

START_PATIENCE_S = 60.0
STATUS_EVERY_S = 5.0
MOST_WAITING = 4_000  # records that back-fill may be ahead of the broker
FILLED_TOGETHER = 8

State = Literal["starting", "running", "holding", "stopping", "failed"]


def run_venue(settings: Settings, kafka: KafkaSettings) -> None:
    """Follow the settings' venue until SIGTERM.

    Raises:
        VenueRefused: The venue, the universe or the key cannot work; starting again will not help.
        Fatal: The cluster; start it again.
    """
    try:
        asyncio.run(_until_stopped(_ingest(settings, kafka)))
    except ExceptionGroup as group:
        raise _first(group) from group


def _first(group: ExceptionGroup[Exception]) -> Exception:
    """Return one cause of a group: what is fatal before what can be mended by settings."""
    fatal, rest = group.split(Fatal)
    found: Exception = fatal if fatal is not None else rest or group
    while isinstance(found, ExceptionGroup):
        found = found.exceptions[0]
    return found


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
    outbox = Outbox(Publisher(kafka, f"ingest-{kafka.instance}"))
    told = Status(outbox)
    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(outbox.run())
        try:
            told.say("starting", f"connecting to {settings.exchange}")
            async with connected(VenueAccess.from_settings(settings)) as exchange:
                closes = await asyncio.to_thread(
                    newest_closes, kafka, settings.universe, settings.timeframe_ms
                )
                announced = await asyncio.to_thread(history_is_ready, kafka, settings.strategy)
                ingest = VenueIngest(settings, exchange, outbox, told)
                await ingest.run(closes, announced=announced)
        finally:
            told.say("stopping")
            drained = asyncio.ensure_future(outbox.below(1))
            await asyncio.wait((writing, drained), return_when=asyncio.FIRST_COMPLETED)
            for task in (writing, drained):
                task.cancel()


@dataclass
class Status:
    """Says what the process does, with its progress."""

    output: Output

    def say(self, state: State, detail: str = "", done: float | None = None) -> None:
        """Publish one status; wall clock."""
        now_ms = wall_ms()
        self.output.put(
            WorkerStatus(
                process="ingest", event_time_ms=now_ms, state=state, detail=detail, done=done
            )
        )


class VenueIngest:
    """One venue from where the topic ends: back-fill, announcement, live."""

    def __init__(
        self, settings: Settings, exchange: Exchange, outbox: Outbox, status: Status
    ) -> None:
        self._settings, self._exchange = settings, exchange
        self._outbox, self._status = outbox, status
        self._speed = settings.speed if settings.exchange == "simulated" else 1.0
        self.clock = MarketClock(self._speed)
        self._history = RestHistory(exchange, self._refuse, self.clock)

    async def run(self, closes: dict[str, int], *, announced: bool) -> None:
        """Run until cancelled.

        Args:
            closes: Close of the newest bar of each symbol that the topic holds.
            announced: Whether a complete history has been announced before.
        """
        await with_retries(lambda: synchronise(self._exchange, self.clock), START_PATIENCE_S)
        await self._require_listed()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(tick(self.clock, self._outbox))
            tasks.create_task(keep_time(self._exchange, self.clock))
            feeds = self._feeds(closes)
            await self._fill(feeds, new=set(feeds) - closes.keys())
            if not announced:
                self._announce(feeds)
            pace = WaitLimits.of(self._settings.timeframe_ms, self._speed)
            live = LiveMarket(self._exchange, feeds, self.clock, self._outbox, pace)
            tasks.create_task(live.run())
            tasks.create_task(self._report(live))

    async def _require_listed(self) -> None:
        listed = contract_rows(await with_retries(self._exchange.listed, START_PATIENCE_S))
        traded = {row["symbol"] for row in listed if row["active"]}
        unknown = [symbol for symbol in self._settings.universe if symbol not in traded]
        if unknown:
            raise VenueRefused(
                f"{', '.join(unknown)} is not traded on {self._settings.exchange}; change UNIVERSE"
            )
        self._outbox.put(RefdataTable.of("symbol", listed, self._exchange.source, wall_ms()))

    def _feeds(self, closes: dict[str, int]) -> dict[str, SymbolFeed]:
        settings, step = self._settings, self._settings.timeframe_ms
        now_ms = self.clock.now_ms()
        first_ms = now_ms // step * step - settings.history_bars * step
        pace = WaitLimits.of(step, self._speed)
        return {
            symbol: SymbolFeed(
                KlineSeries(symbol, settings.timeframe, step),
                self._history,
                self.clock,
                self._outbox,
                pace,
                closes.get(symbol, first_ms),
            )
            for symbol in settings.universe
        }

    async def _fill(self, feeds: dict[str, SymbolFeed], new: set[str]) -> None:
        """Fetch what each feed lacks until it stands at the last closed bar."""
        step = self._settings.timeframe_ms
        places = asyncio.Semaphore(FILLED_TOGETHER)
        begun = {symbol: feed.expected_ms for symbol, feed in feeds.items()}

        def share() -> float:
            end = self.clock.now_ms()
            total = sum(max(end - begun[symbol], 1) for symbol in feeds)
            filled = sum(feed.expected_ms - begun[symbol] for symbol, feed in feeds.items())
            return min(1.0, filled / total)

        async def fill(symbol: str, feed: SymbolFeed, until_ms: int) -> None:
            async with places:
                if not feed.markers.settlements:
                    await self._history.settlements(feed.series, feed.expected_ms, feed.markers)
                    self._book_settlements(feed)
                span = (feed.expected_ms, until_ms)
                async for page in self._history.pages(feed.series, span, feed.markers):
                    if symbol in new:
                        new.discard(symbol)
                        feed.expected_ms = page[0].open_time_ms  # listed later: no hole before
                    for bar in page:
                        feed.advance(bar)
                    self._status.say("starting", f"back-fill {symbol}", share())
                    await self._outbox.below(MOST_WAITING)

        while True:
            until_ms = self.clock.now_ms() // step * step
            before = sum(feed.expected_ms for feed in feeds.values())
            async with asyncio.TaskGroup() as tasks:
                for symbol, feed in feeds.items():
                    tasks.create_task(fill(symbol, feed, until_ms))
            if sum(feed.expected_ms for feed in feeds.values()) == before:
                return

    def _book_settlements(self, feed: SymbolFeed) -> None:
        rows = feed.markers.settlements
        entries = interval_findings(feed.contract, rows, ended=False)
        for entry in (*entries, *late_finding(feed.contract, rows)):
            if entry.to_ms > feed.expected_ms:
                self._outbox.put(entry)

    def _announce(self, feeds: dict[str, SymbolFeed]) -> None:
        step = self._settings.timeframe_ms
        to_ms = min(feed.expected_ms for feed in feeds.values())
        self._outbox.put(
            HistoryReady(
                strategy=self._settings.strategy,
                source=self._exchange.source,
                symbols=tuple(feeds),
                timeframe_ms=step,
                from_ms=max(0, to_ms - self._settings.history_bars * step),
                to_ms=to_ms,
                event_time_ms=max(to_ms, self.clock.now_ms()),
            )
        )

    async def _report(self, live: LiveMarket) -> None:
        while True:
            repaired = sum(feed.repaired for feed in live.feeds.values())
            skew = self.clock.skew_ms
            detail = f"live: {len(live.feeds)} symbols, {repaired} bars repaired, "
            detail += f"{live.reconnects} reconnects"
            detail += "" if skew is None else f", local clock {skew:+.0f} ms"
            self._status.say("running", detail, 1.0)
            await asyncio.sleep(STATUS_EVERY_S)

    def _refuse(self, row: object, error: Exception) -> None:
        self._outbox.refuse(refused(row, str(error), self.clock.now_ms()))
