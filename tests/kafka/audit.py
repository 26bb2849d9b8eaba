"""The kill audit: processors and broker are SIGKILLed while records flow, then all is counted.

What should have come out is computed by the in-memory driver from the input topic as it lies on
the broker; outputs, dead letters and states are compared with it byte for byte.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.local.broker import LocalBroker
from deploy.topics.admin import apply_topics
from deploy.topics.plan import APPEND_TIME, COMPACTED, TopicPlan
from schemas.dead_letter import DeadLetter
from schemas.record import Topic
from schemas.timeframes import MINUTE_MS
from schemas.topics import (
    BARS,
    FEATURE_VECTORS,
    RAW_BARS,
    REGIME_PROBABILITIES,
    WORKER_STATUS,
    topic_of,
)
from streams.runtime.batch import guarded
from streams.runtime.client import produce
from streams.runtime.codec import Outgoing, Received, Unreadable, changelog_topic, dead_letter_topic
from streams.runtime.memory_driver import MemoryDriver
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import Aborted, KafkaSettings
from tests.build import raw_bar
from tests.kafka.audit_chain import CHAIN, POISON_VOLUME

ROOT = Path(__file__).resolve().parents[2]
OUTPUTS = (BARS, FEATURE_VECTORS, REGIME_PROBABILITIES)
CONSUMED = (RAW_BARS, BARS, FEATURE_VECTORS)
SYMBOLS = tuple(f"SYM{number:02d}USDT" for number in range(16))
HIGHER_MS = (3 * MINUTE_MS, 15 * MINUTE_MS)
BURST = 16  # records sent at a time
SETTLE_WITHIN_S = 90.0
GROUP = "audit"

Letter = tuple[str, str | None, str, str, str, str]


def aborting_once(commit: Callable[..., None]) -> Callable[..., None]:
    """Return a ``Transactions.commit`` whose first transaction is aborted."""
    left = ["on purpose"]

    def first_aborts(*arguments: Any) -> None:
        if left:
            raise Aborted(left.pop())
        commit(*arguments)

    return first_aborts


def make_topics(bootstrap: str, partitions: int) -> None:
    """Create every topic of the audit's chain."""
    plain = [*OUTPUTS, RAW_BARS, WORKER_STATUS]
    names = [t.name for t in plain] + [t.dead_letters for t in CONSUMED]
    wanted = [TopicPlan(name, APPEND_TIME) for name in names]
    wanted += [TopicPlan(processor.changelog, COMPACTED) for processor in CHAIN]
    apply_topics({"bootstrap.servers": bootstrap}, partitions, wanted)


class Instance:
    """One process of the chain; started again whenever it has ended."""

    def __init__(self, bootstrap: str, number: int, part: str, group: str) -> None:
        self._arguments = [bootstrap, str(number), part, group]
        self.starts = 0
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self.starts += 1
        return subprocess.Popen(
            [sys.executable, "-m", "tests.kafka.audit_chain", *self._arguments],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        """SIGKILL, and start again at once."""
        self.process.kill()
        self.process.wait()
        self.process = self._start()

    def keep_up(self) -> None:
        """Start again if it ended by itself, as a supervisor would."""
        if self.process.poll() is not None:
            self.process = self._start()

    def signal(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.process.pid, number)

    def end(self) -> int:
        """SIGTERM; return the exit code."""
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        return self.process.wait(30)


@contextlib.contextmanager
def instances(bootstrap: str, count: int, group: str = GROUP) -> Iterator[list[Instance]]:
    """Run some processes of the whole chain in one group; ends them all."""
    running: list[Instance] = []
    try:
        running += [Instance(bootstrap, number, "all", group) for number in range(count)]
        yield running
    finally:
        for instance in running:
            instance.process.kill()
            instance.process.wait()


class Feeder:
    """Sends bars of every symbol, some bad in known ways, through an idempotent producer."""

    def __init__(self, bootstrap: str, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._publisher = Publisher(KafkaSettings(bootstrap), "feeder")
        self._minutes = dict.fromkeys(SYMBOLS, 0)
        self.sent = 0

    def send(self, records: int) -> None:
        """Send some records, each symbol's in order."""
        for _ in range(records):
            self._publisher_send()
            self.sent += 1

    def _publisher_send(self) -> None:
        symbol = self._random.choice(SYMBOLS)
        minute = self._minutes[symbol]
        self._minutes[symbol] = minute + 1
        fate = self._random.random()
        close = round(100.0 + self._random.random(), 3)
        if fate < 0.01:
            self.send_bytes(symbol, b'{"symbol": "' + symbol.encode() + b'", "open_time_ms":')
        elif fate < 0.02:
            self._publish(minute, symbol=symbol, low=200.0)
        elif fate < 0.03:
            self._publish(minute, symbol=symbol, volume=POISON_VOLUME)
        elif fate < 0.06:  # a duplicate or a late bar
            self._publish(max(minute - 2, 0), symbol=symbol)
        else:
            self._publish(minute, symbol=symbol, close=close)

    def _publish(self, minute: int, **fields: Any) -> None:
        self._publisher.publish(raw_bar(minute, higher_ms=HIGHER_MS, **fields))

    def send_bytes(self, symbol: str, value: bytes, topic: Topic = RAW_BARS) -> None:
        """Send what is no record."""
        produce(self._publisher._producer, Outgoing(topic.name, symbol.encode(), value, []))

    def flush(self) -> None:
        """Wait until all is on the broker."""
        self._publisher.flush()


@dataclass
class Answer:
    """Values by topic and key, last states by changelog and key, dead letters as a multiset."""

    values: dict[str, dict[bytes | None, list[bytes]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    states: dict[str, dict[bytes | None, bytes]] = field(default_factory=lambda: defaultdict(dict))
    letters: Counter[Letter] = field(default_factory=Counter)

    def records(self) -> int:
        """Return how many outputs there are."""
        return sum(len(v) for keys in self.values.values() for v in keys.values())


def stored(bootstrap: str, *topics: Topic) -> list[Received | Unreadable]:
    """Return everything committed on some topics."""
    messages: list[Received | Unreadable] = []
    with Reader(KafkaSettings(bootstrap), topics) as reader:
        for message in reader.read_to_end(unreadable=messages.append):
            messages.append(message)  # noqa: PERF402 - in order with those that are unreadable
    return messages


def expected(bootstrap: str, group: str = GROUP) -> Answer:
    """Return what the in-memory driver makes of the input topic."""
    answer = Answer()
    driver = MemoryDriver([guarded(processor) for processor in CHAIN])
    for message in stored(bootstrap, RAW_BARS):
        if isinstance(message, Unreadable):
            key = (message.stored.key or b"").decode()
            value = message.stored.value or b""
            payload = base64.b64encode(value).decode()
            letter = (RAW_BARS.name, key, group, "undecodable", message.cause, payload)
            answer.letters[letter] += 1
            continue
        for output in driver.feed(message.record):
            if isinstance(output, DeadLetter):
                answer.letters[_letter(output)] += 1
            else:
                topic = topic_of(output)
                answer.values[topic.name][topic.key_of(output).encode()].append(output.encode())
    changelogs = {processor.name: processor.changelog for processor in CHAIN}
    for (name, (symbol, timeframe)), state in driver.states.items():
        state_key = f'["{symbol}",{timeframe}]'.encode()
        answer.states[changelogs[name]][state_key] = state.encode()
    return answer


def found(bootstrap: str) -> Answer:
    """Return what lies on the broker."""
    answer = Answer()
    for message in stored(bootstrap, *OUTPUTS):
        values = answer.values[message.stored.topic]
        values[message.stored.key].append(message.stored.value or b"")
    for message in stored(bootstrap, *map(changelog_topic, CHAIN)):
        states = answer.states[message.stored.topic]
        states[message.stored.key] = message.stored.value or b""
    for message in stored(bootstrap, *map(dead_letter_topic, CONSUMED)):
        assert isinstance(message, Received)
        assert isinstance(message.record, DeadLetter)
        answer.letters[_letter(message.record)] += 1
    return answer


def _letter(letter: DeadLetter) -> Letter:
    return (
        letter.topic,
        letter.key,
        letter.consumer,
        letter.kind,
        letter.cause,
        letter.payload_base64,
    )


@dataclass(frozen=True)
class Verdict:
    """What differs, in records and states."""

    missing: int
    duplicated: int
    wrong: int

    @property
    def clean(self) -> bool:
        """Whether nothing differs."""
        return not (self.missing or self.duplicated or self.wrong)


def compare(wanted: Answer, seen: Answer) -> Verdict:
    """Count what is missing, what is too much, and what is wrong (order, bytes, states)."""
    missing = (wanted.letters - seen.letters).total()
    extra = (seen.letters - wanted.letters).total()
    wrong = 0
    for topic in {*wanted.values, *seen.values}:
        for key in {*wanted.values[topic], *seen.values[topic]}:
            right, there = wanted.values[topic][key], seen.values[topic][key]
            lost, more = Counter(right) - Counter(there), Counter(there) - Counter(right)
            missing += lost.total()
            extra += more.total()
            wrong += not lost and not more and right != there
    wrong += sum(
        wanted.states[log].get(key) != seen.states[log].get(key)
        for log in {*wanted.states, *seen.states}
        for key in {*wanted.states[log], *seen.states[log]}
    )
    return Verdict(missing, extra, wrong)


def settle(
    bootstrap: str, running: Sequence[Instance] = (), group: str = GROUP
) -> tuple[Answer, Answer]:
    """Wait until the chain has written as much as the in-memory driver; return both answers."""
    wanted = expected(bootstrap, group)
    deadline = time.monotonic() + SETTLE_WITHIN_S
    while True:
        seen = found(bootstrap)
        enough = (
            seen.records() >= wanted.records() and seen.letters.total() >= wanted.letters.total()
        )
        if enough or time.monotonic() > deadline:
            return wanted, seen
        for instance in running:
            instance.keep_up()
        time.sleep(0.2)


@dataclass(frozen=True)
class KillReport:
    """What an audit saw."""

    sent: int
    kills: int
    broker_kills: int
    verdict: Verdict
    recovery_s: tuple[float, ...]

    def __str__(self) -> str:
        """One line for the log."""
        median, worst = statistics.median(self.recovery_s), max(self.recovery_s)
        return (
            f"kill audit: sent {self.sent}, kills {self.kills} (broker {self.broker_kills}), "
            f"missing {self.verdict.missing}, duplicates {self.verdict.duplicated}, "
            f"wrong {self.verdict.wrong}, recovery p50 {median:.2f} s, max {worst:.2f} s"
        )


@dataclass(frozen=True)
class KillPlan:
    """How many kills, and how far apart: ``longest_s`` at most, the broker's at least 20 s."""

    kills: int
    seed: int
    longest_s: float = 6.0


def kill_audit(broker: LocalBroker, plan: KillPlan, per_second: int = 500) -> KillReport:
    """Kill processors and broker at random moments while records flow."""
    make_topics(broker.bootstrap, 4)
    feeder = Feeder(broker.bootstrap, plan.seed)
    done = threading.Event()

    def feed() -> None:
        while not done.wait(BURST / per_second):
            feeder.send(BURST)

    feeding = threading.Thread(target=feed)
    killed: list[tuple[float, bool]] = []  # wall clock, whether it was the broker
    with instances(broker.bootstrap, 2) as running:
        feeding.start()
        try:
            _kill_at_random(broker, running, plan, killed)
        finally:
            done.set()
            feeding.join()
        feeder.flush()
        wanted, seen = settle(broker.bootstrap, running)
        codes = [instance.end() for instance in running]
    assert codes == [0, 0], f"instances ended with {codes}, expected a clean drain"
    assert wanted.records() > feeder.sent, "the audit's own input is missing"
    lengths = {json.loads(key or b"")[1] for key in wanted.states[CHAIN[1].changelog]}
    assert lengths == {MINUTE_MS, *HIGHER_MS}, "a timeframe is missing in the audit's input"
    return KillReport(
        sent=feeder.sent,
        kills=len(killed),
        broker_kills=sum(is_broker for _, is_broker in killed),
        verdict=compare(wanted, seen),
        recovery_s=_recoveries(broker.bootstrap, [at for at, _ in killed]),
    )


def _kill_at_random(
    broker: LocalBroker,
    running: list[Instance],
    plan: KillPlan,
    killed: list[tuple[float, bool]],
) -> None:
    chance = random.Random(plan.seed)
    _flowing(broker.bootstrap)
    broker_due = time.monotonic() + plan.longest_s
    while len(killed) < plan.kills:
        until = time.monotonic() + chance.uniform(plan.longest_s / 6, plan.longest_s)
        while time.monotonic() < until:
            for instance in running:
                instance.keep_up()
            time.sleep(0.05)
        if time.monotonic() > broker_due:
            killed.append((time.time(), True))
            broker.kill()
            broker.start()
            broker_due = time.monotonic() + chance.uniform(20.0, 30.0)
        else:
            killed.append((time.time(), False))
            chance.choice(running).kill()


def _flowing(bootstrap: str) -> None:
    """Wait for the first committed output of every partition."""
    reader = Reader(KafkaSettings(bootstrap), [REGIME_PROBABILITIES])
    waiting = set(reader.positions)
    while waiting:
        waiting -= {message.stored.source for message in reader.take()}
    reader.close()


def _recoveries(bootstrap: str, killed: list[float]) -> tuple[float, ...]:
    """Return for each kill how long the slowest partition stood still after it, in seconds."""
    appended: Mapping[int, list[float]] = defaultdict(list)
    for message in stored(bootstrap, REGIME_PROBABILITIES):
        appended[message.stored.partition].append(message.stored.append_time_ms / 1000)
    return tuple(
        max(
            min((each - at for each in times if each > at + 0.02), default=0.0)
            for times in appended.values()
        )
        for at in killed
    )
