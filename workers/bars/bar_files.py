"""Recorded bars in files: Parquet or CSV with date, open, high, low, close, volume.

``date`` is the open time. The exchange's public archive is read as it comes. Every way to use a
file goes through ``read_bars``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from schemas.timeframes import timeframe_name
from workers.bars.bar_names import parse_subject
from workers.bars.table_files import (
    BarFileRejected,
    Floats,
    Ints,
    read_known_numbers,
    read_numbers,
    read_table,
    read_times,
    require_columns,
    require_rows,
)

PRICES = ("open", "high", "low", "close")
COLUMNS = ("date", *PRICES, "volume")
TAKER_BUY = "taker_buy_volume"


@dataclass(frozen=True)
class BarFile:
    """Bars of one file in the file's order, arrays of shape (n,), n at least 1.

    Attributes:
        path: Where it was read.
        symbol: Canonical.
        timeframe_ms: Length of a bar.
        market: ``perp`` or ``spot`` when the name says so, else empty.
        open_time_ms: UTC epoch milliseconds.
        columns: open, high, low, close in quote currency; volume in base currency, where known;
            taker_buy_volume likewise, NaN in a row without it.
    """

    path: Path
    symbol: str
    timeframe_ms: int
    market: str
    open_time_ms: Ints
    columns: dict[str, Floats]

    def __len__(self) -> int:
        return len(self.open_time_ms)

    @property
    def from_ms(self) -> int:
        """Open time of the earliest bar."""
        return int(self.open_time_ms.min())

    @property
    def to_ms(self) -> int:
        """Close time of the latest bar, exclusive."""
        return int(self.open_time_ms.max()) + self.timeframe_ms


def read_bars(text: str, *, volume: bool = True) -> BarFile:
    """Read a file of bars; ``text`` is a path, or ``FILE=SYMBOL:TIMEFRAME``.

    Every value is checked; order and gaps are not (see ``require_order``), but a file that is
    newest first is refused.

    Raises:
        BarFileRejected: Missing, unreadable, without a column, or with an impossible value.
    """
    path, symbol, timeframe_ms = parse_subject(text)
    table = read_table(path)
    names = PRICES + (("volume",) if volume else ())
    require_columns(path, table, ("date", *names))
    opened = read_times(path, table["date"])
    columns = {name: read_numbers(path, table, name) for name in names}
    whole = opened % timeframe_ms == 0
    require_rows(
        path,
        "date",
        table["date"].to_numpy(),
        whole,
        f"a multiple of {timeframe_name(timeframe_ms)}",
    )
    if len(opened) > 1 and bool(np.all(np.diff(opened) < 0)):
        raise BarFileRejected(f"{path}: column date: newest first, expected oldest first; sort it")
    for name in PRICES:
        require_rows(path, name, columns[name], columns[name] > 0, "more than 0")
    if volume:
        require_rows(path, "volume", columns["volume"], columns["volume"] >= 0, "at least 0")
    if volume and TAKER_BUY in table.columns:
        columns[TAKER_BUY] = bought = read_known_numbers(path, table, TAKER_BUY)
        known = np.isnan(bought) | (bought >= 0)
        require_rows(path, TAKER_BUY, bought, known, "at least 0, or nothing")
    top = np.maximum(columns["open"], columns["close"])
    bottom = np.minimum(columns["open"], columns["close"])
    require_rows(path, "high", columns["high"], columns["high"] >= top, "at least open and close")
    require_rows(path, "low", columns["low"], columns["low"] <= bottom, "at most open and close")
    market = next((name for name in ("perp", "spot") if f"_{name}" in path.name), "")
    return BarFile(path, symbol, timeframe_ms, market, opened, columns)


def require_order(file: BarFile) -> None:
    """Raise ``BarFileRejected`` unless open times rise from row to row."""
    rising = np.concatenate([[True], np.diff(file.open_time_ms) > 0])
    dates = file.open_time_ms.astype("datetime64[ms]")
    require_rows(file.path, "date", dates, rising, "later than the row before")
