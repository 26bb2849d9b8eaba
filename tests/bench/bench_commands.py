"""Commands: from the command to its outcome over Kafka, merging a config, views of many commands.

The peer of the first is one bare transactional hop on the same broker: a record in, one out. The
bars of the others are times: the documented config merges in 1 ms, views of 10,000 commands about
200 configs are read in 5 s; both are printed.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.broker import BrokerSettings, LocalBroker
from deploy.topics.admin import apply_topics
from deploy.topics.plan import APPEND_TIME, COMPACTED, TopicPlan
from gateway.views.configs import ConfigsView
from gateway.views.outcomes import OutcomesView
from schemas.commands import CommandOutcome
from schemas.configs import ConfigChanged
from schemas.record import Record, Topic
from schemas.topics import (
    COMMAND_OUTCOMES,
    CONFIG_COMMANDS,
    FEATURE_VECTORS,
    HISTORY,
    RAW_BARS,
    WORKER_STATUS,
)
from streams.configs.content import parse_config
from streams.configs.merge import expand, merge
from streams.configs.processor import PROCESSOR
from streams.configs.yaml_text import parse_yaml
from streams.runtime.codec import Received
from streams.runtime.memory_driver import MemoryDriver
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from tests.bench.mean_chain import BARE_CHANGELOG
from tests.bench.race import Row, row
from tests.build import config_command, raw_bar
from tests.fakes.documented_config import TRADAI_YAML

ROOT = Path(__file__).resolve().parents[2]
HOPS = 60  # of each in a round
ROUNDS = 7
GIVE_UP_S = 60.0
CONFIGS, COMMANDS = 200, 10_000
MERGE_S, VIEWS_S = 1e-3, 5.0


def rows() -> list[Row]:
    """Run all three."""
    return [outcomes(), merging(), views()]


def outcomes() -> Row:
    """Return how a command's way to its outcome compares with a bare hop, by their medians."""
    with tempfile.TemporaryDirectory() as folder:
        broker = LocalBroker(BrokerSettings(home=Path(folder), min_free_mb=200))
        with broker:
            _create_topics(broker.bootstrap)
            ours = _contender("tests.bench.command_chain", broker.bootstrap)
            bare = _contender("tests.bench.mean_chain", "bare", broker.bootstrap, "bare")
            with ours, bare:
                ratios = _ratios(KafkaSettings(broker.bootstrap))
    return row("command to outcome P50", "bare transactional hop", ratios, 0.5)


def _ratios(kafka: KafkaSettings) -> list[float]:
    command = _hop(kafka, COMMAND_OUTCOMES, lambda n: config_command("create", n, **_content(n)))
    bare = _hop(kafka, FEATURE_VECTORS, raw_bar)
    ratios = []
    for number in range(ROUNDS + 1):
        hops = range(number * HOPS, (number + 1) * HOPS)
        order = (command, bare) if number % 2 else (bare, command)
        medians = {id(hop): statistics.median(map(hop, hops)) for hop in order}
        ratios.append(medians[id(bare)] / medians[id(command)])
        print(*(f"{medians[id(h)] * 1000:.1f} ms" for h in (command, bare)))  # noqa: T201 - shown
    return ratios[1:]


def _content(number: int) -> dict[str, object]:
    return {"content": {"mlflow": {"experiment_name": f"number {number}"}}}


def _hop(
    kafka: KafkaSettings, out: Topic, record: Callable[[int], Record]
) -> Callable[[int], float]:
    """Return what publishes one record and gives the seconds until its answer is read."""
    publisher, reader = Publisher(kafka, f"bench-{out.name}"), Reader(kafka, [out], "end")

    def seconds(number: int) -> float:
        began = time.perf_counter()
        publisher.publish(record(number))
        publisher.flush()
        while not any(isinstance(message, Received) for message in reader.take()):
            assert time.perf_counter() - began < GIVE_UP_S, f"no answer on {out.name}"
        return time.perf_counter() - began

    return seconds


def merging() -> Row:
    """Return how many times faster than its bar the documented config is merged."""
    base = parse_yaml(TRADAI_YAML)
    layers = [
        ("yaml", base),
        ("stored", {"strategy": {"timeframe": "4h"}}),
        ("model tags", {"decision": {"max_entropy": 0.8}}),
        ("environment", {"strategy": {"timeframe": "15m"}}),
    ]

    def work() -> None:
        content, _ = merge(layers)
        assert parse_config(expand(content, {})).strategy.timeframe == "15m"

    return _timed("merge of the documented config", MERGE_S, work, 200)


def views() -> Row:
    """Return how many times faster than its bar views of many commands are read."""
    driver, log = MemoryDriver([PROCESSOR]), list[Record]()
    for number in range(COMMANDS):
        nth = number % CONFIGS
        action = "activate" if number >= CONFIGS else "create"
        named = {"number": nth + 1, "strategy": "many"} | _content(nth)
        log += driver.feed(config_command(action, number, **named))
    encoded = [(type(each), each.encode()) for each in log]

    def work() -> None:
        configs, answered = ConfigsView(), OutcomesView()
        for kind, raw in encoded:
            if kind is ConfigChanged:
                configs.put(ConfigChanged.decode(raw))
            elif kind is CommandOutcome:
                answered.put(CommandOutcome.decode(raw))
        assert len(configs.require("many").changes) == CONFIGS

    return _timed(f"views of {COMMANDS} commands", VIEWS_S, work, 1)


def _timed(name: str, bar_s: float, work: Callable[[], None], calls: int) -> Row:
    ratios = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        for _ in range(calls):
            work()
        ratios.append(bar_s * calls / (time.perf_counter() - began))
    print(f"{name}: {bar_s / statistics.median(ratios[1:]) * 1000:.2f} ms")  # noqa: T201 - shown
    return row(name, f"{bar_s * 1000:g} ms", ratios[1:], 1.0)


def _create_topics(bootstrap: str) -> None:
    read = (HISTORY, CONFIG_COMMANDS, RAW_BARS)
    names = [t.name for t in (*read, *PROCESSOR.writes, FEATURE_VECTORS, WORKER_STATUS)]
    plans = [TopicPlan(name, APPEND_TIME) for name in (*names, *(t.dead_letters for t in read))]
    plans += [TopicPlan(name, COMPACTED) for name in (BARE_CHANGELOG, PROCESSOR.changelog)]
    apply_topics({"bootstrap.servers": bootstrap}, 1, plans)


@contextmanager
def _contender(*module: str) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-m", *module], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    print(json.dumps(rows(), indent=1))  # noqa: T201 - a run by hand
