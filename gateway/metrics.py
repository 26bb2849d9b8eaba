"""The gateway's Prometheus metrics; names come from the contract."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from gateway.errors import GatewayError
from gateway.views.read_model import ReadModel
from schemas.telemetry import (
    ACTIONS_TOTAL,
    ACTIVE_REQUESTS,
    ANSWERS_TOTAL,
    FEATURE_AGE_SECONDS,
    MODEL_LOAD_TIME_SECONDS,
    PREDICTION_LATENCY_SECONDS,
    PREDICTION_STAGE_SECONDS,
    PREDICTIONS_TOTAL,
    PROCESS_STATE,
    RECORDS_REJECTED,
    REQUEST_SECONDS,
    SYMBOL_STATE,
    VIEW_AGE_SECONDS,
    WEBSOCKET_CLIENTS,
    WEBSOCKET_DROPPED,
)

STAGES = ("regime", "inference", "risk", "serialisation")
STAGE_BUCKETS_S = (0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
AGE_BUCKETS_S = (
    0.01,
    0.025,
    0.05,
    0.1,
    0.15,
    0.2,
    0.25,
    0.3,
    0.35,
    0.4,
    0.5,
    0.7,
    1.0,
    2.0,
    5.0,
    30.0,
)
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
# Of routes, by the first part of their paths after /api and /api/v1; other paths are one family.
FAMILIES = frozenset(
    {
        *("predict", "models", "signals", "explain", "analysis", "bars", "system", "access"),
        *("backtest", "hyperopt", "strategies", "commands", "refdata", "trace", "realtime"),
        *("health", "metrics"),
    }
)
OUTCOMES = {4: "refused", 5: "error"}


def request_family(path: str) -> str:
    """Return the family of routes that a path belongs to, one of ``FAMILIES`` or ``other``."""
    parts = path.removeprefix("/api/").removeprefix("v1/").lstrip("/").split("/", 1)
    return parts[0] if parts[0] in FAMILIES else "other"


class GatewayMetrics:
    """The metrics of one app, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self._predictions = Counter(
            PREDICTIONS_TOTAL, "Answers of /predict", ["status"], registry=registry
        )
        for status in ("success", "refused", "error"):
            self._predictions.labels(status)
        self._actions = Counter(ACTIONS_TOTAL, "Actions answered", ["action"], registry=registry)
        for action in ("BUY", "SELL", "HOLD"):
            self._actions.labels(action)
        self._answers = Counter(
            ANSWERS_TOTAL, "Answers of /predict for their topic", ["outcome"], registry=registry
        )
        for outcome in ("recorded", "lost"):
            self._answers.labels(outcome)
        self._latency = Histogram(
            PREDICTION_LATENCY_SECONDS,
            "Time inside the gateway of one /predict",
            buckets=BUCKETS_S,
            registry=registry,
        )
        stages = Histogram(
            PREDICTION_STAGE_SECONDS,
            "Time inside the gateway of one stage of a /predict",
            ["stage"],
            buckets=STAGE_BUCKETS_S,
            registry=registry,
        )
        self._stages = {stage: stages.labels(stage) for stage in STAGES}
        self._feature_age = Histogram(
            FEATURE_AGE_SECONDS,
            "Wall time from the close of a bar to the signal that is predicted from its features",
            buckets=AGE_BUCKETS_S,
            registry=registry,
        )
        self._requests = Histogram(
            REQUEST_SECONDS,
            "Time inside the gateway until the head of an answer",
            ["family", "outcome"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        ProcessCollector(registry=registry)  # memory and start of this process; Linux alone
        self.active = Gauge(ACTIVE_REQUESTS, "Requests being answered", registry=registry)
        self._load = Gauge(
            MODEL_LOAD_TIME_SECONDS, "Longest load of a model in inference", registry=registry
        )
        self._clients = Gauge(WEBSOCKET_CLIENTS, "Open streams", registry=registry)
        self.dropped = Counter(
            WEBSOCKET_DROPPED, "Streams closed for being too slow", registry=registry
        )
        self.rejected = Counter(
            RECORDS_REJECTED, "Records in no view", ["topic"], registry=registry
        )
        self._ages = Gauge(
            VIEW_AGE_SECONDS, "Since the last record of a topic", ["topic"], registry=registry
        )

        self._symbols = Gauge(
            SYMBOL_STATE,
            "1 for the state of a market at a timeframe: live, stale, waiting (its features), "
            "pending (the timeframe's first model), ended",
            ["symbol", "timeframe", "state"],
            registry=registry,
        )
        self._processes = Gauge(
            PROCESS_STATE,
            "1 for the state that /health shows of a process",
            ["worker", "state"],  # Prometheus names its own targets by the label process
            registry=registry,
        )

    @contextmanager
    def timed_prediction(self) -> Iterator[None]:
        """Time and count one answer of ``/predict``."""
        started = time.perf_counter()
        status = "error"
        try:
            yield
            status = "success"
        except GatewayError as error:
            status = "refused" if error.status < 500 else "error"
            raise
        finally:
            self._latency.observe(time.perf_counter() - started)
            self._predictions.labels(status).inc()

    @contextmanager
    def timed_stage(self, stage: str) -> Iterator[None]:
        """Time one of ``STAGES`` of an answer of ``/predict``, however it ends."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._stages[stage].observe(time.perf_counter() - started)

    def active_now(self) -> float:
        """Return how many requests are being answered."""
        return self.registry.get_sample_value(ACTIVE_REQUESTS) or 0.0

    def observe_request(self, path: str, status: int, seconds: float) -> None:
        """Count and time one request whose answer has begun."""
        outcome = OUTCOMES.get(status // 100, "success")
        self._requests.labels(request_family(path), outcome).observe(seconds)

    def observe_feature_age(self, seconds: float) -> None:
        """Note how long ago the bar of a prediction that has just arrived closed."""
        self._feature_age.observe(seconds)

    def count_action(self, action: str) -> None:
        """Count the action that an answer advised."""
        self._actions.labels(action).inc()

    def count_answers(self, outcome: str, count: int) -> None:
        """Count answers that came to their topic, or were lost on the way."""
        self._answers.labels(outcome).inc(count)

    def show_states(
        self, symbols: Mapping[tuple[str, str], str], processes: Mapping[tuple[str], str]
    ) -> None:
        """Set the state of each market and of each process, and forget those that are gone.

        Args:
            symbols: By market and timeframe.
            processes: By process.
        """
        for gauge, states in ((self._symbols, symbols), (self._processes, processes)):
            gauge.clear()
            for names, state in states.items():
                gauge.labels(*names, state).set(1)

    def render(self, views: ReadModel, clients: Collection[object], wall_ms: int) -> bytes:
        """Return all metrics in the text format."""
        self._load.set(
            max((model.load_seconds or 0.0 for model in views.models.loaded()), default=0.0)
        )
        self._clients.set(len(clients))
        for topic, appended_ms in views.last_append_ms.items():
            self._ages.labels(topic).set(max(0, wall_ms - appended_ms) / 1000)
        return generate_latest(self.registry)
