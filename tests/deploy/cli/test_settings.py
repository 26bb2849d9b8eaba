"""``regimeflow config``: every setting with its value and its source; no secret is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.cli.app import app
from gateway.settings import GatewaySettings
from streams.runtime.environment import PREFIX, SECRETS
from streams.runtime.shown_settings import MASK
from workers.settings import Settings

pytestmark = pytest.mark.usefixtures("folder")

CANARY = "canary-7f3a91c2"


def rows() -> dict[str, dict[str, Any]]:
    result = CliRunner().invoke(app, ["config", "--json"])
    assert result.exit_code == 0, result.output
    return {row["name"]: row for row in json.loads(result.stdout)}


def test_every_setting_is_shown_with_its_source(folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / ".env").write_text("# comment\n\nSTRATEGY_SERVICE_PORT=8003\n")
    (folder / "key").write_text(CANARY)
    monkeypatch.setenv("UNIVERSE", "BTC-USD,ETH-USD")
    monkeypatch.setenv("REGIMEFLOW_API_KEY_FILE", str(folder / "key"))
    monkeypatch.setenv("STRATEGY_SERVICE_DEBUG", "true")

    shown = rows()

    names = {*Settings.model_fields, *GatewaySettings.model_fields}
    assert {f"{PREFIX}{name.upper()}" for name in names} <= shown.keys()
    told = {name: tuple(row.values())[1:] for name, row in shown.items()}
    assert told["REGIMEFLOW_UNIVERSE"] == ("BTCUSDT,ETHUSDT", "variable", "UNIVERSE")
    assert told["REGIMEFLOW_PORT"] == ("8003", ".env", "STRATEGY_SERVICE_PORT")
    assert told["REGIMEFLOW_LOG_LEVEL"] == ("DEBUG", "variable", "STRATEGY_SERVICE_DEBUG")
    assert told["REGIMEFLOW_API_KEY"] == (MASK, "secret file", "REGIMEFLOW_API_KEY_FILE")
    assert told["REGIMEFLOW_SEED"] == ("7", "default", "")
    assert told["REGIMEFLOW_MODEL_DIR"] == (str(folder / "home" / "models"), "default", "")


def test_sources_are_shown_when_asked_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REGIMEFLOW_SEED", "9")

    plain = CliRunner().invoke(app, ["config"]).stdout
    sourced = CliRunner().invoke(app, ["config", "--show-sources"]).stdout

    assert "(variable REGIMEFLOW_SEED)" in sourced
    assert "(" not in plain


def test_no_secret_is_shown_whatever_way_it_came(folder: Path, monkeypatch: pytest.MonkeyPatch):
    urls = {"TUNING_STORAGE": f"postgresql://u:{CANARY}@h/d", "REDIS_URL": f"redis://:{CANARY}@h"}
    values = {
        **dict.fromkeys(SECRETS, CANARY),
        **urls,
        "KAFKA_CLIENT": json.dumps({"sasl.mechanism": "PLAIN", "sasl.password": CANARY}),
    }
    for name in ("BINANCE_API_KEY", "BINANCE_API_SECRET"):
        (folder / name).write_text(values.pop(name))
    for name, value in values.items():
        monkeypatch.setenv(f"{PREFIX}{name}", value)
    monkeypatch.setenv("REGIMEFLOW_SECRETS_DIR", str(folder))
    monkeypatch.setenv("REGIMEFLOW_MLFLOW_TRACKING_URI", f"https://u:{CANARY}@mlflow/")
    monkeypatch.setenv("REGIMEFLOW_RESULTS_URL", f"https://store/?token={CANARY}")
    monkeypatch.setenv("REGIMEFLOW_CONFIG__MLFLOW__TRACKING_URI", f"https://u:{CANARY}@mlflow/")

    shown = rows()
    text = CliRunner().invoke(app, ["config", "--show-sources"]).output

    assert CANARY not in text
    assert CANARY not in json.dumps(shown)
    assert all(shown[f"{PREFIX}{name}"]["value"] == MASK for name in SECRETS)


def test_settings_that_are_refused_are_a_wrong_call(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REGIMEFLOW_HOST", "0.0.0.0")

    result = CliRunner().invoke(app, ["config"])

    assert result.exit_code == 2
    assert "can be reached from other machines" in result.stderr
