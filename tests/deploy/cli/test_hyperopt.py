"""``regimeflow hyperopt``: words become requests, searches run here or on the pipeline."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pandas as pd
import pytest
from typer.testing import CliRunner

from deploy.cli.app import app
from deploy.cli.hyperopt_request import parse_parameter
from schemas.research import TuningSpec
from tests.fakes.hourly_markets import trends

JOB = {
    "job_id": "job-1",
    "status": "done",
    "symbol": "BTCUSDT",
    "requested_at": "2026-01-01T00:00:00Z",
    "trial": 9,
    "total_trials": 9,
    "best": 1.25,
    "objective": "sharpe",
    "error": None,
    "request": {"strategy_name": "ema_cross"},
}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def bars(tmp_path):
    market = trends()
    names = ("open", "high", "low", "close", "volume")
    frame = pd.DataFrame({name: getattr(market, name) for name in names})
    frame.insert(0, "date", pd.to_datetime(market.open_time_ms, unit="ms", utc=True))
    frame.to_parquet(tmp_path / "BTCUSDT_perp_1h.parquet")
    return str(tmp_path / "BTCUSDT_perp_1h.parquet")


@pytest.fixture
def gateway():
    """A server that notes what it is asked and answers with the job."""
    requests = []

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self):
            length = int(self.headers["Content-Length"] or 0)
            requests.append((self.command, self.path, self.rfile.read(length).decode()))
            self.send_response(404 if "job-2" in self.path else 200)
            self.end_headers()
            known = {"jobs": [JOB]} if self.path == "/api/v1/hyperopt" and length == 0 else JOB
            answer = {"detail": "no hyperopt job job-2"} if "job-2" in self.path else known
            if "job-3" in self.path:
                answer = {"job_id": "job-3", "status": "done"}
            self.wfile.write(json.dumps(answer).encode())

        do_POST = do_GET  # noqa: N815 - as http.server names it

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", requests
    server.shutdown()
    thread.join()
    server.server_close()


def call(*arguments):
    return CliRunner().invoke(app, ["hyperopt", *arguments])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fast=5:50", {"type": "int", "low": 5, "high": 50, "log": False}),
        ("slow=20:200:10", {"type": "int", "low": 20, "high": 200, "step": 10, "log": False}),
        ("stop=-0.15:-0.03", {"type": "float", "low": -0.15, "high": -0.03, "log": False}),
        ("rate=0.001:1:log", {"type": "float", "low": 0.001, "high": 1, "log": True}),
        ("short=0,1", {"type": "categorical", "choices": [0, 1]}),
    ],
)
def test_a_range_is_written_in_one_word(text, expected):
    assert parse_parameter(text) == (text.partition("=")[0], expected)
    TuningSpec(strategy_name="any", param_space=dict([parse_parameter(text)]))


def test_a_search_without_a_broker_ends_and_the_same_call_only_reports(bars, home):
    arguments = ("start", "ema_cross", "--local", bars, "--trials", "12", "--json")

    first = json.loads(call(*arguments).stdout)
    journal = home / "tuning" / f"{first['job_id']}.journal"
    size = journal.stat().st_size
    again = json.loads(call(*arguments).stdout)
    shown = call(*arguments[:-1]).stdout

    assert first["status"] == "done"
    assert first["trials"] == 12
    assert first["out_of_sample"]["sharpe_ratio"] > 1.0
    assert again["trial_table"] == first["trial_table"]
    assert journal.stat().st_size < size + 1_000
    assert (home / "results" / first["job_id"] / "trials.parquet").is_file()
    assert "ema_cross on BTCUSDT 1h, 2020-09-13" in shown
    assert "On the holdout, which no trial saw" in shown
    assert f"sharpe {first['best_value']:.4g}, mean of the windows" in shown
    assert "the verdict takes their daily returns" in shown


def test_a_file_that_has_grown_or_rolled_is_another_job_and_its_span_is_said(bars, tmp_path):
    arguments = ("start", "ema_cross", "--trials", "2", "--json", "--local")
    table = pd.read_parquet(bars)
    path = tmp_path / "BTCUSDT_perp_1h.parquet"
    jobs = []
    for part in (table[:-200], table[:-100], table[100:], table[:-200]):
        part.to_parquet(path)
        done = call(*arguments, str(path))
        jobs.append(json.loads(done.stdout)["job_id"])
        assert f"job {jobs[-1]}: {len(part)} bars, " in done.stderr
        assert "--from and --to keep the span" in done.stderr

    assert len(set(jobs)) == 3
    assert jobs[0] == jobs[3]


def test_a_config_brings_its_presets(bars, tmp_path):
    config = tmp_path / "tradai.yaml"
    config.write_text(
        "strategy: {name: MyStrategy}\n"
        "optimization:\n"
        "  defaults: {epochs: 100, loss_function: calmar, spaces: [buy, sell]}\n"
        "  presets:\n"
        "    quick: {epochs: 3, spaces: [buy, stoploss]}\n"
        "exits: {minimal_roi: {0: 0.05, 60: 0.01}}\n"
    )

    done = call(
        *("start", "ema_cross", "--local", bars, "--config", str(config)),
        *("--preset", "quick", "--json"),
    )

    result = json.loads(done.stdout)
    assert result["trials"] == 3
    assert result["objective"] == "calmar"
    assert result["fixed_params"] == {"short": 1.0}
    assert result["exits"]["minimal_roi"] == {"0": 0.05, "60": 0.01}
    assert -0.25 <= result["best_params"]["stoploss"] <= -0.01


@pytest.mark.parametrize("asked", [(), ("MyStrategy",)])
def test_a_config_says_what_its_strategy_runs(bars, tmp_path, asked):
    config = tmp_path / "tradai.yaml"
    config.write_text(
        "strategy: {name: MyStrategy, entry_point: ema_cross}\n"
        "optimization: {presets: {quick: {epochs: 2, spaces: [buy]}}}\n"
    )
    options = ("--config", str(config), "--preset", "quick", "--json")

    done = call("start", *asked, "--local", bars, *options)

    assert json.loads(done.stdout)["strategy"] == "ema_cross"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "which strategy?"),
        (("nope",), "there is no strategy 'nope'; there are ema_cross"),
        (("ema_cross", "--sampler", "Grid"), "sampler 'Grid'"),
        (("ema_cross", "--preset", "slow"), "unknown preset slow; expected one of production"),
        (("ema_cross", "--spaces", "night"), "unknown space night; expected one of buy, roi"),
        (("ema_cross", "--param", "stoploss=0.1:0.2"), "stoploss is 0.1, expected a loss from -1"),
        (("ema_cross", "--exit", "hold_bars=0"), "hold_bars is 0.0, expected a whole number of"),
        (("ema_cross", "--param", "fast=1:2"), "fast goes from 2 to 100, got 1 to 2"),
        (("ema_cross", "--param", "fast"), "--param 'fast', expected NAME=LOW:HIGH"),
        (("ema_cross", "--param", "fast=a:b"), "expected numbers in LOW:HIGH:STEP"),
        (("ema_cross", "--config", "absent.yaml"), "--config absent.yaml: "),
        (("ema_cross", "--spec", "absent.json"), "--spec absent.json: expected the JSON"),
    ],
)
def test_what_cannot_be_searched_is_refused_on_one_line(bars, arguments, expected):
    result = call("start", *arguments, "--local", bars)

    assert result.exit_code in {1, 2}
    assert expected in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_pipeline_is_asked_by_its_routes(gateway):
    url, requests = gateway

    started = call("start", "ema_cross", "--trials", "9", "--loss", "calmar", "--url", url)
    for command in ("status", "result", "cancel", "resume"):
        assert call(command, "job-1", "--url", url, "--json").exit_code == 0
    listed = call("list", "--url", url)

    assert started.stdout == "job-1\n"
    assert "job-1  done       ema_cross BTCUSDT" in listed.stdout
    assert "9/9 trials  sharpe 1.25" in listed.stdout
    assert [(method, path) for method, path, _ in requests] == [
        ("POST", "/api/v1/hyperopt"),
        ("GET", "/api/v1/hyperopt/job-1"),
        ("GET", "/api/v1/hyperopt/job-1/result"),
        ("POST", "/api/v1/hyperopt/job-1/cancel"),
        ("POST", "/api/v1/hyperopt/job-1/resume"),
        ("GET", "/api/v1/hyperopt"),
    ]
    assert json.loads(requests[0][2]) == {
        "strategy_name": "ema_cross",
        "n_trials": 9,
        "loss_function": ["calmar"],
    }


def test_json_of_a_status_needs_nothing_of_the_lines_for_people(gateway):
    url, _ = gateway

    done = call("status", "job-3", "--url", url, "--json")

    assert (done.exit_code, json.loads(done.stdout)) == (0, {"job_id": "job-3", "status": "done"})


def test_a_refusal_is_said_as_the_gateway_says_it(gateway):
    result = call("status", "job-2", "--url", gateway[0])

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "regimeflow: no hyperopt job job-2\n"


@pytest.mark.parametrize("word", ["status", "result", "cancel", "resume"])
def test_a_local_search_is_told_from_those_of_the_pipeline(word):
    done = CliRunner().invoke(app, ["hyperopt", word, "local-0123456789ab"])

    assert done.exit_code == 2
    assert "no pipeline knows it: the same `hyperopt start`" in done.stderr


def test_no_gateway_is_told_with_what_to_do():
    result = call("list", "--url", "http://127.0.0.1:1")

    assert result.exit_code == 1
    assert "no gateway answers at http://127.0.0.1:1/" in result.stderr
    assert "`regimeflow run`, or give --url" in result.stderr
