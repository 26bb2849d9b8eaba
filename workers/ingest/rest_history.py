"""Past bars of a venue, page by page over REST, with mark price and funding as of each close.

We page ourselves: ccxt's pagination silently ignores a start that is too old.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from schemas.market import RawBar
from schemas.timeframes import HOUR_MS
from workers.bars.markers import Markers
from workers.ingest.market_clock import MarketClock
from workers.ingest.normalise import (
    PayloadRejected,
    Provenance,
    read_kline_row,
    read_mark_row,
    read_settlement,
)
from workers.venue.exchange import Exchange, VenueUnavailable
from workers.venue.reach import Reach
from workers.venue.retry import with_retries

PAGE_BARS = 499  # most bars for one unit of request weight
PAGE_ATTEMPTS = 3  # while a page holds rows that are not klines
FUNDING_INTERVAL_MS = 8 * HOUR_MS  # the longest between two settlements

Refuse = Callable[[Any, PayloadRejected], None]


@dataclass(frozen=True)
class KlineSeries:
    """Klines of one symbol and timeframe; ``interval`` is the venue's name for it, e.g. 1m."""

    symbol: str
    interval: str
    timeframe_ms: int


@dataclass(frozen=True)
class RestHistory:
    """Reads past klines and settlements of one venue; ``reach`` is told of what is not answered."""

    exchange: Exchange
    refuse: Refuse
    clock: MarketClock
    patience_s: float = 600.0
    reach: Reach | None = None

    async def settlements(self, series: KlineSeries, from_ms: int, markers: Markers) -> None:
        """Add to ``markers`` every settlement from the last one before ``from_ms`` on."""
        start_ms = max(0, from_ms - FUNDING_INTERVAL_MS - HOUR_MS)
        while True:
            rows = await with_retries(
                lambda start=start_ms: self.exchange.funding_rates(series.symbol, start),  # type: ignore[misc]  # mypy cannot infer a default's type
                self.patience_s,
                self.reach,
            )
            added = markers.add_settlements([read_settlement(row) for row in rows])
            if not added:
                return
            start_ms = added[-1].time_ms + 1

    async def pages(
        self,
        series: KlineSeries,
        span: tuple[int, int],
        markers: Markers,
        *,
        repaired_at_ms: int | None = None,
    ) -> AsyncIterator[list[RawBar]]:
        """Yield the final bars of a span in time order, one page at a time.

        Args:
            series: Symbol and timeframe.
            span: Open time of the first bar; latest close of the last bar.
            markers: Settlements to join; fill them with ``settlements`` first.
            repaired_at_ms: Market time of a repair, when its bars become known; None: backfill.

        Raises:
            VenueUnavailable: No answer within ``patience_s``.
        """
        cursor_ms, end_ms = span
        source = self.exchange.source
        provenance = Provenance("backfill", source)
        if repaired_at_ms is not None:
            provenance = Provenance("repair", source, repaired_at_ms)
        while cursor_ms + series.timeframe_ms <= end_ms:
            bars = [
                bar
                for bar in await self._page(series, cursor_ms, end_ms, provenance)
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
        for attempt in range(1, PAGE_ATTEMPTS + 1):
            requested_ms = self.clock.now_ms()
            rows, marks = await with_retries(
                lambda: asyncio.gather(
                    self.exchange.klines(*query), self.exchange.mark_klines(*query)
                ),
                self.patience_s,
                self.reach,
            )
            bars, rejected = _read_bars(series, rows, provenance)
            if not rejected or attempt == PAGE_ATTEMPTS:
                break
        for row, error in rejected:
            self.refuse(row, error)
        if rejected and not bars:
            raise VenueUnavailable(f"{series.symbol}: a page without one usable row")
        mark_prices = _read_mark_prices(marks)
        # Our clock does not prove that the newest bar has closed: the venue's may be behind ours.
        # A bar is final when a later one exists, or when it closed longer ago than clocks differ.
        margin_ms = max(series.timeframe_ms, int(self.clock.error_ms))
        return [
            bar.model_copy(update={"mark_price": mark_prices.get(bar.open_time_ms)})
            for bar in bars
            if bar is not bars[-1] or bar.event_time_ms <= requested_ms - margin_ms
        ]


def _read_bars(
    series: KlineSeries, rows: list[Any], provenance: Provenance
) -> tuple[list[RawBar], list[tuple[Any, PayloadRejected]]]:
    bars: dict[int, RawBar] = {}
    rejected: list[tuple[Any, PayloadRejected]] = []
    for row in rows:
        try:
            bar = read_kline_row(series.symbol, series.timeframe_ms, row, provenance)
        except PayloadRejected as error:
            rejected.append((row, error))
        else:
            bars[bar.open_time_ms] = bar
    return [bars[opened] for opened in sorted(bars)], rejected


def _read_mark_prices(rows: list[Any]) -> dict[int, float]:
    """Return mark prices by open time; a bar without one has mark price null."""
    prices: dict[int, float] = {}
    for row in rows:
        with contextlib.suppress(PayloadRejected):
            open_time_ms, price = read_mark_row(row)
            prices[open_time_ms] = price
    return prices
