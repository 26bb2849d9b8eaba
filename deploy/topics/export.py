"""Market data of the topics as files.

``--replay`` and ``data ledger`` read these files of bars, one for each symbol and timeframe:
``BTCUSDT_perp_1m.parquet`` with the columns date, open, high, low, close, volume, and
taker_buy_volume where it is known.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.market import RawBar
from schemas.record import Topic
from schemas.timeframes import timeframe_name
from schemas.topics import BARS
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from workers.bars.bar_files import TAKER_BUY
from workers.storage import whole_file

if TYPE_CHECKING:
    from workers.storage import Location

COLUMNS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class ExportedFile:
    """One file that was written."""

    path: Location
    symbol: str
    timeframe: str
    bars: int
    from_ms: int
    to_ms: int


def export_bars(
    kafka: KafkaSettings, symbol: str | None, timeframe_ms: int | None, folder: Location
) -> list[ExportedFile]:
    """Write the checked bars of one symbol or of all, of one timeframe or of all.

    Raises:
        Fatal: The cluster does not answer, or a topic is missing.
    """
    with Reader(kafka, (BARS,)) as reader:
        bars = [
            message.record
            for message in reader.read_to_end()
            if isinstance(message.record, RawBar)
            and symbol in (None, message.record.symbol)
            and timeframe_ms in (None, message.record.timeframe_ms)
        ]
    return write_bars(bars, folder)


def export_topics(kafka: KafkaSettings, topics: Sequence[Topic], folder: Location) -> int:
    """Write whole topics by key and day, like the archive; return the number of new records."""
    from workers.archive.worker import archive_topics

    return archive_topics(folder, kafka, tuple(topics), threading.Event(), until_end=True)


def write_bars(bars: Iterable[RawBar], folder: Location) -> list[ExportedFile]:
    """Write one file for each symbol and timeframe; a file appears whole or not at all."""
    import pandas as pd

    series: dict[tuple[str, int], list[RawBar]] = defaultdict(list)
    for bar in bars:
        series[bar.symbol, bar.timeframe_ms].append(bar)
    written = []
    for (symbol, length), members in sorted(series.items()):
        timeframe = timeframe_name(length)
        path = folder / f"{symbol}_perp_{timeframe}.parquet"
        table = pd.DataFrame({name: [getattr(b, name) for b in members] for name in COLUMNS})
        opened = pd.to_datetime([b.open_time_ms for b in members], unit="ms", utc=True)
        table.insert(0, "date", opened)
        bought = pd.Series([b.taker_buy_volume for b in members], dtype="float64")
        if bought.notna().any():
            table[TAKER_BUY] = bought
        with whole_file(path) as fresh:
            table.to_parquet(fresh, index=False)
        span = (members[0].open_time_ms, members[-1].event_time_ms)
        written.append(ExportedFile(path, symbol, timeframe, len(members), *span))
    return written
