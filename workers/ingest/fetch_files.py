"""Fetch past bars of a venue into Parquet files that ``--replay`` plays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.market import RawBar
from schemas.timeframes import TIMEFRAMES_MS
from workers.bars.bar_files import read_bars, require_order
from workers.bars.markers import Markers
from workers.bars.table_files import read_table, read_times
from workers.ingest.market_clock import MarketClock, synchronise
from workers.ingest.normalise import PayloadRejected
from workers.ingest.rebuilt_bars import VALUES
from workers.ingest.rest_history import KlineSeries, RestHistory
from workers.storage import whole_file
from workers.venue.exchange import VenueAccess, VenueUnavailable, connected
from workers.venue.retry import with_retries

START_PATIENCE_S = 20.0
DEFAULT_BARS = 10_000  # as many as a run back-fills
COLUMNS = (*VALUES, "mark_price", "funding_rate")

Span = tuple[int, int]  # first open, last close, ms
Progress = Callable[[str, float], None]  # symbol, share done


@dataclass(frozen=True)
class FetchRequest:
    """Which bars to fetch.

    Attributes:
        symbols, timeframe: Of the files.
        from_ms: First open; None: ``DEFAULT_BARS`` before the end.
        to_ms: Last close; None: that of the last bar that has closed.
    """

    symbols: tuple[str, ...]
    timeframe: str
    from_ms: int | None = None
    to_ms: int | None = None

    def span(self, now_ms: int) -> Span:
        """Return first open and last close, no later than now."""
        step = TIMEFRAMES_MS[self.timeframe]
        to_ms = now_ms if self.to_ms is None else min(self.to_ms, now_ms)
        from_ms = (
            to_ms // step * step - DEFAULT_BARS * step if self.from_ms is None else self.from_ms
        )
        return -(-max(from_ms, 0) // step) * step, to_ms


@dataclass(frozen=True)
class FetchedFile:
    """A file, the bars in it, and how many of them are new."""

    path: Path
    bars: int
    new_bars: int
    from_ms: int
    to_ms: int


def fetch_history(
    access: VenueAccess, request: FetchRequest, folder: Path, progress: Progress = lambda *_: None
) -> list[FetchedFile]:
    """Fetch bars into ``<folder>/<SYMBOL>_perp_<timeframe>.parquet``; returns the files.

    An existing file is continued at both ends up to the span, so that no hole is left between the
    two. Market time is the venue's.

    Raises:
        BarFileRejected: An existing file cannot be read.
        VenueUnavailable: The venue does not answer.
        VenueRefused: The venue does not know a symbol.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_fetch_all(access, request, folder, progress))


async def _fetch_all(
    access: VenueAccess, request: FetchRequest, folder: Path, progress: Progress
) -> list[FetchedFile]:
    clock, symbols = MarketClock(), request.symbols
    async with connected(access) as exchange:
        await with_retries(lambda: synchronise(exchange, clock, symbols), START_PATIENCE_S)
        history = RestHistory(exchange, _raise_unavailable, clock)
        fetcher = FileFetcher(history, request, folder, progress)
        return [await fetcher.fetch(symbol) for symbol in request.symbols]


@dataclass(frozen=True)
class FileFetcher:
    """Fetches the files of one request."""

    history: RestHistory
    request: FetchRequest
    folder: Path
    progress: Progress

    async def fetch(self, symbol: str) -> FetchedFile:
        """Fetch one symbol; returns its file."""
        step = TIMEFRAMES_MS[self.request.timeframe]
        path = self.folder / f"{symbol}_perp_{self.request.timeframe}.parquet"
        existing = _read_file(path)
        span = self.request.span(self.history.clock.now_ms())
        series = KlineSeries(symbol, self.request.timeframe, step)
        tables = [] if existing is None else [existing]
        parts = _absent_parts(existing, span, step)
        tables += [_table(await self._bars(series, *part)) for part in parts]
        table = _in_order(tables)
        if table is None:
            raise VenueUnavailable(
                f"{symbol}: the venue has no {self.request.timeframe} bars in that span"
            )
        with whole_file(path) as fresh:
            table.to_parquet(fresh)
        self.progress(symbol, 1.0)
        opened = _open_times(table)
        new = len(table) - (0 if existing is None else len(existing))
        return FetchedFile(path, len(table), new, int(opened[0]), int(opened[-1]) + step)

    async def _bars(self, series: KlineSeries, from_ms: int, to_ms: int) -> list[RawBar]:
        bars: list[RawBar] = []
        if from_ms + series.timeframe_ms > to_ms:
            return bars
        markers = Markers()
        await self.history.settlements(series, from_ms, markers)
        async for page in self.history.pages(series, (from_ms, to_ms), markers):
            bars += page
            done = (bars[-1].event_time_ms - from_ms) / (to_ms - from_ms)
            self.progress(series.symbol, min(1.0, done))
        return bars


def _absent_parts(existing: Any, span: Span, step: int) -> list[Span]:
    """Return what is to be fetched: before and after the bars of the file, up to them."""
    if existing is None:
        return [span]
    opened = _open_times(existing)
    return [(span[0], int(opened[0])), (int(opened[-1]) + step, span[1])]


def _read_file(path: Path) -> Any:
    """Return the table of an existing file, its times as they are written here; None without."""
    if not path.exists():
        return None
    require_order(read_bars(str(path)))
    table = read_table(path)
    return table.assign(date=_dates(read_times(path, table["date"])))


def _open_times(table: Any) -> Any:
    return table["date"].astype("datetime64[ms, UTC]").astype("int64").to_numpy()


def _dates(open_times_ms: Any) -> Any:
    import pandas as pd

    return pd.to_datetime(pd.Series(open_times_ms, dtype="int64"), unit="ms", utc=True)


def _table(bars: list[RawBar]) -> Any:
    import pandas as pd

    table = pd.DataFrame([{name: getattr(bar, name) for name in COLUMNS} for bar in bars])
    table.insert(0, "date", _dates([bar.open_time_ms for bar in bars]))
    return table


def _in_order(tables: list[Any]) -> Any:
    """Return the rows of several tables by time; None when there is none."""
    import pandas as pd

    filled = [table for table in tables if len(table)]
    if not filled:
        return None
    return pd.concat(filled, ignore_index=True).sort_values("date", ignore_index=True)


def _raise_unavailable(row: object, error: PayloadRejected) -> None:
    raise VenueUnavailable(f"the venue sent {str(row)[:80]!r}: {error}")
