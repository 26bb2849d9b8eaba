"""Continuity ledger: finds each defect once, says nothing of clean files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from schemas.market import Bar, LedgerEntry
from schemas.timeframes import HOUR_MS, MINUTE_MS
from streams.market.processor import PROCESSOR, MarketState, step
from streams.runtime.memory_driver import replay
from tests.build import raw_bar
from tests.real_data import real_file
from workers.bars.bar_files import PRICES, BarFile, read_bars
from workers.bars.ledger import disagreements, ledger_of_files, ledger_of_records
from workers.bars.recording import raw_bars
from workers.bars.table_files import BarFileRejected

START = pd.Timestamp("2025-01-01", tz="UTC")


def table(rows=48, freq="5min", seed=1):
    random = np.random.default_rng(seed)
    close = 100 + random.normal(size=rows).cumsum() * 0.1
    opened = np.concatenate([[100.0], close[:-1]])
    return pd.DataFrame(
        {
            "date": pd.date_range(START, periods=rows, freq=freq),
            "open": opened,
            "high": np.maximum(opened, close) + 0.05,
            "low": np.minimum(opened, close) - 0.05,
            "close": close,
            "volume": random.uniform(1, 2, rows).round(3),
        }
    )


def hourly(fine):
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    return fine.resample("1h", on="date").agg(rules).reset_index()


def counts(folder, **tables):
    for name, each in tables.items():
        if name.endswith("_csv"):
            each.to_csv(folder / f"{name.removesuffix('_csv')}.csv", index=False)
        else:
            each.to_parquet(folder / f"{name}.parquet")
    ledger = ledger_of_files([str(folder)])
    assert ledger.skipped == []
    return {
        (name.partition(".")[0], kind): value for (name, kind), value in ledger.counts().items()
    }


def test_an_empty_name_is_refused_and_never_the_working_folder():
    with pytest.raises(BarFileRejected, match="an empty name, expected a file or a folder"):
        ledger_of_files([""])


def test_clean_files_have_no_finding(tmp_path):
    fine = table()

    assert counts(tmp_path, XUSDT_perp_5m=fine, XUSDT_perp_1h=hourly(fine)) == {}


def test_gap_is_one_entry_with_its_bars(tmp_path):
    fine = table().drop(index=[10, 11, 12, 30])

    assert counts(tmp_path, XUSDT_perp_5m=fine) == {("XUSDT_perp_5m", "gap"): (2, 4)}


def test_zero_volume_runs_are_merged(tmp_path):
    fine = table()
    fine.loc[[3, 4, 9], "volume"] = 0.0

    assert counts(tmp_path, XUSDT_perp_5m=fine) == {("XUSDT_perp_5m", "zero_volume"): (2, 3)}


def test_volume_that_disagrees_with_the_hour_is_found_in_that_hour(tmp_path):
    fine = table()
    coarse = hourly(fine)
    coarse.loc[[1, 3], "volume"] += 0.001

    found = counts(tmp_path, XUSDT_perp_5m=fine, XUSDT_perp_1h=coarse)

    assert found == {("XUSDT_perp_5m", "volume_mismatch"): (2, 2)}


def test_price_that_disagrees_alone_is_a_price_mismatch(tmp_path):
    fine = table()
    coarse = hourly(fine)
    coarse.loc[2, "high"] += 1.0

    found = counts(tmp_path, XUSDT_perp_5m=fine, XUSDT_perp_1h=coarse)

    assert found == {("XUSDT_perp_5m", "price_mismatch"): (1, 1)}


def test_spot_is_not_held_against_the_perpetual(tmp_path):
    fine = table()
    coarse = hourly(fine)
    coarse["volume"] += 1.0

    assert counts(tmp_path, XUSDT_perp_5m=fine, XUSDT_spot_1h=coarse) == {}


def test_hour_with_a_missing_part_is_a_gap_and_not_a_mismatch(tmp_path):
    fine = table()
    coarse = hourly(fine)

    found = counts(tmp_path, XUSDT_perp_5m=fine.drop(index=[15]), XUSDT_perp_1h=coarse)

    assert found == {("XUSDT_perp_5m", "gap"): (1, 1)}


def test_repeated_and_late_rows_are_told_apart(tmp_path):
    fine = table()
    rows = [*range(10), 9, *range(11, 20), 10, *range(20, 48)]

    found = counts(tmp_path, XUSDT_perp_5m=fine.loc[rows])

    assert found == {("XUSDT_perp_5m", "duplicate"): (1, 1), ("XUSDT_perp_5m", "late"): (1, 1)}


def test_bars_stored_unfinished_are_partial(tmp_path):
    final = table(3, "1h").add_suffix("_final").rename(columns={"date_final": "date"})
    stored = final.drop(columns="date").rename(columns=lambda c: c.replace("_final", "_stored"))
    stored.loc[[0, 2], "volume_stored"] /= 2

    found = counts(tmp_path, XUSDT_perp_1h_cases_csv=pd.concat([final, stored], axis=1))

    assert found == {("XUSDT_perp_1h_cases", "partial"): (2, 2)}


def funding(stamps):
    return pd.DataFrame({"date": pd.to_datetime(stamps, utc=True), "funding_rate": 1e-4})


def test_funding_hole_is_told_from_a_changed_interval(tmp_path):
    hours = pd.to_timedelta([0, 4, 8, 20, 24, 28], unit="h")
    changed = pd.to_timedelta([0, 8, 16, 17, 18, 22, 26], unit="h")

    found = counts(
        tmp_path, AUSDT_funding=funding(START + hours), BUSDT_funding=funding(START + changed)
    )

    assert found == {
        ("AUSDT_funding", "funding_hole"): (1, 2),
        ("BUSDT_funding", "funding_interval"): (2, 2),
    }


def test_late_funding_stamps_are_one_note(tmp_path):
    late = pd.to_timedelta([0, 8 * HOUR_MS + 7, 16 * HOUR_MS + 15], unit="ms")

    found = counts(tmp_path, AUSDT_funding=funding(START + late))

    assert found == {("AUSDT_funding", "funding_late"): (1, 2)}


def test_a_named_file_that_cannot_be_read_is_refused_and_one_in_a_folder_is_skipped(tmp_path):
    table().drop(columns="low").to_parquet(tmp_path / "XUSDT_1h.parquet")

    with pytest.raises(BarFileRejected, match="no column low"):
        ledger_of_files([str(tmp_path / "XUSDT_1h.parquet")])
    ((name, reason),) = ledger_of_files([str(tmp_path)]).skipped
    assert name == "XUSDT_1h.parquet"
    assert "no column low" in reason


def test_topics_have_a_ledger_of_each_timeframe():
    bars = [raw_bar(m, higher_ms=(5 * MINUTE_MS,)) for m in range(30) if m not in (7, 18)]
    out = replay([PROCESSOR], bars)

    ledger = ledger_of_records(r for r in out if isinstance(r, Bar | LedgerEntry))

    assert {held.name: held.bars for held in ledger.holdings} == {"BTCUSDT 1m": 28, "BTCUSDT 5m": 5}
    assert ledger.counts() == {
        ("BTCUSDT 1m", "gap"): (2, 2),
        ("BTCUSDT 5m", "partial"): (2, 2),
    }


def test_topics_add_up_to_the_same_ledger():
    out = replay([PROCESSOR], [raw_bar(0), raw_bar(1, volume=0.0), raw_bar(4), raw_bar(2)])

    ledger = ledger_of_records(r for r in out if isinstance(r, Bar | LedgerEntry))

    (held,) = ledger.holdings
    assert (held.name, held.bars) == ("BTCUSDT 1m", 3)
    assert ledger.counts() == {
        ("BTCUSDT 1m", "zero_volume"): (1, 1),
        ("BTCUSDT 1m", "gap"): (1, 2),
        ("BTCUSDT 1m", "late"): (1, 1),
    }


EXPECTED = {  # (entries, bars) of shared/data, as its README describes the defects
    ("BTCUSDT_perp_1h.parquet", "zero_volume"): (2, 3),
    ("BTCUSDT_perp_1h_partial_vs_final_cases.csv", "partial"): (10, 10),
    ("BTCUSDT_perp_5m.parquet", "volume_mismatch"): (4, 7),
    ("BTCUSDT_perp_5m.parquet", "zero_volume"): (2, 16),
    ("BTCUSDT_spot_1h_with_outages.parquet", "gap"): (27, 122),
    ("BTCUSDT_spot_1h_with_outages.parquet", "zero_volume"): (3, 3),
    ("ETHUSDT_perp_1h.parquet", "zero_volume"): (1, 1),
    ("ETHUSDT_perp_5m.parquet", "volume_mismatch"): (3, 4),
    ("ETHUSDT_perp_5m.parquet", "zero_volume"): (1, 2),
    ("SOLUSDT_perp_5m.parquet", "zero_volume"): (1, 3),
    ("XRPUSDT_perp_5m_freqtrade_testdata.parquet", "volume_mismatch"): (1, 100),
    ("BTCUSDT_funding_ms_jitter.parquet", "funding_late"): (1, 157),
    ("ENAUSDT_funding_with_hole.parquet", "funding_hole"): (1, 1000),
    ("ENAUSDT_funding_with_hole.parquet", "funding_late"): (1, 815),
    ("SOLUSDT_funding_2025.parquet", "funding_late"): (1, 680),
    ("XRPUSDT_funding_freqtrade_testdata.parquet", "funding_late"): (1, 59),
    ("XTZUSDT_funding_mixed_interval.parquet", "funding_interval"): (2, 2),
}


def test_real_files_have_exactly_their_known_defects():
    bars, funding = "ohlcv/BTCUSDT_perp_1h.parquet", "funding_mark/BTCUSDT_funding.parquet"
    folders = [str(real_file(name).parent) for name in (bars, funding)]

    ledger = ledger_of_files(folders)

    assert ledger.counts() == EXPECTED
    assert [name for name, _ in ledger.skipped] == ["BTC_PERP_1m_202201_other_venue.csv.gz"]
    hole = next(f.entry for f in ledger.findings if f.entry.kind == "funding_hole")
    assert pd.Timestamp(hole.from_ms, unit="ms") == pd.Timestamp("2025-07-17 16:00")
    assert pd.Timestamp(hole.to_ms, unit="ms") == pd.Timestamp("2025-12-31 08:00")
    assert all(isinstance(f.entry, LedgerEntry) for f in ledger.findings)


@pytest.mark.parametrize(
    ("symbol", "suffix", "hours"),
    [("BTCUSDT", "", 7), ("ETHUSDT", "", 4), ("XRPUSDT", "_freqtrade_testdata", 100)],
)
def test_hours_made_of_real_bars_are_the_venues_own_but_for_those_that_the_ledger_names(
    symbol, suffix, hours
):
    fine, coarse = (
        real_file(f"ohlcv/{symbol}_perp_{name}{suffix}.parquet") for name in ("5m", "1h")
    )
    parts, own = read_bars(str(fine)), read_bars(str(coarse))

    made = [hour for hour in market_hours(parts) if not hour.bars_missing]

    place = {opened: row for row, opened in enumerate(own.open_time_ms.tolist())}
    common = [hour for hour in made if hour.open_time_ms in place]
    differing = [h.open_time_ms for h in common if not _same(h, own, place[h.open_time_ms])]
    named = [
        opened
        for entry in disagreements(parts, own)
        for opened in range(entry.from_ms, entry.to_ms, HOUR_MS)
    ]
    assert differing == sorted(named)
    assert len(differing) == hours


def market_hours(file: BarFile) -> list[Bar]:
    """Return the hours that market makes of the bars of a file."""
    state, hours = MarketState(), list[Bar]()
    for raw in raw_bars(file, higher_ms=(HOUR_MS,)):
        state, outputs = step(state, raw)
        hours += [o for o in outputs if isinstance(o, Bar) and o.timeframe_ms == HOUR_MS]
    return hours


def _same(hour: Bar, own: BarFile, row: int) -> bool:
    volume = pytest.approx(own.columns["volume"][row], rel=1e-9, abs=1e-9)
    prices = all(getattr(hour, name) == own.columns[name][row] for name in PRICES)
    return prices and hour.volume == volume
