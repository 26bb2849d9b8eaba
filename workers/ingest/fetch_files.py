"""Fetch past bars of a venue into Parquet files that ``--replay`` plays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.market import RawBar
from schemas.timeframes import TIMEFRAMES_MS
from workers.bars.markers import Markers
from workers.ingest.exchange import VenueAccess, VenueUnavailable, connected
from workers.ingest.market_clock import MarketClock, synchronise
from workers.ingest.normalise import PayloadRejected
from workers.ingest.rebuilt_bars import VALUES
from workers.ingest.rest_history import KlineSeries, RestHistory
from workers.ingest.retry import with_retries
from workers.whole_file import whole_file

START_PATIENCE_S = 20.0
COLUMNS = (*VALUES, "mark_price", "funding_rate")

Progress = Callable[[str, float], None]  # symbol, share done


@dataclass(frozen=True)
class FetchRequest:
    """Which bars to fetch; ``to_ms`` None: up to the last one that has closed."""

    symbols: tuple[str, ...]
    timeframe: str
    from_ms: int
    to_ms: int | None = None


def fetch_history(
    access: VenueAccess, request: FetchRequest, folder: Path, progress: Progress = lambda *_: None
) -> list[Path]:
    """Fetch bars into ``<folder>/<SYMBOL>_perp_<timeframe>.parquet``; returns the files.

    An existing file is continued after its last bar. Market time is the venue's.

    Raises:
        VenueUnavailable: The venue does not answer.
        VenueRefused: The venue does not know a symbol.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_fetch_all(access, request, folder, progress))


async def _fetch_all(
    access: VenueAccess, request: FetchRequest, folder: Path, progress: Progress
) -> list[Path]:
    clock = MarketClock()
    async with connected(access) as exchange:
        await with_retries(lambda: synchronise(exchange, clock), START_PATIENCE_S)
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

    async def fetch(self, symbol: str) -> Path:
        """Fetch one symbol; returns its file."""
        step = TIMEFRAMES_MS[self.request.timeframe]
        path = self.folder / f"{symbol}_perp_{self.request.timeframe}.parquet"
        existing = _read_file(path)
        from_ms = -(-self.request.from_ms // step) * step
        if existing is not None:
            from_ms = max(from_ms, int(existing["date"].iloc[-1].timestamp() * 1000) + step)
        now_ms = self.history.clock.now_ms()
        to_ms = now_ms if self.request.to_ms is None else min(self.request.to_ms, now_ms)
        bars = await self._bars(KlineSeries(symbol, self.request.timeframe, step), from_ms, to_ms)
        if not bars and existing is None:
            raise VenueUnavailable(
                f"{symbol}: the venue has no {self.request.timeframe} bars in that span"
            )
        _write_file(path, existing, bars)
        self.progress(symbol, 1.0)
        return path

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


def _read_file(path: Path) -> Any:
    import pandas as pd

    return pd.read_parquet(path) if path.exists() else None


def _write_file(path: Path, existing: Any, bars: list[RawBar]) -> None:
    import pandas as pd

    table = pd.DataFrame([{name: getattr(bar, name) for name in COLUMNS} for bar in bars])
    opened = pd.Series([bar.open_time_ms for bar in bars], dtype="int64")
    table.insert(0, "date", pd.to_datetime(opened, unit="ms", utc=True))
    if existing is not None:
        table = pd.concat([existing, table], ignore_index=True) if bars else existing
    with whole_file(path) as fresh:
        table.to_parquet(fresh)


def _raise_unavailable(row: object, error: PayloadRejected) -> None:
    raise VenueUnavailable(f"the venue sent {str(row)[:80]!r}: {error}")
