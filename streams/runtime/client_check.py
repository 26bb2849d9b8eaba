"""Whether clients can be made with the settings that a user passes through to them."""

from __future__ import annotations

from collections.abc import Mapping

from streams.runtime.client import client_error
from streams.runtime.settings import KafkaSettings

# Of what every client gets, these are defaults that a user may change.
CHANGEABLE = frozenset(
    {"log_level", "reconnect.backoff.max.ms", "reconnect.backoff.ms", "socket.keepalive.enable"}
)
SET_BY_US = frozenset(
    (KafkaSettings("").reading("").keys() | KafkaSettings("").writing().keys()) - CHANGEABLE
) | {
    "client.id",
    "default.topic.config",
    "group.instance.id",
    "heartbeat.interval.ms",
    "logger",
    "on_commit",
    "on_delivery",
    "partition.assignment.strategy",
    "plugin.library.paths",
    "session.timeout.ms",
    "transaction.timeout.ms",
    "transactional.id",
}
SECRET_PARTS = ("password", "secret", "key", "pem", "token")


def check_client(client: Mapping[str, str]) -> None:
    """Raise ValueError for settings with which no client can be made; connect nowhere.

    The message names the setting. It holds no value of a secret.
    """
    for name in sorted(client):
        if name in SET_BY_US or name.endswith("_cb"):
            raise ValueError(f"{name!r} is set by RegimeFlow itself; take it out")
    error = client_error(client)
    for name, value in client.items():
        if value and any(part in name for part in SECRET_PARTS):
            error = error.replace(value, "***")
    if error:
        raise ValueError(f"{error}; expected settings of librdkafka, such as security.protocol")
