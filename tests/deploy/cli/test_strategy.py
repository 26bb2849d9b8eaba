"""Configs of strategies on the command line, through a gateway whose commands are decided."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from deploy.cli.app import app
from deploy.cli.job_strategy import named_strategy
from deploy.cli.tables.strategy import differences
from gateway.answers import commands
from gateway.settings import GatewaySettings
from schemas.configs import ConfigCommand
from schemas.research import TuningSpec
from tests.fakes.command_line import asked, call, invoke
from tests.fakes.command_processor import decide_configs
from tests.fakes.documented_config import TRADAI_YAML
from tests.fakes.gateway import RunningGateway, served_gateway
from tests.fakes.hourly_markets import trends

pytestmark = pytest.mark.anyio

Call = Callable[..., Any]
NAME = "MyStrategy"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningGateway]:
    """A served gateway, with the documented tradai.yaml in the working folder."""
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tradai.yaml").write_text(TRADAI_YAML)
    async with served_gateway(GatewaySettings()) as running:
        decide_configs(running)
        yield running


def write(text: str, name: str = "tradai.yaml") -> None:
    Path(name).write_text(text)


async def staged(gateway: RunningGateway, text: str = TRADAI_YAML) -> str:
    """Store a config; return its id."""
    write(text)
    answer = await asked(gateway, "strategy", "stage", NAME, "--version", "1")
    return str(answer["config"]["config_id"])


def published(gateway: RunningGateway) -> Sequence[ConfigCommand]:
    return [record for record, _ in gateway.bus.published if isinstance(record, ConfigCommand)]


async def test_a_config_is_staged_and_activated_as_its_answers_say(gateway: RunningGateway):
    stage = await call(gateway, "strategy", "stage", NAME, "--version", "1")
    told, following = stage.stdout.splitlines()
    config_id = told.split()[0]

    assert told == f"{config_id} is a DRAFT"
    assert following == f"next: `regimeflow strategy activate {NAME} {config_id}`"
    activate = await call(gateway, *following.split("`")[1].split()[1:], "--reason", "first")
    idle = f"{config_id} is ACTIVE; {NAME} does not run here: no signal follows it\n"
    assert activate.stdout == idle
    assert published(gateway)[-1].reason == "first"
    again = await call(gateway, "strategy", "stage", NAME, "--version", "1.0.0")
    assert "nothing to do" in again.stdout


async def test_of_a_strategy_that_runs_here_the_first_bar_is_named(gateway: RunningGateway):
    write("decision: {max_entropy: 0.5}")
    stage = await call(gateway, "strategy", "stage", "ensemble", "--version", "1")
    config_id = stage.stdout.split()[0]

    activate = await call(gateway, "strategy", "activate", "ensemble", config_id)
    again = await call(gateway, "strategy", "activate", "ensemble", config_id)

    for result in (activate, again):
        told, effective = result.stdout.splitlines()
        assert told.startswith(f"{config_id} is ACTIVE")
        assert effective.startswith("it counts from the bar that closes")


async def test_the_version_becomes_that_of_a_file_that_states_none(gateway: RunningGateway):
    write("strategy: {timeframe: 1h}")

    answer = await asked(gateway, "strategy", "stage", NAME, "--version", "2.1")

    assert answer["config"]["config_data"]["strategy"]["version"] == "2.1"


@pytest.mark.parametrize("version", ["2", "1.0.1", "1.0.0-rc1", "10", ""])
async def test_a_version_that_is_not_the_files_is_refused(gateway: RunningGateway, version: str):
    result = await call(gateway, "strategy", "stage", NAME, f"--version={version}", code=2)

    assert "strategy.version of tradai.yaml is 1.0.0: change one of them" in result.stderr
    assert not published(gateway)


async def test_a_file_of_another_strategy_is_refused(gateway: RunningGateway):
    result = await call(gateway, "strategy", "stage", "Other", "--version", "1", code=2)

    assert "is the config of MyStrategy, not of Other" in result.stderr


async def test_dry_runs_name_the_change_and_change_nothing(gateway: RunningGateway):
    config_id = await staged(gateway)

    one = await call(gateway, "strategy", "activate", NAME, config_id, "--dry-run")
    two = await call(gateway, "strategy", "stage", "MyStrategy", "--version", "1", "--dry-run")
    three = await call(gateway, "deploy", "strategy", ".", "--env", "dev", "--dry-run")

    assert "would write configs.changes.v1: MyStrategy" in one.stdout
    for result in (one, two, three):
        assert "dry run, nothing has changed" in result.stdout
        assert result.stdout.endswith("next: the same without --dry-run\n")
    assert (await asked(gateway, "strategy", "configs", NAME))["active"] is None


async def test_strategies_and_versions_are_listed_and_shown(gateway: RunningGateway):
    config_id = await staged(gateway)

    rows = {row["name"]: row for row in await asked(gateway, "strategy", "list")}
    same = await call(gateway, "list-strategies")
    shown = await call(gateway, "get-strategy", NAME)
    listed = await call(gateway, "strategy", "configs", NAME, "--as-of", "2027-01-15T08:00:00")
    before = await call(gateway, "strategy", "configs", NAME, "--as-of", "2020-01-01")

    assert rows[NAME]["active"] is None
    assert rows["ensemble"]["active"].startswith("v1-")
    assert "MyStrategy  none ACTIVE" in same.stdout
    assert f"# MyStrategy: {config_id}" in shown.stdout
    assert "entry_point: mystrategy.strategy:MyStrategy" in shown.stdout
    assert "DRAFT" in listed.stdout
    assert "had no configs at 2020-01-01" in before.stdout
    assert (await asked(gateway, "get-strategy", NAME))["config_id"] == config_id


async def test_two_versions_differ_in_named_keys(gateway: RunningGateway):
    one = await staged(gateway)
    other = await staged(gateway, TRADAI_YAML.replace('timeframe: "1h"', 'timeframe: "4h"'))

    result = await call(gateway, "strategy", "diff", NAME, one, other)

    assert result.stdout == '~ strategy.timeframe: "1h" -> "4h"\n'
    assert (await call(gateway, "strategy", "diff", NAME, one, one)).stdout == "no difference\n"


def test_a_difference_says_whether_a_key_came_or_went():
    rows = differences({"a": {"b": 1, "c": []}, "d": {}}, {"a": {"b": None, "e": [1]}, "d": {}})

    assert [(row["path"], row["change"]) for row in rows] == [
        ("a.b", "changed"),
        ("a.c", "removed"),
        ("a.e", "added"),
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("strategy", "configs", "Nobody"), "`regimeflow strategy list` lists what is stored"),
        (("get-strategy", "Nobody"), "Nobody has no config"),
        (("get-strategy", "../x"), "no route"),
        (("strategy", "activate", NAME, "v9-00000000"), "has no config"),
        (("strategy", "activate", NAME, "latest"), "`regimeflow strategy configs NAME`"),
        (("strategy", "diff", NAME, "v1-00000000", "v2-00000000"), "no config"),
    ],
)
async def test_what_is_not_there_is_refused_with_what_to_do(
    gateway: RunningGateway, words: tuple[str, ...], message: str
):
    await staged(gateway)

    result = await call(gateway, *words, code=1)

    assert message in result.stderr
    assert result.stderr.count("\n") == 1


async def test_a_time_that_is_none_is_a_wrong_call(gateway: RunningGateway):
    result = await call(gateway, "strategy", "configs", NAME, "--as-of", "yesterday", code=2)

    assert "expected ISO 8601" in result.stderr


async def test_no_gateway_is_said_with_what_to_do():
    result = CliRunner().invoke(app, ["strategy", "list", "--url", "http://127.0.0.1:1"])

    assert result.exit_code == 1
    assert "start it with `regimeflow run`" in result.stderr


async def test_a_command_that_is_not_decided_in_time_is_no_success(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(commands, "WAIT_S", 0.01)
    decide, gateway.bus.answers = gateway.bus.answers, lambda _: ()

    late = await call(gateway, "deploy", "strategy", ".", "--env", "dev", code=1)
    gateway.bus.feed(*decide(published(gateway)[0]))
    gateway.bus.answers = decide
    await call(gateway, "deploy", "strategy", ".", "--env", "dev")

    assert "not decided within" in late.stderr
    assert "`regimeflow status`" in late.stderr
    versions = (await asked(gateway, "strategy", "configs", NAME))["configs"]
    assert [row["status"] for row in versions] == ["ACTIVE"]


async def test_a_deployment_is_two_commands_and_the_same_again_changes_nothing(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
):
    first = await asked(gateway, "deploy", "strategy", ".", "--env", "dev")
    again = await call(gateway, "deploy", "strategy", "tradai.yaml", "--env", "dev")
    write("REGIMEFLOW_SEED=7\n", "desk.env")
    monkeypatch.setenv("REGIMEFLOW_ENV_FILE", "desk.env")
    usual = await call(gateway, "deploy", "strategy", "tradai.yaml", "--env", "dev")

    assert (first["create"]["status"], first["activate"]["status"]) == ("accepted", "accepted")
    assert first["settings_file"] is None
    assert "settings of the variables alone, for there is no .env.dev here" in again.stderr
    assert "settings of desk.env, for there is no .env.dev here" in usual.stderr
    assert f"{first['config']['config_id']} is ACTIVE; {NAME} does not run here" in again.stdout
    assert "it counts from" not in again.stdout
    assert len((await asked(gateway, "strategy", "configs", NAME))["configs"]) == 1


async def test_a_content_that_was_replaced_is_deployed_again(gateway: RunningGateway):
    texts = (TRADAI_YAML, TRADAI_YAML.replace("cpu: 512", "cpu: 256"))
    ids = []
    for text in (*texts, *texts, texts[0]):
        write(text)
        answer = await asked(gateway, "deploy", "strategy", ".", "--env", "prod")
        ids.append(answer["config"]["config_id"])

        assert (await asked(gateway, "strategy", "configs", NAME))["active"] == ids[-1]
    assert ids[0] == ids[2] == ids[4] != ids[1] == ids[3]


async def test_an_environment_brings_its_file_of_settings(gateway: RunningGateway):
    port = gateway.url.rpartition(":")[2]
    write(f"REGIMEFLOW_PORT={port}\n", ".env.staging")

    result = await invoke("deploy", "strategy", ".", "--env", "staging", "--json")

    document = json.loads(result.stdout)
    assert document["settings_file"] == ".env.staging"
    assert document["gateway"] == f"{gateway.url}/"
    assert document["activate"]["status"] == "accepted"


def written(file: str) -> Any:
    """Return the content of a YAML file; None where there is none."""
    path = Path(file)
    return yaml.safe_load(path.read_text()) if path.exists() else None


async def test_the_size_in_the_config_becomes_values_of_the_chart(gateway: RunningGateway):
    asked_for = ("deploy", "strategy", ".", "--env", "staging", "--helm-values", "size.yaml")
    would = await asked(gateway, *asked_for, "--dry-run")
    untouched = written("size.yaml")
    done = await call(gateway, *asked_for)

    size = {"strategy": {"name": NAME, "cpu": 512, "memory": 1024}}
    files = ["deploy/helm/values-staging.yaml", "size.yaml"]
    assert would["helm"] == {"files": files, "values": size}
    assert (untouched, written("size.yaml")) == (None, size)
    assert done.stdout.splitlines()[-1] == (
        "next: helm upgrade --install regimeflow deploy/helm "
        "--values deploy/helm/values-staging.yaml --values size.yaml"
    )


async def test_values_that_cannot_be_written_are_refused_before_anything_changes(
    gateway: RunningGateway,
):
    arguments = ("deploy", "strategy", ".", "--env", "dev", "--helm-values", "no/such/size.yaml")

    result = await call(gateway, *arguments, code=2)

    assert "no/such/size.yaml: No such file or directory" in result.stderr
    assert not published(gateway)


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (None, 2, "absent/tradai.yaml: No such file"),
        ("strategy: {timeframe: 1h}", 1, "names no strategy: add strategy.name"),
        ("strategy: {name: MyStrategy}\nx: 1\n", 1, "tradai.yaml:2: x: unknown key"),
    ],
)
async def test_a_file_that_cannot_be_deployed_is_refused(
    gateway: RunningGateway, text: str | None, code: int, message: str
):
    path = "absent/tradai.yaml" if text is None else "."
    if text is not None:
        write(text)

    result = await call(gateway, "deploy", "strategy", path, "--env", "dev", code=code)

    assert message in result.stderr
    assert not published(gateway)


@pytest.fixture
def bars(tmp_path: Path) -> str:
    """A file of hourly bars from September 2020 on."""
    market = trends()
    names = ("open", "high", "low", "close", "volume")
    frame = pd.DataFrame({name: getattr(market, name) for name in names})
    frame.insert(0, "date", pd.to_datetime(market.open_time_ms, unit="ms", utc=True))
    frame.to_parquet(tmp_path / "BTCUSDT_perp_1h.parquet")
    return str(tmp_path / "BTCUSDT_perp_1h.parquet")


OWN = """
strategy: {name: MyStrategy, entry_point: ema_cross}
strategy_service: {defaults: {timerange: "20200920-", stake_amount: 500}}
exits: {stoploss: -0.5, minimal_roi: {"0": 9, "60": 8}}
"""


async def test_what_runs_here_takes_the_active_config_of_its_strategy(
    gateway: RunningGateway, bars: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("REGIMEFLOW_PORT", gateway.url.rpartition(":")[2])
    write(OWN)
    await call(gateway, "deploy", "strategy", ".", "--env", "dev")

    ran = await invoke("backtest", "run", NAME, "--data", bars, "--param", "fast=10", "--json")
    search = await asyncio.to_thread(named_strategy, TuningSpec(strategy_name=NAME))

    assert ran.exit_code == 0, ran.output
    exits = "exits=stoploss=-0.5 minimal_roi=0:9.0,60:8.0"
    assert f"of MyStrategy: equity=500.0, {exits}, from_ms=1600560000000" in ran.stderr
    assert json.loads(ran.stdout)["spec"]["strategy"] == "ema_cross"
    assert search.config is not None
    assert (search.strategy_name, search.config.strategy, search.equity) == (
        "ema_cross", NAME, 500.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "message"),
    [(NAME, "has no ACTIVE config: `regimeflow strategy"), ("Nobody", "Nobody has no config")],
)
async def test_a_strategy_that_is_nowhere_is_refused_with_those_there_are(
    gateway: RunningGateway, bars: str, monkeypatch: pytest.MonkeyPatch, name: str, message: str
):
    monkeypatch.setenv("REGIMEFLOW_PORT", gateway.url.rpartition(":")[2])
    await staged(gateway)

    result = await invoke("backtest", "run", name, "--data", bars)

    assert result.exit_code == 2
    assert f"there is no strategy '{name}'; there are ema_cross" in result.stderr
    assert message in result.stderr
