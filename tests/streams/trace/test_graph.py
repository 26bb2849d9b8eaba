"""Traces: from each kind of id to its origins, and back to what was made of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.commands import CommandOutcome
from schemas.configs import ConfigChanged
from schemas.models import ModelChanged
from schemas.record import Record
from schemas.timeframes import MINUTE_MS
from schemas.topics import topic_of
from schemas.training import TrainingRequest
from streams.configs.content import config_id, content_hash, normalised
from streams.trace.graph import Made, Trace, trace
from streams.trace.nodes import TracedRecord
from tests.build import (
    CONFIG,
    START_MS,
    backtest_request,
    bar,
    close_time,
    config_command,
    explanation,
    features,
    job_result,
    prediction,
    raw_bar,
    regimes,
    registered,
    scored,
    serving,
    signal,
)

CONFIG_ID = config_id(2, content_hash(normalised(CONFIG)))
SIGNAL = signal(3, config_id=CONFIG_ID)
PREDICTION = prediction(3, prediction_id=SIGNAL.prediction_id)


def changed(status: str, command_id: str) -> ConfigChanged:
    return ConfigChanged.model_validate(
        {
            "strategy": "ensemble",
            "config_id": CONFIG_ID,
            "config_hash": content_hash(normalised(CONFIG)),
            "version_number": 2,
            "status": status,
            "event_time_ms": START_MS,
            "created_ms": START_MS,
            "deployed_ms": START_MS if status == "ACTIVE" else None,
            "deprecated_ms": None,
            "superseded_by": None,
            "description": "",
            "config_data": None,
            "effective_from_ms": close_time(2) if status == "ACTIVE" else None,
            "revision": 2,
            "command_id": command_id,
            "by": "ann",
            "reason": "",
        }
    )


def outcome(command_id: str) -> CommandOutcome:
    return CommandOutcome(
        command_id=command_id,
        noun="configs",
        action="activate",
        subject=f"ensemble/{CONFIG_ID}",
        event_time_ms=START_MS,
        status="accepted",
        code="done",
        detail="",
        facts=(),
        revision=2,
    )


def everything() -> list[TracedRecord]:
    """Return one of each record that a signal comes from, and some that it does not."""
    request = TrainingRequest(
        request_id="bootstrap",
        strategy="ensemble",
        event_time_ms=START_MS,
        symbols=("BTCUSDT",),
        timeframe_ms=MINUTE_MS,
        from_ms=0,
        to_ms=START_MS,
        reason="bootstrap",
    )
    change = ModelChanged(**dict(serving()))
    records: list[Record] = [
        *(raw_bar(3), bar(3), features(3), regimes(3), PREDICTION, SIGNAL, explanation(3)),
        *(raw_bar(2), bar(2), features(2), prediction(2), signal(2)),
        scored(3, signal_id=SIGNAL.signal_id),
        *(request, registered(), change),
        *(config_command("create", 0), config_command("activate", 1)),
        *(changed("DRAFT", "create-0"), changed("ACTIVE", "activate-1"), outcome("activate-1")),
        *(backtest_request("job-1"), job_result("job-1"), job_result("job-2")),
    ]
    return [
        TracedRecord(record, topic_of(record).name, 0, offset, f"trace-{offset}", "abc")
        for offset, record in enumerate(records)
    ]


def kinds(result: Trace) -> set[str]:
    return {key.kind for key in result.nodes}


def edges(result: Trace) -> set[tuple[str, str, str]]:
    return {(start.kind, why, end.kind) for start, end, why in result.edges}


ORIGINS = {"prediction", "features", "regimes", "bar", "raw_bar", "model", "training_request"}


@pytest.mark.parametrize(
    ("identifier", "roots", "expected"),
    [
        (SIGNAL.signal_id, {"signal"}, ORIGINS | {"signal", "score", "config", "command"}),
        (SIGNAL.prediction_id, {"prediction"}, ORIGINS | {"signal", "score"}),
        ("job-1", {"job"}, {"job", "result"}),
        ("job-2", {"job"}, {"result"}),
        ("activate-1", {"command"}, {"command", "config", "outcome"}),
        (CONFIG_ID, {"config"}, {"config", "command", "signal"}),
        (f"ensemble/{CONFIG_ID}", {"config"}, {"config", "command", "signal"}),
        ("m1", {"model"}, {"model", "training_request", "model_change"}),
        ("bootstrap", {"training_request"}, {"training_request", "model"}),
    ],
)
def test_each_kind_of_id_is_walked_to_its_origins_and_to_what_it_made(identifier, roots, expected):
    result = trace(identifier, everything())

    assert {key.kind for key in result.roots} == roots
    assert kinds(result) >= expected
    assert not {"features", "raw_bar"} & kinds(result) or "raw_bar" in expected
    present = {str(key) for key in result.nodes}
    document = result.document("away")
    assert {end for edge in document["edges"] for end in edge[:2]} <= present


def test_a_signal_says_model_config_commit_trace_and_bar():
    result = trace(SIGNAL.signal_id, everything())

    nodes = {key.kind: row for key, row in result.nodes.items()}
    assert nodes["signal"]["facts"]["git_commit"] == "abc"
    assert nodes["signal"]["facts"]["trace_id"].startswith("trace-")
    assert nodes["model"]["facts"]["trained_from_ms"] == registered().trained_from_ms
    assert nodes["config"]["facts"]["effective_from_ms"] == close_time(2)
    assert [row["status"] for row in nodes["config"]["facts"]["changes"]] == ["DRAFT", "ACTIVE"]
    assert nodes["raw_bar"]["facts"]["close"] == raw_bar(3).close
    assert nodes["raw_bar"]["time"] == nodes["signal"]["time"] == close_time(3)
    assert ("signal", "graded from", "prediction") in edges(result)
    assert ("bar", "checked from", "raw_bar") in edges(result)
    assert not result.absent


def test_a_higher_bar_is_traced_to_the_base_bars_that_were_added_up():
    # 2 minutes after the start a bar of 3 minutes may open: 1_750_000_020_000 is a whole minute.
    first = next(n for n in range(5) if (START_MS + n * MINUTE_MS) % (3 * MINUTE_MS) == 0)
    higher: dict[str, Any] = {
        "timeframe_ms": 3 * MINUTE_MS,
        "open_time_ms": START_MS + first * MINUTE_MS,
        "event_time_ms": START_MS + (first + 3) * MINUTE_MS,
    }
    base = [raw_bar(first + n) for n in range(-1, 4)]
    made = [signal(0, **{k: v for k, v in higher.items() if k != "open_time_ms"})]
    rows = [
        TracedRecord(r, topic_of(r).name, 0, i) for i, r in enumerate([bar(0, **higher), *base])
    ]

    result = trace(made[0].signal_id, [*rows, TracedRecord(made[0], "signals.graded.v1", 0, 9)])

    summed = [row["time"] for row in result.nodes.values() if row["kind"] == "raw_bar"]
    assert sorted(summed) == [START_MS + (first + n) * MINUTE_MS for n in (1, 2, 3)]
    assert ("bar", "added up from", "raw_bar") in edges(result)


def test_what_the_reader_does_not_have_is_named_not_left_out():
    held = [row for row in everything() if row.topic != "models.registered.v1"]
    held = [row for row in held if row.topic != "models.changes.v1"]

    result = trace(SIGNAL.signal_id, held)

    notes = result.document("older than the views")["notes"]
    assert notes == [f"model m1 (signal:{SIGNAL.signal_id} predicted by it): older than the views"]


def test_signals_of_a_model_are_counted_and_the_newest_shown():
    newest = [TracedRecord(signal(n), "signals.graded.v1", 0, n) for n in (8, 7)]
    held = [row for row in everything() if row.topic == "models.registered.v1"]

    result = trace("m1", held, Made(500, newest))

    assert result.document("")["signals_made"] == 500
    assert [row["offset"] for row in result.nodes.values() if row["kind"] == "signal"] == [8, 7]


@given(st.text(min_size=1, max_size=40))
def test_an_unknown_id_has_no_node(identifier):
    known = {*("job-1", "job-2", "m1", "bootstrap", CONFIG_ID, f"ensemble/{CONFIG_ID}")}
    known |= {"create-0", "activate-1", SIGNAL.signal_id, SIGNAL.prediction_id}
    known |= {signal(2).signal_id, prediction(2).prediction_id}

    assert identifier in known or not trace(identifier, everything()).nodes
