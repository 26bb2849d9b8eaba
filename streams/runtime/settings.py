"""How every process reaches the Kafka cluster, and what may go wrong on the way.

Errors::

    Fatal      the process must end; whoever started it starts it again
      StateLost    of a chain that would go on from a state that is gone: an operator must act
    Aborted    the transaction is void; rewind and go on
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

LARGEST_MESSAGE_BYTES = 2_097_152  # a dead letter holds its original in base64
QUIET_S = 10.0  # without a complaint: then the next one is news again
# librdkafka's _TRANSPORT, _RESOLVE, _ALL_BROKERS_DOWN, _TIMED_OUT: nobody can be reached.
OUTAGES = frozenset({-195, -193, -187, -185})
ERROR_REMEDY = "check REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS and REGIMEFLOW_KAFKA_CLIENT if it repeats"

log = structlog.get_logger()

# Exit codes of sysexits. After the first a process is started again, after the second it is not.
EXIT_FATAL = 75  # EX_TEMPFAIL
EXIT_REFUSED = 78  # EX_CONFIG: its settings must change first


class Fatal(Exception):
    """This process cannot go on; start it again."""


class StateLost(Fatal):
    """A changelog holds less than its group's offsets say; a new start does not bring it back."""


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
            "error_cb": log_client_error,
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
            "queued.max.messages.kbytes": 4_096,
            "fetch.queue.backoff.ms": 10,  # by default a full queue stays full for up to a second
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
    """Logs what the clients of this process complain of: an outage of the broker once.

    While a broker is away each of some clients repeats a handful of complaints ten times a second.
    """

    def __init__(self) -> None:
        self._last_s: dict[str, float] = {}

    def __call__(self, error: Any) -> None:
        outage = error.code() in OUTAGES
        kind, now = "outage" if outage else error.name(), time.monotonic()
        quiet_s = now - self._last_s.get(kind, -QUIET_S)
        self._last_s[kind] = now
        if quiet_s < QUIET_S:
            return
        if outage:
            log.warning(
                "broker.lost",
                reason=error.str(),
                remedy="none: it is connected to again; if it stays away, look at the broker's log",
            )
        else:
            log.warning("kafka.error", code=kind, reason=error.str(), remedy=ERROR_REMEDY)


log_client_error = _ErrorLog()
