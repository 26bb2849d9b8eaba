"""``regimeflow backtest``: results on one screen or as JSON, exit codes to rely on."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from deploy.cli.app import app
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
    assert json.loads(out.read_text()) == json.loads(result.stdout)


def test_a_result_is_run_again_from_its_own_request(file, tmp_path):
    first = json.loads(call("optimize", *GRID, "--data", file, "--json").stdout)
    request = tmp_path / "request.json"
    request.write_text(json.dumps(first["spec"]))

    again = json.loads(call("optimize", "--data", file, "--spec", str(request), "--json").stdout)

    assert again["top_10"] == first["top_10"]


@pytest.mark.parametrize(("command", "shown"), [("optimize", "deflated"), ("walk-forward", "PBO")])
def test_people_read_the_verdict_first(file, command, shown):
    result = call(command, *GRID, "--data", file)

    assert result.exit_code == 0
    assert "Nothing here" in result.stdout
    assert shown in result.stdout


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
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(file, arguments, expected):
    result = call(*arguments, "--data", file)

    assert result.exit_code == 2
    assert expected in result.stderr
    assert result.stderr.count("\n") == 1


def test_without_data_the_home_must_have_an_archive(tmp_path):
    result = call("run-all", "--out", str(tmp_path / "out"))

    assert result.exit_code == 2
    assert "no bars in the archive of" in result.stderr
