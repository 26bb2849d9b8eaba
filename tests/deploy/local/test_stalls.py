"""A process that lags and does not move is told apart from one that is busy, idle or excused."""

from __future__ import annotations

import functools
import time

import pytest

from deploy.local.stalls import ASK_EVERY_S, STALLED_AFTER_S, Stalls
from deploy.topics.admin import GroupPositions, group_positions
from deploy.topics.tail import has_record
from schemas.topics import RAW_BARS
from streams.runtime.client import Transactions
from streams.runtime.consumer import IdleGroup
from streams.runtime.publisher import Publisher
from streams.runtime.settings import Fatal, KafkaSettings
from tests.build import raw_bar

SOURCE = ("market.bars.raw.v1", 0)
LOOKS = int(STALLED_AFTER_S / ASK_EVERY_S)


class GroupOffsets:
    """A cluster with one group; the test sets what it has committed, and the end of its topic."""

    def __init__(self) -> None:
        self.committed, self.end, self.only_aborted = 10, 20, False
        self.error: type[Exception] | None = None

    def positions(self) -> GroupPositions:
        if self.error is not None:
            raise self.error
        return {"market": {SOURCE: (self.committed, self.end)}}

    def has_record(self, source: tuple[str, int], start: int, end: int) -> bool:
        assert (source, start, end) == (SOURCE, self.committed, self.end)
        return not self.only_aborted


@pytest.fixture
def cluster() -> GroupOffsets:
    return GroupOffsets()


@pytest.fixture
def stalls(cluster: GroupOffsets) -> Stalls:
    return Stalls(("market", "signals"), cluster.positions, cluster.has_record)


def looks(stalls, count):
    return [stall for _ in range(count) for stall in stalls.look(ASK_EVERY_S)]


def test_a_group_that_lags_and_commits_nothing_is_told_once_in_each_span(stalls):
    assert looks(stalls, LOOKS) == []  # the first look only sees where it stands
    (stall,) = looks(stalls, 1)
    assert (stall.name, stall.behind, stall.seconds) == ("market", 10, STALLED_AFTER_S)
    assert looks(stalls, LOOKS - 1) == []
    assert len(looks(stalls, 1)) == 1


def test_a_group_that_moves_however_slowly_is_well(stalls, cluster):
    for _ in range(3):
        assert looks(stalls, LOOKS) == []
        cluster.committed += 1
        cluster.end += 100


def test_a_group_at_its_end_is_well(stalls, cluster):
    cluster.committed = cluster.end

    assert looks(stalls, 3 * LOOKS) == []


def test_offsets_of_aborted_transactions_are_no_lag(stalls, cluster):
    cluster.only_aborted = True

    assert looks(stalls, 3 * LOOKS) == []


@pytest.mark.parametrize("error", [TimeoutError, Fatal])
def test_a_cluster_that_is_away_excuses_everybody(stalls, cluster, error):
    looks(stalls, LOOKS)

    cluster.error = error
    assert looks(stalls, LOOKS) == []
    cluster.error = None

    assert looks(stalls, LOOKS) == []
    assert len(looks(stalls, 1)) == 1


def test_a_machine_that_slept_takes_nobody_for_stalled(stalls):
    looks(stalls, 2)

    assert stalls.look(36_000.0) == []


@pytest.mark.kafka
def test_a_real_group_is_behind_by_records_and_not_by_markers(pipeline_topics):
    kafka, names = KafkaSettings(pipeline_topics), ("market",)
    publisher = Publisher(kafka, "test")
    for minute in range(5):
        publisher.publish(raw_bar(minute))
    publisher.flush()
    positions: GroupPositions = {}
    stalls = Stalls(names, lambda: positions, functools.partial(has_record, kafka))

    def found_behind(committed: int) -> list[int]:
        with IdleGroup(kafka, "market") as group:
            Transactions(kafka, "test").commit([], {(RAW_BARS.name, 0): committed}, group.metadata)
        # The broker writes the marker that makes offsets count after it has answered the commit.
        deadline = time.monotonic() + 30
        while positions.get("market", {}).get((RAW_BARS.name, 0), (None,))[0] != committed:
            assert time.monotonic() < deadline, f"{committed} never counted: {positions}"
            positions.update(group_positions({"bootstrap.servers": pipeline_topics}, names))
        # Nobody moves from here on, so one answer of the cluster serves all looks.
        return [stall.behind for stall in looks(stalls, LOOKS + 1)]

    assert found_behind(2) == [3]
    assert found_behind(5) == []
