"""Client settings that cannot work are refused by name, before any client is made with them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from streams.runtime.client_check import check_client
from streams.runtime.settings import EXIT_REFUSED

ROOT = Path(__file__).resolve().parents[3]
LOGIN = {"sasl.username": "desk", "sasl.password": "hush-hush"}


@pytest.mark.parametrize(
    ("client", "said"),
    [
        ({"security.protocol": "nonsense"}, '"nonsense" for configuration property "security.prot'),
        ({"securty.protocol": "SSL"}, 'No such configuration property: "securty.protocol"'),
        ({"socket.timeout.ms": "abc"}, "socket.timeout.ms"),
        ({"socket.timeout.ms": "9999999"}, "outside allowed range"),
        (
            {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"},
            "sasl.username and sasl.pass",
        ),
        ({"security.protocol": "SASL_SSL", "sasl.mechanism": "NONE", **LOGIN}, "NONE"),
        ({"security.protocol": "SSL", "ssl.ca.location": "/none.pem"}, "ssl.ca.location"),
        ({"security.protocol": "SSL", "ssl.key.pem": "hush-hush"}, "ssl.key.pem"),
        ({"error_cb": "print"}, "'error_cb' is set by RegimeFlow itself"),
        ({"group.id": "mine"}, "'group.id' is set by RegimeFlow itself"),
        ({"transactional.id": "mine"}, "'transactional.id' is set by RegimeFlow itself"),
        ({"bootstrap.servers": "other:9092"}, "'bootstrap.servers' is set by RegimeFlow itself"),
        ({"enable.auto.commit": "true"}, "'enable.auto.commit' is set by RegimeFlow itself"),
        ({"sasl.username": "\ud800"}, ""),
        ({"": "x"}, "No such configuration property"),
    ],
)
def test_settings_without_a_client_are_refused_by_name_and_without_a_secret(client, said):
    with pytest.raises(ValueError, match=r"\S") as refusal:
        check_client(client)

    assert said in str(refusal.value)
    assert "hush-hush" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "client",
    [
        {},
        {"security.protocol": "SSL"},
        {"security.protocol": "sasl_ssl", "sasl.mechanism": "SCRAM-SHA-512", **LOGIN},
        {"socket.timeout.ms": "30000", "reconnect.backoff.max.ms": "1000"},
    ],
)
def test_settings_that_work_are_taken(client):
    check_client(client)


@pytest.mark.parametrize("process", ["market", "archive", "ingest", "monitor", "gateway"])
def test_every_process_refuses_them_at_its_start_in_one_sentence(process, tmp_path):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("REGIMEFLOW_")}
    done = subprocess.run(
        [sys.executable, "-m", "deploy.process", process],
        cwd=ROOT,
        env={
            **clean,
            "REGIMEFLOW_HOME": str(tmp_path),
            "REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "REGIMEFLOW_KAFKA_CLIENT": '{"security.protocol": "nonsense"}',
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == EXIT_REFUSED
    assert "kafka_client" in done.stderr
    assert "security.protocol" in done.stderr
    assert "Traceback" not in done.stderr
