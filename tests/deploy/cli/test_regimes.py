"""``regimeflow regimes report``: the same numbers for people and as JSON, refusals on one line."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from deploy.cli.app import app
from tests.fakes.regime_markets import SYMBOLS, write_markets

PLAN = ("--train-bars", "1200", "--refit-bars", "300")


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return write_markets(tmp_path_factory.mktemp("bars"), 1_800)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path / "home"))


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["regimes", "report", *arguments])


def test_people_and_programs_see_the_same_numbers(paths):
    document = json.loads(call(*paths, *PLAN, "--json").stdout)
    lines = call(*paths, *PLAN).stdout.splitlines()

    assert lines[0].startswith("1m bars; 2 fits, each on 1,200 bars, judged on the next 300")
    assert [line.split(",")[0] for line in lines if line and line[0] in "BE"] == list(SYMBOLS)
    assert max(map(len, lines)) <= 100
    text = "\n".join(lines)
    assert "nats a bar: " in text
    for market in document["markets"].values():
        assert f"{market['dwell_bars']:.1f} bars; {market['switches_per_1000_bars']:.1f}" in text
        assert f"{market['refits']['same_name']:.0%} keep their name" in text
        assert f"{market['next_bar']['log_range']['mean']:+.4f}" in text
        assert f"{market['regimes']['bear']['next_volatility_bps']['mean']:.1f} (" in text
        assert f"{market['trend_states']['RANGING']['share']:.1%}" in text


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["{path}", "--train-bars", "5000"], 1, "(--train-bars); take longer files"),
        (["nofile"], 2, "the name tells no symbol and timeframe"),
        (["{path}", "{path}"], 2, "expected one file for each"),
        (["absent_perp_1m.parquet=BTCUSDT:1m"], 2, "no such file"),
        (["{path}", "--train-bars", "10"], 2, "not '10'"),
        (["{path}", "--refit-bars", "x"], 2, "not 'x'"),
    ],
)
def test_what_cannot_be_reported_is_one_line(paths, arguments, code, expected):
    result = call(*(each.format(path=paths[0]) for each in arguments))

    assert result.exit_code == code
    assert expected in result.stderr
    assert result.stderr.count("\n") == 1
