"""Live base bars of one symbol: each is published once and in order, whatever the stream does.

A missing bar is fetched over REST before any later bar is published. If REST does not give it
within a bounded wait, the bar rebuilt from trades takes its place. If that is incomplete too, the
next bar counts it in ``bars_missing``.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import structlog

from schemas.market import RawBar
from workers.bars.markers import Markers, finding
from workers.ingest.higher_bars import HigherSeries, Overlap
from workers.ingest.market_clock import MarketClock
from workers.ingest.normalise import AggTrade
from workers.ingest.outbox import Outbox
from workers.ingest.rebuilt_bars import BarRebuilder, RebuiltBar, disagreement
from workers.ingest.rest_history import KlineSeries, RestHistory
from workers.venue.exchange import ExchangeError

SENT_BARS = 256  # published last and remembered, to tell a duplicate from a correction
RETRY_S = 0.2
SETTLEMENT_POLL_S = 0.02
COMPARED = ("open", "high", "low", "close", "volume")

log = structlog.get_logger()


@dataclass(frozen=True)
class WaitLimits:
    """Longest waits, in wall-clock seconds.

    Attributes:
        grace_s: From a bar's due time until REST is asked for it.
        patience_s: For the repair of a hole, until the hole is left open.
        silence_s: Without any message, until the connection is opened again.
    """

    grace_s: float
    patience_s: float
    silence_s: float

    @classmethod
    def for_bars(cls, timeframe_ms: int, speed: float) -> WaitLimits:
        """Return limits for bars of a timeframe, where market time runs at ``speed``."""
        bar_s = timeframe_ms / 1000.0 / speed
        return cls(
            grace_s=min(max(0.1 * bar_s, 0.5), 5.0),
            patience_s=min(max(bar_s, 2.0), 20.0),
            silence_s=min(max(2.0 * bar_s, 2.0), 120.0),
        )


@dataclass(frozen=True)
class Gap:
    """Where bars began to be missing, and how the feed stood then."""

    from_ms: int
    repaired_before: int
    began_s: float


@dataclass
class SymbolFeed:
    """Publishes the bars of one series from ``expected_ms`` on, the open time of the next bar."""

    series: KlineSeries
    history: RestHistory
    clock: MarketClock
    outbox: Outbox
    limits: WaitLimits
    expected_ms: int
    markers: Markers = field(default_factory=Markers)
    queue: asyncio.Queue[RawBar | RebuiltBar] = field(default_factory=asyncio.Queue)
    repaired: int = 0
    higher: list[HigherSeries] = field(default_factory=list)
    overlap: Overlap | None = None
    _rebuilder: BarRebuilder = field(init=False)
    _sent: OrderedDict[int, RawBar] = field(default_factory=OrderedDict)
    _gap: Gap | None = None  # bars fetched because the stream did not bring them
    _overdue_since_s: float | None = None
    _retry_at_s: float = 0.0

    def __post_init__(self) -> None:
        self._rebuilder = BarRebuilder(self.series.timeframe_ms)

    @property
    def contract(self) -> tuple[str, int]:
        """Symbol and timeframe of ledger entries."""
        return self.series.symbol, self.series.timeframe_ms

    def add_trade(self, trade: AggTrade) -> None:
        """Add the next trade; a bar that it ends is compared with the venue's."""
        finished = self._rebuilder.add(trade)
        if finished is not None:
            self.queue.put_nowait(finished)

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
        """Return the next arrival; None when a bar is overdue."""
        if not self.queue.empty():
            return self.queue.get_nowait()
        now_s = asyncio.get_running_loop().time()
        due_ms = self.expected_ms + self.series.timeframe_ms
        wait_s = self.clock.seconds_until(due_ms) + self.limits.grace_s
        wait_s = max(wait_s, self._retry_at_s - now_s, 0.0)
        try:
            async with asyncio.timeout(wait_s):  # wait_for may swallow a cancellation in 3.11
                return await self.queue.get()
        except TimeoutError:
            return None

    async def _arrived(self, bar: RawBar) -> None:
        sent = self._sent.get(bar.open_time_ms)
        if sent is not None:
            self._send_again(sent, bar)
            return
        if bar.open_time_ms > self.expected_ms:
            await self._repair(bar.open_time_ms)
        if bar.open_time_ms < self.expected_ms:
            self._send(bar)  # late: the market processor books it in the ledger
            return
        if self._gap is not None:
            self._log_gap(self._gap, bar.open_time_ms)
            self._gap = None
        await self._wait_for_settlement(bar)
        self.advance(bar)
        await self._compare(bar.open_time_ms)

    async def _wait_for_settlement(self, bar: RawBar) -> None:
        """Wait, at most ``grace_s``, for a settlement that this bar is the first to carry."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + self.limits.grace_s
        first = bar.event_time_ms - self.markers.pending_ms <= bar.timeframe_ms
        while first and self.markers.due(bar.event_time_ms - 1) and loop.time() < deadline_s:  # noqa: ASYNC110 - time may pass without any event
            await asyncio.sleep(SETTLEMENT_POLL_S)

    def _send_again(self, sent: RawBar, bar: RawBar) -> None:
        """Publish a bar that was published before: a duplicate, or a correction.

        A streamed bar that only confirms a repaired one is not published.
        """
        if _same_values(sent, bar):
            if sent.origin == "stream":
                self._send(bar)
            return
        self._send(bar.model_copy(update={"revision": sent.revision + 1}))

    async def _overdue(self) -> None:
        """Fetch the bars that have closed and have not arrived."""
        now_s = asyncio.get_running_loop().time()
        if self._overdue_since_s is None:
            self._overdue_since_s = now_s
        gap = Gap(self.expected_ms, self.repaired, now_s)
        closed_ms = self.clock.now_ms() // self.series.timeframe_ms * self.series.timeframe_ms
        patient = now_s < self._overdue_since_s + self.limits.patience_s
        with contextlib.suppress(ExchangeError, TimeoutError):
            async with asyncio.timeout(self.limits.patience_s):
                await self._fetch(closed_ms, holes=not patient)
        if not patient:
            self._take_rebuilt(closed_ms)
        if self.expected_ms > gap.from_ms:
            self._gap = self._gap or gap  # told as one when the stream is back
        self._retry_at_s = asyncio.get_running_loop().time() + max(RETRY_S, self.limits.grace_s)

    async def _repair(self, until_ms: int) -> None:
        """Fetch the bars before ``until_ms``; leave what is still missing after ``patience_s``."""
        loop = asyncio.get_running_loop()
        gap = Gap(self.expected_ms, self.repaired, loop.time())
        deadline_s = gap.began_s + self.limits.patience_s
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
                async with asyncio.timeout(self.limits.patience_s):
                    await self._fetch(until_ms, holes=True)
        self._log_gap(gap, until_ms)

    def _log_gap(self, gap: Gap, until_ms: int) -> None:
        """Say how many bars had not come before ``until_ms``, and what became of them."""
        step = self.series.timeframe_ms
        bars = (until_ms - gap.from_ms) // step
        missing = max(until_ms - self.expected_ms, 0) // step
        fetched = self.repaired - gap.repaired_before
        facts = {
            "symbol": self.series.symbol,
            "timeframe": self.series.interval,
            "from_ms": gap.from_ms,
            "bars": bars,
            "fetched": fetched,
            "from_trades": bars - missing - fetched,
            "seconds": round(asyncio.get_running_loop().time() - gap.began_s, 2),
        }
        if missing:
            log.warning(
                "gap.left",
                **facts,
                missing=missing,
                remedy="none: features are null until their windows refill; `regimeflow data "
                "ledger` lists it",
            )
        else:
            log.info("gap.repaired", **facts)

    async def _fetch(self, until_ms: int, *, holes: bool) -> None:
        """Publish what REST has before ``until_ms``; without ``holes``, stop at the first hole."""
        async for page in self._pages((self.expected_ms, until_ms)):
            for bar in page:
                if bar.open_time_ms > self.expected_ms and not holes:
                    return
                self.repaired += 1
                self.advance(bar)

    def _take_rebuilt(self, until_ms: int) -> None:
        """Publish bars rebuilt from trades, up to the first that is incomplete."""
        while self.expected_ms < until_ms:
            rebuilt = self._rebuilder.take(self.expected_ms)
            if rebuilt is None:
                return
            self.advance(rebuilt.as_raw_bar(self._blank_bar(self.expected_ms)))

    def _blank_bar(self, open_time_ms: int) -> RawBar:
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
        """Publish the next bar, with the number of bars that are missing before it."""
        missing = (bar.open_time_ms - self.expected_ms) // self.series.timeframe_ms
        joined = self.markers.joined(bar, bar.mark_price)
        carried = tuple(each.timeframe_ms for each in self.higher if each.carries(bar))
        base = joined.model_copy(update={"bars_missing": missing, "higher_ms": carried})
        if self.overlap is not None:
            self.overlap.add(base)
        self._send(base)
        self.expected_ms = bar.event_time_ms
        self._overdue_since_s, self._retry_at_s = None, 0.0

    def _send(self, bar: RawBar) -> None:
        self.outbox.put(bar)
        self._sent[bar.open_time_ms] = bar
        while len(self._sent) > SENT_BARS:
            self._sent.popitem(last=False)

    async def _compare(self, open_time_ms: int) -> None:
        """Compare the venue's bar with its trades; where they differ, REST decides."""
        sent = self._sent.get(open_time_ms)
        rebuilt = self._rebuilder.take(open_time_ms) if sent is not None else None
        if sent is None or rebuilt is None or sent.origin == "trades":
            return
        difference = disagreement(rebuilt, sent)
        if difference is None:
            return
        kind, note = difference
        bar = await self._fetch_one(open_time_ms)
        if bar is None:
            verdict = "REST does not tell"
        elif _same_values(bar, sent):
            verdict = "REST confirms the kline"
        else:
            verdict = "REST corrects the kline"
            self._send(bar.model_copy(update={"revision": sent.revision + 1}))
        span = (open_time_ms, sent.event_time_ms)
        self.outbox.put(finding(self.contract, kind, span, note=f"{note}; {verdict}"))

    async def _fetch_one(self, open_time_ms: int) -> RawBar | None:
        span = (open_time_ms, open_time_ms + self.series.timeframe_ms)
        with contextlib.suppress(ExchangeError, TimeoutError):
            async with asyncio.timeout(self.limits.patience_s):
                async for page in self._pages(span):
                    return page[0]
        return None

    def _pages(self, span: tuple[int, int]) -> AsyncIterator[list[RawBar]]:
        now_ms = self.clock.now_ms()
        return self.history.pages(self.series, span, self.markers, repaired_at_ms=now_ms)


def _same_values(one: RawBar, other: RawBar) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in COMPARED)
