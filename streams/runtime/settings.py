"""How every process reaches the Kafka cluster, and what may go wrong on the way.

Errors::

    Fatal      the process must end; whoever started it starts it again
    Aborted    the transaction is void; rewind and go on
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

LARGEST_MESSAGE_BYTES = 2_097_152  # a dead letter holds its original in base64
REPEAT_AFTER_S = 10.0

log = structlog.get_logger()


EXIT_FATAL = 75  # sysexits' EX_TEMPFAIL: a process that ended by Fatal is started again


class Fatal(Exception):
    """This process cannot go on; start it again."""


class Aborted(Exception):
    """The transaction was aborted; nothing of it counts."""


@dataclass(frozen=True)
class KafkaSettings:
    """How to reach the cluster.

    Attributes:
        bootstrap_servers: ``host:port``, separated by commas.
        client: SASL/TLS settings passed through to every client.
        git_commit: Of the running code, for the headers.
        instance: Of several members of one group: which one this is; stable over restarts.
    """

    bootstrap_servers: str
    client: Mapping[str, str] = field(default_factory=dict)
    git_commit: str = "unknown"
    instance: str = "0"

    def common(self) -> dict[str, Any]:
        """Return the settings of every client."""
        return {
            "bootstrap.servers": self.bootstrap_servers,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 500,  # the default stays away for 10 s
            "socket.keepalive.enable": True,
            "log_level": 2,  # what matters comes through the callback
            "error_cb": _ErrorLog(),
            **self.client,
        }

    def reading(self, group: str) -> dict[str, Any]:
        """Return the settings of every consumer."""
        return {
            **self.common(),
            "group.id": group,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "queued.max.messages.kbytes": 16_384,
            "fetch.wait.max.ms": 250,
        }

    def writing(self) -> dict[str, Any]:
        """Return the settings of every producer."""
        return {
            **self.common(),
            "enable.idempotence": True,
            "partitioner": "murmur2_random",  # as every other Kafka client does
            "compression.type": "lz4",
            "linger.ms": 1,
            "message.max.bytes": LARGEST_MESSAGE_BYTES,
            "retry.backoff.ms": 10,
            "retry.backoff.max.ms": 20,
        }


class _ErrorLog:
    """Logs a client's errors, each kind at most every few seconds: reconnects repeat them."""

    def __init__(self) -> None:
        self._silent_until: dict[str, float] = {}

    def __call__(self, error: Any) -> None:
        name, now = error.name(), time.monotonic()
        if now >= self._silent_until.get(name, 0.0):
            self._silent_until[name] = now + REPEAT_AFTER_S
            log.warning("kafka.error", code=name, reason=error.str())
