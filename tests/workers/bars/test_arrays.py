"""Bars: what is wrong is refused by row, gaps stay, funding falls to the position held."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.timeframes import HOUR_MS, MINUTE_MS
from tests.build import bar
from tests.fakes.random_bars import START_MS, bars_of, random_bars
from tests.real_data import real_file
from workers.bars.arrays import Bars, BarsRejected
from workers.bars.funding import Settlements, SettlementsRejected

FOUR_HOURS_MS = 4 * HOUR_MS


def row_wrong(name, row, value):
    values = {
        "open": np.full(4, 100.0),
        "high": np.full(4, 101.0),
        "low": np.full(4, 99.0),
        "close": np.full(4, 100.0),
        "volume": np.full(4, 1.0),
        "open_time_ms": START_MS + HOUR_MS * np.arange(4),
    }
    values[name][row] = value
    return bars_of([100.0] * 4, **values)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("open", -1.0, "open of row 3 .* is -1.0, expected a finite price more than 0"),
        ("close", 0.0, "close of row 3"),
        ("low", np.nan, "low of row 3 .* is nan"),
        ("high", np.inf, "high of row 3"),
        ("high", 98.0, "high of row 3 .* is 98.0, expected at least open and close"),
        ("low", 100.5, "low of row 3 .* expected at most open and close"),
        ("volume", -1.0, "volume of row 3"),
        ("open_time_ms", START_MS + HOUR_MS, "open_time_ms of row 3 .* later than the row before"),
        ("open_time_ms", START_MS, "open_time_ms of row 3 .* later than the row before"),
        ("open_time_ms", START_MS + 7, "expected a multiple of the timeframe"),
    ],
)
def test_what_no_market_can_be_is_refused_by_row(name, value, expected):
    with pytest.raises(BarsRejected, match=expected):
        row_wrong(name, 2, value)


def test_no_bars_and_columns_of_other_lengths_are_refused():
    with pytest.raises(BarsRejected, match="none are given"):
        bars_of([100.0, 100.0])[2:]
    with pytest.raises(BarsRejected, match=r"volume has shape \(1,\), expected \(2,\)"):
        bars_of([100.0, 100.0], volume=np.ones(1))


def test_gaps_are_counted_and_kept():
    times = START_MS + HOUR_MS * np.array([0, 1, 5, 6])

    bars = bars_of([100.0] * 4, open_time_ms=times)

    assert bars.gaps == 3
    assert bars.open_time_ms.tolist() == times.tolist()


def test_a_slice_keeps_all_columns_and_what_its_last_close_pays():
    bars = random_bars(3, 40)

    part = bars[10:20]

    assert len(part) == 10
    for name in ("close", "mark", "funding_rate", "funding_due", "mark_low"):
        assert np.array_equal(getattr(part, name), getattr(bars, name)[10:20], equal_nan=True)


def test_between_takes_whole_bars_and_says_what_is_held_when_there_are_none():
    bars = bars_of([100.0] * 5)

    part = bars.between(START_MS + 1, START_MS + 4 * HOUR_MS + 1)

    assert part.open_time_ms.tolist() == [START_MS + HOUR_MS * i for i in (1, 2, 3)]
    with pytest.raises(BarsRejected, match="bars are held from 2025-06-15 16:00"):
        bars.between(START_MS + 6 * HOUR_MS)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_longer_bars_are_those_of_pandas_without_the_unfinished_ends(seed):
    bars = random_bars(seed, 60)
    frame = pd.DataFrame(
        {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    )
    frame.index = pd.to_datetime(bars.open_time_ms, unit="ms", utc=True)
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    expected = frame.resample("4h").agg(how).dropna()

    longer = bars.resample(FOUR_HOURS_MS)

    opened = pd.to_datetime(longer.open_time_ms, unit="ms", utc=True)
    first, last = longer.open_time_ms[0], longer.close_time_ms[-1]
    expected = expected.loc[opened[0] : opened[-1]]
    assert list(expected.index) == list(opened)
    for name in how:
        assert getattr(longer, name) == pytest.approx(expected[name].to_numpy(), rel=1e-12)
    inside = (bars.open_time_ms >= first) & (bars.close_time_ms <= last)
    assert longer.funding_due.sum() == pytest.approx(bars.funding_due[inside].sum())
    assert first in bars.open_time_ms
    assert last in bars.close_time_ms


def test_bars_cannot_be_cut_finer_or_askew():
    with pytest.raises(BarsRejected, match="expected a multiple"):
        bars_of([100.0] * 9).resample(90 * MINUTE_MS)
    with pytest.raises(BarsRejected, match="hold no whole one"):
        bars_of([100.0] * 9).resample(24 * HOUR_MS)


def frame_of(bars, **extra):
    date = pd.to_datetime(bars.open_time_ms, unit="ms", utc=True)
    columns = {n: getattr(bars, n) for n in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame({"date": date, **columns, **extra})


def test_a_frame_becomes_bars_with_dates_as_column_or_index():
    bars = random_bars(5, 20, odd=False)
    frame = frame_of(bars)

    by_column = Bars.from_frame(frame, "BTC-USDT", HOUR_MS)
    by_index = Bars.from_frame(frame.set_index("date"), "BTCUSDT", HOUR_MS)

    for made in (by_column, by_index):
        assert made.symbol == "BTCUSDT"
        assert np.array_equal(made.open_time_ms, bars.open_time_ms)
        assert np.array_equal(made.close, bars.close)
        assert not made.funding_known


def test_a_frame_without_a_column_or_with_text_is_refused():
    frame = frame_of(random_bars(5, 3, odd=False))

    with pytest.raises(BarsRejected, match="no column low"):
        Bars.from_frame(frame.drop(columns="low"), "BTCUSDT", HOUR_MS)
    with pytest.raises(BarsRejected, match="column close, row 1: x, expected a finite number"):
        Bars.from_frame(frame.assign(close="x"), "BTCUSDT", HOUR_MS)


def test_a_file_is_read_with_its_funding_and_mark(tmp_path):
    path, funding, mark = (tmp_path / f"BTCUSDT_{n}_1h.csv" for n in ("perp", "funding", "mark"))
    bars = bars_of([100.0, 101.0, 102.0, 103.0])
    frame = frame_of(bars)
    frame.to_csv(path, index=False)
    frame.drop(columns="volume").iloc[1:].to_csv(mark, index=False)
    stamps = frame["date"].iloc[[0, 1, 3]] + pd.to_timedelta([0, 3, 7], unit="ms")
    pd.DataFrame({"date": stamps, "funding_rate": [0.01, 0.02, 0.04]}).to_csv(funding, index=False)

    read = Bars.from_file(path, funding, mark)

    # The stamp of bar 0's open comes before any position; the others at the opens of bars 1 and 3.
    assert read.funding_due == pytest.approx([0.02 * 100.0, 0.0, 0.04 * 102.0, 0.0])
    assert read.funding_rate == pytest.approx([0.01, 0.02, np.nan, 0.04], nan_ok=True)
    assert read.mark == pytest.approx([np.nan, 101.0, 102.0, 103.0], nan_ok=True)
    assert read.funding_known
    assert read.funding_note == ""


def test_a_stamp_inside_a_gap_or_a_long_bar_falls_to_the_position_held_then(tmp_path):
    path, funding = tmp_path / "BTCUSDT_perp_4h.csv", tmp_path / "funding.csv"
    opened = pd.to_datetime(["2025-01-01 00:00", "2025-01-01 04:00", "2025-01-01 16:00"], utc=True)
    prices = {name: [100.0, 110.0, 120.0] for name in ("open", "high", "low", "close")}
    pd.DataFrame({"date": opened, **prices, "volume": 1.0}).to_csv(path, index=False)
    stamps = pd.to_datetime(
        ["2025-01-01 01:00", "2025-01-01 04:00", "2025-01-01 10:00", "2025-01-01 20:00"], utc=True
    )
    rates = {"date": stamps, "funding_rate": [0.01, 0.02, 0.03, 0.04]}
    pd.DataFrame(rates).to_csv(funding, index=False)

    bars = Bars.from_file(path, funding)

    assert bars.funding_due == pytest.approx([0.03 * 100.0, 0.03 * 110.0, 0.04 * 120.0])
    assert bars.unmarked.tolist() == [2.0, 1.0, 1.0]


def test_a_hole_in_the_funding_is_named_where_it_concerns_the_bars():
    hole = real_file("funding_mark/ENAUSDT_funding_with_hole.parquet")
    bars = bars_of(
        [100.0] * 8000, open_time_ms=1_738_368_000_000 + HOUR_MS * np.arange(8000)
    )  # from 2025-02-01
    from workers.bars.funding import read_settlements

    paid = bars.settled(read_settlements(hole))

    assert not paid.funding_known
    assert "2025-07-17 16:00" in paid.funding_note
    assert "2025-12-31" in paid.funding_note
    assert paid[:2000].funding_known


def test_records_become_bars_with_the_funding_as_they_told_it():
    stamp = bar(3).open_time_ms
    hour = stamp - stamp % HOUR_MS
    first = (hour - bar(0).open_time_ms) // MINUTE_MS - 2
    known = {"funding_time_ms": hour + 4, "funding_rate": 0.01}
    before = {"funding_time_ms": hour - 8 * HOUR_MS, "funding_rate": 0.5}
    rows = [
        bar(first, mark_price=99.0, **before),
        bar(first + 1, mark_price=98.0, **before),
        bar(first + 2, mark_price=97.0, **known),
        bar(first + 3, **known),
    ]

    bars = Bars.from_records(rows)

    assert bars.symbol == "BTCUSDT"
    assert bars.funding_due == pytest.approx([0.0, 0.01 * 98.0, 0.0, 0.0])
    assert bars.funding_rate == pytest.approx([np.nan, np.nan, 0.01, np.nan], nan_ok=True)
    assert bars.mark == pytest.approx([99.0, 98.0, 97.0, np.nan], nan_ok=True)
    assert bars.funding_known


def test_records_of_two_symbols_or_none_are_refused():
    with pytest.raises(BarsRejected, match="one symbol and timeframe"):
        Bars.from_records([bar(0), bar(1, symbol="ETHUSDT")])
    with pytest.raises(BarsRejected, match="one symbol and timeframe"):
        Bars.from_records([])


def test_funding_of_a_real_year_is_the_sum_that_pandas_finds():
    path, funding, mark = (
        real_file(name)
        for name in (
            "ohlcv/BTCUSDT_perp_1h.parquet",
            "funding_mark/BTCUSDT_funding.parquet",
            "funding_mark/BTCUSDT_mark_1h.parquet",
        )
    )
    start, end = pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2025-01-01", tz="UTC")
    paid = pd.read_parquet(funding).merge(pd.read_parquet(mark)[["date", "open"]], on="date")
    paid = paid[(paid["date"] > start) & (paid["date"] <= end)]

    bars = Bars.from_file(path, funding, mark).between(
        int(start.timestamp() * 1000), int(end.timestamp() * 1000)
    )

    assert len(paid) == 3 * 366
    assert bars.funding_due.sum() == pytest.approx((paid["funding_rate"] * paid["open"]).sum())
    assert bars.resample(24 * HOUR_MS).funding_due.sum() == pytest.approx(bars.funding_due.sum())
    assert bars.funding_known
    assert bars.funding_note == ""


def test_outages_of_a_real_file_are_counted():
    bars = Bars.from_file(real_file("ohlcv/BTCUSDT_spot_1h_with_outages.parquet"))

    span_hours = int(bars.close_time_ms[-1] - bars.open_time_ms[0]) // HOUR_MS
    assert bars.gaps == span_hours - len(bars) > 27


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_settlement_that_is_no_number_is_refused(value):
    with pytest.raises(SettlementsRejected, match=r"rate of row 2 is .*, expected a finite number"):
        Settlements(np.array([1, 2]), np.array([0.0, value]), np.array([np.nan, 1.0]))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([1, 1], [0.0, 0.0], [1.0, 1.0]), "time_ms of row 2 is 1, expected ascending"),
        (([1, 2], [0.0, 0.0], [1.0, -1.0]), "mark of row 2 is -1.0, expected more than 0"),
        (([1, 2], [0.0], [1.0, 1.0]), r"rate has shape \(1,\), expected \(2,\)"),
    ],
)
def test_settlements_that_cannot_be_used_are_refused(columns, message):
    time_ms, rate, mark = map(np.array, columns)

    with pytest.raises(SettlementsRejected, match=message):
        Settlements(time_ms, rate, mark)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_funding_that_is_due_must_be_a_number(value):
    with pytest.raises(BarsRejected, match=r"funding_due of row 2 .*, expected a finite number"):
        bars_of([100.0] * 3, funding_due=np.array([0.0, value, 0.0]))
