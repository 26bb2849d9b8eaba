"""The runtime on a real broker: bad records, restarts, rebalances, zombies, a broker away."""

from __future__ import annotations

import contextlib
import itertools
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import Producer
from structlog.testing import capture_logs

from deploy.topics.admin import delete_topics, list_topics
from schemas.dead_letter import DeadLetter
from schemas.market import Bar
from schemas.timeframes import HOUR_MS
from schemas.topics import BARS, FEATURE_VECTORS, LEDGER, RAW_BARS, REGIME_PROBABILITIES
from streams.runtime.chain import Limits, run_chain
from streams.runtime.client import Transactions, undecided_partitions
from streams.runtime.codec import Received, dead_letter_topic
from streams.runtime.consumer import IdleGroup
from streams.runtime.memory_driver import replay
from streams.runtime.metrics import process_metrics
from streams.runtime.publisher import Publisher, TransactionalPublisher
from streams.runtime.reader import Reader
from streams.runtime.rebuild import rebuild_states
from streams.runtime.settings import EXIT_REFUSED, Fatal, KafkaSettings, StateLost
from tests.build import START_MS, bar, raw_bar
from tests.groups import evict_static_members
from tests.kafka.audit import Feeder, aborting_once, compare, found, instances, make_topics, settle
from tests.kafka.audit_chain import (
    CHAIN,
    CHECK,
    PARTS,
    POISON_VOLUME,
    WINDOW,
    WINDOWED,
    window,
)

pytestmark = pytest.mark.kafka

groups = (f"runtime-{number}" for number in itertools.count())
WITHIN_S = 30.0


@pytest.fixture
def bootstrap(broker):
    """A broker with the audit's topics, two partitions each, empty."""
    make_topics(broker, 2)
    yield broker
    cluster = {"bootstrap.servers": broker}
    delete_topics(cluster, [t.name for t in list_topics(cluster) if not t.name.startswith("test.")])


@contextlib.contextmanager
def running(bootstrap, chain=CHAIN, group=None, **options):
    """Run a chain in a thread; yields its reports; drains it."""
    stop, reports, failures = threading.Event(), [], []

    def note(state, detail):
        reports.append((state, detail))

    def run():
        try:
            kafka = KafkaSettings(bootstrap, git_commit="c0ffee")
            run_chain(group or next(groups), chain, kafka, stop=stop, report=note, **options)
        except Fatal as fatal:
            failures.append(fatal)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield reports
    finally:
        stop.set()
        thread.join(WITHIN_S)
        assert not thread.is_alive()
        assert failures == []


def take(bootstrap, topic, count, start="beginning"):
    """Wait for some records of a topic."""
    reader, deadline = Reader(KafkaSettings(bootstrap), [topic], start), time.time() + WITHIN_S
    records: list[Any] = []
    while len(records) < count:
        assert time.time() < deadline, f"{len(records)} of {count} records on {topic.name}"
        records += reader.take()
    reader.close()
    return records


def publish(bootstrap, *records):
    publisher = Publisher(KafkaSettings(bootstrap), "test")
    for record in records:
        publisher.publish(record)
    publisher.flush()


def test_lag_is_nothing_when_only_the_marker_of_a_transaction_is_left(bootstrap):
    feeder = TransactionalPublisher(KafkaSettings(bootstrap), "feeder")
    with running(bootstrap, group="caught-up"):
        feeder.publish([raw_bar(minute) for minute in range(3)])
        [partition] = {m.stored.partition for m in take(bootstrap, REGIME_PROBABILITIES, 3)}
        lag = process_metrics().lag.labels("caught-up", RAW_BARS.name, partition)
        lag.set(-1)  # until it is measured again
        deadline = time.time() + WITHIN_S
        while lag._value.get() < 0:
            assert time.time() < deadline
            time.sleep(0.05)

        assert lag._value.get() == 0


def test_the_age_of_records_as_they_are_used_is_measured_by_topic(bootstrap):
    began_s = time.time()
    publish(bootstrap, raw_bar(0), raw_bar(1))
    with running(bootstrap, group="ages"):
        take(bootstrap, REGIME_PROBABILITIES, 2)
    lived_s = time.time() - began_s

    [age] = process_metrics().age.labels("ages", RAW_BARS.name).collect()
    ages = {sample.name: sample.value for sample in age.samples}

    [count] = [value for name, value in ages.items() if name.endswith("_count")]
    [total] = [value for name, value in ages.items() if name.endswith("_sum")]
    assert 1 <= count <= 2
    assert 0 < total < count * lived_s


def test_a_poisoned_record_is_a_dead_letter_within_a_second_and_the_rest_goes_on(
    bootstrap, log_lines
):
    feeder = Feeder(bootstrap)
    with running(bootstrap):
        publish(bootstrap, raw_bar(0))
        take(bootstrap, REGIME_PROBABILITIES, 1)

        feeder.send_bytes("BTCUSDT", b'{"symbol": "BTCUSDT", "open":')
        feeder.flush()
        publish(bootstrap, raw_bar(1, low=200.0), raw_bar(2))
        sent = time.time()
        outputs = take(bootstrap, REGIME_PROBABILITIES, 2)
        letters = take(bootstrap, dead_letter_topic(RAW_BARS), 2)

    assert max(m.stored.append_time_ms for m in (*outputs, *letters)) / 1000 - sent < 1.0
    assert [m.record.kind for m in letters] == ["undecodable", "rejected"]
    assert "high 101.0 is below" in letters[1].record.cause
    lines = log_lines()
    assert [(line["event"], line["level"], line["kind"]) for line in lines] == [
        ("record.rejected", "warning", "undecodable"),
        ("record.rejected", "warning", "rejected"),
    ]
    for line, letter in zip(lines, (m.record for m in letters), strict=True):
        assert (line["topic"], line["cause"]) == (RAW_BARS.name, letter.cause)
        assert line["place"] == f"{letter.partition}@{letter.offset}"
        assert f"dlq list --topic {RAW_BARS.name}" in line["remedy"]


def test_a_transaction_that_is_aborted_is_read_again_and_told_in_one_line(
    bootstrap, log_lines, monkeypatch
):
    publish(bootstrap, raw_bar(0))
    monkeypatch.setattr(Transactions, "commit", aborting_once(Transactions.commit))

    with running(bootstrap, group="aborted-once"):
        publish(bootstrap, raw_bar(1))
        outputs = take(bootstrap, REGIME_PROBABILITIES, 2)

    assert len(outputs) == 2
    [line] = log_lines()
    assert (line["event"], line["level"]) == ("transaction.aborted", "warning")
    assert (line["consumer"], line["cause"], line["in_a_row"]) == ("aborted-once", "on purpose", 1)
    assert line["remedy"]


def test_a_key_that_is_not_the_records_own_is_refused(bootstrap):
    feeder = Feeder(bootstrap)
    feeder.send_bytes("ETHUSDT", raw_bar().encode())
    feeder.flush()

    with running(bootstrap):
        (letter,) = take(bootstrap, dead_letter_topic(RAW_BARS), 1)

    assert letter.record.cause == "key 'ETHUSDT', expected 'BTCUSDT'"


def test_a_bug_in_a_step_becomes_a_dead_letter_and_degrades_health(bootstrap):
    publish(bootstrap, raw_bar(0), raw_bar(1, volume=POISON_VOLUME), raw_bar(2))

    with running(bootstrap) as reports:
        take(bootstrap, REGIME_PROBABILITIES, 2)
        (letter,) = take(bootstrap, dead_letter_topic(FEATURE_VECTORS), 1)

    assert isinstance(letter.record, DeadLetter)
    assert (letter.record.kind, letter.record.consumer) == ("bug", "audit_tally")
    assert ("degraded", "features.vectors.v1: ZeroDivisionError: float division by zero") in reports


def test_headers_carry_trace_schema_and_commit_through_the_chain(bootstrap):
    publish(bootstrap, raw_bar(0))

    with running(bootstrap):
        (made,) = take(bootstrap, REGIME_PROBABILITIES, 1)
        (source,) = take(bootstrap, RAW_BARS, 1)

    assert dict(made.stored.headers) == {
        "trace_id": source.trace_id.encode(),
        "schema": b"RegimeProbabilities.v1",
        "git_commit": b"c0ffee",
    }


@pytest.mark.parametrize("parts", [("all",), ("check", "window", "tally")])
def test_fused_and_unfused_chains_write_the_in_memory_bytes(bootstrap, parts):
    feeder = Feeder(bootstrap)
    feeder.send(1_500)
    feeder.flush()
    group = next(groups)

    with contextlib.ExitStack() as stack:
        for part in parts:
            name = group if PARTS[part][0] is CHAIN[0] else next(groups)
            stack.enter_context(running(bootstrap, PARTS[part], name))
        wanted, seen = settle(bootstrap, group=group)

    assert compare(wanted, seen).clean
    assert wanted.letters.total() > 10


def test_a_restart_goes_on_with_states_and_windows_as_they_were(bootstrap):
    feeder, group = Feeder(bootstrap), next(groups)

    for _ in range(3):
        feeder.send(400)
        feeder.flush()
        with running(bootstrap, group=group, limits=Limits(records=37)):
            wanted, seen = settle(bootstrap, group=group)

    assert compare(wanted, seen).clean
    assert len(found(bootstrap).states[WINDOWED.changelog]) == 16 * 3  # symbols, timeframes


def test_a_restart_refills_windows_without_the_records_that_were_refused(bootstrap):
    feeder, group = Feeder(bootstrap), next(groups)
    with running(bootstrap, (WINDOWED,), group):
        publish(bootstrap, bar(0))
        for key in ("BTCUSDT", *"ABCDEFGH"):  # some lie on the partition of the bar, some do not
            value = b"no record" if key == "BTCUSDT" else bar(1).encode()
            feeder.send_bytes(key, value, BARS)
        feeder.flush()
        take(bootstrap, dead_letter_topic(BARS), 9)

    with running(bootstrap, (WINDOWED,), group):
        publish(bootstrap, bar(2))
        *_, last = take(bootstrap, FEATURE_VECTORS, 2)

    assert (last.record["held"], last.record["bars"]) == (2.0, 2.0)


def test_states_of_older_code_are_folded_anew_once_also_of_a_symbol_that_has_ended(bootstrap):
    def in_tens(state, record):
        after, outputs = window(state, record)
        return after.model_copy(update={"bars": state.bars + 10}), outputs

    newer = replace(WINDOWED, step=in_tens, is_current=lambda state: state.bars >= 10)
    group, going_on, ended = next(groups), bar(0), bar(0, symbol="ETHUSDT")
    with running(bootstrap, (WINDOWED,), group):
        publish(bootstrap, going_on, ended)
        take(bootstrap, FEATURE_VECTORS, 2)

    anew = []
    for minute in (1, 2):
        with capture_logs() as logs, running(bootstrap, (newer,), group):
            publish(bootstrap, bar(minute))
            vectors = [m.record for m in take(bootstrap, FEATURE_VECTORS, 2 + minute)]
        anew.append([line for line in logs if line["event"] == "state.refolded"])

    assert [len(lines) for lines in anew] == [1, 0]
    last = max(vectors, key=lambda vector: vector.event_time_ms)
    assert last["bars"] == 21.0  # in tens until the last, which is in ones


def test_a_processor_that_joins_a_chain_learns_once_what_came_before(bootstrap):
    group, (first, *later) = next(groups), CHAIN
    with running(bootstrap, (first,), group):
        publish(bootstrap, *map(raw_bar, range(5)))
        take(bootstrap, BARS, 5)

    anew = []
    for minute in (5, 6):
        with capture_logs() as logs, running(bootstrap, CHAIN, group):
            publish(bootstrap, raw_bar(minute))
            vectors = [m.record for m in take(bootstrap, FEATURE_VECTORS, minute - 4)]
        anew.append([line["processors"] for line in logs if line["event"] == "state.refolded"])

    assert anew == [[sorted(each.name for each in later)], []]
    assert [vector["bars"] for vector in vectors] == [6.0, 7.0]


def test_states_keyed_in_another_way_are_folded_anew_once(bootstrap):
    by_symbol, group = replace(WINDOWED, state_key=("symbol",)), next(groups)
    with running(bootstrap, (by_symbol,), group):
        publish(bootstrap, bar(0), bar(0, symbol="ETHUSDT"))
        take(bootstrap, FEATURE_VECTORS, 2)

    anew = []
    for minute in (1, 2):
        with capture_logs() as logs, running(bootstrap, (WINDOWED,), group):
            publish(bootstrap, bar(minute))
            vectors = [m.record for m in take(bootstrap, FEATURE_VECTORS, 2 + minute)]
        anew.append([line for line in logs if line["event"] == "state.refolded"])

    assert [len(lines) for lines in anew] == [1, 0]
    assert max(vectors, key=lambda vector: vector.event_time_ms)["bars"] == 3.0


@pytest.mark.parametrize("lost", [CHAIN, CHAIN[1:2]], ids=["all", "one"])
def test_a_state_that_is_gone_is_refused_and_made_anew_from_the_inputs(bootstrap, lost):
    feeder, group, kafka = Feeder(bootstrap), next(groups), KafkaSettings(bootstrap)
    for _ in range(2):
        feeder.send(300)
        feeder.flush()
        with running(bootstrap, group=group, limits=Limits(records=37)):
            settle(bootstrap, group=group)
    delete_topics({"bootstrap.servers": bootstrap}, [each.changelog for each in lost])
    make_topics(bootstrap, 2)

    with pytest.raises(StateLost, match=f"regimeflow topics rebuild {group}"):
        run_chain(group, CHAIN, kafka, stop=threading.Event())
    evict_static_members({"bootstrap.servers": bootstrap})
    keys = rebuild_states(group, CHAIN, kafka)
    feeder.send(300)
    feeder.flush()
    with running(bootstrap, group=group):
        wanted, seen = settle(bootstrap, group=group)

    assert keys > 16
    assert compare(wanted, seen).clean


def test_a_process_without_its_state_refuses_to_start_with_what_to_do(bootstrap):
    publish(bootstrap, raw_bar(0))
    group = next(groups)
    with running(bootstrap, group=group):
        take(bootstrap, REGIME_PROBABILITIES, 1)
    delete_topics({"bootstrap.servers": bootstrap}, [each.changelog for each in CHAIN])
    make_topics(bootstrap, 2)

    command = [sys.executable, "-m", "tests.kafka.audit_chain", bootstrap, "0", "all", group]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert ended.returncode == EXIT_REFUSED
    assert "topics rebuild" in ended.stdout + ended.stderr


def test_partitions_move_to_a_new_instance_and_back_without_a_trace(bootstrap):
    feeder, group = Feeder(bootstrap), next(groups)
    kafka = KafkaSettings(bootstrap)

    def send():
        feeder.send(20)
        feeder.flush()

    def instance(number, stop, ready):
        def note(state, detail):
            if state == "running":
                ready.append(detail)

        run_chain(group, CHAIN, replace(kafka, instance=number), stop=stop, report=note)

    stops = [threading.Event(), threading.Event()]
    reports: tuple[list[str], list[str]] = ([], [])
    threads = [
        threading.Thread(target=instance, args=(str(n), stops[n], reports[n])) for n in (0, 1)
    ]
    threads[0].start()
    send()
    take(bootstrap, BARS, 10)
    threads[1].start()
    deadline = time.time() + WITHIN_S
    while not {"partitions [0]", "partitions [1]"} & set(reports[1]):
        assert time.time() < deadline, f"the second instance got nothing: {reports}"
        send()
        threads[0].join(0.05)  # the flow, not a wait for something
    stops[0].set()  # the other takes over when the session ends
    threads[0].join()
    send()
    wanted, seen = settle(bootstrap, group=group)
    stops[1].set()
    threads[1].join()

    assert compare(wanted, seen).clean
    assert reports[1][-1] == "partitions [0, 1]"


def test_sigterm_drains_and_loses_nothing(bootstrap):
    feeder, group = Feeder(bootstrap), next(groups)

    for _ in range(2):
        with instances(bootstrap, 1, group) as (instance,):
            position = Reader(KafkaSettings(bootstrap), [BARS]).ends
            feeder.send(1_000)
            take(bootstrap, BARS, 1, position)
            began = time.time()
            assert instance.end() == 0
            assert time.time() - began < 25.0
        feeder.flush()
    with running(bootstrap, group=group):
        wanted, seen = settle(bootstrap, group=group)

    assert compare(wanted, seen).clean


def test_a_zombie_is_fenced_by_whoever_took_its_place(bootstrap):
    feeder, group = Feeder(bootstrap), next(groups)
    with instances(bootstrap, 1, group) as (zombie,):
        feeder.send(500)
        take(bootstrap, BARS, 200)
        zombie.signal(signal.SIGSTOP)
        feeder.send(500)
        feeder.flush()
        with instances(bootstrap, 1, group) as (heir,):
            wanted, seen = settle(bootstrap, group=group)
            zombie.signal(signal.SIGCONT)
            feeder.send(500)
            feeder.flush()

            code = zombie.process.wait(WITHIN_S)
            wanted, seen = settle(bootstrap, group=group)

            assert heir.end() == 0
    assert code == 75  # fatal: to be started again
    assert compare(wanted, seen).clean


def test_undoing_what_was_left_open_spoils_no_transaction_of_another(bootstrap):
    kafka, group = KafkaSettings(bootstrap), next(groups)
    ours = Transactions(kafka, "ours-0")
    other = Producer({"bootstrap.servers": bootstrap, "transactional.id": "other-0"})
    other.init_transactions(WITHIN_S)
    other.begin_transaction()
    other.produce(BARS.name, bar(1).encode(), key=b"BTCUSDT", partition=0)
    other.flush(WITHIN_S)
    assert undecided_partitions(kafka, [BARS.name, FEATURE_VECTORS.name]) == [(BARS.name, 0)]

    with IdleGroup(kafka, group, stable=False) as idle:
        sources = [(RAW_BARS.name, 0)]
        ours.drop_pending([BARS.name, FEATURE_VECTORS.name], idle.committed(sources), idle.metadata)
        assert idle.committed(sources) == {(RAW_BARS.name, 0): -1}
    other.commit_transaction(WITHIN_S)

    assert undecided_partitions(kafka, [BARS.name]) == []
    with Reader(kafka, (BARS,)) as reader:
        assert [message.record for message in reader.read_to_end()] == [bar(1)]


def test_a_broker_that_was_away_is_caught_up_with(new_broker):
    broker = new_broker()
    make_topics(broker.start(), 2)
    feeder = Feeder(broker.bootstrap)
    with instances(broker.bootstrap, 2) as both:
        feeder.send(500)
        take(broker.bootstrap, BARS, 200)

        broker.kill()
        feeder.send(500)  # queued by the feeder meanwhile
        away = time.time() + 4.0
        while time.time() < away:
            for instance in both:
                instance.keep_up()
            time.sleep(0.1)
        broker.start()
        feeder.flush()
        wanted, seen = settle(broker.bootstrap, both)

    assert compare(wanted, seen).clean


def test_a_missing_topic_is_named_with_what_to_do(bootstrap):
    unfit = replace(CHECK, writes=(BARS, LEDGER))

    with pytest.raises(Fatal, match=r"market\.ledger\.v1.*regimeflow topics apply"):
        run_chain(next(groups), [unfit], KafkaSettings(bootstrap), stop=threading.Event())


def test_a_reader_tells_decoded_records_from_unreadable_ones(bootstrap):
    feeder = Feeder(bootstrap)
    publish(bootstrap, raw_bar(0))
    feeder.send_bytes("BTCUSDT", b"{}")
    feeder.flush()

    messages = take(bootstrap, RAW_BARS, 2)

    assert [isinstance(m, Received) for m in messages] == [True, False]
    assert messages[1].cause.startswith("symbol: Field required")


def test_a_restart_refills_the_window_of_each_timeframe_alike(bootstrap):
    group, mixed = next(groups), list[Bar]()
    for hour in range(WINDOW + 5):
        opened = START_MS - START_MS % HOUR_MS + hour * HOUR_MS
        times = {"open_time_ms": opened, "event_time_ms": opened + HOUR_MS}
        mixed += [bar(4 * hour + n, close=100.0 + n / 8) for n in range(4)]
        mixed.append(bar(timeframe_ms=HOUR_MS, close=100.0 + hour / 64, **times))
    with running(bootstrap, (WINDOWED,), group):
        publish(bootstrap, *mixed[:-6])
        take(bootstrap, FEATURE_VECTORS, len(mixed) - 6)

    with running(bootstrap, (WINDOWED,), group):
        publish(bootstrap, *mixed[-6:])
        made = [m.record for m in take(bootstrap, FEATURE_VECTORS, len(mixed))]

    assert made == replay([WINDOWED], mixed)
