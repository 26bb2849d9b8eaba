"""How fresh a whole ``regimeflow run`` on the simulated market at 60x is, in wall time.

Feature age at prediction, at most 250 ms at p99, is what inference says on its ``/metrics``: from
the log append of the features to their use, by the oldest of each transaction. From the close of a
bar to its signal at the gateway takes at p99 at most 1.5 times as long while the models of the
higher timeframes are trained as it does in the same run once all of them serve.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from deploy.local.dashboard import build_dashboard
from deploy.local.loopback import open_url
from schemas.telemetry import FEATURE_AGE_SECONDS, RECORD_AGE_SECONDS
from schemas.topics import FEATURE_VECTORS
from tests.bench.bench_memory import ALL_GIVE_UP_S, Row, Start, all_serve, running, say, within

LIMIT_MS = 250.0
TRAINING_LIMIT = 1.5
WATCH_S = 100.0  # 100 bars of each market
ENOUGH = 90  # transactions, or signals, at least; fewer have no p99

Counts = dict[float, float]  # upper bound in seconds to how many are at or below it


def rows() -> list[Row]:
    """Run from the first signal until all models serve, then a while at rest."""
    build_dashboard(say)
    subprocess.run([sys.executable, "-m", "deploy.local.kernels"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with running(home, resumed=False) as start:
            urls = json.loads((home / "run.json").read_text())["metrics"]
            first = read_ages(urls)
            wait_for_all(start)
            served = read_ages(urls)
            time.sleep(WATCH_S)
            at_rest = read_ages(urls)
    used = since(served["inference"], at_rest["inference"])
    training = p99_ms(since(first["gateway"], served["gateway"]))
    rest = p99_ms(since(served["gateway"], at_rest["gateway"]))
    say(f"close of a bar to its signal, p99: {training:.0f} ms in training, {rest:.0f} at rest")
    return [
        within("feature age at prediction, p99, ms", LIMIT_MS, p99_ms(used)),
        within("bar to signal, p99 in training over at rest", TRAINING_LIMIT, training / rest),
    ]


def wait_for_all(start: Start) -> None:
    """Wait until a model of each timeframe serves."""
    until = time.monotonic() + ALL_GIVE_UP_S
    while not all_serve(start.url):
        assert time.monotonic() < until, f"not all serve in {ALL_GIVE_UP_S:.0f} s"
        time.sleep(1.0)


def read_ages(urls: Mapping[str, str]) -> dict[str, Counts]:
    """Return the ages so far at inference and at the gateway."""
    topic = {"consumer": "inference", "topic": FEATURE_VECTORS.name}
    return {
        "inference": read_buckets(urls["inference"], RECORD_AGE_SECONDS, topic),
        "gateway": read_buckets(urls["gateway"], FEATURE_AGE_SECONDS, {}),
    }


def since(before: Counts, after: Counts) -> Counts:
    """Return what was counted between two readings."""
    return {bound: count - before.get(bound, 0.0) for bound, count in after.items()}


def read_buckets(url: str, name: str, labels: Mapping[str, str]) -> Counts:
    """Return the buckets of one histogram."""
    with open_url(url, 5.0) as response:
        text = response.read().decode()
    return {
        float(sample.labels["le"]): sample.value
        for family in text_string_to_metric_families(text)
        if family.name == name
        for sample in family.samples
        if sample.name.endswith("_bucket") and labels.items() <= sample.labels.items()
    }


def quantile(counts: Counts, share: float) -> float:
    """Return a quantile as Prometheus does: between two bounds it is interpolated."""
    bounds = sorted(counts)
    rank = share * counts[bounds[-1]]
    for low, high in itertools.pairwise((0.0, *bounds)):
        below = counts.get(low, 0.0)
        if counts[high] >= rank > below:
            return low + (high - low) * (rank - below) / (counts[high] - below)
    return bounds[-1]


def p99_ms(counts: Counts) -> float:
    """Return the ninety-ninth percentile of enough ages."""
    assert max(counts.values()) >= ENOUGH, counts
    return quantile(counts, 0.99) * 1_000


if __name__ == "__main__":
    print(*rows(), sep="\n")  # noqa: T201 - a run by hand
