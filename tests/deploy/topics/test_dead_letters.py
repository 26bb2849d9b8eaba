"""Dead letters of the operator: grouped by cause, commanded, never forgotten."""

from __future__ import annotations

import base64
import json
from contextlib import AbstractContextManager
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from deploy.cli.app import app
from deploy.topics.dead_letters import (
    LetterFilter,
    LetterOrder,
    LettersRefused,
    StoredLetter,
    group_letters,
    letter_command,
    settle_letters,
)
from schemas.dead_letter import DeadLetter
from schemas.status import OperatorAction
from schemas.topics import OPERATOR_AUDIT, PREDICTION_REQUESTS, RAW_BARS, TRAINING_REQUESTS
from streams.letters.processor import PROCESSOR
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from tests.build import training_request
from tests.fakes.running_chains import chains_running

PAYLOAD = b'{"not": "a request"'
REQUEST = training_request()


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


ORDER = LetterOrder("replay", "ada", 9_000, "understood")
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


def test_a_letter_that_was_dealt_with_is_refused_before_any_connection():
    with pytest.raises(LettersRefused, match="was dropped before"):
        settle_letters(NOWHERE, [letter(state="dropped")], ORDER)


def test_only_a_replay_carries_the_bytes():
    drop = LetterOrder("drop", "ada", 9_000, "understood")

    assert letter_command(letter(), ORDER).letter == dead()
    assert letter_command(letter(), drop).letter is None


@pytest.fixture
def call(pipeline_topics: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Calls ``regimeflow topics dlq``, with four letters on the broker."""
    publisher = Publisher(KafkaSettings(pipeline_topics), "test")
    payload = base64.b64encode(REQUEST.encode()).decode()
    publisher.refuse(dead(payload_base64=payload, kind="bug", cause="a bug that is mended"))
    publisher.refuse(dead(offset=4))
    publisher.refuse(dead(PREDICTION_REQUESTS.name, key="BTCUSDT", consumer="inference"))
    publisher.refuse(dead(RAW_BARS.name, key="BTCUSDT", consumer="market", kind="rejected"))
    publisher.flush()
    monkeypatch.setenv("REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS", pipeline_topics)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["topics", "dlq", *arguments])

    return run


def deciding(kafka: KafkaSettings) -> AbstractContextManager[None]:
    """Run the process that decides commands on letters."""
    return chains_running(kafka, {"letters": (PROCESSOR,)})


def states(call: Any) -> dict[str, str]:
    rows = json.loads(call("list", "--each", "--all", "--json").stdout)
    return {row["id"]: row["state"] for row in rows}


@pytest.mark.kafka
def test_letters_are_listed_replayed_and_dropped_and_the_audit_says_so(call, pipeline_topics):
    kafka = KafkaSettings(pipeline_topics)
    groups = json.loads(call("list", "--json").stdout)
    first, second = f"{TRAINING_REQUESTS.dead_letters}/0@0", f"{TRAINING_REQUESTS.dead_letters}/0@1"

    with pytest.raises(LettersRefused, match=f"not decided within 0 s: {second}"):
        settle_letters(kafka, [letter(1)], ORDER, within_s=0)
    with deciding(kafka):
        would = call("replay", "--cause", "mended", "--dry-run")
        replayed = call("replay", "--cause", "mended", "--reason", "fixed", "--json")
        torn = call("replay", second)
        chain = call("replay", "--topic", RAW_BARS.name)
        dropped = call("drop", "--topic", RAW_BARS.name, "--reason", "venue outage")
        again = call("replay", first)

    assert sorted(group["count"] for group in groups) == [1, 1, 1, 1]
    assert would.stdout == "1 would be replayed\n"
    assert json.loads(replayed.stdout) == {"replayed": [first], "refused": {}, "dry_run": False}
    assert (torn.exit_code, "would be refused again" in torn.stderr) == (1, True)
    assert (chain.exit_code, "ingest's gap repair" in chain.stderr) == (1, True)
    assert dropped.stdout == "1 dropped\n"
    assert (again.exit_code, "was replayed before" in again.stderr) == (1, True)
    assert states(call) == {
        f"{RAW_BARS.dead_letters}/0@0": "dropped",
        f"{PREDICTION_REQUESTS.dead_letters}/0@0": "open",
        first: "replayed",
        second: "open",
    }
    with Reader(kafka, (TRAINING_REQUESTS,)) as reader:
        (back,) = reader.read_to_end()
    assert (back.record, back.trace_id) == (REQUEST, "t1")
    with Reader(kafka, (OPERATOR_AUDIT,)) as reader:
        audit = [message.record for message in reader.read_to_end()]
    done = [
        (each.action, each.subject, each.reason, each.dry_run)
        for each in audit
        if isinstance(each, OperatorAction) and each.outcome == "accepted"
    ]
    assert done == [
        ("dlq.replay", first, "", True),
        ("dlq.replay", first, "fixed", False),
        ("dlq.drop", f"{RAW_BARS.dead_letters}/0@0", "venue outage", False),
    ]


@pytest.mark.kafka
def test_a_wrong_choice_is_refused_and_changes_nothing(call):
    for arguments, expected in (
        (["replay"], "name letters, or choose them"),
        (["replay", "nothing.dlq/0@7"], "no dead letter nothing.dlq/0@7"),
        (["list", "--topic", "nope"], "topic 'nope' has no dead letters"),
    ):
        done = call(*arguments)

        assert done.exit_code == 2
        assert expected in done.stderr
    assert set(states(call).values()) == {"open"}
