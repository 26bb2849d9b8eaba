"""Recorded bars in files: Parquet or CSV with date, open, high, low, close, volume.

``date`` is the open time in UTC. Symbol and timeframe come from the file's name
(``BTCUSDT_perp_1m.parquet``, ``BTC_USDT-1h.csv``) or are given as ``FILE=SYMBOL:TIMEFRAME``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.symbols import canonical
from schemas.timeframes import DAY_MS, HOUR_MS, MINUTE_MS

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

PRICES = ("open", "high", "low", "close")
COLUMNS = ("date", *PRICES, "volume")
UNITS_MS = {"m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
SUFFIXES = (".parquet", ".csv", ".csv.gz")
NAME = re.compile(
    r"^(?P<base>[A-Z0-9]{1,20}?)[-_]?(?P<quote>USDT|USDC|BUSD|FDUSD|USD)(?=[-_])"
    r"(?:.*?[-_])?(?P<timeframe>\d+[mhd])(?=[-_.])"
)


class BarFileRejected(ValueError):
    """A file cannot be used; names file, column and row, and what is expected."""


@dataclass(frozen=True)
class BarFile:
    """Bars of one file in the file's order, arrays of shape (n,).

    Attributes:
        path: Where it was read.
        symbol: Canonical.
        timeframe_ms: Length of a bar.
        market: ``perp`` or ``spot`` when the name says so, else empty.
        open_time_ms: UTC epoch milliseconds.
        columns: open, high, low, close in quote currency; volume in base currency, where known.
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
        """Open time of the first bar."""
        return int(self.open_time_ms[0])

    @property
    def to_ms(self) -> int:
        """Close time of the last bar, exclusive."""
        return int(self.open_time_ms[-1]) + self.timeframe_ms


def parse_subject(text: str) -> tuple[Path, str, int]:
    """Return (path, symbol, timeframe in ms) of ``FILE`` or ``FILE=SYMBOL:TIMEFRAME``.

    Raises:
        BarFileRejected: Neither the name nor the text says which symbol and timeframe.
    """
    path, _, subject = text.partition("=")
    if subject:
        symbol, _, timeframe = subject.rpartition(":")
    else:
        match = NAME.match(Path(path).name)
        if match is None:
            raise BarFileRejected(
                f"{path}: the name tells no symbol and timeframe; name it like "
                f"BTCUSDT_perp_1m.parquet, or give {path}=BTCUSDT:1m"
            )
        symbol, timeframe = f"{match['base']}-{match['quote']}", match["timeframe"]
    count, unit = timeframe[:-1], timeframe[-1:]
    if not (count.isdecimal() and int(count) > 0 and unit in UNITS_MS):
        raise BarFileRejected(f"{path}: timeframe {timeframe!r}, expected e.g. 1m, 4h or 1d")
    try:
        return Path(path), canonical(symbol), int(count) * UNITS_MS[unit]
    except ValueError as error:
        raise BarFileRejected(f"{path}: {error}") from None


def read_bars(text: str, *, volume: bool = True) -> BarFile:
    """Read a file of bars; ``text`` is a path, or ``FILE=SYMBOL:TIMEFRAME``.

    Every value is checked; order and gaps are not (see ``require_order``).

    Raises:
        BarFileRejected: Missing, unreadable, without a column, or with an impossible value.
    """
    path, symbol, timeframe_ms = parse_subject(text)
    table = read_table(path)
    names = PRICES + (("volume",) if volume else ())
    require_columns(path, table, ("date", *names))
    opened = read_times(path, table["date"])
    columns = {name: read_numbers(path, table, name) for name in names}
    _require(path, "date", opened, opened % timeframe_ms == 0, f"a multiple of {timeframe_ms} ms")
    for name in PRICES:
        _require(path, name, columns[name], columns[name] > 0, "more than 0")
    if volume:
        _require(path, "volume", columns["volume"], columns["volume"] >= 0, "at least 0")
    top = np.maximum(columns["open"], columns["close"])
    bottom = np.minimum(columns["open"], columns["close"])
    _require(path, "high", columns["high"], columns["high"] >= top, "at least open and close")
    _require(path, "low", columns["low"], columns["low"] <= bottom, "at most open and close")
    market = next((name for name in ("perp", "spot") if f"_{name}" in path.name), "")
    return BarFile(path, symbol, timeframe_ms, market, opened, columns)


def require_order(file: BarFile) -> None:
    """Raise ``BarFileRejected`` unless open times rise from row to row."""
    rising = np.concatenate([[True], np.diff(file.open_time_ms) > 0])
    _require(file.path, "date", file.open_time_ms, rising, "later than the row before")


def read_table(path: Path) -> Any:
    """Return the file as a pandas table; raises ``BarFileRejected``."""
    import pandas as pd

    if not path.is_file():
        raise BarFileRejected(f"{path}: no such file")
    try:
        if path.name.endswith(".parquet"):
            table = pd.read_parquet(path)
        elif path.name.endswith(SUFFIXES):
            table = pd.read_csv(path)
        else:
            raise BarFileRejected(f"{path}: expected a name that ends in {', '.join(SUFFIXES)}")
    except (OSError, ValueError) as error:
        if isinstance(error, BarFileRejected):
            raise
        raise BarFileRejected(f"{path}: cannot be read: {error}") from error
    if table.empty:
        raise BarFileRejected(f"{path}: holds no rows")
    return table


def require_columns(path: Path, table: Any, names: Iterable[str]) -> None:
    """Raise ``BarFileRejected`` unless the table has these columns."""
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise BarFileRejected(
            f"{path}: no column {', '.join(missing)}; found {', '.join(map(str, table.columns))}"
        )


def read_times(path: Path, column: Any) -> Ints:
    """Return a date column as UTC epoch milliseconds; a naive time is UTC."""
    import pandas as pd

    whole = pd.api.types.is_numeric_dtype(column)
    parsed = pd.to_datetime(column, utc=True, errors="coerce", unit="ms" if whole else None)
    known = parsed.notna().to_numpy()
    _require(path, str(column.name), column.to_numpy(), known, "a time")
    milliseconds: Ints = parsed.astype("datetime64[ms, UTC]").astype("int64").to_numpy()
    return milliseconds


def read_numbers(path: Path, table: Any, name: str) -> Floats:
    """Return a column as finite float64; raises ``BarFileRejected`` at the first that is not."""
    import pandas as pd

    values: Floats = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=np.float64)
    _require(path, name, table[name].to_numpy(), np.isfinite(values), "a finite number")
    return values


def _require(path: Path, name: str, values: Any, good: Any, expected: str) -> None:
    bad = np.flatnonzero(~np.asarray(good))
    if len(bad):
        row = int(bad[0])
        more = f" (and {len(bad) - 1} more rows)" if len(bad) > 1 else ""
        raise BarFileRejected(
            f"{path}: column {name}, row {row + 1}: {values[row]!s}, expected {expected}{more}"
        )
