"""Bar files: one reader for every form of time, table and archive, one error for what is wrong."""

from __future__ import annotations

import gzip
import io
import warnings
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.bounds import LAST_MS
from schemas.timeframes import HOUR_MS
from workers.bars.arrays import Bars, BarsRejected
from workers.bars.bar_files import read_bars
from workers.bars.ledger import ledger_of_files
from workers.bars.recording import raw_bars, read_recording
from workers.bars.sources import file_source, find_sources
from workers.bars.table_files import EARLIEST_MS, BarFileRejected, read_times

START = datetime(2025, 1, 1, tzinfo=UTC)
START_MS = 1_735_689_600_000
ROWS = 48
HEADER = "date,open,high,low,close,volume"


def date(row: int) -> datetime:
    return START + timedelta(hours=row)


def csv(dates: list[Any], header: str = HEADER) -> str:
    return "\n".join(
        [header, *(f"{each},100,101,99,100.5,{i + 1}" for i, each in enumerate(dates))]
    )


def written(folder: Path, dates: list[Any], name: str = "BTCUSDT_perp_1h.csv") -> str:
    path = folder / name
    path.write_text(csv(dates))
    return str(path)


FORMS: dict[str, Callable[[int], Any]] = {
    "seconds": lambda row: (START_MS + row * HOUR_MS) // 1_000,
    "milliseconds": lambda row: START_MS + row * HOUR_MS,
    "microseconds": lambda row: (START_MS + row * HOUR_MS) * 1_000,
    "nanoseconds": lambda row: (START_MS + row * HOUR_MS) * 1_000_000,
    "float milliseconds": lambda row: float(START_MS + row * HOUR_MS),
    "ISO with zone": lambda row: date(row).isoformat(),
    "ISO without zone": lambda row: date(row).strftime("%Y-%m-%d %H:%M:%S"),
    "ISO, basic": lambda row: date(row).strftime("%Y%m%dT%H%M%SZ"),
    "midnights bare": lambda row: str(date(row).replace(tzinfo=None)).removesuffix(" 00:00:00"),
    "another zone": lambda row: f"{date(row) + timedelta(hours=5):%Y-%m-%dT%H:%M}+05:00",
    "week dates": lambda row: f"{date(row):%G-W%V-%uT%H:%M}",
    "milliseconds, then microseconds": lambda row: (
        (START_MS + row * HOUR_MS) * (1_000 if row > 20 else 1)
    ),
    "every form in turn": lambda row: FORMS[list(FORMS)[row % 10]](row),
}


@pytest.mark.parametrize("form", FORMS)
def test_times_in_any_form_are_the_same_bars_in_every_command(tmp_path: Path, form: str):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = written(tmp_path, [FORMS[form](row) for row in range(ROWS)])
        times = read_bars(text).open_time_ms

    assert times.tolist() == [START_MS + row * HOUR_MS for row in range(ROWS)]
    (holding,) = ledger_of_files([text]).holdings
    assert (holding.bars, holding.from_ms, holding.to_ms) == (
        ROWS,
        START_MS,
        START_MS + ROWS * HOUR_MS,
    )
    assert read_recording([text]).bars == len(Bars.from_file(text)) == ROWS


@given(
    time_ms=st.integers(EARLIEST_MS // 1_000, LAST_MS // 1_000).map(lambda s: s * 1_000),
    per_second=st.sampled_from([1, 1_000, 1_000_000, 1_000_000_000]),
    as_text=st.booleans(),
)
def test_a_whole_number_from_1971_to_2200_has_one_meaning(
    time_ms: int, per_second: int, *, as_text: bool
):
    number = time_ms // 1_000 * per_second
    column = pd.Series([str(number) if as_text else number], name="date")

    assert read_times(Path("x"), column).tolist() == [time_ms]


@pytest.mark.parametrize("kind", ["datetime64[s]", "datetime64[ms, UTC]", "datetime64[ns, UTC]"])
@pytest.mark.parametrize("place", ["column", "index", "unnamed index", "number in the index"])
def test_parquet_has_its_times_in_a_column_or_in_the_index(tmp_path: Path, kind: str, place: str):
    frame = pd.read_csv(io.StringIO(csv([date(row).isoformat() for row in range(ROWS)])))
    dates: Any = pd.to_datetime(frame["date"], utc=True)
    frame["date"] = (dates if "UTC" in kind else dates.dt.tz_localize(None)).astype(kind)
    if place == "number in the index":
        frame["date"] = [START_MS + row * HOUR_MS for row in range(ROWS)]
        frame = frame.set_index("date")
    elif place != "column":
        frame = frame.set_index("date").rename_axis(index="date" if place == "index" else None)
    path = tmp_path / "BTCUSDT_perp_1h.parquet"
    frame.to_parquet(path)

    assert read_bars(str(path)).open_time_ms.tolist() == [
        START_MS + row * HOUR_MS for row in range(ROWS)
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("date", "date"),
        ("01/01/2025 00:00", "01/01/2025 00:00"),
        ("31.01.2025", "31.01.2025"),
        ("2025/01/01", "2025/01/01"),
        ("Jan 1 2025", "Jan 1 2025"),
        ("", "nan"),
        (0, "0"),
        (2025, "2025"),
        (20_251_301, "20251301"),
        (31_535_999, "31535999"),
        (7_258_118_400_001, "7258118400001"),
        (10**18 * 9, "9000000000000000000"),
        (10**22, "10000000000000000000000"),
        ("9999-12-31 23:00", "9999-12-31 23:00"),
        ("2262-04-11", "2262-04-11"),
        ("1970-12-31", "1970-12-31"),
        ("-1", "-1"),
        ("1735689600.5", "1735689600.5"),
    ],
)
def test_what_is_no_time_is_one_row_with_its_value_and_what_to_write(
    tmp_path: Path, value: Any, shown: str
):
    dates: list[Any] = [FORMS["milliseconds"](row) for row in range(ROWS)]
    dates[20] = value
    text = written(tmp_path, dates)

    with pytest.raises(BarFileRejected) as refused:
        read_bars(text)

    said = str(refused.value)
    assert said.startswith(f"{text}: column date, row 21: {shown}")
    assert "ISO 8601 such as" in said
    assert "more rows" not in said
    for reader in (read_recording, ledger_of_files):
        with pytest.raises(BarFileRejected, match="row 21"):
            reader([text])
    with pytest.raises(BarsRejected, match="row 21"):
        Bars.from_file(text)


def test_a_bar_ends_within_the_times_that_a_record_may_hold(tmp_path: Path):
    last = [LAST_MS - 2 * HOUR_MS, LAST_MS - HOUR_MS]

    assert [bar.event_time_ms for bar in raw_bars(read_bars(written(tmp_path, last)))][
        -1
    ] == LAST_MS
    with pytest.raises(BarFileRejected, match=r"date, row 3: 7258118400000, expected a bar that"):
        read_bars(written(tmp_path, [*last, LAST_MS]))


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("low", 1e-101, r"low, row 1: 1e-101, expected more than 0 \(1e-100 to 1e\+100\)"),
        ("high", 1e101, r"high, row 1: 1e\+101, expected more than 0"),
        ("volume", 1e101, r"volume, row 1: 1e\+101, expected 0 or more than 0"),
        ("volume", 5e-324, "volume, row 1: 5e-324, expected 0 or more than 0"),
        ("volume", True, "volume, row 1: True, expected a finite number"),
        ("volume", pd.Timedelta("1h"), "volume, row 1: .*, expected a finite number"),
        ("high", pd.Timestamp(START), "high, row 1: .*, expected a finite number"),
        ("taker_buy_volume", 1.1, "taker_buy_volume, row 1: 1.1, expected .* at most volume"),
        ("taker_buy_volume", True, "taker_buy_volume, row 1: True, expected a finite number"),
    ],
)
def test_what_is_no_price_or_amount_is_refused_by_row(
    tmp_path: Path, column: str, value: Any, said: str
):
    frame = pd.read_csv(io.StringIO(csv([date(row).isoformat() for row in range(1)])))
    path = tmp_path / "BTCUSDT_perp_1h.parquet"
    frame.assign(**{column: [value]}).to_parquet(path)

    with pytest.raises(BarFileRejected, match=said):
        read_bars(str(path))


def test_days_before_months_are_refused_although_they_could_be_read(tmp_path: Path):
    text = written(tmp_path, [date(row).strftime("%d/%m/%Y %H:%M") for row in range(ROWS)])

    with pytest.raises(BarFileRejected, match=r"row 1: 01/01/2025 00:00.*and 47 more rows"):
        read_bars(text)


def test_a_file_that_is_newest_first_is_refused_by_all(tmp_path: Path):
    text = written(tmp_path, [date(row).isoformat() for row in reversed(range(ROWS))])

    for reader in (read_recording, ledger_of_files):
        with pytest.raises(BarFileRejected, match="newest first"):
            reader([text])


ARCHIVE = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
    "taker_buy_quote_volume,ignore"
)


def archive(*, header: bool, per_ms: int = 1) -> str:
    opened = [(START_MS + row * HOUR_MS) * per_ms for row in range(ROWS)]
    rows = [
        f"{t},100,101,99,100.5,10,{t + HOUR_MS * per_ms - 1},1000,7,{i % 10},400,0"
        for i, t in enumerate(opened)
    ]
    return "\n".join([ARCHIVE, *rows] if header else rows)


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("per_ms", [1, 1_000])
@pytest.mark.parametrize("packed", ["csv", "csv.gz", "zip"])
def test_the_archive_of_the_exchange_is_read_as_it_comes(
    tmp_path: Path, packed: str, per_ms: int, *, header: bool
):
    path, content = tmp_path / f"BTCUSDT-1h-2025-01.{packed}", archive(header=header, per_ms=per_ms)
    if packed == "zip":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("BTCUSDT-1h-2025-01.csv", content)
    else:
        path.write_bytes(
            gzip.compress(content.encode()) if packed == "csv.gz" else content.encode()
        )

    bars = list(raw_bars(read_bars(str(path))))

    assert [bar.open_time_ms for bar in bars] == [START_MS + row * HOUR_MS for row in range(ROWS)]
    assert [bar.taker_buy_volume for bar in bars] == [float(row % 10) for row in range(ROWS)]
    assert len(Bars.from_file(path)) == ROWS
    (source,), passed_over = find_sources([str(tmp_path)])
    assert (source.symbol, passed_over) == ("BTCUSDT", [])


def test_a_bar_without_a_taker_volume_has_none(tmp_path: Path):
    content = csv([date(0).isoformat(), date(1).isoformat()], f"{HEADER},taker_buy_volume")
    path = tmp_path / "BTCUSDT_1h.csv"
    path.write_text(
        "\n".join(
            f"{line},{'' if i == 1 else 0.5}" if i else line
            for i, line in enumerate(content.split("\n"))
        )
    )

    assert [bar.taker_buy_volume for bar in raw_bars(read_bars(str(path)))] == [None, 0.5]


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def parquet() -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame(
        {"date": np.arange(1_000), "open": np.random.default_rng(1).random(1_000)}
    ).to_parquet(buffer)
    return buffer.getvalue()


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in names:
            file.writestr(name, archive(header=True))
    return buffer.getvalue()


def damaged(method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        file.writestr("a.csv", archive(header=True))
    content = bytearray(buffer.getvalue())
    content[60:80] = b"\xff" * 20
    return bytes(content)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "BTCUSDT_1h.csv.gz",
            cut(gzip.compress(archive(header=True).encode())),
            "ends in the middle",
        ),
        ("BTCUSDT_1h.csv.gz", b"no gzip at all", "cannot be read"),
        ("BTCUSDT_1h.parquet", cut(parquet()), "ends in the middle"),
        ("BTCUSDT_1h.parquet", b"", "cannot be read"),
        ("BTCUSDT_1h.zip", cut(zipped("a.csv")), "ends in the middle"),
        ("BTCUSDT_1h.zip", damaged(zipfile.ZIP_LZMA), "is not what its name says"),
        ("BTCUSDT_1h.zip", damaged(zipfile.ZIP_BZIP2), "cannot be read"),
        ("BTCUSDT_1h.zip", zipped("a.csv", "b.csv"), "holds 2 .csv files, expected one"),
        ("BTCUSDT_1h.zip", zipped(), "holds 0 .csv files"),
        ("BTCUSDT_1h.csv", b"", "cannot be read"),
        ("BTCUSDT_1h.csv", HEADER.encode(), "holds no rows"),
        ("BTCUSDT_1h.csv", b"1735689600000,1,1,1,1,1\n", "no names of columns"),
        ("BTCUSDT_1h.csv", f"{HEADER}\n1,2,3,4,5,6,7\n".encode(), "more values than"),
        ("BTCUSDT_1h.csv", f"{HEADER}\n1,2,3\n1,2,3,4,5,6,7,8\n".encode(), "cannot be read"),
        ("BTCUSDT_1h.csv", b"\xff\xfe\x00date", "cannot be read"),
        ("BTCUSDT_1h.txt", b"", "expected a name that ends in"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line_with_its_name(
    tmp_path: Path, name: str, content: bytes, said: str
):
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(BarFileRejected, match=said) as refused:
        read_bars(str(path))

    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)


def test_only_tables_beside_the_bars_are_its_funding_and_marks(tmp_path: Path):
    text = written(tmp_path, [date(row).isoformat() for row in range(ROWS)])
    for name in ("mark_notes.txt", "mark_notes.csv", "funding.txt", "mark_1h.csv.part"):
        (tmp_path / f"BTCUSDT_{name}").write_text("a note\n")
    (tmp_path / "._BTCUSDT_perp_1h.csv").write_text("a note\n")
    (tmp_path / "BTCUSDT_mark_1h.parquet").touch()
    (tmp_path / "BTCUSDT_funding.csv").touch()

    source = file_source(text)

    assert source.mark == tmp_path / "BTCUSDT_mark_1h.parquet"
    assert source.funding == tmp_path / "BTCUSDT_funding.csv"
    assert [each.name for each in find_sources([str(tmp_path)])[0]] == ["BTCUSDT_perp_1h"]


def test_two_bars_far_apart_take_no_more_time_or_memory_than_two_near(tmp_path: Path):
    import tracemalloc

    text = written(tmp_path, ["1971-01-01", "2199-12-31T23:00"])
    tracemalloc.start()

    bars, ledger = Bars.from_file(text), ledger_of_files([text])
    list(raw_bars(read_bars(text)))

    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()
    assert len(bars) == 2
    assert [finding.entry.kind for finding in ledger.findings] == ["gap"]
