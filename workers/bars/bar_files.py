"""Recorded bars in files: Parquet or CSV with date, open, high, low, close, volume.

``date`` is the open time. The exchange's public archive is read as it comes. Every way to use a
file goes through ``read_bars``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.bounds import LARGEST, LAST_MS, SMALLEST
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
SIZES = f"more than 0 ({SMALLEST} to {LARGEST})"
ROUNDING = 1e-6  # of sums of trades


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
    require_columns(path, table, COLUMNS if volume else COLUMNS[:-1])
    opened = read_times(path, table["date"])
    columns = {name: read_numbers(path, table, name) for name in PRICES}
    whole = opened % timeframe_ms == 0
    require_rows(
        path,
        "date",
        table["date"].to_numpy(),
        whole,
        f"a multiple of {timeframe_name(timeframe_ms)}",
    )
    dates = table["date"].to_numpy()
    require_rows(path, "date", dates, opened <= LAST_MS - timeframe_ms, "a bar that ends by 2200")
    if len(opened) > 1 and bool(np.all(np.diff(opened) < 0)):
        raise BarFileRejected(f"{path}: column date: newest first, expected oldest first; sort it")
    for name in PRICES:
        require_rows(path, name, columns[name], _is_size(columns[name]), SIZES)
    if volume:
        columns |= _read_volumes(path, table)
    top = np.maximum(columns["open"], columns["close"])
    bottom = np.minimum(columns["open"], columns["close"])
    require_rows(path, "high", columns["high"], columns["high"] >= top, "at least open and close")
    require_rows(path, "low", columns["low"], columns["low"] <= bottom, "at most open and close")
    market = next((name for name in ("perp", "spot") if f"_{name}" in path.name), "")
    return BarFile(path, symbol, timeframe_ms, market, opened, columns)


def _read_volumes(path: Path, table: Any) -> dict[str, Floats]:
    """Return volume, and of it what takers bought, NaN where unknown, where there is a column."""
    volume = read_numbers(path, table, "volume")
    require_rows(path, "volume", volume, (volume == 0) | _is_size(volume), f"0 or {SIZES}")
    if TAKER_BUY not in table.columns:
        return {"volume": volume}
    bought = read_known_numbers(path, table, TAKER_BUY)
    usable = np.isnan(bought) | ((bought >= 0) & (bought <= volume * (1.0 + ROUNDING)))
    require_rows(path, TAKER_BUY, bought, usable, "at least 0 and at most volume, or nothing")
    return {"volume": volume, TAKER_BUY: bought}


def _is_size(values: Floats) -> NDArray[np.bool_]:
    return (values >= SMALLEST) & (values <= LARGEST)


def require_order(file: BarFile) -> None:
    """Raise ``BarFileRejected`` unless open times rise from row to row."""
    rising = np.concatenate([[True], np.diff(file.open_time_ms) > 0])
    dates = file.open_time_ms.astype("datetime64[ms]")
    require_rows(file.path, "date", dates, rising, "later than the row before")
