"""History of a venue into Parquet files that ``--replay`` plays, continued where they end."""

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
from workers.ingest.live_market import synchronise
from workers.ingest.market_clock import MarketClock
from workers.ingest.normalise import PayloadRejected
from workers.ingest.rest_history import KlineSeries, RestHistory, with_retries

START_PATIENCE_S = 20.0
COLUMNS = (
    "open",
    "high",
    "low",
    "close",
    "volume",
    "quote_volume",
    "taker_buy_volume",
    "trades",
    "mark_price",
    "funding_rate",
)

Progress = Callable[[str, float], None]  # symbol, share done


@dataclass(frozen=True)
class FetchRequest:
    """What is to be fetched; ``to_ms`` None: up to the last bar that is over."""

    symbols: tuple[str, ...]
    timeframe: str
    from_ms: int
    to_ms: int | None = None


def fetch_history(
    access: VenueAccess, wanted: FetchRequest, folder: Path, progress: Progress = lambda *_: None
) -> list[Path]:
    """Fetch bars into ``<folder>/<SYMBOL>_perp_<timeframe>.parquet``; returns the files.

    A file that exists is continued from its last bar. Market time is taken from the venue.

    Raises:
        VenueUnavailable: The venue does not answer.
        VenueRefused: It does not know a symbol.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_fetch_all(access, wanted, folder, progress))


async def _fetch_all(
    access: VenueAccess, wanted: FetchRequest, folder: Path, progress: Progress
) -> list[Path]:
    clock = MarketClock()
    async with connected(access) as exchange:
        await with_retries(lambda: synchronise(exchange, clock), START_PATIENCE_S)
        history = RestHistory(exchange, _complain, clock)
        fetching = FileFetcher(history, wanted, folder, progress)
        return [await fetching.fetch(symbol) for symbol in wanted.symbols]


@dataclass(frozen=True)
class FileFetcher:
    """One request under way."""

    history: RestHistory
    wanted: FetchRequest
    folder: Path
    progress: Progress

    async def fetch(self, symbol: str) -> Path:
        """Fetch one symbol; returns its file."""
        step = TIMEFRAMES_MS[self.wanted.timeframe]
        path = self.folder / f"{symbol}_perp_{self.wanted.timeframe}.parquet"
        held = _held(path)
        from_ms = -(-self.wanted.from_ms // step) * step
        if held is not None:
            from_ms = max(from_ms, int(held["date"].iloc[-1].timestamp() * 1000) + step)
        now_ms = self.history.clock.now_ms()
        to_ms = now_ms if self.wanted.to_ms is None else min(self.wanted.to_ms, now_ms)
        bars = await self._bars(KlineSeries(symbol, self.wanted.timeframe, step), from_ms, to_ms)
        if not bars and held is None:
            raise VenueUnavailable(
                f"{symbol}: the venue has no {self.wanted.timeframe} bars in that span"
            )
        _write(path, held, bars)
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


def _held(path: Path) -> Any:
    import pandas as pd

    return pd.read_parquet(path) if path.exists() else None


def _write(path: Path, held: Any, bars: list[RawBar]) -> None:
    import pandas as pd

    table = pd.DataFrame([{name: getattr(bar, name) for name in COLUMNS} for bar in bars])
    opened = pd.Series([bar.open_time_ms for bar in bars], dtype="int64")
    table.insert(0, "date", pd.to_datetime(opened, unit="ms", utc=True))
    if held is not None:
        table = pd.concat([held, table], ignore_index=True) if bars else held
    fresh = path.with_suffix(".new")
    table.to_parquet(fresh)
    fresh.replace(path)


def _complain(row: object, error: PayloadRejected) -> None:
    raise VenueUnavailable(f"the venue sent {str(row)[:80]!r}: {error}")
