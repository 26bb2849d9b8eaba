"""How the system runs, read from the metrics, the views and the lags that are kept anyway."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.context import AppContext
from schemas.telemetry import (
    ACTIONS_TOTAL,
    ANSWERS_TOTAL,
    PREDICTION_LATENCY_SECONDS,
    PREDICTIONS_TOTAL,
    REQUEST_SECONDS,
    WEBSOCKET_DROPPED,
)

RESIDENT, STARTED, CPU = (
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_cpu_seconds_total",
)
QUANTILES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}


@dataclass
class Timing:
    """A histogram: how many took up to each bound, and how long all took together."""

    buckets: dict[float, float] = field(default_factory=dict)  # by upper bound in seconds
    seconds: float = 0.0

    @property
    def count(self) -> int:
        """How many were timed."""
        return int(self.buckets.get(float("inf"), 0))

    def row(self) -> dict[str, Any]:
        """Return count, mean and quantiles in ms; null without any."""
        mean_ms = self.seconds / self.count * 1000 if self.count else None
        quantiles = {name: quantile_ms(self.buckets, q) for name, q in QUANTILES.items()}
        return {"count": self.count, "mean_ms": mean_ms, **quantiles}


def quantile_ms(buckets: Mapping[float, float], quantile: float) -> float | None:
    """Return a quantile of a histogram in ms, linear within its bucket; None without observations.

    Beyond the last finite bound it is that bound: the histogram knows no more.

    Args:
        buckets: Observations up to each bound in seconds, the infinite one too.
        quantile: In (0, 1].
    """
    total = max(buckets.values(), default=0)
    if not total:
        return None
    rank, lower, below = quantile * total, 0.0, 0.0
    for bound in sorted(buckets):
        if bound == float("inf"):
            return lower * 1000
        if buckets[bound] >= rank:
            share = (rank - below) / (buckets[bound] - below)
            return (lower + (bound - lower) * share) * 1000
        lower, below = bound, buckets[bound]
    return lower * 1000


def gateway_figures(ctx: AppContext) -> dict[str, Any]:
    """Return the body of ``/api/system/metrics``."""
    figures = {sample.name: sample.value for sample in _samples(ctx) if not sample.labels}
    started_s, now_ms = figures.get(STARTED), ctx.wall_ms()
    answers = _counts(ctx, ANSWERS_TOTAL, "outcome")
    return {
        "uptime_s": None if started_s is None else max(0.0, now_ms / 1000 - started_s),
        "memory_bytes": figures.get(RESIDENT),
        "cpu_seconds": figures.get(CPU),
        "requests": _requests(ctx),
        "active_requests": int(ctx.metrics.active_now()),
        "predictions": {
            "outcomes": _counts(ctx, PREDICTIONS_TOTAL, "status"),
            "actions": _counts(ctx, ACTIONS_TOTAL, "action"),
            "latency": _timings(ctx, PREDICTION_LATENCY_SECONDS, ())[()].row(),
        },
        "answers": {**answers, "waiting": ctx.answers.waiting},
        "lag_records": {
            "views": {topic: lag for topic, lag in ctx.bus.lag.items() if lag},
            "processes": ctx.bus.process_lag,
        },
        "views": {
            topic: {"age_s": max(0, now_ms - appended_ms) / 1000}
            for topic, appended_ms in sorted(ctx.views.last_append_ms.items())
        },
        "unreadable": {topic: each.count for topic, each in ctx.views.unreadable.items()},
        "streams": {
            "open": len(ctx.stream.clients),
            "dropped": int(figures.get(WEBSOCKET_DROPPED, 0)),
        },
        "cache": ctx.cache.state,
    }


def _samples(ctx: AppContext) -> Iterable[Any]:
    return (sample for metric in ctx.metrics.registry.collect() for sample in metric.samples)


def _counts(ctx: AppContext, name: str, label: str) -> dict[str, int]:
    samples = (sample for sample in _samples(ctx) if sample.name == name)
    return {sample.labels[label]: int(sample.value) for sample in samples}


def _timings(ctx: AppContext, name: str, labels: tuple[str, ...]) -> dict[tuple[str, ...], Timing]:
    """Return the timings of a histogram by the values of some of its labels, the others summed."""
    timings: dict[tuple[str, ...], Timing] = {}
    for sample in _samples(ctx):
        if not sample.name.startswith(f"{name}_"):
            continue
        timing = timings.setdefault(tuple(sample.labels[label] for label in labels), Timing())
        if sample.name == f"{name}_sum":
            timing.seconds += sample.value
        elif sample.name == f"{name}_bucket":
            bound = float(sample.labels["le"])
            timing.buckets[bound] = timing.buckets.get(bound, 0.0) + sample.value
    return timings


def _requests(ctx: AppContext) -> dict[str, dict[str, Any]]:
    by_outcome = _timings(ctx, REQUEST_SECONDS, ("family", "outcome"))
    rows = {}
    for (family,), timing in sorted(_timings(ctx, REQUEST_SECONDS, ("family",)).items()):
        counts = {
            outcome: by_outcome[family, outcome].count if (family, outcome) in by_outcome else 0
            for outcome in ("refused", "error")
        }
        rows[family] = timing.row() | counts
    return rows
