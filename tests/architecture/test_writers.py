"""Who writes a topic by ``streams/topology.py`` is who makes its records in the code."""

from __future__ import annotations

import ast

import pytest

from schemas.record import Topic
from schemas.topics import TOPICS, WORKER_STATUS
from streams.topology import CHAINS, OPERATOR, WORKERS, Worker
from tests.architecture.sources import MODULES, SourceFile, reachable

TOPIC_BY_RECORD = {topic.record.__name__: topic for topic in TOPICS}

# Libraries: what they make is published by the processes that import them.
LIBRARIES = [
    module
    for module in MODULES
    if module.startswith(("workers.", "streams.runtime."))
    and f"{'.'.join(module.split('.')[:2])}.worker" not in MODULES
]
HOMES = {"gateway": "gateway", "monitor": "streams.monitor", "operator": "deploy"}

# Records that a process makes and does not publish.
NOT_PUBLISHED = {
    ("training", "regimes.parameters.v1"): "they stand in ModelRegistered; promotion publishes",
    ("backtest", "market.ledger.v1"): "workers/bars notes what is wrong with a file",
    ("tuning", "market.ledger.v1"): "workers/bars notes what is wrong with a file",
    ("operator", "jobs.results.v1"): "of what ran here: kept in the home, to be mirrored",
}

# Records that a library makes for a worker.
MADE_ELSEWHERE = {
    ("operator", "models.registered.v1"): "workers/importing/convert.py",
    ("notify", "system.events.v1"): "streams/events.py",
}


def made_in(source: SourceFile) -> set[Topic]:
    """Return the topics whose records a file constructs, by call, ``of`` or ``unchecked``."""
    topics: set[Topic] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            record = ast.unparse(node.func).removesuffix(".of").removesuffix(".unchecked")
            topics.update({TOPIC_BY_RECORD[record]} if record in TOPIC_BY_RECORD else ())
    return topics


def made_by(worker: str) -> set[str]:
    """Return the topics of the records that the code of a process makes."""
    home = HOMES.get(worker, f"workers.{worker}")
    own = [module for module in MODULES if f"{module}.".startswith(f"{home}.")]
    # The operator's code starts every process, and so imports them.
    within = {*own, *(LIBRARIES if worker != "operator" else ())}
    topics = set[Topic]().union(*(made_in(MODULES[name]) for name in reachable(own, within)))
    return {topic.name for topic in topics if (worker, topic.name) not in NOT_PUBLISHED}


@pytest.mark.parametrize("row", [*WORKERS, OPERATOR], ids=lambda row: row.name)
def test_a_row_declares_the_topics_whose_records_its_code_makes(row: Worker):
    elsewhere = {topic for worker, topic in MADE_ELSEWHERE if worker == row.name}

    assert {topic.name for topic in row.writes} == made_by(row.name) | elsewhere


def test_a_chain_writes_what_its_processors_do_and_its_status():
    driver = MODULES["streams.runtime.status"]

    assert made_in(driver) == {WORKER_STATUS}
    for chain in CHAINS:
        declared = {topic for processor in chain.processors for topic in processor.writes}
        assert set(chain.writes) == declared | {WORKER_STATUS}


def test_every_exception_is_still_one():
    for worker, topic in NOT_PUBLISHED:
        [row] = [row for row in (*WORKERS, OPERATOR) if row.name == worker]

        assert topic not in {written.name for written in row.writes}
