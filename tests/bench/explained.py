"""P16: an explanation of a new bar, requested from the real explain process over a real broker.

The bars are fed as inference and signals would write them. Every prediction is neutral, the last to
be explained; the answer finds its explanation, or asks and waits for it.
"""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from deploy.local.broker import BrokerSettings, LocalBroker
from deploy.topics.admin import apply_topics
from deploy.topics.refdata import publish_refdata
from schemas.models import ModelChanged, ModelRegistered
from schemas.predictions import ClassProbabilities
from schemas.record import Record
from schemas.timeframes import MINUTE_MS
from streams.runtime.publisher import Publisher
from streams.runtime.settings import KafkaSettings
from tests.bench.naive_models import FEATURES, boosters
from tests.bench.naive_path import POINTS, Naive
from tests.build import bar, features, prediction, registered, signal
from workers.models.artifact import Manifest, ParityCase, model_file, write_model
from workers.models.booster import read_booster
from workers.models.lstm import LstmConfig, read_lstm, write_lstm
from workers.models.lstm_attribution import attribute
from workers.models.treeshap import compile_explainer, shap_values

NAMES = tuple(f"feature_{number}" for number in range(FEATURES))
NEUTRAL = ClassProbabilities(sell=0.1, neutral=0.8, buy=0.1)
WINDOW = 64
WARM_UP, MEASURED = 20, 200
NAIVE = 30
PATIENCE_S = 90.0


def naive_ms() -> list[float]:
    """Return how long shap and captum take for the same explanation, in process, without a broker.

    Asserts that our kernels attribute the same to each feature.
    """
    network = read_lstm(_network())
    booster = bytes(boosters(extra=3)[0].save_raw("json"))
    naive = Naive(booster, network, {"xgboost": 0.55, "lstm": 0.45})
    explainer = compile_explainer(read_booster(booster))
    times: list[float] = []
    for number in range(NAIVE):
        rng = np.random.default_rng(number)
        window = rng.normal(size=(WINDOW, FEATURES))
        row = np.concatenate((window[-1], (0.3, 0.3, 0.4)))
        started = time.perf_counter()
        trees, gradients = naive.explain(row, window, target=1)
        times.append((time.perf_counter() - started) * 1000)
        ours = shap_values(explainer, row[None])[0, 1, :-1]
        assert np.abs(ours - trees).max() <= 1e-4, "P16: TreeSHAP differs from shap"
        ours = attribute(network, window, target=1, steps=POINTS).shares
        assert np.abs(ours - gradients).max() <= 1e-4, "P16: gradients differ from captum"
    return times[1:]


def latencies_ms() -> list[float]:
    """Return the time of each answer, infinite where no explanation came."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        broker = stack.enter_context(
            LocalBroker(BrokerSettings(home=home / "broker", min_free_mb=100))
        )
        apply_topics({"bootstrap.servers": broker.bootstrap})
        kafka = KafkaSettings(bootstrap_servers=broker.bootstrap)
        publish_refdata(kafka)
        publisher = Publisher(kafka, "bench")
        version = _publish_model(publisher, home)
        port = _free_port()
        environment = {
            "REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
            "REGIMEFLOW_HOME": str(home),
            "REGIMEFLOW_PORT": str(port),
        }
        for name in ("explain", "gateway"):
            stack.enter_context(_running(name, environment))
        for minute in range(WINDOW):
            _publish(publisher, bar(minute), _row(minute))
        _wait(port, lambda health: health["processes"].get("explain", {}).get("state") == "running")
        answers = [_ask(port, publisher, WINDOW + n, version) for n in range(WARM_UP + MEASURED)]
    return [elapsed_ms if ready else math.inf for elapsed_ms, ready in answers[WARM_UP:]]


def _ask(port: int, publisher: Publisher, minute: int, version: str) -> tuple[float, bool]:
    fields: dict[str, Any] = {"model_version": version, "probabilities": NEUTRAL}
    predicted = prediction(minute).model_copy(update=fields)
    graded = signal(minute, direction="neutral", confidence=0.8, grade="C", **fields)
    _publish(publisher, bar(minute), _row(minute), predicted, graded)
    newest = ""
    while newest != graded.signal_id:
        signals = _get(port, "/api/signals?limit=1")["data"]["signals"]
        newest = signals[0]["signal_id"] if signals else ""
    time.sleep(0.05)  # as a person would: the explain process has the bar by now too
    body = json.dumps({"symbol": "BTC-USD", "explain": True}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/predict",
        body,
        {"Content-Type": "application/json"},
    )
    started = time.perf_counter()
    with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310 - our own server
        answer = json.load(reply)
    elapsed_ms = (time.perf_counter() - started) * 1000
    ready = answer["explanation_status"] == "ready"
    assert not ready or answer["explanation"]["event_time_ms"] == graded.event_time_ms
    return elapsed_ms, ready


def _row(minute: int) -> Record:
    numbers = np.random.default_rng(minute).normal(size=FEATURES).tolist()
    return features(minute, **dict(zip(NAMES, numbers, strict=True)))


def _publish(publisher: Publisher, *records: Record) -> None:
    for record in records:
        publisher.publish(record)
    publisher.flush()


def _publish_model(publisher: Publisher, home: Path) -> str:
    """Put a model of serving size into service and return its version."""
    forest = bytes(boosters(extra=3)[0].save_raw("json"))
    contents = {"forest.json": forest, "lstm.safetensors": _network()}
    files = (
        model_file("forest", "forest.json", contents["forest.json"]),
        model_file("lstm", "lstm.safetensors", contents["lstm.safetensors"]),
    )
    manifest = Manifest(
        strategy="ensemble",
        feature_set_id="test-features",
        feature_names=NAMES,
        timeframe_ms=MINUTE_MS,
        horizon_bars=15,
        volatility_feature=NAMES[0],
        label_width=1.0,
        member_weights={"xgboost": 0.55, "lstm": 0.45},
        class_prior=(0.3, 0.4, 0.3),
        temperature=1.0,
        trained_from_ms=0,
        trained_to_ms=1,
        seed=1,
        libraries={},
        files=files,
        parity=(ParityCase(row=(0.0,), window=((0.0,),), forest=NEUTRAL, lstm=NEUTRAL),),
    )
    folder = write_model(home / "models", manifest, contents)
    model: ModelRegistered = registered(
        model_version=manifest.version,
        uri=folder.as_uri(),
        files=files,
        feature_names=NAMES,
    )
    change = ModelChanged(
        strategy="ensemble",
        event_time_ms=1,
        effective_from_ms=1,
        model=model,
        reason="benchmark",
    )
    _publish(publisher, change)
    return manifest.version


def _network() -> bytes:
    """Return an untrained LSTM of serving size."""
    rng = np.random.default_rng(2)
    config = LstmConfig(features=FEATURES, hidden=128, window=WINDOW)
    tensors = {
        name: rng.normal(0.0, 0.1, shape).astype(np.float32)
        for name, shape in config.shapes().items()
    }
    tensors["input.scale"] = np.ones(FEATURES, np.float32)
    return write_lstm(config, tensors)


@contextmanager
def _running(name: str, environment: dict[str, str]) -> Iterator[None]:
    command = [sys.executable, "-m", "deploy.process", name]
    running = subprocess.Popen(command, env=os.environ | environment, stdin=subprocess.PIPE)
    try:
        yield
    finally:
        running.terminate()
        running.wait(40)
        if running.stdin is not None:
            running.stdin.close()


def _wait(port: int, holds: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            if holds(_get(port, "/api/system/health")["data"]):
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise TimeoutError(f"the explain process was not ready within {PATIENCE_S:.0f} s")


def _get(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as reply:
        return json.load(reply)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
