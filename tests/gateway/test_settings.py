"""Settings: loopback unless told twice, secrets never shown, client options translated."""

from __future__ import annotations

import ssl

import pytest
from pydantic import ValidationError

from gateway.client_options import client_options
from gateway.settings import GatewaySettings
from streams.runtime.environment import STARTUP_NAMES, GatewayFields, setting_names
from workers.settings import Settings


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_needs_no_permission(host):
    assert GatewaySettings(host=host).loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "gateway.example"])
def test_listening_beyond_loopback_is_refused_unless_spelled_out(host):
    with pytest.raises(ValidationError, match="REGIMEFLOW_INSECURE"):
        GatewaySettings(host=host)

    assert not GatewaySettings(host=host, insecure=True).loopback


def test_environment_names_are_the_documented_ones(monkeypatch):
    monkeypatch.setenv("REGIMEFLOW_PORT", "8123")
    monkeypatch.setenv("REGIMEFLOW_REDIS_URL", "redis://:secret@127.0.0.1/0")
    monkeypatch.setenv("UNIVERSE", "BTC-USD,ETH-USD")

    settings = GatewaySettings()

    assert settings.port == 8123
    assert settings.universe == ("BTCUSDT", "ETHUSDT")
    assert "secret" not in repr(settings)


def test_the_pipeline_knows_every_setting_of_the_gateway():
    known = setting_names(Settings) | setting_names(GatewayFields) | STARTUP_NAMES

    assert setting_names(GatewaySettings) <= known


@pytest.mark.parametrize("settings", [Settings, GatewaySettings])
@pytest.mark.parametrize("universe", ["", "BTCUSDT,BTC-USD"])
def test_the_pipeline_and_the_gateway_refuse_the_same_universes(monkeypatch, settings, universe):
    monkeypatch.setenv("REGIMEFLOW_UNIVERSE", universe)

    with pytest.raises(ValidationError, match="at least one symbol, each once"):
        settings()


def test_client_settings_are_translated_from_librdkafkas_names():
    options = client_options(
        {
            "security.protocol": "sasl_ssl",
            "sasl.mechanisms": "SCRAM-SHA-512",
            "sasl.username": "u",
            "sasl.password": "p",
        }
    )

    assert isinstance(options.pop("ssl_context"), ssl.SSLContext)
    assert options == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "u",
        "sasl_plain_password": "p",
    }


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"linger.ms": "5"}, r"linger\.ms"),
        ({"security.protocol": "TLS"}, "expected one of PLAINTEXT, SSL"),
        ({"security.protocol": "SASL_SSL", "sasl.mechanism": "GSSAPI"}, "GSSAPI"),
        ({"security.protocol": "SASL_PLAINTEXT", "sasl.username": "u"}, r"sasl\.password"),
        ({"security.protocol": "SSL", "ssl.ca.location": "nowhere.pem"}, "No such file"),
    ],
)
def test_client_settings_that_cannot_work_here_are_refused_at_the_start(wrong, message):
    with pytest.raises(ValidationError, match=message):
        GatewaySettings(kafka_client=wrong)
