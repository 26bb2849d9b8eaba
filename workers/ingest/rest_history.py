"""History by pages of raw klines, with mark price and funding joined as of each close.

The cursor is ours: ccxt's own pagination silently ignores a start that is too old.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from schemas.market import Origin, RawBar
from schemas.timeframes import HOUR_MS
from workers.bars.markers import Markers
from workers.ingest.exchange import Exchange, VenueUnavailable
from workers.ingest.market_clock import MarketClock
from workers.ingest.normalise import (
    PayloadRejected,
    Provenance,
    read_kline_row,
    read_mark_row,
    read_settlement,
)

PAGE_BARS = 499  # most bars for one unit of request weight
ATTEMPTS = 3  # at a page that holds rows which are no bars
CLOCK_DOUBT_S = 2.0  # how far our idea of the venue's time may be off, in wall-clock seconds
LONGEST_INTERVAL_MS = 8 * HOUR_MS  # between settlements; one more is asked for
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 10.0

Answer = TypeVar("Answer")
Refuse = Callable[[Any, PayloadRejected], None]


@dataclass(frozen=True)
class KlineSeries:
    """One symbol's bars of one length; ``interval`` is the venue's word for it, e.g. 1m."""

    symbol: str
    interval: str
    timeframe_ms: int


async def with_retries(ask: Callable[[], Awaitable[Answer]], patience_s: float) -> Answer:
    """Return the answer, asking again while the venue cannot give it.

    Waits grow with jitter and are never shorter than the venue's ``Retry-After``.

    Raises:
        VenueUnavailable: Not answered within ``patience_s``.
    """
    loop = asyncio.get_running_loop()
    deadline_s, wait_s = loop.time() + patience_s, FIRST_WAIT_S
    while True:
        try:
            return await ask()
        except VenueUnavailable as error:
            pause_s = max(error.retry_after_s, wait_s * random.uniform(0.75, 1.25))
            if loop.time() + pause_s > deadline_s:
                raise
        await asyncio.sleep(pause_s)
        wait_s = min(2 * wait_s, LONGEST_WAIT_S)


@dataclass(frozen=True)
class RestHistory:
    """Asks one venue for the past of series."""

    exchange: Exchange
    refuse: Refuse
    clock: MarketClock
    patience_s: float = 600.0

    async def settlements(self, series: KlineSeries, from_ms: int, markers: Markers) -> None:
        """Fetch every settlement since the last one before ``from_ms`` into ``markers``."""
        start_ms = max(0, from_ms - LONGEST_INTERVAL_MS - HOUR_MS)
        while True:
            rows = await with_retries(
                lambda start=start_ms: self.exchange.funding_rates(series.symbol, start),  # type: ignore[misc]  # mypy cannot infer a default's type
                self.patience_s,
            )
            new = markers.add_settlements([read_settlement(row) for row in rows])
            if not new:
                return
            start_ms = new[-1].time_ms + 1

    async def pages(
        self,
        series: KlineSeries,
        span: tuple[int, int],
        markers: Markers,
        provenance: Provenance = Provenance("backfill", ""),  # noqa: B008 - frozen
    ) -> AsyncIterator[list[RawBar]]:
        """Yield the final bars of a span in order, a page at a time.

        Args:
            series: What to ask for.
            span: Open time of the first bar; time at which the last must have closed.
            markers: Settlements to join, see ``settlements``.
            provenance: Why they are fetched, and when they are known.

        Raises:
            VenueUnavailable: No answer within ``patience_s``.
        """
        cursor_ms, end_ms = span
        known = Provenance(provenance.origin, self.exchange.source, provenance.known_at_ms)
        while cursor_ms + series.timeframe_ms <= end_ms:
            bars = [
                bar
                for bar in await self._page(series, cursor_ms, end_ms, known)
                if bar.open_time_ms >= cursor_ms and bar.event_time_ms <= end_ms
            ]
            if not bars:
                return
            yield [markers.joined(bar, bar.mark_price) for bar in bars]
            cursor_ms = bars[-1].event_time_ms

    async def _page(
        self, series: KlineSeries, start_ms: int, end_ms: int, provenance: Provenance
    ) -> list[RawBar]:
        limit = min(PAGE_BARS, (end_ms - start_ms) // series.timeframe_ms + 1)
        query = (series.symbol, series.interval, start_ms, limit)
        for attempt in range(1, ATTEMPTS + 1):
            asked_ms = self.clock.now_ms()
            rows, marks = await with_retries(
                lambda: asyncio.gather(
                    self.exchange.klines(*query), self.exchange.mark_klines(*query)
                ),
                self.patience_s,
            )
            bars, refused = _read(series, rows, provenance)
            if not refused or attempt == ATTEMPTS:
                break
        for row, error in refused:
            self.refuse(row, error)
        if refused and not bars:
            raise VenueUnavailable(f"{series.symbol}: a page without one usable row")
        prices = dict(_marks(marks))
        # Our clock alone does not prove that the newest bar is over: a venue that is a moment
        # behind, or answered a moment before, still adds to it. A successor proves it.
        doubt_ms = max(series.timeframe_ms, int(CLOCK_DOUBT_S * 1000.0 * self.clock.speed))
        return [
            bar.model_copy(update={"mark_price": prices.get(bar.open_time_ms)})
            for bar in bars
            if bar is not bars[-1] or bar.event_time_ms <= asked_ms - doubt_ms
        ]


def _read(
    series: KlineSeries, rows: list[Any], provenance: Provenance
) -> tuple[list[RawBar], list[tuple[Any, PayloadRejected]]]:
    bars: dict[int, RawBar] = {}
    refused: list[tuple[Any, PayloadRejected]] = []
    for row in rows:
        try:
            bar = read_kline_row(series.symbol, series.timeframe_ms, row, provenance)
        except PayloadRejected as error:
            refused.append((row, error))
        else:
            bars[bar.open_time_ms] = bar
    return [bars[opened] for opened in sorted(bars)], refused


def _marks(rows: list[Any]) -> list[tuple[int, float]]:
    found: list[tuple[int, float]] = []
    for row in rows:
        try:
            found.append(read_mark_row(row))
        except PayloadRejected:
            continue  # the bar then says that its mark price is not known
    return found


def origin_of_history(*, repair: bool, known_at_ms: int) -> Provenance:
    """Return the provenance of bars fetched from REST; only repairs were known late."""
    origin: Origin = "repair" if repair else "backfill"
    return Provenance(origin, "", known_at_ms if repair else 0)
