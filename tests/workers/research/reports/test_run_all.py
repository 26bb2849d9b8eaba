"""Run all: every pair once, a failed one stops no other, the page loads nothing."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from schemas.topics import BARS
from tests.build import bar
from tests.fakes.searches import dying_pair, write
from workers.archive.topic_archive import ArchivedRecord, TopicArchive
from workers.bars.sources import archived_sources, file_source, find_sources
from workers.bars.table_files import BarFileRejected
from workers.research.reports.run_all import (
    BacktestPair,
    all_pairs,
    run_all,
    run_pair,
    write_report,
)
from workers.research.reports.summary import LEAST_TRADES, Failure, summary_document

DOCUMENTED = {"Sharpe Ratio", "Max Drawdown", "Win Rate", "Profit Factor", "Total Return"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two markets, and files that hold none."""
    folder = tmp_path_factory.mktemp("bars")
    write(folder, "BTCUSDT_perp_1h.parquet")
    write(folder, "ETHUSDT_perp_1h.parquet", seed=2)
    (folder / "SOLUSDT_perp_1h.csv").write_text("date,open\n")
    (folder / "notes.csv").write_text("x\n1\n")
    (folder / "BTCUSDT_funding.parquet").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def everything(folder):
    """All of it, run once: results and failures."""
    sources, _ = find_sources([str(folder)], folder / "none")
    pairs = list(all_pairs(sources, ["ema_cross", "donchian"], {}))
    return run_all(pairs, lambda _done, _total: None)


def test_every_market_is_tested_with_every_strategy_and_failures_stop_nothing(everything):
    results, failures = everything

    ran = {(r["source"], r["strategy"]) for r in results}
    assert ran == {
        (f"{symbol}USDT_perp_1h", name)
        for symbol in ("BTC", "ETH")
        for name in ("ema_cross", "donchian")
    }
    (failed,) = failures
    assert failed.source == "SOLUSDT_perp_1h"
    assert failed.strategies == ("ema_cross", "donchian")
    assert "holds no rows" in failed.reason


def test_the_summary_has_the_documented_names_beside_all_metrics(everything, tmp_path):
    results, failures = everything

    summary, _ = write_report(results, failures, tmp_path / "out" / "deep")

    document = json.loads(summary.read_text())
    assert summary.name == "backtest_summary.json"
    for row in document["results"]:
        assert set(row) >= DOCUMENTED
        assert row["Sharpe Ratio"] == row["metrics"]["sharpe_ratio"]
        assert row["Max Drawdown"] == row["metrics"]["max_drawdown"]
    sharpes = [row["Sharpe Ratio"] for row in document["results"]]
    assert sharpes == sorted(sharpes, reverse=True)
    assert document["pairs"] == 6
    assert {row["name"] for row in document["benchmarks"]} == {"buy and hold", "cash"}


def test_the_page_loads_nothing_runs_nothing_and_escapes_what_it_shows(everything, tmp_path):
    results, _ = everything
    failures = [Failure("<img src=x>", ("a&b",), "<script>alert(1)</script>")]

    text = write_report(results, failures, tmp_path)[1].read_text()

    assert "<script" not in text
    assert "<img" not in text
    assert not re.search(r"(src|href)=[\"'](?!#)", text)
    assert "@import" not in text
    assert "url(" not in text
    assert text.count("<article") == 4
    assert text.count("<svg") == 4 * 3


def test_the_best_of_worthless_pairs_is_called_luck(everything):
    results, failures = everything

    summary = summary_document(results, failures)

    assert summary["verdict"].startswith("Nothing here beyond luck")
    assert summary["luck"] > 0.0
    assert summary_document([], [])["verdict"].startswith("Too few pairs")


@pytest.mark.parametrize("trades", [0, 2, LEAST_TRADES - 1])
def test_a_pair_of_few_trades_is_never_the_best(everything, trades):
    results, failures = everything
    lucky = results[-1]["metrics"] | {"sharpe_ratio": 11.73, "trades": trades}
    rare = results[-1] | {"strategy": "rare", "metrics": lucky}
    undefined = results[0] | {"metrics": results[0]["metrics"] | {"sharpe_ratio": None}}

    summary = summary_document([rare, undefined, *results], failures)

    rows = summary["results"]
    assert [row["rank"] for row in rows] == [1, 2, 3, 4, None, None]
    assert (rows[-2]["strategy"], rows[-1]["Sharpe Ratio"]) == ("rare", None)
    assert "rare" not in summary["verdict"]
    assert f"2 without a Sharpe ratio of {LEAST_TRADES} trades or more" in summary["verdict"]


def test_a_process_that_dies_takes_only_its_own_pair_with_it(folder):
    source = file_source(str(folder / "BTCUSDT_perp_1h.parquet"), folder / "none")
    pairs = list(all_pairs([source], ["ema_cross", "dies", "donchian"], {}))

    results, failures = run_all(pairs, lambda _done, _total: None, dying_pair)

    assert [result["strategy"] for result in results] == ["ema_cross", "donchian"]
    assert failures == [
        Failure("BTCUSDT_perp_1h", ("dies",), "its process died, most likely out of memory")
    ]


def test_a_bad_span_is_a_failure_with_its_reason(folder):
    source = file_source(str(folder / "BTCUSDT_perp_1h.parquet"), folder / "none")

    failed = run_pair(BacktestPair(source, "ema_cross", {"from_ms": 1, "to_ms": 2}))

    assert isinstance(failed, Failure)
    assert "no bar of BTCUSDT" in failed.reason


def test_files_that_hold_no_bars_are_passed_over_by_name(folder):
    sources, passed = find_sources([str(folder)])

    names = [source.name for source in sources]
    assert names == ["BTCUSDT_perp_1h", "ETHUSDT_perp_1h", "SOLUSDT_perp_1h"]
    assert sources[0].funding == folder / "BTCUSDT_funding.parquet"
    assert len(passed) == 1
    assert "notes.csv" in passed[0]


def test_spot_has_no_funding_and_marks_are_never_longer_than_bars(tmp_path):
    folder = tmp_path
    for name in ("perp_1h", "spot_1h", "mark_1h", "mark_8h"):
        write(folder, f"BTCUSDT_{name}.parquet", count=10)

    perp, spot = (
        file_source(str(folder / f"BTCUSDT_{kind}_1h.parquet")) for kind in ("perp", "spot")
    )

    assert perp.mark == folder / "BTCUSDT_mark_1h.parquet"
    assert (spot.funding, spot.mark) == (None, None)


def test_a_missing_file_is_told():
    with pytest.raises(BarFileRejected, match="no such file or folder"):
        find_sources(["nowhere/BTCUSDT_perp_1h.parquet"])


def test_bars_of_the_archive_are_those_that_were_archived(tmp_path):
    from schemas.research import Market

    closes = np.linspace(100.0, 110.0, 50)
    rows = [bar(minute=i, close=float(c), high=200.0) for i, c in enumerate(closes)]
    TopicArchive(tmp_path / "archive", BARS).write(
        ArchivedRecord(0, offset, 0, row) for offset, row in enumerate(rows)
    )

    (source,) = archived_sources(tmp_path / "archive")

    bars = source.bars(Market(symbol=source.symbol))
    assert bars.close.tolist() == closes.tolist()
    assert archived_sources(tmp_path / "none") == []
