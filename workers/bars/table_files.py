"""Tables in files, CSV or Parquet, plain or packed, and the times and numbers of their columns.

A time is ISO 8601 in any of its forms, UTC unless it names a zone, or a whole number since 1970 of
seconds, milliseconds, microseconds or nanoseconds: its size tells which, row by row.
"""

from __future__ import annotations

import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.bounds import LAST_MS

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SUFFIXES = (".parquet", ".csv", ".csv.gz", ".zip")

EARLIEST_MS = 31_536_000_000  # 1971-01-01: below it, seconds could pass for milliseconds
# (units in a millisecond, milliseconds in a unit) of s, ms, us, ns: from 1971 to 2200 none overlap.
UNITS = ((1, 1_000), (1, 1), (1_000, 1), (1_000_000, 1))
FIRST_DAY, LAST_DAY = 19_710_101, 22_000_101  # ISO 8601 without dashes; smaller than any unit
INT64_MAX = np.iinfo(np.int64).max

# The exchange's public archive has these columns, in older files without their names.
ARCHIVE_COLUMNS = (
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
)
OUR_NAMES = {"open_time": "date", "count": "trades"}

DAMAGED = (zlib.error, lzma.LZMAError, zipfile.BadZipFile)
UNREADABLE = (OSError, ValueError, EOFError, RuntimeError, *DAMAGED)

# The forms of ISO 8601 by their date; the parser judges the rest. No other date is unambiguous.
ISO_8601 = r"^(?:\d{4}-\d{2}(?:-\d{2})?|\d{8}|\d{4}-?W\d{2}(?:-?\d)?)(?:[T ].*)?$"
A_TIME = (
    "a time from 1971 to 2200: ISO 8601 such as 2025-01-31T12:00 (UTC), or a whole number of "
    "s, ms, us or ns since 1970"
)


class BarFileRejected(ValueError):
    """A file cannot be used; names file, column and row, and what is expected."""


def has_table_name(path: Path) -> bool:
    """Return whether a file's name says that it holds a table."""
    return path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".")


def read_table(path: Path) -> Any:
    """Return the file as a pandas table; raises ``BarFileRejected``.

    A time index counts as the column ``date``, and so does ``open_time``.
    """
    if not path.is_file():
        raise BarFileRejected(f"{path}: no such file")
    if not path.name.lower().endswith(SUFFIXES):
        raise BarFileRejected(f"{path}: expected a name that ends in {', '.join(SUFFIXES)}")
    try:
        table = _parse(path)
    except BarFileRejected:
        raise
    except UNREADABLE as error:
        raise BarFileRejected(f"{path}: cannot be read: {_cause(error)}") from error
    if table.empty:
        raise BarFileRejected(f"{path}: holds no rows")
    dated = table.index.dtype.kind == "M" or table.index.name == "date"
    if dated and "date" not in table.columns:
        table = table.reset_index(names="date")
    old = {old: new for old, new in OUR_NAMES.items() if new not in table.columns}
    return table.rename(columns=old)


def _parse(path: Path) -> Any:
    import pandas as pd

    name = path.name.lower()
    if name.endswith(".parquet"):
        return pd.read_parquet(path)
    if name.endswith(".zip"):
        return _parse_csv(path, _unzipped(path))
    if name.endswith(".gz"):
        with gzip.open(path) as packed:
            return _parse_csv(path, packed.read())
    return _parse_csv(path, path.read_bytes())


def _unzipped(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.lower().endswith(".csv")]
        if len(names) != 1:
            raise BarFileRejected(f"{path}: holds {len(names)} .csv files, expected one")
        return archive.read(names[0])


def _parse_csv(path: Path, content: bytes) -> Any:
    """Return the rows; a file that begins with a number is the exchange's, without names."""
    import pandas as pd

    first = content[:1_000].decode("utf-8-sig", errors="replace").split("\n", 1)[0].split(",")
    names = None
    if first[0].strip().strip('"').isdecimal():
        if len(first) != len(ARCHIVE_COLUMNS):
            raise BarFileRejected(
                f"{path}: the first row has no names of columns, expected "
                "date,open,high,low,close,volume"
            )
        names = list(ARCHIVE_COLUMNS)
    table = pd.read_csv(io.BytesIO(content), names=names, low_memory=False)
    if not isinstance(table.index, pd.RangeIndex):  # pandas took the first column for an index
        raise BarFileRejected(f"{path}: its rows have more values than the first row has names")
    return table


def _cause(error: Exception) -> str:
    """Return what is wrong with a file in one line."""
    text = " ".join(str(error).split())
    if isinstance(error, EOFError):
        return "the file ends in the middle"
    if isinstance(error, DAMAGED) or "magic bytes" in text:
        return f"the file ends in the middle, or is not what its name says ({text})"
    return text or type(error).__name__


def require_columns(path: Path, table: Any, names: Iterable[str]) -> None:
    """Raise ``BarFileRejected`` unless the table has these columns."""
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise BarFileRejected(
            f"{path}: no column {', '.join(missing)}; found {', '.join(map(str, table.columns))}"
        )


def require_rows(path: Path, name: str, values: Any, good: Any, expected: str) -> None:
    """Raise ``BarFileRejected`` at the first row that is not good."""
    bad = np.flatnonzero(~np.asarray(good))
    if len(bad):
        row = int(bad[0])
        more = f" (and {len(bad) - 1} more rows)" if len(bad) > 1 else ""
        raise BarFileRejected(
            f"{path}: column {name}, row {row + 1}: {values[row]!s:.80}, expected {expected}{more}"
        )


def read_times(path: Path, column: Any) -> Ints:
    """Return a column of times as UTC epoch milliseconds, from 1971 to 2200.

    Raises: BarFileRejected naming the first row that is no such time.
    """
    times, known = _parse_times(column)
    require_rows(path, str(column.name), column.to_numpy(), known, A_TIME)
    return times


def _parse_times(column: Any) -> tuple[Ints, NDArray[np.bool_]]:
    """Return (epoch milliseconds, which rows are times), both of shape (n,)."""
    import pandas as pd

    kind = pd.api.types
    if kind.is_datetime64_any_dtype(column):
        return _in_range(_milliseconds(pd.to_datetime(column, utc=True)))
    if kind.is_numeric_dtype(column) and not kind.is_bool_dtype(column):
        return _whole_numbers(_int64(column.fillna(0).to_numpy()))
    # In a column of several forms, a whole number may have come through a float: 1735689600000.0
    text = column.astype(str).str.strip().str.replace(r"^([0-9]{8,19})\.0*$", r"\1", regex=True)
    digits = text.str.fullmatch(r"[0-9]{8,19}").to_numpy(dtype=bool)
    times, known = np.zeros(len(column), np.int64), np.zeros(len(column), bool)
    if digits.any():
        numbers = np.array([min(int(each), INT64_MAX) for each in text[digits]], dtype=np.int64)
        times[digits], known[digits] = _whole_numbers(numbers)
    if not digits.all():
        times[~digits], known[~digits] = _in_range(_iso_times(text[~digits]))
    return times, known


def _int64(values: Any) -> Ints:
    """Return numbers as int64, 0 where one is not whole or too large."""
    whole = np.abs(values) < 2.0**63 if values.dtype.kind == "f" else values <= INT64_MAX
    if values.dtype.kind == "f":
        whole &= values == np.floor(values)
    numbers: Ints = np.where(whole, values, 0).astype(np.int64)
    return numbers


def _milliseconds(times: Any) -> Ints:
    """Return a UTC column as epoch milliseconds, 0 where it has no time."""
    whole = times.astype("datetime64[ms, UTC]")
    milliseconds: Ints = (
        whole.astype("int64").where(whole.notna(), 0).to_numpy(dtype=np.int64, copy=True)
    )
    return milliseconds


def _in_range(times: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    return times, (times >= EARLIEST_MS) & (times <= LAST_MS)


def _whole_numbers(numbers: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Return whole numbers as times, each by the unit that its size tells."""
    times, known = np.zeros(len(numbers), np.int64), np.zeros(len(numbers), bool)
    for per_ms, ms_per in UNITS:
        low, high = EARLIEST_MS * per_ms // ms_per, LAST_MS * per_ms // ms_per
        fits = (numbers >= low) & (numbers <= high)
        times[fits] = numbers[fits] // per_ms * ms_per
        known |= fits
    days = (numbers >= FIRST_DAY) & (numbers <= LAST_DAY)
    if days.any():
        times[days], known[days] = _in_range(_days(numbers[days]))
    return times, known


def _days(numbers: Ints) -> Ints:
    """Return days written as 20250131 as epoch milliseconds, 0 for a day that there is not."""
    import pandas as pd

    text = pd.Series(numbers).astype(str)
    return _milliseconds(pd.to_datetime(text, format="%Y%m%d", utc=True, errors="coerce"))


def _iso_times(text: Any) -> Ints:
    """Return ISO 8601 texts as epoch milliseconds, 0 for any other text."""
    import pandas as pd

    iso = text.where(text.str.match(ISO_8601), None)
    parsed = pd.to_datetime(iso, utc=True, format="ISO8601", errors="coerce")
    times = _milliseconds(parsed)
    for row in np.flatnonzero((parsed.isna() & iso.notna()).to_numpy()).tolist():
        times[row] = _rare_iso_time(iso.iloc[row])
    return times


def _rare_iso_time(text: str) -> int:
    """Return a form that pandas does not know, such as 2025-W01-1; 0 for none."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return 0
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp() * 1000)


def read_numbers(path: Path, table: Any, name: str) -> Floats:
    """Return a column as finite float64; raises ``BarFileRejected`` at the first that is not."""
    values = read_known_numbers(path, table, name)
    require_rows(path, name, table[name].to_numpy(), np.isfinite(values), "a finite number")
    return values


def read_known_numbers(path: Path, table: Any, name: str) -> Floats:
    """Return a column as float64, NaN where a row is empty; raises ``BarFileRejected``."""
    import pandas as pd

    column = table[name]
    numbers = pd.to_numeric(column, errors="coerce")
    values: Floats = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    # A truth, a moment and a span have a number too, but it is no price and no amount.
    good = (np.isfinite(values) | column.isna().to_numpy()) & (column.dtype.kind not in "bmM")
    require_rows(path, name, table[name].to_numpy(), good, "a finite number")
    return values
