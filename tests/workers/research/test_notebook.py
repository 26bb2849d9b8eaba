"""The notebook's three lines, as the guide has them, and the tables and plots of each result."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.fakes.searches import market, write
from workers.research.notebook import ResearchResult, load, optimise, performance, walk_forward

GUIDE = Path(__file__).resolve().parents[3] / "deploy/guide/research.md"
GRID = {"window_range": (20, 80, 20), "signal_range": (0.5, 1.5, 0.5)}


def test_the_lines_of_the_guide_run(tmp_path, monkeypatch):
    write(tmp_path, "BTCUSDT_perp_1h.parquet", count=4000)
    monkeypatch.chdir(tmp_path)
    pattern = r"```python\n(from workers\.research\.notebook.*?)```"
    names: dict[str, Any] = {}

    for code in re.findall(pattern, GUIDE.read_text(), re.DOTALL):
        exec(compile(code, GUIDE.name, "exec"), names)  # noqa: S102 - our own text

    result = names["result"]
    assert isinstance(result, ResearchResult)
    assert result["verdict"]
    assert len(result.frame()) >= 5
    assert len(names["frame"]) > 2_000


def test_every_part_of_a_walk_forward_is_a_frame():
    result = walk_forward(market(1, 4000), **GRID)

    assert len(result.frame()) == len(result["windows"])
    assert "out_of_sample.sharpe_ratio" in result.frame()
    assert result.frame("equity")["time_ms"].dtype.kind == "M"
    assert list(result.frame("benchmarks")["name"]) == ["buy and hold", "cash"]
    assert result.plot().layout.title.text == "Equity"


def test_a_search_has_its_best_ten_and_its_heat_map():
    result = optimise(market(1, 2000), **GRID)

    assert len(result.frame()) == 10
    assert result.frame("heatmap").shape == (3, 4)
    assert "optimum" in result.plot().data[1].name
    assert repr(result).startswith("<optimize of BTCUSDT: ")


def test_one_back_test_has_its_days_and_trades():
    result = performance(market(1, 2000), strategy="ema_cross", timeframe="4h")

    assert result["market"]["bars"] == 500
    assert list(result.frame().columns) == ["day_end_ms", "pnl", "return"]
    assert len(result.frame("trades")) == result["trades"]["count"]
    assert "Sharpe" in repr(result)


def test_an_unknown_part_is_told_with_those_there_are():
    result = optimise(market(1, 1000), **GRID)

    with pytest.raises(KeyError, match="top_10"):
        result.frame("windows")
    with pytest.raises(KeyError, match="history"):
        result.plot("equity")


def test_load_reads_what_pandas_wrote(tmp_path):
    write(tmp_path, "ETHUSDT_perp_1h.parquet", count=100)

    bars = load(tmp_path / "ETHUSDT_perp_1h.parquet")

    table = pd.read_parquet(tmp_path / "ETHUSDT_perp_1h.parquet")
    assert (bars.symbol, len(bars)) == ("ETHUSDT", 100)
    assert bars.close.tolist() == table["close"].tolist()
