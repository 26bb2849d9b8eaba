"""One symbol live: its bars leave once, in order, whatever the stream does.

A hole is repaired from REST before anything goes on, within a bounded wait; after that the trades'
own bar is taken where it is complete, else the hole shows as ``bars_missing`` on the next bar.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Protocol

from schemas.market import RawBar
from schemas.record import Record
from workers.bars.markers import Markers, finding
from workers.ingest.exchange import ExchangeError
from workers.ingest.market_clock import MarketClock
from workers.ingest.normalise import AggTrade
from workers.ingest.rebuilt_bars import BarRebuilder, RebuiltBar, bar_of, disagreement
from workers.ingest.rest_history import KlineSeries, RestHistory, origin_of_history

REMEMBERED = 256  # bars sent last, to tell a duplicate from a correction
RETRY_S = 0.2
SETTLEMENT_LOOK_S = 0.02
VALUES = ("open", "high", "low", "close", "volume")


class Output(Protocol):
    """Where records go; in order, and durable before the process ends well."""

    def put(self, record: Record) -> None:
        """Take one record."""


@dataclass(frozen=True)
class WaitLimits:
    """How long to wait, in wall-clock seconds.

    Attributes:
        grace_s: After a bar should have come, before REST is asked for it.
        patience_s: For a repair, before a hole is let stand.
        silence_s: Without any message, before the connection is given up.
    """

    grace_s: float
    patience_s: float
    silence_s: float

    @classmethod
    def of(cls, timeframe_ms: int, speed: float) -> WaitLimits:
        """Return waits that suit bars of a length at a speed."""
        bar_s = timeframe_ms / 1000.0 / speed
        return cls(
            grace_s=min(max(0.1 * bar_s, 0.5), 5.0),
            patience_s=min(max(bar_s, 2.0), 20.0),
            silence_s=min(max(2.0 * bar_s, 2.0), 120.0),
        )


@dataclass
class SymbolFeed:
    """Follows one series from ``expected_ms``, the open time of the next bar."""

    series: KlineSeries
    history: RestHistory
    clock: MarketClock
    output: Output
    pace: WaitLimits
    expected_ms: int
    markers: Markers = field(default_factory=Markers)
    queue: asyncio.Queue[RawBar | RebuiltBar] = field(default_factory=asyncio.Queue)
    repaired: int = 0
    _trades: BarRebuilder = field(init=False)
    _sent: OrderedDict[int, RawBar] = field(default_factory=OrderedDict)
    _overdue_since_s: float | None = None
    _ask_again_s: float = 0.0

    def __post_init__(self) -> None:
        self._trades = BarRebuilder(self.series.timeframe_ms)

    @property
    def contract(self) -> tuple[str, int]:
        """Symbol and timeframe, as the ledger books them."""
        return self.series.symbol, self.series.timeframe_ms

    def add_trade(self, trade: AggTrade) -> None:
        """Take the next trade; the bar it ends is held against the venue's."""
        over = self._trades.add(trade)
        if over is not None:
            self.queue.put_nowait(over)

    async def follow(self) -> None:
        """Publish bars until cancelled."""
        while True:
            item = await self._next()
            if item is None:
                await self._overdue()
            elif isinstance(item, RawBar):
                await self._arrived(item)
            else:
                await self._compare(item.open_time_ms)

    async def _next(self) -> RawBar | RebuiltBar | None:
        """Return what comes next; None when a bar should have come and has not."""
        if not self.queue.empty():
            return self.queue.get_nowait()
        now_s = asyncio.get_running_loop().time()
        due_ms = self.expected_ms + self.series.timeframe_ms
        wait_s = self.clock.seconds_until(due_ms) + self.pace.grace_s
        wait_s = max(wait_s, self._ask_again_s - now_s, 0.0)
        try:
            async with asyncio.timeout(wait_s):  # wait_for may swallow a cancellation in 3.11
                return await self.queue.get()
        except TimeoutError:
            return None

    async def _arrived(self, bar: RawBar) -> None:
        known = self._sent.get(bar.open_time_ms)
        if known is not None:
            self._again(known, bar)
            return
        if bar.open_time_ms > self.expected_ms:
            await self._repair(bar.open_time_ms)
        if bar.open_time_ms < self.expected_ms:
            self._send(bar)  # late, or older than what is remembered: the market ledger tells
            return
        await self._settled(bar)
        self.advance(bar)
        await self._compare(bar.open_time_ms)

    async def _settled(self, bar: RawBar) -> None:
        """Wait a moment for the settlement that the first bar after its stamp should carry."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + self.pace.grace_s
        first = bar.event_time_ms - self.markers.pending_ms <= bar.timeframe_ms
        while first and self.markers.due(bar.event_time_ms - 1) and loop.time() < deadline_s:  # noqa: ASYNC110 - time may pass without any event
            await asyncio.sleep(SETTLEMENT_LOOK_S)

    def _again(self, known: RawBar, bar: RawBar) -> None:
        """A bar sent before: ours confirmed, the venue's twice, or a correction."""
        if all(getattr(known, name) == getattr(bar, name) for name in VALUES):
            if known.origin == "stream":
                self._send(bar)
            return
        self._send(bar.model_copy(update={"revision": known.revision + 1}))

    async def _overdue(self) -> None:
        """Ask REST for bars that have closed and have not come."""
        now_s = asyncio.get_running_loop().time()
        if self._overdue_since_s is None:
            self._overdue_since_s = now_s
        closed_ms = self.clock.now_ms() // self.series.timeframe_ms * self.series.timeframe_ms
        patient = now_s < self._overdue_since_s + self.pace.patience_s
        with contextlib.suppress(ExchangeError, TimeoutError):
            async with asyncio.timeout(self.pace.patience_s):
                await self._fetch(closed_ms, holes=not patient)
        if not patient:
            self._take_rebuilt(closed_ms)
        self._ask_again_s = asyncio.get_running_loop().time() + max(RETRY_S, self.pace.grace_s)

    async def _repair(self, until_ms: int) -> None:
        """Fill the hole before ``until_ms`` from REST; give up after the bounded wait."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + self.pace.patience_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline_s):
                while self.expected_ms < until_ms:
                    with contextlib.suppress(ExchangeError):
                        await self._fetch(until_ms, holes=False)
                    if self.expected_ms < until_ms:
                        await asyncio.sleep(RETRY_S)
        if self.expected_ms < until_ms:
            self._take_rebuilt(until_ms)
        if self.expected_ms < until_ms:
            with contextlib.suppress(ExchangeError, TimeoutError):
                async with asyncio.timeout(self.pace.patience_s):
                    await self._fetch(until_ms, holes=True)

    async def _fetch(self, until_ms: int, *, holes: bool) -> None:
        """Publish what REST has before ``until_ms``; without ``holes``, up to the first hole."""
        provenance = origin_of_history(repair=True, known_at_ms=self.clock.now_ms())
        span = (self.expected_ms, until_ms)
        async for page in self.history.pages(self.series, span, self.markers, provenance):
            for bar in page:
                if bar.open_time_ms > self.expected_ms and not holes:
                    return
                self.repaired += 1
                self.advance(bar)

    def _take_rebuilt(self, until_ms: int) -> None:
        """Publish bars made of trades alone, as long as they are complete."""
        while self.expected_ms < until_ms:
            rebuilt = self._trades.take(self.expected_ms)
            if rebuilt is None:
                return
            self.advance(bar_of(rebuilt, self._blank(self.expected_ms)))

    def _blank(self, open_time_ms: int) -> RawBar:
        symbol, timeframe_ms = self.contract
        close_ms = open_time_ms + timeframe_ms
        return RawBar(
            symbol=symbol,
            timeframe_ms=timeframe_ms,
            open_time_ms=open_time_ms,
            event_time_ms=close_ms,
            available_time_ms=max(close_ms, self.clock.now_ms()),
            open=0.0,
            high=0.0,
            low=0.0,
            close=0.0,
            volume=0.0,
            origin="trades",
            source=self.history.exchange.source,
        )

    def advance(self, bar: RawBar) -> None:
        """Publish the next bar, with what is missing before it."""
        missing = (bar.open_time_ms - self.expected_ms) // self.series.timeframe_ms
        joined = self.markers.joined(bar, bar.mark_price)
        self._send(joined.model_copy(update={"bars_missing": missing}))
        self.expected_ms = bar.event_time_ms
        self._overdue_since_s, self._ask_again_s = None, 0.0

    def _send(self, bar: RawBar) -> None:
        self.output.put(bar)
        self._sent[bar.open_time_ms] = bar
        while len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)

    async def _compare(self, open_time_ms: int) -> None:
        """Hold the venue's bar against its trades; where they differ, REST decides."""
        sent = self._sent.get(open_time_ms)
        rebuilt = self._trades.take(open_time_ms) if sent is not None else None
        if sent is None or rebuilt is None or sent.origin == "trades":
            return
        found = disagreement(rebuilt, sent)
        if found is None:
            return
        kind, note = found
        told = await self._told_again(open_time_ms)
        if told is None:
            verdict = "REST does not tell"
        elif all(getattr(told, name) == getattr(sent, name) for name in VALUES):
            verdict = "REST confirms the kline"
        else:
            verdict = "REST corrects the kline"
            self._send(told.model_copy(update={"revision": sent.revision + 1}))
        span = (open_time_ms, sent.event_time_ms)
        self.output.put(finding(self.contract, kind, span, note=f"{note}; {verdict}"))

    async def _told_again(self, open_time_ms: int) -> RawBar | None:
        provenance = origin_of_history(repair=True, known_at_ms=self.clock.now_ms())
        span = (open_time_ms, open_time_ms + self.series.timeframe_ms)
        with contextlib.suppress(ExchangeError, TimeoutError):
            async with asyncio.timeout(self.pace.patience_s):
                async for page in self.history.pages(self.series, span, self.markers, provenance):
                    return page[0]
        return None
