"""``regimeflow features show``: the frame for people, as CSV and as JSON, of one set of values."""

from __future__ import annotations

import io
import json

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from deploy.cli.app import app
from deploy.topics.export import write_bars
from schemas.market import RawBar
from streams.features.catalog import FEATURE_NAMES
from tests.fakes.small_day import raw_bars
from workers.research.notebook import build_features

SHOW = ("features", "show")


@pytest.fixture
def data(tmp_path, monkeypatch) -> str:
    """A file of the bars of a small day."""
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path / "home"))
    write_bars([bar for bar in raw_bars() if isinstance(bar, RawBar)], tmp_path)
    return str(tmp_path / "BTCUSDT_perp_1m.parquet")


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*SHOW, *arguments])


def test_csv_and_json_hold_the_values_of_the_notebook_exactly(data):
    frame = build_features("BTCUSDT", data)

    as_csv = pd.read_csv(io.StringIO(call("btc-usd", "--data", data, "--csv").stdout), index_col=0)
    as_json = json.loads(call("BTC/USDT:USDT", "--data", data, "--json").stdout)

    assert (as_csv.to_numpy() == frame.to_numpy())[frame.notna().to_numpy()].all()
    assert as_csv.isna().to_numpy().tolist() == frame.isna().to_numpy().tolist()
    rows = [list(row["values"].values()) for row in as_json["rows"]]
    assert pd.DataFrame(rows, dtype=float).fillna(-9.0).to_numpy().tolist() == (
        frame.fillna(-9.0).to_numpy().tolist()
    )
    assert (as_json["symbol"], as_json["timeframe"]) == ("BTCUSDT", "1m")
    assert as_json["rows"][0]["event_time_ms"] == frame.index[0].timestamp() * 1000


def test_people_see_the_newest_bars_a_feature_a_line(data):
    lines = call("BTCUSDT", "--data", data, "-n", "2").stdout.splitlines()

    assert lines[0].startswith("BTCUSDT 1m, 420 bars, feature set ")
    assert [line.split()[0] for line in lines[2:]] == list(FEATURE_NAMES)
    assert all(len(line.split()) == 3 for line in lines[2:])
    assert max(map(len, lines)) <= 100


def test_longer_bars_are_shown_by_their_name(data):
    lines = call("BTCUSDT", "--data", data, "--timeframe", "15m").stdout.splitlines()
    document = json.loads(call("BTCUSDT", "--data", data, "--timeframe", "1h", "--json").stdout)

    assert lines[0].startswith("BTCUSDT 15m, 27 bars, feature set ")
    assert document["timeframe"] == "1h"


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["BTCUSDT", "--data", "{data}", "--timeframe", "2x"], 2, "timeframe '2x', expected"),
        (["ETHUSDT", "--data", "{data}"], 2, "has no features of ETHUSDT; it has BTCUSDT"),
        (["BTCUSDT"], 1, "it has none of any symbol"),
        (["?"], 2, "'?' is not a symbol"),
        (["BTCUSDT", "--csv", "--json"], 2, "--csv and --json exclude each other"),
        (["BTCUSDT", "--timeframe", "7m"], 2, "--timeframe '7m' is unknown; expected 1m, 3m"),
        (["BTCUSDT", "--timeframe", ""], 2, "--timeframe '' is unknown"),
        (["BTCUSDT", "--data", "BTCUSDT_perp_1m.csv"], 2, "no such file"),
        (["BTCUSDT", "--data", "{data}", "--dropna"], 2, "has all features"),
    ],
)
def test_what_cannot_be_shown_is_one_line(data, arguments, code, expected):
    result = call(*(each.format(data=data) for each in arguments))

    assert result.exit_code == code
    assert expected in result.stderr
    assert result.stderr.count("\n") == 1
