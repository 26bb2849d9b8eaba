"""What an environment expects is checked before a start, and said in full."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.cli.app import app
from deploy.environments import (
    ROWS,
    Finding,
    SettingsInForce,
    deletion_protected,
    environment_table,
    examine_environment,
    log_retention_days,
)
from gateway.settings import GatewaySettings
from streams.runtime.environment import ENVIRONMENTS, NamedValue
from tests.architecture.sources import ROOT
from workers.settings import Settings

pytestmark = pytest.mark.usefixtures("folder")

CLUSTER = {"kafka_bootstrap_servers": "kafka-1:9093"}
KEYS = {"api_keys": True}


def in_force(env: str, gateway: dict[str, Any] | None = None, **pipeline: Any) -> SettingsInForce:
    return SettingsInForce(Settings(env=env, **pipeline), GatewaySettings(**gateway or {}), {})


def findings(settings: SettingsInForce) -> dict[str, Finding]:
    return {each.row.name: each for each in examine_environment(settings)}


def refused(settings: SettingsInForce) -> set[str]:
    return {name for name, each in findings(settings).items() if each.refused}


def test_dev_takes_the_settings_that_nobody_has_set():
    assert all(each.met for each in findings(in_force("dev")).values())


def test_staging_and_prod_refuse_what_dev_allows_and_take_what_their_rows_expect():
    assert refused(in_force("staging")) == {"executor", "access"}
    assert refused(in_force("prod")) == {"executor", "access", "rate limit"}
    for env in ("staging", "prod"):
        assert refused(in_force(env, KEYS, **CLUSTER)) == set()


@pytest.mark.parametrize(
    ("name", "gateway", "pipeline", "value"),
    [
        ("log retention", {}, {"log_retention_days": 89}, "89 days"),
        ("deletion protection", {}, {"deletion_protection": False}, "off"),
        ("access", {"api_keys": False, "insecure": True}, {}, "nobody has to sign in"),
        ("rate limit", {"rate_limit": "off"}, {}, "off"),
        ("other origins", {"cors_origins": "http://desk.example"}, {}, "http://desk.example"),
    ],
)
def test_prod_refuses_a_weaker_setting_and_says_its_value(name, gateway, pipeline, value):
    settings = in_force("prod", {**KEYS, **gateway}, **{**CLUSTER, **pipeline})

    finding = findings(settings)[name]

    assert finding.refused
    assert finding.value == value
    assert finding.row.remedy
    assert finding.expected == finding.row.prod.words != finding.value


@pytest.mark.parametrize(
    ("name", "pipeline"),
    [
        ("connection to Kafka", {}),
        ("log level", {"log_level": "DEBUG"}),
        ("market", {}),
        ("MLflow", {}),
        ("notifications", {}),
    ],
)
def test_advice_is_noted_and_stops_no_start(name, pipeline):
    finding = findings(in_force("prod", KEYS, **CLUSTER, **pipeline))[name]

    assert not finding.met
    assert not finding.refused
    assert finding.row.remedy


def test_advice_that_is_followed_is_no_finding():
    settings = in_force(
        "prod",
        KEYS,
        **CLUSTER,
        kafka_client={"security.protocol": "ssl"},
        exchange="binanceusdm",
        mlflow_tracking_uri="https://mlflow.example",
        notify_urls="json://sink",
    )

    assert all(each.met for each in findings(settings).values())
    assert "json://sink" not in str([each.value for each in findings(settings).values()])


def test_a_secret_in_env_is_refused_by_name_and_a_secret_file_is_not():
    settings = in_force("prod", KEYS, **CLUSTER)
    secret = NamedValue("BINANCE_API_KEY", "BINANCE_API_KEY", "canary", ".env")
    named = replace(settings, sources={"REGIMEFLOW_BINANCE_API_KEY": secret})
    filed = replace(
        named, sources={"REGIMEFLOW_BINANCE_API_KEY": secret._replace(kind="secret file")}
    )

    assert findings(named)["secrets"].value == "REGIMEFLOW_BINANCE_API_KEY in .env"
    assert findings(filed)["secrets"].met


def test_what_only_a_gateway_needs_is_not_asked_of_a_start_without_one():
    rows = {each.row.name for each in examine_environment(in_force("prod"), gateway=False)}

    assert "executor" in rows
    assert not rows & {row.name for row in ROWS if row.gateway}


def test_what_nobody_sets_is_as_the_environment_has_it():
    kept = {env: log_retention_days(Settings(env=env)) for env in ENVIRONMENTS}
    protected = {env: deletion_protected(Settings(env=env)) for env in ENVIRONMENTS}

    assert kept == {"dev": 30, "staging": 30, "prod": 90}
    assert protected == {"dev": False, "staging": False, "prod": True}
    assert log_retention_days(Settings(env="dev", log_retention_days=7)) == 7


def test_every_row_of_the_table_stands_in_the_readme_and_names_real_settings():
    known = {name.upper() for name in (*Settings.model_fields, *GatewaySettings.model_fields)}

    assert environment_table() in (ROOT / "deploy/guide/settings.md").read_text()
    named = {name for row in ROWS for name in row.setting.split(", ") if name}
    assert named <= known | {"SECRETS_DIR"}


def test_a_run_that_the_environment_refuses_makes_nothing_and_names_every_finding(
    folder, monkeypatch
):
    monkeypatch.setenv("REGIMEFLOW_ENV", "prod")

    result = CliRunner().invoke(app, ["run"])

    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert result.stderr.count("\n") == 1
    for words in (
        "REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS: local processes",
        "prod expects external Kafka: name the cluster",
        "REGIMEFLOW_API_KEYS=true",
        "`regimeflow doctor` checks all of it",
    ):
        assert words in result.stderr
    assert not (folder / "home").exists()


def test_doctor_tells_setting_value_expectation_and_remedy_of_each_finding(monkeypatch):
    monkeypatch.setenv("REGIMEFLOW_ENV", "staging")
    monkeypatch.setattr("deploy.local.doctor.examine", lambda *_: ())

    result = CliRunner().invoke(app, ["doctor", "--json"])

    assert result.exit_code == 1
    missing = [row for row in json.loads(result.stdout) if row["state"] == "missing"]
    assert [row["name"] for row in missing] == ["executor", "access"]
    assert all(row[name] for row in missing for name in ("setting", "value", "expected", "mend"))


def test_a_home_of_another_environment_is_a_finding_and_refuses_a_start(folder, monkeypatch):
    (folder / "home").mkdir()
    (folder / "home" / "environment.json").write_text('{"environment": "staging"}')
    monkeypatch.setattr("deploy.local.doctor.examine", lambda *_: ())

    [missing] = [
        row
        for row in json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)
        if row["state"] == "missing"
    ]
    started = CliRunner().invoke(app, ["run"])

    assert (missing["name"], missing["setting"], missing["value"]) == (
        "environment",
        "REGIMEFLOW_ENV",
        "dev",
    )
    assert "set REGIMEFLOW_ENV=staging" in missing["mend"]
    assert (started.exit_code, "belongs to the environment staging" in started.stderr) == (2, True)


def test_the_environment_names_the_file_of_settings(folder, monkeypatch):
    (folder / ".env").write_text("REGIMEFLOW_SEED=1\n")
    (folder / ".env.prod").write_text("REGIMEFLOW_SEED=2\n")

    seeds = {}
    for env in ENVIRONMENTS:
        monkeypatch.setenv("REGIMEFLOW_ENV", env)
        seeds[env] = Settings().seed

    assert seeds == {"dev": 1, "staging": 1, "prod": 2}


@pytest.mark.parametrize("name", ["production", "../dev", "PROD"])
def test_an_unknown_environment_is_refused_with_those_there_are(name, monkeypatch):
    monkeypatch.setenv("REGIMEFLOW_ENV", name)

    result = CliRunner().invoke(app, ["config"])

    assert result.exit_code == 2
    assert f"env {name!r}" in result.stderr
    assert "'dev', 'staging' or 'prod'" in result.stderr
