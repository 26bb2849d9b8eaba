"""Dead letters: grouped by cause, replayed only where order does not count, never forgotten."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from deploy.cli.app import app
from deploy.topics.dead_letters import (
    REPLAYABLE,
    AuditStamp,
    LetterFilter,
    LettersRefused,
    StoredLetter,
    consumed_topics,
    drop_letters,
    group_letters,
    original_message,
    replay_letters,
)
from schemas.dead_letter import DeadLetter
from schemas.status import OperatorAction
from schemas.topics import (
    BARS,
    OPERATOR_AUDIT,
    PREDICTION_REQUESTS,
    RAW_BARS,
    SIGNALS,
    TRAINING_REQUESTS,
)
from schemas.training import TrainingRequest
from streams.runtime.codec import Unreadable
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings

PAYLOAD = b'{"not": "a request"'


def dead(topic: str = TRAINING_REQUESTS.name, **fields: Any) -> DeadLetter:
    defaults: dict[str, Any] = {
        "topic": topic,
        "partition": 0,
        "offset": 3,
        "key": "ensemble",
        "consumer": "training",
        "kind": "undecodable",
        "cause": "record: invalid JSON",
        "payload_base64": base64.b64encode(PAYLOAD).decode(),
        "event_time_ms": 1_000,
        "trace_id": "t1",
    }
    return DeadLetter(**(defaults | fields))


def letter(
    number: int = 0, state: Any = "open", seen_ms: int = 5_000, **fields: Any
) -> StoredLetter:
    inside = dead(**fields)
    return StoredLetter(f"{inside.topic}.dlq/0@{number}", inside, seen_ms, state)


ORDER = AuditStamp("ada", 9_000, "understood")
NOWHERE = KafkaSettings("127.0.0.1:1")  # a refusal comes before any connection


def test_letters_of_one_cause_are_one_group_with_first_and_last_seen():
    letters = [
        letter(0, seen_ms=50),
        letter(1, seen_ms=20),
        letter(2, kind="bug", cause="KeyError"),
    ]

    first, second = group_letters(letters)

    assert (first.count, first.first_seen_ms, first.last_seen_ms) == (2, 20, 50)
    assert first.ids == (letters[0].id, letters[1].id)
    assert (second.count, second.kind) == (1, "bug")


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (LetterFilter(), True),
        (LetterFilter(topic=TRAINING_REQUESTS.name, kind="undecodable"), True),
        (LetterFilter(cause="invalid"), True),
        (LetterFilter(ids=("training.requests.v1.dlq/0@0",)), True),
        (LetterFilter(ids=("training.requests.v1.dlq/0@1",)), False),
        (LetterFilter(consumer="market"), False),
        (LetterFilter(kind="bug", cause="invalid"), False),
    ],
)
def test_every_field_of_a_filter_must_fit(wanted, fits):
    assert wanted.fits(letter()) is fits


def test_the_original_goes_back_with_its_bytes_key_and_trace():
    message = original_message(letter())

    assert message.topic == TRAINING_REQUESTS.name
    assert (message.key, message.value) == (b"ensemble", PAYLOAD)
    assert message.headers == [("trace_id", b"t1")]


@pytest.mark.parametrize("topic", [RAW_BARS, BARS, SIGNALS], ids=lambda topic: topic.name)
def test_a_symbol_chain_is_refused_with_what_mends_it(topic):
    with pytest.raises(LettersRefused, match="ingest's gap repair"):
        original_message(letter(topic=topic.name))


def test_a_letter_without_bytes_cannot_be_replayed():
    with pytest.raises(LettersRefused, match="holds no bytes"):
        original_message(letter(payload_base64=""))


def test_a_letter_that_was_dealt_with_is_refused():
    with pytest.raises(LettersRefused, match="was dropped before"):
        replay_letters(NOWHERE, [letter(state="dropped")], ORDER)


def test_dropping_needs_a_reason():
    with pytest.raises(LettersRefused, match="needs a reason"):
        drop_letters(NOWHERE, [letter()], AuditStamp("ada", 1, "  "))


def test_what_can_be_replayed_has_dead_letters():
    assert set(consumed_topics()) >= REPLAYABLE


@pytest.fixture
def call(pipeline_topics: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Calls ``regimeflow topics dlq``, with four letters on the broker."""
    publisher = Publisher(KafkaSettings(pipeline_topics), "test")
    publisher.refuse(dead())
    publisher.refuse(dead(offset=4))
    publisher.refuse(dead(PREDICTION_REQUESTS.name, key="BTCUSDT", consumer="inference"))
    publisher.refuse(dead(RAW_BARS.name, key="BTCUSDT", consumer="market", kind="rejected"))
    publisher.flush()
    monkeypatch.setenv("REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS", pipeline_topics)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["topics", "dlq", *arguments])

    return run


def states(call: Any) -> dict[str, str]:
    rows = json.loads(call("list", "--each", "--all", "--json").stdout)
    return {row["id"]: row["state"] for row in rows}


@pytest.mark.kafka
def test_letters_are_listed_replayed_and_dropped_and_the_audit_says_so(call, pipeline_topics):
    groups = json.loads(call("list", "--json").stdout)
    first, second = f"{TRAINING_REQUESTS.dead_letters}/0@0", f"{TRAINING_REQUESTS.dead_letters}/0@1"

    replayed = call("replay", first, "--reason", "fixed", "--json")
    dropped = call("drop", "--topic", RAW_BARS.name, "--reason", "venue outage")
    again = call("replay", first)

    assert sorted(group["count"] for group in groups) == [1, 1, 2]
    assert json.loads(replayed.stdout) == {"replayed": [first]}
    assert dropped.stdout == "1 dropped\n"
    assert (again.exit_code, "was replayed before" in again.stderr) == (1, True)
    assert states(call) == {
        f"{RAW_BARS.dead_letters}/0@0": "dropped",
        f"{PREDICTION_REQUESTS.dead_letters}/0@0": "open",
        first: "replayed",
        second: "open",
    }
    kafka = KafkaSettings(pipeline_topics)
    with Reader(kafka, (TRAINING_REQUESTS,)) as reader:
        unreadable: list[Unreadable] = []
        assert list(reader.read_to_end(unreadable=unreadable.append)) == []
    (back,) = unreadable
    assert (back.stored.key, back.stored.value) == (b"ensemble", PAYLOAD)
    with Reader(kafka, (OPERATOR_AUDIT,)) as reader:
        audit = [message.record for message in reader.read_to_end()]
    assert [(a.action, a.subject, a.reason) for a in audit if isinstance(a, OperatorAction)] == [
        ("dlq.replay", first, "fixed"),
        ("dlq.drop", f"{RAW_BARS.dead_letters}/0@0", "venue outage"),
    ]


@pytest.mark.kafka
def test_a_request_that_was_refused_is_read_after_its_replay(call, pipeline_topics):
    request = TrainingRequest(
        request_id="r1",
        strategy="ensemble",
        event_time_ms=1,
        symbols=("BTCUSDT",),
        timeframe_ms=60_000,
        from_ms=0,
        to_ms=1,
        reason="bootstrap",
    )
    kafka = KafkaSettings(pipeline_topics)
    publisher = Publisher(kafka, "test")
    payload = base64.b64encode(request.encode()).decode()
    publisher.refuse(dead(payload_base64=payload, kind="bug", cause="a bug that is mended"))
    publisher.flush()

    done = call("replay", "--cause", "mended")

    assert done.exit_code == 0, done.output
    with Reader(kafka, (TRAINING_REQUESTS,)) as reader:
        (back,) = reader.read_to_end()
    assert back.record == request


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["replay"], 2, "name letters, or choose them"),
        (["replay", "nothing.dlq/0@7"], 2, "no dead letter nothing.dlq/0@7"),
        (["replay", "--topic", RAW_BARS.name], 1, "ingest's gap repair"),
        (["list", "--topic", "nope"], 2, "topic 'nope' has no dead letters"),
    ],
)
def test_a_wrong_choice_is_refused_and_changes_nothing(call, arguments, code, expected):
    done = call(*arguments)

    assert done.exit_code == code
    assert expected in done.stderr
    assert set(states(call).values()) == {"open"}
