"""A run's plumbing: what children are told, what is refused, what is made once."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from deploy.local import pipeline
from deploy.local.home_lock import HomeLock
from deploy.local.pipeline import (
    Run,
    check_port,
    gateway_url,
    metrics_ports,
    metrics_urls,
    process_environment,
    run_facts,
    run_pipeline,
    say_bars_held,
)
from deploy.local.ports import FREE_PORTS
from deploy.local.process_names import default_processes, process_names
from deploy.local.run_file import RunFile
from deploy.local.run_watch import metrics_lines
from deploy.local.supervisor import ProcessRefused, Supervisor, SupervisorError
from deploy.local.told_settings import setting_variables, told_sources
from deploy.topics import tail
from streams.runtime.environment import (
    ENV_FILE,
    PREFIX,
    SOURCES,
    child_environment,
    setting_sources,
)
from workers.settings import Settings

BROKER = {"bootstrap.servers": "127.0.0.1:1"}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run of the gateway alone in a home of its own."""
    for name in [name for name in os.environ if name.startswith("REGIMEFLOW_")]:
        monkeypatch.delenv(name)
    settings = Settings(home=tmp_path, universe="BTC-USD,ETH-USD")
    return Run(settings, 0, ("gateway",))


def told(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings that a child with this environment reads."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings()


def test_a_child_reads_the_settings_that_its_parent_had(run, monkeypatch):
    settings = run.settings.model_copy(
        update={
            "replay_files": ("a_1m.csv=BTCUSDT:1m", "b.parquet"),
            "replay_speed": 4.5,
            "kafka_client": {"security.protocol": "SSL"},
        }
    )

    assert told(setting_variables(settings), monkeypatch) == settings


def test_a_child_knows_where_each_setting_came_from_before_its_parent_told_it(
    run, monkeypatch, tmp_path
):
    (tmp_path / ".env").write_text("UNIVERSE=BTC-USD\nREGIMEFLOW_SEED=3\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(ENV_FILE, raising=False)
    monkeypatch.setenv("LOG_LEVEL", "debug")
    settings = Settings(home=tmp_path, seed=11)
    told_by_run = process_environment(replace(run, settings=settings, port=8080), BROKER)

    environment = {**told_by_run, SOURCES: told_sources(settings, told_by_run)}

    sources = setting_sources(child_environment(os.environ, environment), tmp_path)
    shown = {name.removeprefix(PREFIX): (s.kind, s.shown) for name, s in sources.items()}
    assert shown["UNIVERSE"] == (".env", "UNIVERSE")
    assert shown["LOG_LEVEL"] == ("variable", "LOG_LEVEL")
    assert shown["SEED"] == shown["HOME"] == shown["KAFKA_BOOTSTRAP_SERVERS"] == ("run", "")
    assert shown["TIMEFRAMES"] == shown["PORT"] == ("default", "")


def test_only_a_run_with_a_gateway_has_a_dashboard(run):
    assert gateway_url(replace(run, port=8080)) == "http://127.0.0.1:8080/"
    assert gateway_url(replace(run, processes=("market",))) is None


def test_no_secret_is_written_into_the_environment_of_children(run):
    settings = Settings(binance_api_key="key", binance_api_secret="hush", home=run.settings.home)  # noqa: S106 - not a real one

    assert not [v for v in setting_variables(settings).values() if v in ("key", "hush")]


def test_only_a_simulated_market_needs_the_simulator():
    assert "simulator" in process_names("simulated")
    assert "simulator" not in process_names("binanceusdm")
    assert "simulator" not in process_names("replay")


def test_an_account_is_read_where_there_are_a_key_and_a_venue():
    def reads(exchange: str, key: str | None, secret: str | None) -> bool:
        told = {"exchange": exchange, "binance_api_key": key, "binance_api_secret": secret}
        return "account" in default_processes(Settings.model_validate(told))

    assert reads("simulated", "key", "hush")
    assert reads("binanceusdm", "key", "hush")
    assert not reads("binanceusdm", "key", None)
    assert not reads("binanceusdm", None, None)
    assert not reads("replay", "key", "hush")
    assert "account" not in process_names("replay")  # not even if it is named


def test_a_taken_port_is_refused_only_where_the_gateway_runs(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        check_port(replace(run, port=port, processes=("market",)))
        with pytest.raises(SupervisorError, match=f"port {port} on loopback is taken"):
            check_port(replace(run, port=port))


@pytest.mark.parametrize("held_ms", [None, 1_700_000_000_000])
def test_a_run_that_ended_before_its_first_signal_is_continued_in_words(held_ms, monkeypatch):
    monkeypatch.setattr(tail, "newest_close_ms", lambda *_: held_ms)
    screen = Mock()

    say_bars_held({"bootstrap.servers": "127.0.0.1:1"}, screen)

    said = [str(call.args[0]) for call in screen.step.call_args_list]
    assert said == (
        []
        if held_ms is None
        else ["continued: bars up to 2023-11-14 22:13:20 UTC are held from before, no signal yet"]
    )


@pytest.mark.parametrize("setting", [None, "0"])
def test_every_process_but_the_gateway_has_a_free_port_for_its_metrics(run, monkeypatch, setting):
    if setting is not None:
        monkeypatch.setenv("REGIMEFLOW_METRICS_PORT", setting)

    ports = metrics_ports(replace(run, processes=process_names("simulated")))

    assert {*ports, "gateway"} == {*process_names("simulated")}
    assert len({*ports.values()}) == len(ports)
    assert {*ports.values()} <= {*FREE_PORTS}


def test_the_setting_names_the_first_port_and_the_others_follow(run, monkeypatch):
    monkeypatch.setenv("REGIMEFLOW_METRICS_PORT", "9100")

    ports = metrics_ports(replace(run, processes=("market", "gateway", "signals")))

    assert ports == {"market": 9100, "signals": 9101}
    assert metrics_ports(run) == {}


@pytest.mark.parametrize("setting", ["", "x", "-1", "9.5", "65535", "99999999999", "٣", "8079"])
def test_ports_of_metrics_that_cannot_be_are_refused_before_anything_starts(
    run, monkeypatch, setting
):
    monkeypatch.setenv("REGIMEFLOW_METRICS_PORT", setting)

    with pytest.raises(SupervisorError, match=f"{setting!r}, expected the first of 2 ports"):
        check_port(replace(run, port=8080, processes=("market", "signals")))


def test_a_run_says_where_each_process_serves_its_metrics(run):
    with_ports = replace(run, port=8080, metrics_ports={"market": 9100})

    assert metrics_urls(with_ports) == {
        "market": "http://127.0.0.1:9100/metrics",
        "gateway": "http://127.0.0.1:8080/metrics",
    }
    assert metrics_lines({"metrics": metrics_urls(with_ports)}) == [
        "metrics    http://127.0.0.1:9100/metrics (market)",
        "metrics    http://127.0.0.1:8080/metrics (gateway)",
    ]


def test_a_signal_while_all_is_prepared_ends_the_run_in_good_order(run, monkeypatch):
    told, closed = [], []
    screen = SimpleNamespace(
        step=lambda text, _done: told.append(text), close=lambda: closed.append(True)
    )
    monkeypatch.setattr(pipeline, "cluster", lambda *_: nullcontext(SimpleNamespace(client={})))
    monkeypatch.setattr(pipeline, "prepare", lambda *_: signal.raise_signal(signal.SIGTERM))
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    try:
        code = run_pipeline(replace(run, processes=("market",)), screen)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

    assert (code, closed) == (0, [True])
    assert told == ["stopped before anything ran; the next run begins here"]
    lock = HomeLock(run.settings.home / "run.lock")  # let go
    lock.take()
    lock.release()


def test_a_process_that_refuses_ends_the_run_with_its_sentence(run, monkeypatch):
    refusal = "import sys; print('kafka_client: no such property'); sys.exit(78)"
    cluster = pipeline.Cluster({"bootstrap.servers": "127.0.0.1:1"}, lambda: None)
    told: list[str] = []
    screen = SimpleNamespace(
        step=lambda text, _done=None: told.append(text),
        ready=lambda *_: None,
        look=lambda _: None,
        close=lambda: None,
    )
    monkeypatch.setattr(pipeline, "cluster", lambda *_: nullcontext(cluster))
    monkeypatch.setattr(pipeline, "prepare", lambda *_: None)
    monkeypatch.setattr(
        pipeline,
        "Supervisor",
        lambda names, logs, environment, **_: Supervisor(
            names, logs, environment, lambda _: [sys.executable, "-c", refusal]
        ),
    )
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    try:
        with pytest.raises(ProcessRefused, match="market refused to start:\nkafka_client: no such"):
            run_pipeline(replace(run, processes=("market",)), screen)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

    assert told[-1] == "stopping"
    assert not (run.settings.home / "run.json").exists()


def test_the_run_file_says_who_runs_and_where(run):
    supervisor = Supervisor(("gateway",), run.settings.home / "logs", {})
    environment = {
        "REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
        "REGIMEFLOW_SIMULATOR_URL": "http://127.0.0.1:1234",
    }

    RunFile(run.settings.home / "run.json", run_facts(run, environment)).write(supervisor)

    facts = json.loads((run.settings.home / "run.json").read_text())
    assert facts["pid"] == os.getpid()
    assert facts["bootstrap_servers"] == "127.0.0.1:9092"
    assert facts["simulator_url"] == "http://127.0.0.1:1234"
    assert facts["processes"] == ["gateway"]
    assert facts["metrics"] == {"gateway": f"http://127.0.0.1:{run.port}/metrics"}
