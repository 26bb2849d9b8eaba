"""The command line: quick to answer, exit codes to rely on, errors of one line."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from deploy.cli.app import _replay_settings, app
from deploy.cli.console import gateway_port, load_settings
from deploy.local.home_lock import HomeLock
from deploy.local.log_files import LogFile
from deploy.local.ports import usable_port
from deploy.topics.admin import AppliedTopics, SettingDifference
from workers.ingest.fetch_files import FetchRequest

HEAVY = (
    "torch",
    "xgboost",
    "ccxt",
    "mlflow",
    "pandas",
    "numba",
    "numpy",
    "faust",
    "fastapi",
    "optuna",
)
COMMANDS = (
    ("run", "stop", "status", "doctor", "graph", "replay", "loadtest", "train"),
    ("serve", "health", "get-experiment", "drift", "performance"),
    ("topics list", "topics apply", "topics tail"),
    ("topics dlq list", "topics dlq replay", "topics dlq drop"),
    ("data fetch", "data ledger", "data export", "features show", "regimes report"),
    ("backtest run", "backtest optimize", "backtest walk-forward", "backtest run-all"),
    ("hyperopt start", "hyperopt list", "hyperopt status", "hyperopt result"),
    ("hyperopt cancel", "hyperopt resume"),
    ("backup create", "backup verify", "backup restore", "home delete"),
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home in which nothing runs, and no settings from outside."""
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS", raising=False)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def refusal(*arguments: str, code: int = 2) -> str:
    """Call what must be refused; returns the one line that says why."""
    result = call(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith("regimeflow: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_help_loads_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "deploy.cli.app", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )

    loaded = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert "typer" in loaded
    assert not loaded & {*HEAVY, "pydantic", "rich", "confluent_kafka"}


def test_help_answers_within_half_a_second_of_processor_time():
    program = (
        "import time, contextlib\n"
        "from deploy.cli.app import main\n"
        "with contextlib.suppress(SystemExit):\n"
        "    main()\n"
        "print('SECONDS', time.process_time())\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, "--help"], capture_output=True, text=True, check=True
    )

    assert float(done.stdout.rsplit("SECONDS", 1)[1]) < 0.5


# What a run goes on to load in its own process: broker, topics, the newest signal, the live view.
SUPERVISOR = """
import sys
from contextlib import suppress
from deploy.cli.app import main
with suppress(SystemExit):
    main()
import rich.live, deploy.local.live_view, deploy.local.broker
import deploy.topics.tail, deploy.topics.admin
deploy.topics.admin.planned_topics()
print("LOADED", *sys.modules)
"""


@pytest.mark.parametrize("arguments", ["run nobody", "status", "topics list", "graph"])
def test_what_only_looks_or_supervises_loads_no_compiler_and_no_model_library(arguments):
    done = subprocess.run(
        [sys.executable, "-c", SUPERVISOR, *arguments.split()],
        capture_output=True,
        text=True,
        check=True,
    )

    loaded = set(done.stdout.rsplit("LOADED", 1)[1].split())
    assert "confluent_kafka" in loaded
    assert not loaded & {*HEAVY, "scipy", "llvmlite", "pyarrow"}


@pytest.mark.parametrize("name", [name for group in COMMANDS for name in group])
def test_every_command_explains_itself_and_knows_json(name):
    result = call(*name.split(), "--help")

    assert result.exit_code == 0
    assert "--json" in result.stdout


def test_the_version_is_that_of_the_package():
    result = call("--version")

    assert (result.exit_code, result.stdout) == (0, f"regimeflow {version('regimeflow')}\n")


def test_a_misspelt_setting_is_refused_with_the_name_that_was_meant(monkeypatch):
    monkeypatch.setenv("REGIMEFLOW_UNIVERES", "BTC-USD")

    assert "REGIMEFLOW_UNIVERES; did you mean REGIMEFLOW_UNIVERSE?" in refusal("status")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("APP_MODE", "live_trading", "analysis_only"),
        ("REGIMEFLOW_SPEED", "-1", "greater than 0"),
        ("REGIMEFLOW_SPEED", "nan", "less than or equal to 6000"),
        ("REGIMEFLOW_SPEED", "inf", "less than or equal to 6000"),
        ("REGIMEFLOW_REPLAY_SPEED", "1e400", "less than or equal to 1000000000000"),
        ("REGIMEFLOW_SEED", "9" * 30, "less than or equal to 9007199254740991"),
        ("REGIMEFLOW_HISTORY_BARS", "9" * 12, "less than or equal to 10000000"),
        ("REGIMEFLOW_PORT", "9" * 5_000, "expected a number from 0 (any free one) to 65535"),
        ("REGIMEFLOW_TIMEFRAME", "7m", "'7m' is unknown; expected 1m"),
        ("REGIMEFLOW_TIMEFRAMES", "1m,7m", "'7m' of '1m,7m' is unknown; expected 1m, 3m, 5m"),
        ("REGIMEFLOW_TIMEFRAMES", "1h,15m", "15m comes after 1h; expected ascending"),
        ("REGIMEFLOW_TIMEFRAMES", "1m,1m", "1m comes after 1m; expected ascending"),
        ("REGIMEFLOW_TIMEFRAMES", "3m,5m", "5m is no multiple of the base bar 3m"),
        ("REGIMEFLOW_TIMEFRAMES", "1m,3m,5m,15m,30m,1h,4h", "are 7; expected at most 6"),
        ("REGIMEFLOW_TIMEFRAMES", ",", "'' of ',' is unknown"),
        ("UNIVERSE", "BTC-USD,BTCUSDT", "each once"),
    ],
)
def test_a_bad_setting_is_refused_with_what_is_expected(monkeypatch, name, value, expected):
    monkeypatch.setenv(name, value)

    message = refusal("run")

    assert expected in message
    assert name.removeprefix("REGIMEFLOW_").lower() in message.lower()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "markte"], "unknown process markte; expected simulator, ingest"),
        (["run", "bars_1m.csv"], "files need --replay"),
        (["run", "--replay"], "--replay needs at least one file"),
        (["run", "--replay", "x.csv", "--exchange", "binanceusdm"], "over files, not over"),
        (["run", "--exchange", "nasdaq"], "exchange 'nasdaq': Input should be 'simulated'"),
        (
            ["run", "--port", "70000"],
            "port '70000', expected a number from 0 (any free one) to 65535",
        ),
        (["run", "--speed", "inf"], "speed inf: Input should be less than or equal to 6000"),
        (
            ["serve", "--port", "70000"],
            "port '70000', expected a number from 0 (any free one) to 65535",
        ),
        (["replay", "--from", "yesterday"], "time 'yesterday', expected ISO 8601"),
        (["health", "--url", "here"], "--url here, expected http:// or https://"),
        (["replay", "--from", "2025-02-01", "--to", "2025-01-01"], "lies before --from"),
        (["replay", "--symbol", "?"], "'?' is not a symbol; expected e.g. BTCUSDT"),
        (["data", "export", "--output", "x", "--topic", "nope"], "unknown topic 'nope'"),
        (["topics", "tail", "nope"], "unknown topic 'nope'; expected one of"),
        (["topics", "tail", "market.bars.v1", "--timeframe", "7m"], "'7m' is unknown; expected 1m"),
        (["topics", "tail", "market.bars.v1", "--timeframe", ""], "'' is unknown; expected 1m"),
        (["replay", "--timeframe", "7m"], "--timeframe '7m' is unknown; expected 1m, 3m"),
        (["data", "export", "--output", "x", "--timeframe", "7m"], "'7m' is unknown; expected 1m"),
        (["topics", "dlq", "list", "--topic", "nope"], "topic 'nope' has no dead letters"),
        (["topics", "dlq", "list", "--kind", "odd"], "'odd'"),
        (["topics", "dlq", "replay"], "name letters, or choose them by --topic"),
        (["topics", "dlq", "drop", "x"], "Missing option '--reason'"),
        (["run", "--speed", "fast"], "'--speed': Input should be a valid number"),
        (["run", "--speed=fast"], "not 'fast'; `regimeflow run --help` explains it"),
        (["keys", "create", "p", "--scope", "rood"], "'--scope': 'rood' is not one of 'read', "),
        (["keys", "create", "p", "--scope=rood"], "'admin'; `regimeflow keys create --help`"),
        (["data", "ledgre"], "No such command 'ledgre'"),
        (["data", "export"], "Missing option '--output'"),
        (["list-strategies", "--url", "here"], "--url here, expected http:// or https://"),
        (["data", "ledger", "nothing_BTCUSDT_1m.csv"], "nothing_BTCUSDT_1m.csv"),
        (["loadtest", "--output", "/nowhere/x.json"], "a folder that exists"),
        (["loadtest", "--url", "here"], "url 'here' is no address"),
        (["data", "fetch", "BTC-USD", "--from", "9", "--to", "8"], "--to 8 is not after --from 9"),
        (
            ["data", "export", "--output", "x", "--topic", "market.bars.v1", "--symbol", "BTCUSDT"],
            "--symbol chooses bars",
        ),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(arguments, expected):
    assert expected in refusal(*arguments)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["stop"], "nothing runs in"),
        (["topics", "list"], "no cluster: nothing has run in"),
        (["topics", "dlq", "list"], "no cluster: nothing has run in"),
        (["replay", "--verify"], "no cluster: nothing has run in"),
        (["data", "fetch", "BTC-USD", "--from", "9", "--exchange", "simulated"], "no simulated"),
        (["loadtest", "--url", "http://127.0.0.1:9"], "no gateway at http://127.0.0.1:9"),
        (["health", "--url", "http://127.0.0.1:9"], "no gateway answers at http://127.0.0.1:9/"),
        (["serve", "--port", "0"], "no cluster: nothing has run in"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_1(arguments, expected):
    assert expected in refusal(*arguments, code=1)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["stop"], 1),
        (["topics", "list"], 1),
        (["run", "nobody"], 2),
        (["run", "--speed", "fast"], 2),
        (["replay", "--from", "yesterday"], 2),
        (["data", "export"], 2),
    ],
)
def test_an_error_is_a_json_document_too_where_json_was_asked_for(arguments, code):
    result = call(*arguments, "--json")

    document = json.loads(result.stdout)
    assert (result.exit_code, document["exit_code"]) == (code, code)
    assert result.stderr == f"regimeflow: {document['error']}\n"


@pytest.mark.parametrize("value", ['{"sasl.password": ["hush"]}', '{"sasl.password": hush', "hush"])
def test_a_secret_that_is_refused_is_not_repeated(value, monkeypatch):
    monkeypatch.setenv("REGIMEFLOW_KAFKA_CLIENT", value)

    said = refusal("status")

    assert "kafka_client" in said
    assert "hush" not in said


@pytest.mark.parametrize(
    ("env", "wanted", "code"), [("prod", "1", 1), ("prod", "-1", 0), ("dev", "1", 0)]
)
def test_mending_that_removes_records_is_refused_where_they_are_protected(
    env, wanted, code, monkeypatch
):
    answers = [AppliedTopics((), (), (SettingDifference("t", "retention.ms", "2", wanted),))]
    answers.append(AppliedTopics((), ("t",), ()))
    mended: list[object] = []
    monkeypatch.setenv("REGIMEFLOW_ENV", env)
    monkeypatch.setenv("REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS", "nobody:9092")
    monkeypatch.setattr("deploy.topics.admin.apply_topics", lambda *_: answers.pop(0))
    monkeypatch.setattr("deploy.topics.admin.mend_topics", lambda _, all_: mended.append(all_))
    monkeypatch.setattr("deploy.topics.refdata.publish_refdata", lambda _: ())

    result = call("topics", "apply", "--mend")

    assert result.exit_code == code, result.output
    assert len(mended) == (code == 0)
    assert ("from deletion: set REGIMEFLOW_DELETION_PROTECTION=false" in result.stderr) == (
        code == 1
    )


def test_status_of_a_home_where_nothing_runs_says_so():
    result = call("status", "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["run"] is None


def test_a_run_that_is_still_starting_is_told_apart(tmp_path):
    (tmp_path / "home").mkdir()
    lock = HomeLock(tmp_path / "home" / "run.lock")
    lock.take()
    log = LogFile(tmp_path / "home" / "logs", "run")
    try:
        before = call("status")
        for event in ({"event": "run.started"}, {"event": "run.step", "text": "compiling kernels"}):
            log.write(json.dumps({"time": "2026-01-01T00:00:00Z", "level": "info", **event}))
        result, document = call("status"), json.loads(call("status", "--json").stdout)
        log.write('{"time": "2026-01-02T00:00:00Z", "level": "info", "event": "run.started"}')
        again = call("status")
    finally:
        lock.release()

    assert before.exit_code == result.exit_code == 1
    assert "is starting in" in before.stdout
    assert result.stdout.endswith(": compiling kernels\n")
    assert document["starting"] == "compiling kernels"
    assert "compiling" not in again.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("health",),
        ("strategy", "list"),
        ("hyperopt", "list"),
        ("loadtest",),
        ("mcp",),
        ("topics", "list"),
    ],
)
def test_nothing_is_asked_of_another_gateway_while_the_run_of_this_home_starts(tmp_path, words):
    (tmp_path / "home").mkdir()
    lock = HomeLock(tmp_path / "home" / "run.lock")
    lock.take()
    try:
        result = call(*words)
    finally:
        lock.release()

    assert (result.exit_code, result.stdout) == (1, "")
    assert f"process {os.getpid()} is still starting in" in result.stderr
    assert "`regimeflow status` says how far it is" in result.stderr


def test_status_tells_a_gateway_that_ends_over_and_over_while_it_does_not_answer(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    lock = HomeLock(home / "run.lock")
    lock.take()
    life = {"state": "running", "pid": 1, "since_ms": 0, "restarts": 5}
    facts = {"pid": os.getpid(), "url": "http://127.0.0.1:1/", "exchange": "simulated"}
    facts |= {"processes": ["gateway"], "started_at_ms": 0}
    facts |= {"supervised": {"gateway": life | {"last_exit_code": 1, "last_end": "exit code 1"}}}
    (home / "run.json").write_text(json.dumps(facts))
    try:
        words, document = call("status"), call("status", "--json")
    finally:
        lock.release()

    assert words.exit_code == document.exit_code == 1
    assert "started again 5 times, last end: exit code 1" in words.stdout
    gateway = json.loads(document.stdout)["run"]["supervised"]["gateway"]
    assert (gateway["restarts"], gateway["last_exit_code"]) == (5, 1)


def test_doctor_explains_what_is_missing_and_how_to_mend_it(monkeypatch):
    with socket.socket() as nobody:  # bound, but not listening
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        monkeypatch.setenv("REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS", address)

        result = call("doctor", "--json")

    findings = {finding["name"]: finding for finding in json.loads(result.stdout)}
    assert result.exit_code == 1
    assert findings["kafka"]["state"] == "missing"
    assert address in findings["kafka"]["detail"]
    assert "start it" in findings["kafka"]["mend"]
    assert findings["packages"]["state"] == "ok"


def test_doctor_notes_a_port_that_is_taken(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("REGIMEFLOW_PORT", str(taken.getsockname()[1]))

        result = call("doctor", "--json")

    port = next(check for check in json.loads(result.stdout) if check["name"] == "port")
    assert port["state"] == "note"
    assert port["mend"] == "regimeflow run --port N"


def test_the_ledger_of_a_file_with_a_gap_tells_it_and_exits_with_1(tmp_path):
    rows = [f"2025-01-01T00:{minute:02d}:00Z,1,2,1,2,5" for minute in (0, 1, 4)]
    path = tmp_path / "BTCUSDT_perp_1m.csv"
    path.write_text("\n".join(["date,open,high,low,close,volume", *rows]))

    result = call("data", "ledger", str(path), "--json")

    ledger = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [(f["kind"], f["bars"]) for f in ledger["findings"]] == [("gap", 2)]
    assert ledger["held"][0]["bars"] == 3


def test_the_graph_fits_one_screen_and_names_every_process():
    from streams.topology import CHAINS, WORKERS

    lines = call("graph").stdout.splitlines()

    assert len(lines) <= 52
    assert max(map(len, lines)) <= 100
    for name in [*(chain.name for chain in CHAINS), *(worker.name for worker in WORKERS)]:
        assert sum(f"[{name}]" in line for line in lines) == 1


def test_the_graph_as_json_marks_what_runs_back():
    edges = json.loads(call("graph", "--json").stdout)

    back = {(edge["topic"], edge["reader"]) for edge in edges if edge["back"]}
    assert ("models.changes.v1", "inference") in back
    assert ("market.bars.raw.v1", "market") not in back


@pytest.mark.parametrize("identifier", ["", "x" * 201])
def test_an_id_that_no_record_can_have_is_refused_before_a_topic_is_read(identifier):
    refused = CliRunner().invoke(app, ["trace", identifier])

    assert refused.exit_code == 2
    assert f"an id of {len(identifier)} characters" in refused.output


@pytest.mark.parametrize("text", ["99999999999999999999", "-1", "9999-12-31", "1969-01-01", "now"])
def test_a_time_that_no_record_holds_is_refused_with_what_to_write(text):
    refused = CliRunner().invoke(app, ["data", "fetch", "BTCUSDT", f"--from={text}"])

    assert refused.exit_code == 2
    assert f"time {text!r}, expected ISO 8601" in refused.stderr


def test_a_timeframe_with_spaces_around_it_is_fetched_by_its_name(monkeypatch):
    asked: list[str] = []

    def fetched(_access: object, request: FetchRequest, *_: object) -> list[Path]:
        asked.append(request.timeframe)
        return []

    monkeypatch.setattr("workers.ingest.fetch_files.fetch_history", fetched)

    call("data", "fetch", "BTCUSDT", "--timeframe", " 5m ")

    assert asked == ["5m"]


def test_a_port_of_0_is_any_free_one():
    assert gateway_port(0) == 0
    assert usable_port(0) > 0


@pytest.mark.parametrize(
    ("listed", "expected"),
    [(None, ("5m", "15m", "1h")), ("1m,15m,4h", ("5m", "15m", "4h")), ("1m", ("5m",))],
)
def test_a_replay_makes_the_timeframes_that_its_bars_add_up_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, listed: str | None, expected: tuple[str, ...]
):
    if listed is not None:
        monkeypatch.setenv("REGIMEFLOW_TIMEFRAMES", listed)
    file = tmp_path / "BTCUSDT_perp_5m.csv"
    opened = [f"2025-01-01T00:{minute:02d}:00Z" for minute in range(0, 60, 5)]
    rows = [f"{time},100,101,99,100.5,5" for time in opened]
    file.write_text("\n".join(("date,open,high,low,close,volume", *rows)))

    settings = _replay_settings([str(file)], None, None)

    assert load_settings(**settings).timeframes == expected
