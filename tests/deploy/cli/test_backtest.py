"""``regimeflow backtest``: results on one screen or as JSON, exit codes to rely on."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from deploy.cli.app import app
from schemas.research import PerformanceSpec
from tests.fakes.searches import write

GRID = ("--window", "20:80:20", "--signal", "0.5:1.5:0.5")


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    """One market, and a home that is empty."""
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path / "home"))
    write(tmp_path, "BTCUSDT_perp_1h.parquet", count=3000)
    return str(tmp_path / "BTCUSDT_perp_1h.parquet")


def call(*arguments):
    return CliRunner().invoke(app, ["backtest", *arguments])


def test_one_back_test_shows_metrics_beside_buy_and_hold(file):
    result = call("run", "ema_cross", "--data", file, "--param", "fast=10")

    assert result.exit_code == 0
    assert "fast 10, slow 100, short 1" in result.stdout
    assert "buy and hold" in result.stdout
    assert "Sharpe ratio" in result.stdout


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (("run", "donchian"), "performance"),
        (("optimize", *GRID), "optimize"),
        (("walk-forward", *GRID), "walk_forward"),
        (("optimize", "ema_cross", "--space", "fast=5:15:5", "--objective", "calmar"), "optimize"),
    ],
)
def test_json_is_the_whole_result_on_screen_and_in_the_file(file, tmp_path, command, kind):
    out = tmp_path / "new" / "result.json"

    result = call(*command, "--data", file, "--out", str(out), "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout)["kind"] == kind
    assert json.loads(result.stdout).keys() >= {"git_commit", "trace_id"}
    assert json.loads(out.read_text()) == json.loads(result.stdout)


def test_a_result_is_run_again_from_its_own_request(file, tmp_path):
    first = json.loads(call("optimize", *GRID, "--data", file, "--json").stdout)
    request = tmp_path / "request.json"
    request.write_text(json.dumps(first["spec"]))

    again = json.loads(call("optimize", "--data", file, "--spec", str(request), "--json").stdout)

    assert again["top_10"] == first["top_10"]


def test_exits_of_the_command_line_end_trades_and_the_table_says_how_many(file):
    exits = ("--exit", "stoploss=-0.005", "--exit", "minimal_roi=0:0.02,600:0.01")
    done = call("run", "ema_cross", *exits, "--param", "hold_bars=30", "--data", file)
    trials = call(
        "optimize", *GRID, "--space", "stoploss=-0.02:-0.01:0.01", "--data", file, "--json"
    )

    (line,) = [line for line in done.stdout.splitlines() if line.startswith("trades ended by")]
    assert "stoploss " in line
    assert "roi " in line
    assert "hold_bars 30" in done.stdout
    assert json.loads(trials.stdout)["best_params"]["stoploss"] in {-0.02, -0.01}


@pytest.mark.parametrize(("command", "shown"), [("optimize", "deflated"), ("walk-forward", "PBO")])
def test_people_read_the_verdict_first(file, command, shown):
    result = call(command, *GRID, "--data", file)

    assert result.exit_code == 0
    assert "Nothing here" in result.stdout
    assert shown in result.stdout


def test_of_several_files_of_a_symbol_a_back_test_takes_that_of_its_timeframe(file, tmp_path):
    table = pd.read_parquet(file)
    table["date"] = pd.date_range("2020-01-01", periods=len(table), freq="4h", tz="UTC")
    table.to_parquet(tmp_path / "BTCUSDT_perp_4h.parquet", index=False)
    arguments = ("run", "ema_cross", "--data", str(tmp_path))

    runs = [call(*arguments, "--timeframe", name, "--json") for name in ("1h", "4h")]
    unclear = call(*arguments)

    markets = [json.loads(run.stdout)["market"] for run in runs]
    assert [market["timeframe"] for market in markets] == ["1h", "4h"]
    assert {market["bars"] for market in markets} == {3000}
    assert unclear.exit_code == 2
    assert "BTCUSDT_perp_1h, BTCUSDT_perp_4h; choose with" in unclear.stderr


def test_run_all_writes_both_files_and_fails_when_a_pair_failed(file, tmp_path):
    arguments = ("run-all", "--strategy", "ema_cross", "--out", str(tmp_path / "out"))

    good = call(*arguments, "--data", file)
    (tmp_path / "ETHUSDT_perp_1h.csv").write_text("date\n")
    bad = call(*arguments, "--data", str(tmp_path), "--json")

    assert good.exit_code == 0
    assert (tmp_path / "out" / "backtest_report.html").is_file()
    assert bad.exit_code == 1
    assert json.loads(bad.stdout)["failed"][0]["source"] == "ETHUSDT_perp_1h"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("run", "nothing"), "there is no strategy 'nothing'"),
        (("run", "ema_cross", "--param", "fast"), "expected NAME=VALUE"),
        (("run", "ema_cross", "--param", "fast=x"), "expected a number"),
        (("run", "ema_cross", "--fee-bps", "-1"), "greater than or equal to 0"),
        (("optimize", "--window", "20:80", "--signal", "1:1:1"), "MIN:MAX:STEP"),
        (("optimize", "--window", "80:20:10", "--signal", "1:1:1"), "max 20 is below min 80"),
        (("optimize",), "needs window_range and signal_range"),
        (("walk-forward", *GRID, "--train-bars", "99999"), "need"),
        (("run", "ema_cross", "--from", "2030-01-01"), "no bar of BTCUSDT"),
        (("run", "ema_cross", "--symbol", "ETH-USD"), "expected bars of one market, got none"),
        (("run-all", "--strategy", "nothing"), "there is no strategy"),
        (("optimize", "--window", "2:1e308:1", "--signal", "1:1:1"), "less than or equal to"),
        (("optimize", "--window", "2:20:1", "--signal", "0:1e308:1e-308"), "signal_range"),
        (("walk-forward", "ema_cross", "--space", "fast=2:1e308:1e-308"), "space"),
        (("optimize", "ema_cross", "--space", "fast=-1e308:1e308:1"), "space"),
        (("run", "ema_cross", "--from", "99999999999999999999999"), "from 1970 to 2200"),
        (("run", "ema_cross", "--to", "1" * 5_000), "from 1970 to 2200"),
        (("run", "ema_cross", "--from", "0001-01-01T00:00+14:00"), "from 1970 to 2200"),
        (("run", "ema_cross", "--param", "fast=1e308"), "less than or equal to"),
        (("optimize", *GRID, "--seed", str(2**63)), "less than or equal to"),
        (("run", "\udcff"), "valid string"),
        (("run", "ema_cross", "--exit", "stoploss=0.05"), "stoploss is 0.05, expected a loss"),
        (("run", "ema_cross", "--exit", "stoploss=nan"), "stoploss is nan, expected a loss"),
        (("run", "ema_cross", "--exit", "trailing_stop=0.05"), "without trailing_offset"),
        (
            ("run", "ema_cross", "--exit", "stop=-0.05"),
            "--exit 'stop', expected one of roi_min, stoploss",
        ),
        (("run", "ema_cross", "--exit", "minimal_roi=0.04"), "MINUTES:GAIN such as 0:0.04"),
        (("run", "ema_cross", "--exit", "minimal_roi=0:0.1,5:0.2"), "a gain that falls with age"),
        (("run", "ema_cross", "--param", "roi_min=-1"), "roi_min is -1.0, expected a gain above"),
        (("optimize", "ema_cross", "--space", "stoploss=-2:-1:1"), "stoploss is -2.0, expected"),
        (("optimize", *GRID, "--space", "roi_min=0:0.1:0.1"), "roi_min is 0.0, expected a gain"),
        (("optimize", *GRID, "--space", "fast=1:2:1"), "space has fast, expected roi_min"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(file, arguments, expected):
    result = call(*arguments, "--data", file)

    assert result.exit_code == 2
    assert expected in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("text", ["[" * 100_000, '{"equity": ' + "9" * 5_000 + "}"])
def test_a_request_that_cannot_be_read_is_one_line_and_exit_code_2(file, tmp_path, text):
    request = tmp_path / "request.json"
    request.write_text(text)

    result = call("run", "ema_cross", "--data", file, "--spec", str(request))

    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["equity", "leverage", "fee_bps", "slippage_bps"])
@pytest.mark.parametrize("bound", ["minimum", "maximum"])
def test_a_result_at_the_bounds_is_made_of_numbers(file, tmp_path, name, bound):
    value = PerformanceSpec.model_json_schema()["properties"][name][bound]
    request = tmp_path / "request.json"
    request.write_text(json.dumps({name: value}))

    result = call("run", "ema_cross", "--data", file, "--spec", str(request), "--json")

    assert result.exit_code == 0, result.stderr
    assert "NaN" not in result.stdout
    assert "Infinity" not in result.stdout


def test_without_data_the_home_must_have_an_archive(tmp_path):
    result = call("run-all", "--out", str(tmp_path / "out"))

    assert result.exit_code == 2
    assert "no bars in the archive" in result.stderr
