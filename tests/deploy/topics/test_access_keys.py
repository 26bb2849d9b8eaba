"""API keys by the command line: shown once, kept as a hash, revoked for every gateway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from deploy.cli.app import app
from gateway.access.keys import KEY, check_key
from gateway.access.principal import Denied
from gateway.envelope import wall_ms
from gateway.kafka.bus import KafkaBus
from gateway.settings import GatewaySettings
from gateway.views.arrival import Arrival
from gateway.views.read_model import ReadModel
from schemas.access import AccessKey
from schemas.status import OperatorAction
from schemas.topics import ACCESS_KEYS, OPERATOR_AUDIT
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings

WITHIN_S = 30.0


@pytest.mark.parametrize(
    "arguments",
    [
        ("create", "desk"),
        ("create", "desk", "--scope", "everything"),
        ("create", " ", "--scope", "read"),
        ("create", "x" * 101, "--scope", "read"),
        ("create", "desk", "--scope", "read", "--expires", "soon"),
        ("create", "desk", "--scope", "read", "--expires", "0d"),
        ("create", "desk", "--scope", "read", "--expires", "90000d"),
        ("revoke",),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(arguments):
    result = CliRunner().invoke(app, ["keys", *arguments])

    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1


async def _keys_of_a_gateway(broker: str, until: Callable[[dict[str, AccessKey]], bool]) -> Any:
    """Read the topics as a gateway does, until its view of the keys is as wanted."""
    views = ReadModel((60_000,))
    bus = KafkaBus(GatewaySettings(kafka_bootstrap_servers=broker))

    def receive(arrival: Any) -> None:
        if isinstance(arrival, Arrival):
            views.fold(arrival)

    await bus.start(receive)
    try:
        async with asyncio.timeout(WITHIN_S):
            while not until(views.access_keys):  # noqa: ASYNC110 - the view has no event
                await asyncio.sleep(0.05)
    finally:
        await bus.stop()
    return views.access_keys


@pytest.mark.kafka
def test_a_key_is_made_listed_and_revoked_and_every_gateway_sees_it(pipeline_topics, monkeypatch):
    monkeypatch.setenv("REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS", pipeline_topics)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["keys", *arguments])

    made = json.loads(
        call("create", "desk", "--scope", "operate", "--expires", "90d", "--json").stdout
    )
    text, key_id = made["key"], made["key_id"]
    shown = call("create", "prometheus", "--scope", "read")
    listed = call("list", "--json")

    assert KEY.fullmatch(text)
    assert KEY.fullmatch(shown.stdout.splitlines()[0])
    assert [row["name"] for row in json.loads(listed.stdout)] == ["desk", "prometheus"]
    assert text not in listed.stdout + call("list").stdout
    assert "secret_sha256" not in listed.stdout
    seen = asyncio.run(_keys_of_a_gateway(pipeline_topics, lambda keys: key_id in keys))
    assert check_key(text, seen, wall_ms()).scope == "operate"

    assert call("revoke", key_id, "--reason", "left").exit_code == 0
    again, unknown = call("revoke", key_id), call("revoke", "0000000000")

    assert (again.exit_code, "was revoked before" in again.stderr) == (1, True)
    assert (unknown.exit_code, "no API key '0000000000'" in unknown.stderr) == (1, True)
    seen = asyncio.run(
        _keys_of_a_gateway(
            pipeline_topics,
            lambda keys: key_id in keys and keys[key_id].revoked_ms is not None,
        )
    )
    with pytest.raises(Denied):
        check_key(text, seen, wall_ms())
    with Reader(KafkaSettings(pipeline_topics), (ACCESS_KEYS, OPERATOR_AUDIT)) as reader:
        messages = list(reader.read_to_end())
    assert not any(text[4:57] in str(message) for message in messages)
    audit = [m.record for m in messages if isinstance(m.record, OperatorAction)]
    assert [(entry.action, entry.subject) for entry in audit][0::2] == [
        ("access.create", key_id),
        ("access.revoke", key_id),
    ]
    assert audit[-1].reason == "left"
