"""The counters of every process; ``schemas.telemetry`` names them."""

from __future__ import annotations

import functools

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from schemas.telemetry import (
    CONSUMER_LAG,
    LATENCY_SECONDS,
    RECORD_AGE_SECONDS,
    RECORDS_IN,
    RECORDS_OUT,
    RECORDS_REJECTED,
    RESTORE_SECONDS,
    TRANSACTIONS,
)

AGE_BUCKETS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 1.0, 2.0, 5.0, 30.0)
LATENCY_BUCKETS_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 30.0)


class ProcessMetrics:
    """Counters of one process; one set per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.records_in = Counter(
            RECORDS_IN, "Records consumed", ("consumer", "topic"), registry=registry
        )
        self.records_out = Counter(
            RECORDS_OUT, "Records committed", ("consumer", "topic"), registry=registry
        )
        self.rejected = Counter(
            RECORDS_REJECTED, "Dead letters", ("consumer", "topic", "kind"), registry=registry
        )
        self.age = Histogram(
            RECORD_AGE_SECONDS,
            "Log append of a transaction's oldest record of a topic to its use",
            ("consumer", "topic"),
            buckets=AGE_BUCKETS_S,
            registry=registry,
        )
        self.latency = Histogram(
            LATENCY_SECONDS,
            "Log append of a transaction's oldest record to the commit of what was made of it",
            ("consumer",),
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.lag = Gauge(
            CONSUMER_LAG,
            "Offsets between position and end, markers included; 0 when all records are folded",
            ("consumer", "topic", "partition"),
            registry=registry,
        )
        self.restore = Gauge(
            RESTORE_SECONDS, "Duration of the last restore", ("consumer",), registry=registry
        )
        self.transactions = Counter(
            TRANSACTIONS, "Transactions ended", ("consumer", "outcome"), registry=registry
        )


@functools.cache
def process_metrics(registry: CollectorRegistry = REGISTRY) -> ProcessMetrics:
    """Return the one set of counters of a registry."""
    return ProcessMetrics(registry)
