"""Feature age at prediction in a whole ``regimeflow run`` on the simulated market at 60x: at most
250 ms at p99, in wall time.

The age is what inference says on its ``/metrics``: from the log append of the features to their
use, by the oldest of each transaction. From the close of the bar to its signal at the gateway is
printed beside it, for information.
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
from tests.bench.bench_memory import Row, running, say, within

LIMIT_MS = 250.0
WATCH_S = 100.0  # 100 bars of each market
TRANSACTIONS = 90  # at least; fewer have no p99

Counts = dict[float, float]  # upper bound in seconds to how many are at or below it


def rows() -> list[Row]:
    """Run until the first signal, then measure."""
    build_dashboard(say)
    subprocess.run([sys.executable, "-m", "deploy.local.kernels"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with running(home, resumed=False):
            metrics = json.loads((home / "run.json").read_text())["metrics"]
            ages = measured(metrics)
    used, shown = ages["inference"], ages["gateway"]
    say(f"close of a bar to its signal at the gateway, p99 {quantile(shown, 0.99) * 1000:.0f} ms")
    assert max(used.values()) >= TRANSACTIONS, used
    return [within("feature age at prediction, p99, ms", LIMIT_MS, quantile(used, 0.99) * 1000)]


def measured(urls: Mapping[str, str]) -> dict[str, Counts]:
    """Return the ages of ``WATCH_S`` at inference and at the gateway."""
    topic = {"consumer": "inference", "topic": FEATURE_VECTORS.name}
    places: dict[str, tuple[str, Mapping[str, str]]] = {
        "inference": (RECORD_AGE_SECONDS, topic),
        "gateway": (FEATURE_AGE_SECONDS, {}),
    }
    before = {name: read_buckets(urls[name], *place) for name, place in places.items()}
    time.sleep(WATCH_S)
    after = {name: read_buckets(urls[name], *place) for name, place in places.items()}
    return {
        name: {bound: count - before[name].get(bound, 0.0) for bound, count in counts.items()}
        for name, counts in after.items()
    }


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


if __name__ == "__main__":
    print(*rows(), sep="\n")  # noqa: T201 - a run by hand
