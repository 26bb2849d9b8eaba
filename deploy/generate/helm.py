"""What the Helm chart knows of the code: processes, topics, and who may do what on Kafka.

``python -m deploy.generate.helm`` writes ``deploy/helm/topology.json``, which the templates read; a
test fails when it is out of date. The rights are the rows of ``streams/topology.py``: a process
reads its inputs and its changelogs, writes its outputs, and owns its group and its transactions.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from deploy.environments import LOG_RETENTION_DAYS
from deploy.topics.plan import planned_topics
from schemas.record import Topic
from schemas.topics import TOPICS, TRAINING_REQUESTS
from streams.topology import CHAINS, OPERATOR, WORKERS, Chain, Worker

FILE = Path(__file__).resolve().parents[1] / "helm" / "topology.json"

ROWS: tuple[Chain | Worker, ...] = (*CHAINS, *WORKERS)

# What a group of several members can share, by lag. A job ends between two jobs when it is idle.
SCALED = ("market", "inference", "explain", "signals")
JOBS = ("backtest", "tuning")
UNSCALED = {
    "simulator": "one market comes from one place; it runs beside ingest, in its pod",
    "ingest": "one reader of the venue writes each bar once",
    "account": "one reader of an account says all there is",
    "letters": "its commands lie on a topic of one partition",
    "promotion": "one strategy decides on a few records a day",
    "training": "one model is trained after the other, and training asks for the next one itself: "
    "it must not end between two trainings",
    "archive": "one writer keeps each file whole",
    "monitor": "it samples the topics; a second sample says no more",
    "notify": "one writer says each event once",
    "gateway": "by replicas, not by lag: each replica reads every topic",
}
VENUE = ("ingest", "account")  # may reach the venue
READ, WRITE = ("Describe", "Read"), ("Describe", "Write")
# A reader outside of groups names this group and never joins it.
NO_GROUP = "unused"

Rule = dict[str, Any]


def topology() -> dict[str, Any]:
    """Return the document."""
    logs = {topic.name for topic in TOPICS if topic.kept_as_logs}
    return {
        "processes": {row.name: _process(row) for row in ROWS},
        "topics": [
            {
                "name": plan.name,
                "single": plan.single,
                "logs": plan.name in logs,
                "config": dict(plan.config),
            }
            for plan in planned_topics()
        ],
        "log_retention_days": dict(LOG_RETENTION_DAYS),
        "users": {row.name: rights(row) for row in ROWS if row.reads or row.writes}
        | {OPERATOR.name: _operator_rights(), "keda": _keda_rights()},
    }


def _process(row: Chain | Worker) -> dict[str, Any]:
    shared = row.name in SCALED or row.name in JOBS
    return {
        "kind": "job" if row.name in JOBS else "single" if row.name in UNSCALED else "scaled",
        "unscaled": UNSCALED.get(row.name, ""),
        "group": row.name,
        "lag": [topic.name for topic in _driving(row)] if shared else [],
        "venue": row.name in VENUE,
    }


def _driving(row: Chain | Worker) -> Sequence[Topic]:
    """Return the topics whose lag asks for more members: a job has one, its requests."""
    shared = [topic for topic in row.reads if not topic.single]
    return shared[:1] if row.name in JOBS else shared


def rights(row: Chain | Worker) -> list[Rule]:
    """Return what a process may do, as rules of a Kafka user."""
    changelogs = _changelogs(row)
    reads = _reads(row)
    refused = [topic.dead_letters for topic in reads] if _is_member(row) else []
    if row.name == "ingest":
        refused = [topic.dead_letters for topic in row.writes if topic.dead_letters in _planned()]
    letters = _dead_letters() if row.name in {"notify", "gateway"} else []
    measured = _measured() if row.name == "gateway" else []  # how far the groups are
    if row.name == "training":  # sees which request was refused
        letters = [TRAINING_REQUESTS.dead_letters]
    return _merged(
        _topic_rules((*(topic.name for topic in reads), *letters, *changelogs), READ),
        _topic_rules((*(topic.name for topic in row.writes), *refused, *changelogs), WRITE),
        _topic_rules(measured, ("Describe",)),
        _group_rules(row),
        _transaction_rules(row),
    )


def _reads(row: Chain | Worker) -> list[Topic]:
    """Return the topics that a process reads: a chain fills the windows of all its processors."""
    if isinstance(row, Worker):
        return list(row.reads)
    return list(dict.fromkeys(t for processor in row.processors for t in processor.reads))


def _group_rules(row: Chain | Worker) -> Iterator[Rule]:
    if row.name == "gateway":  # measures the lag of the others
        for each in ROWS:
            yield _rule("group", each.name, ("Describe",))
        return
    if _is_member(row) or row.name in {"monitor", "notify"}:
        yield _rule("group", row.name, READ)
    if row.name == "notify":  # a group for each sink
        yield _rule("group", "notify-", READ, prefix=True)
    yield _rule("group", NO_GROUP, ("Describe",))


def _transaction_rules(row: Chain | Worker) -> Iterator[Rule]:
    if row.name == "notify":
        yield _rule("transactionalId", row.name, WRITE)
    if _is_member(row) or row.name == "notify":  # of each instance, or of each sink
        yield _rule("transactionalId", f"{row.name}-", WRITE, prefix=True)


def _operator_rights() -> list[Rule]:
    """Return what the commands of ``regimeflow`` may do: read all, write what they write."""
    every = [plan.name for plan in planned_topics()]
    return _merged(
        _topic_rules(every, ("Describe", "DescribeConfigs", "Read")),
        _topic_rules([topic.name for topic in OPERATOR.writes], WRITE),
        (_rule("group", row.name, ("Describe",)) for row in ROWS),
        (_rule("group", NO_GROUP, ("Describe",)),),
        (_rule("transactionalId", OPERATOR.name, WRITE),),
    )


def _keda_rights() -> list[Rule]:
    """Return what the scaler may do: see how far the groups are."""
    rows = [row for row in ROWS if row.name in (*SCALED, *JOBS)]
    topics = dict.fromkeys(topic.name for row in rows for topic in _driving(row))
    return _merged(
        _topic_rules(topics, ("Describe",)),
        (_rule("group", row.name, ("Describe",)) for row in rows),
    )


def _is_member(row: Chain | Worker) -> bool:
    """Whether a process shares a group with its like: chains, stateful workers, jobs."""
    return isinstance(row, Chain) or row.stateful or row.name in {*JOBS, "training"}


def _measured() -> list[str]:
    """Return the topics of which groups keep an offset."""
    read = [topic.name for row in ROWS for topic in _reads(row)]
    return [*dict.fromkeys(read), *_dead_letters()]


def _changelogs(row: Chain | Worker) -> list[str]:
    if isinstance(row, Chain):
        return [processor.changelog for processor in row.processors]
    return [f"{row.name}.state.v1"] if row.stateful else []


def _planned() -> set[str]:
    return {plan.name for plan in planned_topics()}


def _dead_letters() -> list[str]:
    planned = _planned()
    return [topic.dead_letters for topic in TOPICS if topic.dead_letters in planned]


def _merged(*parts: Iterable[Rule]) -> list[Rule]:
    """Return one rule for each resource."""
    merged: dict[tuple[str, ...], Rule] = {}
    for rule in itertools.chain(*parts):
        known = merged.setdefault(tuple(rule["resource"].values()), rule)
        known["operations"] = sorted({*known["operations"], *rule["operations"]})
    return list(merged.values())


def _topic_rules(names: Iterable[str], operations: Sequence[str]) -> list[Rule]:
    return [_rule("topic", name, operations) for name in dict.fromkeys(names)]


def _rule(kind: str, name: str, operations: Sequence[str], *, prefix: bool = False) -> Rule:
    pattern = "prefix" if prefix else "literal"
    return {
        "resource": {"type": kind, "name": name, "patternType": pattern},
        "operations": list(operations),
    }


def text() -> str:
    """Return the file's text: a process, a topic or a rule a line."""
    document = topology()
    parts = []
    for name, rows in document.items():
        if isinstance(rows, list):
            body = ",\n".join(f"  {json.dumps(row)}" for row in rows)
            parts.append(f' "{name}": [\n{body}\n ]')
            continue
        lines = []
        for key, value in rows.items():
            if isinstance(value, list):
                rules = ",\n".join(f"   {json.dumps(rule)}" for rule in value)
                lines.append(f'  "{key}": [\n{rules}\n  ]')
            else:
                lines.append(f'  "{key}": {json.dumps(value)}')
        joined = ",\n".join(lines)
        parts.append(f' "{name}": {{\n{joined}\n }}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(text())
