"""Topic administration: apply the topic table to a cluster, list its topics and lags.

A ``cluster`` is a mapping of client settings:
``bootstrap.servers`` and, for an external cluster, its SASL and TLS settings.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # re-exported without a list
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from deploy.topics.plan import TopicPlan, planned_topics
from gateway.kafka.lag import records_behind

# Short waits between attempts, and no log lines on stderr: the caller reports.
QUIET = {"reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 200, "log_level": 0}
PARTITIONS = "partitions"  # a setting of its own, which is never mended
TIMEOUT_S = 30.0
ATTEMPT_S = 5.0
# Errors of a partition right after its creation or a change of its leader.
NO_LEADER_YET = frozenset(
    {
        "FENCED_LEADER_EPOCH",
        "LEADER_NOT_AVAILABLE",
        "NOT_LEADER_FOR_PARTITION",
        "UNKNOWN_LEADER_EPOCH",
        "UNKNOWN_TOPIC_OR_PART",
        "_NOENT",
    }
)

# By group and partition: the committed offset, and the offset after the last record or marker.
GroupPositions = dict[str, dict[tuple[str, int], tuple[int, int]]]

# The error of every call here, for callers that do not import the client.
ClusterFailed = KafkaException

EARLIEST: Any = OffsetSpec.earliest()  # type: ignore[no-untyped-call]  # the library ships no types
LATEST: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # the library ships no types


@dataclass(frozen=True)
class SettingDifference:
    """A setting of a topic that differs from the table."""

    topic: str
    setting: str
    found: str
    wanted: str

    @property
    def mendable(self) -> bool:
        """Whether ``mend_topics`` sets it; a new partition count would move keys."""
        return self.setting != PARTITIONS

    @property
    def deletes(self) -> bool:
        """Whether setting it as wanted removes records that are kept now."""
        if self.setting != "retention.ms":
            return self.setting == "cleanup.policy"
        found, wanted = int(self.found), int(self.wanted)
        return wanted >= 0 and (found < 0 or wanted < found)  # below 0: for ever

    def __str__(self) -> str:
        """Return it in words, with what to do."""
        text = f"{self.topic}: {self.setting} is {self.found}, expected {self.wanted}; "
        if self.mendable:
            return text + "`regimeflow topics apply --mend` sets it"
        return text + (
            "it is never changed, since keys would move: set REGIMEFLOW_PARTITIONS to what the "
            "topics have, or make them anew"
        )


@dataclass(frozen=True)
class AppliedTopics:
    """The topics of the table after ``apply_topics``."""

    created: tuple[str, ...]
    unchanged: tuple[str, ...]
    differing: tuple[SettingDifference, ...]


@dataclass(frozen=True)
class TopicState:
    """Size of a topic, offsets summed over its partitions.

    Transaction markers take offsets too, so ``end - start`` is an upper bound of the records.
    """

    name: str
    partitions: int
    start: int
    end: int


@dataclass(frozen=True)
class GroupLag:
    """Records between a consumer group and the end of a topic, summed over partitions."""

    group: str
    topic: str
    lag: int


def broker_answers(
    bootstrap: str, timeout_s: float, client: Mapping[str, str] | None = None
) -> bool:
    """Whether the cluster answers a metadata request with a live broker within the time."""
    try:
        admin = _admin({"bootstrap.servers": bootstrap, **(client or {})})
        metadata = admin.list_topics(timeout=timeout_s)
    except KafkaException:
        return False
    return bool(metadata.brokers)


def apply_topics(
    cluster: Mapping[str, str],
    partitions: int | None = None,
    topics: Iterable[TopicPlan] | None = None,
) -> AppliedTopics:
    """Create missing topics; report topics that differ and leave them as they are.

    Without a number of partitions a new topic gets as many as those that are there, else one.
    Safe to run again, and by several processes at once. Replication is the cluster's default.
    Raises KafkaException when the cluster does not answer or refuses.
    """
    admin = _admin(cluster)
    wanted = {topic.name: topic for topic in (planned_topics() if topics is None else topics)}
    present = admin.list_topics(timeout=TIMEOUT_S).topics
    missing = [topic for topic in wanted.values() if topic.name not in present]
    known = [name for name in wanted if name in present]
    shared = [len(present[name].partitions) for name in known if not wanted[name].single]
    count = partitions or max(shared, default=1)
    created = _create(cluster, missing, count) if missing else []
    differing = [
        SettingDifference(name, PARTITIONS, str(len(present[name].partitions)), str(expected))
        for name in known
        for expected in (1 if wanted[name].single else count,)
        if len(present[name].partitions) != expected
    ]
    differing += _differing_config(admin, [wanted[name] for name in known])
    named = {difference.topic for difference in differing}
    return AppliedTopics(
        created=tuple(created),
        unchanged=tuple(name for name in wanted if name not in {*created, *named}),
        differing=tuple(differing),
    )


def mend_topics(cluster: Mapping[str, str], differences: Collection[SettingDifference]) -> None:
    """Set differing settings as wanted. Partition counts stay: changing one moves keys."""
    resources = [
        ConfigResource(
            ResourceType.TOPIC,
            difference.topic,
            incremental_configs=[
                ConfigEntry(
                    difference.setting,
                    difference.wanted,
                    incremental_operation=AlterConfigOpType.SET,
                )
            ],
        )
        for difference in differences
        if difference.mendable
    ]
    admin = _admin(cluster)
    for resource in resources:  # a request may name a topic only once
        _wait(admin.incremental_alter_configs([resource]))


def list_topics(cluster: Mapping[str, str]) -> tuple[TopicState, ...]:
    """Every topic on the cluster but Kafka's own, by name."""
    admin = _admin(cluster)
    topics = admin.list_topics(timeout=TIMEOUT_S).topics
    partitions = [
        TopicPartition(name, number)
        for name, topic in topics.items()
        if not name.startswith("__")
        for number in topic.partitions
    ]
    start = _offsets(cluster, partitions, EARLIEST)
    end = _offsets(cluster, partitions, LATEST)
    return tuple(
        TopicState(
            name=name,
            partitions=len(topics[name].partitions),
            start=sum(offset for (topic, _), offset in start.items() if topic == name),
            end=sum(offset for (topic, _), offset in end.items() if topic == name),
        )
        for name in sorted({partition.topic for partition in partitions})
    )


def list_lags(cluster: Mapping[str, str]) -> tuple[GroupLag, ...]:
    """Lag of every consumer group on every topic it has committed, by group and topic."""
    admin = _admin(cluster)
    groups = [group.group_id for group in admin.list_consumer_groups().result(TIMEOUT_S).valid]
    lags: dict[tuple[str, str], int] = {}
    for group, positions in group_positions(cluster, groups).items():
        for (topic, _), (committed, end) in positions.items():
            behind = records_behind(topic, committed, end)
            lags[group, topic] = lags.get((group, topic), 0) + behind
    return tuple(GroupLag(group, topic, lag) for (group, topic), lag in sorted(lags.items()))


def group_positions(cluster: Mapping[str, str], groups: Collection[str]) -> GroupPositions:
    """Return what each consumer group has committed, and the ends of these partitions.

    Raises KafkaException or TimeoutError when the cluster does not answer.
    """
    admin = _admin(cluster)
    positions: GroupPositions = {}
    for group in sorted(groups):
        request = ConsumerGroupTopicPartitions(group)
        (future,) = admin.list_consumer_group_offsets([request]).values()
        committed = [p for p in future.result(TIMEOUT_S).topic_partitions if p.offset >= 0]
        ends = _offsets(cluster, committed, LATEST)
        positions[group] = {
            source: (p.offset, ends[source])
            for p in committed
            for source in ((p.topic, p.partition),)
        }
    return positions


def delete_topics(cluster: Mapping[str, str], names: Collection[str]) -> None:
    """Delete topics and their records; return when the cluster lists them no more."""
    admin = _admin(cluster)
    if names:
        _wait(admin.delete_topics(list(names), operation_timeout=TIMEOUT_S))
        _await_gone(admin, names)


def delete_groups(cluster: Mapping[str, str]) -> None:
    """Forget every consumer group and its committed offsets; none may have a live member."""
    admin = _admin(cluster)
    groups = [group.group_id for group in admin.list_consumer_groups().result(TIMEOUT_S).valid]
    if groups:
        _wait(admin.delete_consumer_groups(groups))


def _admin(cluster: Mapping[str, str]) -> Any:
    # Keep the client in a variable while its futures run: they fail once it is collected.
    return AdminClient({**QUIET, **cluster})


def _wait(futures: Mapping[Any, Future[Any]]) -> None:
    for future in futures.values():
        future.result(TIMEOUT_S)


def _create(cluster: Mapping[str, str], missing: Iterable[TopicPlan], partitions: int) -> list[str]:
    requests = [
        NewTopic(topic.name, 1 if topic.single else partitions, config=dict(topic.config))
        for topic in missing
    ]
    created = []
    admin = _admin(cluster)
    for name, future in admin.create_topics(requests, operation_timeout=TIMEOUT_S).items():
        try:
            future.result(TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].name() != "TOPIC_ALREADY_EXISTS":  # another process was first
                raise
        else:
            created.append(name)
    _await_leaders(admin, created)
    return created


def _await_leaders(admin: Any, names: Collection[str]) -> None:
    """Wait until every partition has a leader; a new topic is listed a moment earlier."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        topics = admin.list_topics(timeout=TIMEOUT_S).topics
        listed = [topics[name].partitions.values() for name in names if name in topics]
        leaders = [partition.leader for partitions in listed for partition in partitions]
        if len(listed) == len(names) and all(leader >= 0 for leader in leaders):
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"topics {', '.join(names)} have no leader after {TIMEOUT_S:.0f} s")
        time.sleep(0.02)


def _await_gone(admin: Any, names: Collection[str]) -> None:
    """Wait until no topic is listed; a deleted one is listed a moment longer."""
    deadline = time.monotonic() + TIMEOUT_S
    while left := set(names) & admin.list_topics(timeout=TIMEOUT_S).topics.keys():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{', '.join(sorted(left))} still listed after {TIMEOUT_S:.0f} s")
        time.sleep(0.02)


def _differing_config(admin: Any, wanted: Collection[TopicPlan]) -> list[SettingDifference]:
    if not wanted:
        return []
    resources = {ConfigResource(ResourceType.TOPIC, topic.name): topic for topic in wanted}
    answers = admin.describe_configs(list(resources))
    return [
        SettingDifference(topic.name, setting, entries[setting].value, value)
        for resource, topic in resources.items()
        for entries in (answers[resource].result(TIMEOUT_S),)
        for setting, value in topic.config.items()
        if entries[setting].value != value
    ]


def _offsets(
    cluster: Mapping[str, str], partitions: Collection[TopicPartition], spec: Any
) -> dict[tuple[str, int], int]:
    """Return the offset of each partition; wait for partitions that have no leader yet."""
    offsets: dict[tuple[str, int], int] = {}
    waiting = [(p.topic, p.partition) for p in partitions]
    deadline = time.monotonic() + TIMEOUT_S
    while waiting:
        admin = _admin(cluster)  # a new client: an old one caches the missing leader
        request = {TopicPartition(*source): spec for source in waiting}
        waiting = []
        for partition, future in admin.list_offsets(request, request_timeout=ATTEMPT_S).items():
            source = (partition.topic, partition.partition)
            try:
                offsets[source] = future.result(ATTEMPT_S).offset
            except (KafkaException, TimeoutError) as error:
                known = isinstance(error, TimeoutError) or error.args[0].name() in NO_LEADER_YET
                if not known or time.monotonic() > deadline:
                    raise
                waiting.append(source)
        time.sleep(0.02 if waiting else 0.0)
    return offsets
