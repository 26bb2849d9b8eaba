"""The in-memory driver: outputs as Kafka would give them, dead letters last, bugs raised."""

from __future__ import annotations

import base64

import pytest

from schemas.dead_letter import DeadLetter
from schemas.record import Record, Topic
from schemas.topics import RAW_BARS, topic_of
from streams.processor import Processor
from streams.runtime.memory_driver import MemoryDriver, iter_outputs, replay
from tests.build import raw_bar
from tests.kafka.audit_chain import CHAIN, POISON_VOLUME


def test_replaying_twice_gives_the_same_bytes():
    records = [raw_bar(minute, close=100.0 + minute / 1000) for minute in range(50)]

    first, second = replay(CHAIN, records), replay(CHAIN, records)

    assert [r.encode() for r in first] == [r.encode() for r in second]
    assert len(first) == 150


def test_a_refused_record_comes_back_as_a_dead_letter_with_its_bytes():
    bad = raw_bar(low=200.0)

    (letter,) = replay(CHAIN, [bad])

    assert isinstance(letter, DeadLetter)
    assert (letter.topic, letter.consumer, letter.kind) == (
        RAW_BARS.name,
        "audit_check",
        "rejected",
    )
    assert base64.b64decode(letter.payload_base64) == bad.encode()


def test_outputs_are_made_as_they_are_asked_for():
    outputs = iter_outputs(CHAIN, (raw_bar(minute) for minute in range(10**9)))

    first = next(outputs)
    assert topic_of(first).key_of(first) == "BTCUSDT"


def test_a_bug_in_a_step_is_raised():
    with pytest.raises(ZeroDivisionError):
        replay(CHAIN, [raw_bar(volume=POISON_VOLUME)])


def test_states_are_what_a_changelog_would_hold():
    driver = MemoryDriver(CHAIN)

    driver.feed(raw_bar())

    assert {name for name, _ in driver.states} == {"audit_check", "audit_window", "audit_tally"}


class RunningCount(Record):
    """How many numbers of a name there were."""

    name: str = ""
    count: int = 0


def test_a_chain_of_private_records_runs_without_a_line_in_the_topic_table():
    numbers = Topic("numbers.test.v1", RunningCount, "name", "Private to this test")
    counter = Processor(
        name="counter",
        reads=(numbers,),
        writes=(),
        initial=RunningCount(),
        state_key=("name",),
        step=lambda state, number: (
            RunningCount(name=number.name, count=state.count + number.count),
            (),
        ),
    )
    driver = MemoryDriver([counter])

    for number in (
        RunningCount(name="a", count=1),
        RunningCount(name="b", count=5),
        RunningCount(name="a", count=2),
    ):
        driver.feed(number)

    assert driver.states["counter", ("a",)] == RunningCount(name="a", count=3)
