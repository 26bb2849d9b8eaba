"""Batches: event-time order between topics, a bad record costs itself, one entry per state."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.dead_letter import DeadLetter
from schemas.record import Record
from schemas.regimes import RegimeParameters
from schemas.topics import DRIFT_REFERENCES, FEATURE_VECTORS, RAW_BARS, REGIME_PARAMETERS
from streams.processor import Processor, RecordRejected, StateRef
from streams.runtime.batch import (
    Batch,
    BatchContext,
    Merge,
    external_topics,
    guarded,
    offsets_after,
    process_batch,
    to_hold_back,
)
from streams.runtime.codec import Received, Stored, Unreadable, received
from streams.runtime.memory_driver import MemoryDriver
from streams.topology import CHAINS
from tests.build import close_time, features, raw_bar, regime_parameters
from tests.kafka.audit_chain import CHAIN, CHECK, POISON_VOLUME, CheckState
from tests.narrow import all_are


def arrived(topic, record, offset=0, partition=0):
    key = topic.key_of(record).encode()
    stored = Stored(topic.name, partition, offset, 1, key, record.encode(), ())
    decoded = received(topic, stored)
    assert isinstance(decoded, Received)
    return decoded


def raw(offset, **fields):
    return arrived(RAW_BARS, raw_bar(**({"minute": offset} | fields)), offset)


def fold_batch(chain, name, states, messages, git_commit):
    batch = Batch()
    for _ in process_batch(batch, BatchContext(chain, name, states, git_commit), messages):
        pass
    return batch


def outputs(batch):
    return [(m.topic, m.key, m.value) for m in batch.messages]


def merge_of(*sources):
    merge = Merge((FEATURE_VECTORS, REGIME_PARAMETERS))
    for source in sources:
        merge.open(source)
    return merge


FEATURES, PARAMETERS = (FEATURE_VECTORS.name, 0), (REGIME_PARAMETERS.name, 0)


def vector(minute):
    return arrived(FEATURE_VECTORS, features(minute=minute), minute)


def parameters(minute):
    record = regime_parameters(effective_from_ms=close_time(minute))
    return arrived(REGIME_PARAMETERS, record, minute)


def taken(merge, limit=100):
    return [(type(m.record).__name__, m.stored.offset) for m in merge.take(limit)]


def test_topics_are_merged_by_event_time_and_ties_go_to_the_first_named():
    merge = merge_of(FEATURES, PARAMETERS)
    for message in (vector(1), vector(2), vector(3), parameters(2)):
        merge.add(message)
    merge.expect(FEATURES, more=False)
    merge.expect(PARAMETERS, more=False)

    order = taken(merge)

    assert [offset for _, offset in order] == [1, 2, 2, 3]
    assert [name for name, _ in order][1:3] == ["FeatureVector", RegimeParameters.__name__]


def test_while_catching_up_no_record_overtakes_a_topic_that_has_not_arrived():
    merge = merge_of(FEATURES, PARAMETERS)
    for message in (vector(1), vector(2)):
        merge.add(message)

    before = taken(merge)
    merge.add(parameters(1))
    merge.expect(PARAMETERS, more=False)

    assert before == []
    assert [offset for _, offset in taken(merge)] == [1, 1, 2]


def test_a_topic_that_is_fetched_faster_waits_for_the_other_one_live_too():
    merge = merge_of(FEATURES, PARAMETERS)
    merge.expect(FEATURES, more=False)
    merge.expect(PARAMETERS, more=False)
    merge.add(parameters(5))
    merge.expect(FEATURES, more=True)

    held = taken(merge)
    merge.add(vector(4))
    merge.expect(FEATURES, more=False)

    assert held == []
    assert [offset for _, offset in taken(merge)] == [4, 5]


def test_a_full_merge_holds_back_what_waits_and_fetches_what_it_waits_for():
    merge = merge_of(FEATURES, PARAMETERS)
    for minute in range(9):
        merge.add(vector(minute))

    assert to_hold_back(set(), merge, limit=2) == {FEATURES}
    assert to_hold_back({FEATURES, PARAMETERS}, merge, limit=2) == {FEATURES}


def test_a_partition_that_has_been_drained_is_fetched_again_though_others_still_wait():
    merge = merge_of(FEATURES, PARAMETERS)
    for minute in range(8):
        merge.add(vector(minute))
    merge.add(parameters(0))
    both = to_hold_back(set(), merge, limit=2)

    taken(merge)  # the parameters go, and everything waits for more of them

    assert both == {FEATURES, PARAMETERS}
    assert to_hold_back(both, merge, limit=2) == {FEATURES}


def test_a_merge_with_room_holds_nothing_back():
    merge = merge_of(FEATURES, PARAMETERS)
    merge.add(vector(0))

    assert to_hold_back({FEATURES}, merge, limit=2) == set()


def test_a_partition_keeps_its_own_order_even_when_its_times_run_backwards():
    merge = Merge((RAW_BARS,))
    merge.open((RAW_BARS.name, 0))
    for message in (raw(0, minute=5), raw(1, minute=3), raw(2, minute=9)):
        merge.add(message)

    assert [m.stored.offset for m in merge.take(2)] == [0, 1]
    assert [m.stored.offset for m in merge.take(2)] == [2]


def test_closing_a_partition_drops_its_records():
    merge = Merge((RAW_BARS,))
    merge.open((RAW_BARS.name, 0))
    merge.add(raw(0))

    merge.close((RAW_BARS.name, 0))

    assert merge.take(10) == []
    assert len(merge) == 0


def test_a_chain_consumes_only_what_it_does_not_write():
    assert external_topics(CHAIN) == (RAW_BARS,)


def test_parameters_go_before_the_bar_of_the_same_time_that_leads_to_their_features():
    market = next(chain for chain in CHAINS if chain.name == "market")

    expected = (REGIME_PARAMETERS, DRIFT_REFERENCES, RAW_BARS)
    assert external_topics(market.processors) == expected


def test_a_topic_that_a_step_reads_first_comes_first_at_one_event_time():
    market, _, chain_end = CHAIN
    regimes = replace(chain_end, reads=(REGIME_PARAMETERS, FEATURE_VECTORS))

    assert external_topics((market, CHAIN[1], regimes)) == (REGIME_PARAMETERS, RAW_BARS)


minutes = st.lists(st.integers(0, 30), min_size=1, max_size=30)


@given(minutes, st.lists(st.integers(0, 30), max_size=4))
def test_any_batch_split_gives_the_in_memory_bytes(times, cuts):
    records = [raw(offset, minute=minute) for offset, minute in enumerate(times)]
    driver = MemoryDriver(CHAIN)
    expected = [output.encode() for m in records for output in driver.feed(m.record)]

    states: dict[int, dict[StateRef, Record]] = {0: {}}
    made: list[bytes] = []
    edges = sorted({0, len(records), *(cut for cut in cuts if cut < len(records))})
    for start, end in itertools.pairwise(edges):
        batch = fold_batch(CHAIN, "chain", states, records[start:end], "c0ffee")
        states[0].update(batch.states.get(0, {}))
        made += [m.value for m in batch.messages if not m.topic.endswith(".state.v1")]

    assert made == expected
    assert {key: state.encode() for key, state in states[0].items()} == {
        key: state.encode() for key, state in driver.states.items()
    }


def test_a_bug_costs_the_failing_processor_one_record_and_nothing_else():
    records = [raw(0), raw(1, volume=POISON_VOLUME), raw(2)]

    batch = fold_batch(CHAIN, "chain", {}, records, "c0ffee")

    counts = [m.topic for m in batch.messages]
    letters = [DeadLetter.decode(m.value) for m in batch.messages if m.topic.endswith(".dlq")]
    assert counts.count("market.bars.v1") == 3
    assert counts.count("regimes.probabilities.v1") == 2
    assert [(x.topic, x.kind, x.consumer) for x in letters] == [
        ("features.vectors.v1", "bug", "audit_tally")
    ]
    assert letters[0].cause.startswith("ZeroDivisionError")


def test_an_undecodable_message_keeps_its_bytes_position_and_cause():
    stored = Stored(RAW_BARS.name, 2, 7, 1234, b"BTCUSDT", b'{"open":', ())
    bad = received(RAW_BARS, stored)
    assert isinstance(bad, Unreadable)

    batch = fold_batch(CHAIN, "chain", {}, [bad, raw(8)], "c0ffee")

    letter = DeadLetter.decode(batch.messages[0].value)
    assert (letter.kind, letter.partition, letter.offset) == ("undecodable", 2, 7)
    assert letter.payload_base64 == "eyJvcGVuIjo="
    assert "JSON" in letter.cause
    assert offsets_after([bad, raw(8)]) == {(RAW_BARS.name, 2): 8, (RAW_BARS.name, 0): 9}


def test_one_changelog_entry_for_each_state_whatever_the_batch_holds():
    batch = fold_batch(CHAIN, "chain", {}, [raw(n) for n in range(10)], "c0ffee")

    entries = [m for m in batch.messages if m.topic == CHECK.changelog]
    assert [json.loads(entry.key or b"") for entry in entries] == [["BTCUSDT", 60000]]
    assert CheckState.decode(entries[0].value).passed == 10
    assert entries[0].partition == 0


def test_outputs_carry_the_trace_of_their_input_and_a_raw_input_gets_a_steady_one():
    first, again = raw(0), raw(0)

    batch = fold_batch(CHAIN, "chain", {}, [first], "c0ffee")

    traces = {dict(m.headers).get("trace_id") for m in batch.messages if "state" not in m.topic}
    assert traces == {first.trace_id.encode()}
    assert first.trace_id == again.trace_id
    assert len(first.trace_id) == 32


def test_a_foreign_schema_header_is_refused_with_both_names():
    record = raw_bar()
    stored = Stored(RAW_BARS.name, 0, 0, 1, b"BTCUSDT", record.encode(), [("schema", b"Bar.v9")])

    bad = received(RAW_BARS, stored)

    assert isinstance(bad, Unreadable)
    assert "Bar.v9" in bad.cause
    assert "RawBar.v1" in bad.cause


def batched(step_batch):
    return Processor("batched", (RAW_BARS,), (), CheckState(), ("symbol",), step_batch=step_batch)


def test_a_batch_step_gets_all_records_at_once_and_keeps_its_states():
    seen = []

    def step_batch(states, records):
        seen.append(len(records))
        return {key: CheckState(passed=state.passed + 1) for key, state in states.items()}, [
            ()
        ] * len(records)

    batch = fold_batch((batched(step_batch),), "chain", {0: {}}, [raw(0), raw(1)], "c0ffee")

    assert seen == [2]
    assert batch.states == {0: {("batched", ("BTCUSDT",)): CheckState(passed=1)}}


@pytest.mark.parametrize(
    ("error", "kind"), [(RecordRejected("not me"), "rejected"), (KeyError("x"), "bug")]
)
def test_a_batch_step_that_raises_is_redone_record_by_record(error, kind):
    def step_batch(states, records):
        if any(record.volume == POISON_VOLUME for record in records):
            raise error
        return {k: CheckState(passed=s.passed + 1) for k, s in states.items()}, [()] * len(records)

    records = [raw(0), raw(1, volume=POISON_VOLUME), raw(2)]

    batch = fold_batch((batched(step_batch),), "chain", {0: {}}, records, "c0ffee")

    letters = [DeadLetter.decode(m.value) for m in batch.messages if m.topic.endswith(".dlq")]
    assert [(x.kind, x.offset) for x in letters] == [(kind, 1)]
    assert batch.states[0]["batched", ("BTCUSDT",)] == CheckState(passed=2)


def test_a_guarded_step_lets_a_rejection_through_and_names_a_bug():
    def step(*_):
        raise ZeroDivisionError("by zero")

    failing = Processor("failing", (RAW_BARS,), (), CheckState(), ("symbol",), step)

    letters = all_are(DeadLetter, MemoryDriver([guarded(failing)]).feed(raw_bar()))

    assert [(x.kind, x.cause) for x in letters] == [("bug", "ZeroDivisionError: by zero")]
