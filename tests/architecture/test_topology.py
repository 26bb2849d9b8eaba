"""The flow is one-way but for the declared back edges, and every topic has two ends."""

from __future__ import annotations

from graphlib import TopologicalSorter

from deploy.generate.flow_graph import BACK_EDGES, UNDRAWN, edges, rows
from deploy.local.process_names import process_names
from gateway.kafka.lag import WITHOUT_TRANSACTIONS
from schemas.record import Topic
from schemas.topics import (
    BACKTEST_REQUESTS,
    PREDICTION_ANSWERS,
    TOPICS,
    TRAINING_PROGRESS,
    TRAINING_REQUESTS,
    TUNING_REQUESTS,
)
from streams.processor import Processor
from streams.topology import CHAINS, OPERATOR, PROCESSORS, WORKERS, Worker

EVERYONE: tuple[Processor | Worker, ...] = (*PROCESSORS, *WORKERS, OPERATOR)
# Read outside the processes, by operators' tools and by people.
PUBLIC_OUTPUTS = frozenset({TRAINING_PROGRESS, PREDICTION_ANSWERS})


def test_data_flows_one_way_but_for_the_declared_back_edges():
    before = {row.name: set[str]() for row in rows()}
    for edge in edges():
        if not edge.back and edge.writer != edge.reader and edge.topic not in UNDRAWN:
            before[edge.reader].add(edge.writer)

    order = list(TopologicalSorter(before).static_order())  # raises CycleError on a cycle

    assert set(order) == set(before)


def test_every_declared_back_edge_is_one_that_exists_and_is_needed():
    reads = {(edge.topic, edge.reader) for edge in edges()}

    assert BACK_EDGES.keys() <= reads


def test_only_declared_processes_read_what_they_write():
    loops = {
        (e.reader, e.topic) for e in edges() if e.writer == e.reader and e.topic not in UNDRAWN
    }

    # Ingest finds where it stopped. Training mirrors registered models into MLflow, from the log,
    # and asks for a model itself when the features have changed. It publishes those runs of MLflow
    # that have changed since it published them.
    # Tuning helps with jobs of other replicas until they have a result. A gateway shows what people
    # did at another replica. Notify sends the events that it has written.
    assert loops <= {
        ("ingest", "market.bars.raw.v1"),
        ("ingest", "market.history.v1"),
        ("notify", "system.events.v1"),
        ("training", "models.registered.v1"),
        ("training", "training.requests.v1"),
        ("training", "mlflow.runs.v1"),
        ("gateway", "signals.acknowledged.v1"),
        ("tuning", "jobs.progress.v1"),
        ("tuning", "jobs.results.v1"),
        ("gateway", "backtest.requests.v1"),
        ("gateway", "tuning.requests.v1"),
        ("gateway", "jobs.commands.v1"),
    }


def test_processors_stand_in_the_order_of_the_flow():
    seen = set[Topic]()
    for chain in CHAINS:
        written = {topic for processor in chain.processors for topic in processor.writes}
        for processor in chain.processors:
            late = [t.name for t in processor.reads if t in written - seen]

            assert not late, f"{processor.name} reads {late} before it is written"
            seen |= set(processor.writes)


def test_the_gateway_knows_which_consumed_topics_end_without_a_transactions_marker():
    plain = {"ingest", "monitor", "archive", "gateway", "operator"}
    # Letters write to the topics of others only when an operator replays one.
    transactional = {row.name for row in rows()} - plain - {"letters"}
    # By jobs; the others read outside of groups.
    consumed = {t.name for t in (TRAINING_REQUESTS, BACKTEST_REQUESTS, TUNING_REQUESTS)}
    for row in rows():
        if row.steps or row.name in {"inference", "explain"}:
            consumed |= set(row.reads)
    writers = {topic: {row.name for row in rows() if topic in row.writes} for topic in consumed}

    assert {
        topic for topic in consumed if not writers[topic] & transactional
    } == WITHOUT_TRANSACTIONS


def test_every_topic_has_a_writer():
    written = {topic for row in EVERYONE for topic in row.writes}

    assert set(TOPICS) <= written


def test_every_topic_has_a_reader_unless_people_read_it():
    read = {topic for row in EVERYONE for topic in row.reads}

    assert set(TOPICS) - read <= PUBLIC_OUTPUTS


def test_every_processor_is_in_exactly_one_chain():
    names = [processor.name for chain in CHAINS for processor in chain.processors]

    assert sorted(names) == sorted(processor.name for processor in PROCESSORS)
    assert len(set(names)) == len(names)


def test_process_names_are_unique_and_every_process_can_be_run():
    names = [*(chain.name for chain in CHAINS), *(worker.name for worker in WORKERS)]

    assert len(set(names)) == len(names)
    assert sorted(process_names("simulated")) == sorted(names)
    assert set(names) - set(process_names("replay")) == {"simulator", "account"}


def test_a_changelog_belongs_to_one_owner():
    owners = [p.name for p in PROCESSORS] + [w.name for w in WORKERS if w.stateful]

    assert len(set(owners)) == len(owners)
