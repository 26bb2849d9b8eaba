"""The past of higher timeframes: fetched from the venue, while the base bars are live.

So it delays no first signal. Klines of the time for which there are base bars, too, are compared
with what the base bars add up to; the ledger names the differences.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import structlog

from schemas.bounds import LAST_MS
from schemas.market import RawBar
from schemas.timeframes import TIMEFRAMES_MS
from workers.bars.markers import Markers
from workers.ingest.higher_bars import HigherSeries, Overlap
from workers.ingest.normalise import PayloadRejected
from workers.ingest.outbox import Outbox
from workers.ingest.rest_history import KlineSeries, RestHistory
from workers.ingest.resume import MarketPast
from workers.ingest.symbol_feed import SymbolFeed
from workers.venue.exchange import VenueRefused, VenueUnavailable
from workers.venue.retry import with_retries

AT_ONCE = 60  # bars of the past: the chains are done with them in about 100 ms
PAUSE_S = 0.03  # after each such part
LIVE_S, AHEAD_S = 0.2, 0.1  # after a close and before the next the chains are for live bars
RETRY_S, LONGEST_WAIT_S = 0.5, 30.0

Announce = Callable[[int, Mapping[str, int]], None]  # timeframe, close of each symbol

log = structlog.get_logger()


@dataclass(frozen=True)
class HigherTimeframe:
    """One higher timeframe of every symbol."""

    name: str
    series: Mapping[str, HigherSeries]  # by symbol

    @property
    def length_ms(self) -> int:
        """Length of its bars."""
        return TIMEFRAMES_MS[self.name]


@dataclass
class HigherHistory:
    """Fetches the past of every higher timeframe, one series after the other: live bars go first.

    A series whose page cannot be used lets the others go on, and is asked for again.

    Attributes:
        history: Of the venue.
        outbox: Takes bars and findings.
        bars: How many of each symbol and timeframe.
    """

    history: RestHistory
    outbox: Outbox
    bars: int
    _details: dict[KlineSeries, str] = field(default_factory=dict)
    _short: set[str] = field(default_factory=set)  # the venue has no klines of these
    _timeframes: list[HigherTimeframe] = field(default_factory=list)
    _markers: dict[KlineSeries, Markers] = field(default_factory=dict)

    @property
    def detail(self) -> str:
        """What is being fetched, or is missing at the venue, for people."""
        short = [f"{name} history is short: the venue has no {name} bars" for name in self._short]
        return "; ".join(filter(None, [*self._details.values(), *short]))

    async def prepare(
        self, names: tuple[str, ...], feeds: Mapping[str, SymbolFeed], past: MarketPast
    ) -> None:
        """Tell each feed which of its base bars carry which lengths, before it publishes one."""
        for name in names:
            await self._require_klines(name, next(iter(feeds)))
            series = {
                symbol: self._series(KlineSeries(symbol, name, TIMEFRAMES_MS[name]), feed, past)
                for symbol, feed in feeds.items()
            }
            self._timeframes.append(HigherTimeframe(name, series))
            for symbol, feed in feeds.items():
                feed.higher.append(series[symbol])
        for feed in feeds.values():
            waiting = [each.timeframe_ms for each in feed.higher if each.from_ms is None]
            feed.overlap = Overlap(waiting) if waiting else None

    def _series(self, klines: KlineSeries, feed: SymbolFeed, past: MarketPast) -> HigherSeries:
        length_ms = klines.timeframe_ms
        if (klines.symbol, length_ms) in past.carried:
            return HigherSeries.made_from(klines, 0)
        if klines.interval in self._short:
            return HigherSeries.made_from(klines, feed.expected_ms)
        now_ms = self.history.clock.now_ms()
        return HigherSeries(klines, (now_ms // length_ms - self.bars) * length_ms)

    async def _require_klines(self, name: str, symbol: str) -> None:
        """Ask whether the venue has klines of a length, and say so where it has none."""
        history, start_ms = self.history, self.history.clock.now_ms() - 2 * TIMEFRAMES_MS[name]
        try:
            await with_retries(
                lambda: history.exchange.klines(symbol, name, start_ms, 1),
                history.patience_s,
                history.reach,
            )
        except VenueRefused as refusal:
            self._say_short(name, refusal)

    def _say_short(self, name: str, refusal: VenueRefused) -> None:
        if name in self._short:
            return  # one line for all symbols
        self._short.add(name)
        log.warning(
            "history.short",
            timeframe=name,
            cause=str(refusal),
            remedy="none: its bars are made of base bars, so its history begins with theirs",
        )

    async def follow(
        self, feeds: Mapping[str, SymbolFeed], past: MarketPast, announce: Announce
    ) -> None:
        """Fetch what is missing once a model of the base bars serves; let base bars take over."""
        await _until_model_serves(past)
        waiting = [s for t in self._timeframes for s in t.series.values() if s.from_ms is None]
        wanted = [(each.klines.symbol, each.timeframe_ms) for each in waiting]
        closes = await asyncio.to_thread(past.higher_closes, wanted) if wanted else {}
        for each in waiting:
            close_ms = closes.get((each.klines.symbol, each.timeframe_ms))
            if close_ms is not None:
                each.resume_after(close_ms)
        turn = asyncio.Lock()  # first come, first served

        async def complete(timeframe: HigherTimeframe) -> None:
            missing = [s for s in timeframe.series.values() if s.from_ms is None]
            async with asyncio.TaskGroup() as fills:
                for each in missing:
                    fills.create_task(self._fill(each, feeds[each.klines.symbol], turn))
            if timeframe.length_ms not in past.announced:
                announce(timeframe.length_ms, _ends(timeframe, feeds))
            for each in missing:
                tasks.create_task(self._join(each, feeds[each.klines.symbol]))

        async with asyncio.TaskGroup() as tasks:
            for timeframe in self._timeframes:
                tasks.create_task(complete(timeframe))
        for feed in feeds.values():
            feed.overlap = None

    async def _join(self, series: HigherSeries, feed: SymbolFeed) -> None:
        """Let base bars take over at the next boundary, once the klines reach up to it."""
        clock = self.history.clock
        series.join_after(feed.expected_ms)
        while not series.joined:
            boundary_ms = series.from_ms or 0
            wait_s = clock.seconds_until(boundary_ms)
            await asyncio.sleep(min(max(wait_s, RETRY_S), LONGEST_WAIT_S))
            asked_ms = clock.now_ms()  # the answer may take hours
            await self._fill(series, feed)
            if asked_ms >= boundary_ms + series.timeframe_ms // 2:
                series.filled_ms = max(series.filled_ms, boundary_ms)  # the venue has none

    async def _fill(
        self, series: HigherSeries, feed: SymbolFeed, turn: asyncio.Lock | None = None
    ) -> None:
        """Fetch what the venue has by now; no answer to that ends the live bars.

        Args:
            series: Whose past.
            feed: Of its symbol.
            turn: Held while it asks, not while it waits to ask again.
        """
        while True:
            try:
                async with turn or nullcontext():
                    await self._fetch(series, feed)
            except (VenueUnavailable, PayloadRejected) as unusable:
                klines = series.klines
                said = f"{klines.interval} history of {klines.symbol}: {unusable}; asked again"
                self._details[klines] = said
                await asyncio.sleep(LONGEST_WAIT_S)
            except VenueRefused as refusal:
                self._details.pop(series.klines, None)
                self._say_short(series.klines.interval, refusal)
                series.filled_ms = LAST_MS  # base bars make what follows
                return
            else:
                self._details.pop(series.klines, None)
                return

    async def _fetch(self, series: HigherSeries, feed: SymbolFeed) -> None:
        markers = self._markers.setdefault(series.klines, Markers())
        await self.history.settlements(series.klines, series.filled_ms, markers)
        span = (series.filled_ms, self.history.clock.now_ms())
        async for page in self.history.pages(series.klines, span, markers):
            for start in range(0, len(page), AT_ONCE):
                await self._let_live_bars_go(feed.series.timeframe_ms)
                self._put(page[start : start + AT_ONCE], series, feed)
                await self.outbox.below(AT_ONCE)
                await asyncio.sleep(PAUSE_S)
            series.filled_ms = page[-1].event_time_ms
            left = (span[1] - series.filled_ms) // series.timeframe_ms
            name = f"{series.klines.interval} history of {series.klines.symbol}"
            self._details[series.klines] = f"{name}: {left} bars to come" if left > 0 else ""

    async def _let_live_bars_go(self, base_ms: int) -> None:
        clock = self.history.clock
        due_s = clock.seconds_until((clock.now_ms() // base_ms + 1) * base_ms)
        await asyncio.sleep(wait_for_live_s(due_s, base_ms / 1000.0 / clock.speed))

    def _put(self, klines: Sequence[RawBar], series: HigherSeries, feed: SymbolFeed) -> None:
        for kline in klines:
            self.outbox.put(kline.model_copy(update={"made_until_ms": series.made_until_ms}))
            entry = None if feed.overlap is None else feed.overlap.compare(kline)
            if entry is not None:
                self.outbox.put(entry)


def wait_for_live_s(due_s: float, bar_s: float) -> float:
    """Return for how many seconds the past gives way to live bars.

    Args:
        due_s: Until the next close of a base bar.
        bar_s: Length of a base bar, in wall-clock time; of a short one half is kept free at most.
    """
    live_s, ahead_s = min(LIVE_S, 0.4 * bar_s), min(AHEAD_S, 0.1 * bar_s)
    return due_s + live_s if due_s < ahead_s else max(0.0, live_s - (bar_s - due_s))


async def _until_model_serves(past: MarketPast) -> None:
    stop = threading.Event()
    try:
        await asyncio.to_thread(past.wait_for_model, stop)
    finally:
        stop.set()  # a thread that waits would keep the process


def _ends(timeframe: HigherTimeframe, feeds: Mapping[str, SymbolFeed]) -> dict[str, int]:
    """Return by symbol the close of its last bar, of klines or of what base bars have made."""
    length_ms = timeframe.length_ms
    return {
        symbol: min(series.filled_ms, feeds[symbol].expected_ms // length_ms * length_ms)
        for symbol, series in timeframe.series.items()
    }
