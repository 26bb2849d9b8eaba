"""The real broker: keeps its data through stops and crashes, says clearly why it will not start."""

from __future__ import annotations

import asyncio
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Consumer, Producer

from deploy.local.broker import LocalBroker
from deploy.local.errors import DiskFullError, FolderError, HomeInUseError, PortTakenError
from deploy.local.home_lock import holder
from deploy.topics.admin import apply_topics, list_topics
from deploy.topics.plan import TopicPlan
from tests.fakes.processes import ends

pytestmark = pytest.mark.kafka

BASES = (
    "BTC ETH SOL BNB XRP DOGE ADA TRX AVAX LINK DOT MATIC LTC BCH UNI ATOM XLM ETC FIL APT NEAR "
    "ARB OP SUI ENA"
)
SYMBOLS = [f"{base}USDT" for base in BASES.split()]


def produce(bootstrap: str, topic: str, values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(20) == 0


def consume(bootstrap: str, topic: str, count: int) -> list[bytes]:
    settings = {
        "bootstrap.servers": bootstrap,
        "group.id": f"reader-{random.random()}",
        "auto.offset.reset": "earliest",
    }
    consumer = Consumer(settings)
    consumer.subscribe([topic])
    deadline = time.monotonic() + 20
    values: list[bytes] = []
    while len(values) < count and time.monotonic() < deadline:
        values += [message.value() or b"" for message in consumer.consume(count, 0.2)]
    consumer.close()
    return values


def cluster_id(broker: LocalBroker) -> str:
    return (broker.home / "data" / "meta.properties").read_text()


def test_data_and_identity_survive_a_stop_and_a_crash(new_broker):
    broker = new_broker()
    first = broker.start()
    identity = cluster_id(broker)
    apply_topics({"bootstrap.servers": first}, 1, [TopicPlan("facts", {})])
    produce(first, "facts", [b"before the stop"])

    broker.stop()
    second = broker.start()
    produce(second, "facts", [b"before the crash"])
    broker.kill()
    started = time.monotonic()
    third = broker.start()
    recovered_s = time.monotonic() - started

    assert consume(third, "facts", 2) == [b"before the stop", b"before the crash"]
    assert first == second == third
    assert cluster_id(broker) == identity
    assert recovered_s < 30


def test_starting_twice_is_one_broker_a_second_holder_is_told_so_and_stopping_twice_is_harmless(
    new_broker,
):
    broker = new_broker()

    bootstrap = broker.start()
    pid = broker.pid
    broker.start()
    with pytest.raises(HomeInUseError, match=r"in use by process \d+"):
        LocalBroker(broker.settings).start()

    assert broker.pid == pid
    assert broker.is_ready()
    assert holder(broker.home / "broker.lock")["bootstrap"] == bootstrap
    broker.stop()
    broker.stop()
    assert not broker.is_ready()
    assert ends(pid, within_s=10)


def test_a_taken_port_is_named(new_broker):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(PortTakenError, match=f"port {port} "):
            new_broker(port=port).start()


def test_a_full_disk_is_refused_before_anything_is_written(new_broker):
    broker = new_broker(fresh=True, min_free_mb=1 << 40)

    with pytest.raises(DiskFullError, match="MB free"):
        broker.start()

    assert not (broker.home / "data").exists()


def garble_checkpoints(data: Path) -> None:
    for path in data.glob("*-checkpoint"):
        path.write_bytes(b"\0garbage")


def garble_metadata_log(data: Path) -> None:
    for path in (data / "__cluster_metadata-0").glob("*.log"):
        path.write_bytes(random.Random(7).randbytes(2000))


def test_damaged_data_is_refused_and_the_way_out_works(new_broker):
    broker = new_broker()
    data = broker.home / "data"
    cluster = {"bootstrap.servers": broker.start()}

    for damage in (garble_checkpoints, garble_metadata_log):
        apply_topics(cluster, 1, [TopicPlan("facts", {})])
        broker.stop()
        damage(data)
        with pytest.raises(FolderError, match="keep the old data aside: mv"):
            broker.start()
        data.rename(data.with_suffix(f".{damage.__name__}"))
        broker.start()
        assert list_topics(cluster) == ()


def test_a_broken_off_format_is_made_anew(new_broker):
    broker = new_broker(fresh=True)
    half_done = broker.home / "data.new" / "meta.properties"
    half_done.parent.mkdir(parents=True)
    half_done.write_text("cluster.id=")

    broker.start()

    assert broker.is_ready()


def test_the_broker_ends_with_its_parent_and_the_home_is_free_again(new_broker):
    broker = new_broker()
    script = (
        "import sys, time; from pathlib import Path\n"
        "from deploy.local.broker import BrokerSettings, LocalBroker\n"
        "broker = LocalBroker(BrokerSettings(Path(sys.argv[1]), min_free_mb=100))\n"
        "broker.start(); print(broker.pid, flush=True); time.sleep(600)\n"
    )
    command = [sys.executable, "-c", script, str(broker.home)]
    pids: list[int] = []
    for end in (signal.SIGKILL, signal.SIGTERM):  # the second start waits for the orphan to let go
        with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
            assert parent.stdout is not None
            pids.append(int(parent.stdout.readline()))
            parent.send_signal(end)

    broker.start()  # so does this one

    assert all(ends(pid, within_s=0.1) for pid in pids)
    assert broker.is_ready()


def partitions_by_confluent(bootstrap: str, topic: str) -> dict[str, int]:
    found: dict[str, int] = {}

    def note(_: object, message: Any) -> None:
        found[message.key().decode()] = message.partition()

    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})
    for symbol in SYMBOLS:
        producer.produce(topic, key=symbol, on_delivery=note)
    assert producer.flush(20) == 0
    return found


async def partitions_by_aiokafka(bootstrap: str, topic: str) -> dict[str, int]:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        sent = {s: await producer.send_and_wait(topic, key=s.encode(), value=b"") for s in SYMBOLS}
    return {symbol: metadata.partition for symbol, metadata in sent.items()}


async def partitions_by_faust(bootstrap: str, topic: str) -> dict[str, int]:
    import faust

    app = faust.App("partitions", broker=f"kafka://{bootstrap}", store="memory://")
    async with app.producer as producer:
        sent = {
            s: await producer.send_and_wait(topic, s.encode(), b"", None, None, None)
            for s in SYMBOLS
        }
    return {symbol: metadata.partition for symbol, metadata in sent.items()}


def test_every_client_puts_a_symbol_on_the_same_partition(broker, new_topic):
    topic = new_topic(partitions=7)

    confluent = partitions_by_confluent(broker, topic)
    aiokafka = asyncio.run(partitions_by_aiokafka(broker, topic))
    by_faust = asyncio.run(partitions_by_faust(broker, topic))

    assert len(SYMBOLS) == 25
    assert len(set(confluent.values())) == 7  # the symbols spread over all of them
    assert confluent == aiokafka == by_faust


def test_a_home_of_any_letters_works_whatever_the_locale(new_broker, tmp_path, monkeypatch):
    monkeypatch.setenv("LC_ALL", "POSIX")
    home = tmp_path / "h\u00f6he \u65e5\u672c \U0001f600" / "back\\slash"
    broker = new_broker(home=home)

    broker.start()

    assert broker.is_ready()
    assert (home / "data" / "meta.properties").exists()
    assert broker.log.stat().st_size > 0
