"""Dead letters: replayed only where order does not count and the record is read, settled once."""

from __future__ import annotations

import base64

import pytest

from schemas.commands import Command, CommandOutcome
from schemas.jobs import JobCommand, TuningRequest
from schemas.letters import LetterCommand
from schemas.record import Record
from schemas.research import TuningSpec
from schemas.status import OperatorAction
from schemas.topics import LETTER_COMMANDS, TOPICS
from streams.letters.processor import PROCESSOR, REPLAYABLE
from streams.runtime.memory_driver import MemoryDriver
from streams.topology import CHAINS, WORKERS
from tests.build import (
    backtest_request,
    bar,
    config_command,
    dead_letter,
    letter_command,
    raw_bar,
    status,
    training_request,
)

REQUEST = training_request()
LETTER = dead_letter(REQUEST)


def decided(*commands: LetterCommand) -> list[tuple[list[Record], CommandOutcome]]:
    """Return of each command what goes back, and its outcome."""
    driver, rulings = MemoryDriver([PROCESSOR]), []
    for command in commands:
        *back, outcome, entry = driver.feed(command)
        assert isinstance(outcome, CommandOutcome)
        assert isinstance(entry, OperatorAction)
        assert (entry.action, entry.subject, entry.by) == (
            f"dlq.{command.action}",
            command.letter_id,
            command.by,
        )
        assert (entry.outcome, entry.dry_run) == (outcome.status, command.dry_run)
        rulings.append((back, outcome))
    return rulings


def test_the_record_goes_back_with_its_outcome_and_its_audit_entry():
    [(back, outcome)] = decided(letter_command(LETTER))

    assert back == [REQUEST]
    assert (outcome.status, outcome.facts) == ("accepted", ("training.requests.v1: ensemble",))


def test_of_two_commands_on_one_letter_the_first_wins():
    drop = letter_command(
        LETTER,
        1,
        action="drop",
        letter=None,
        reason="r",
        letter_id=letter_command(LETTER).letter_id,
    )

    [(_, first), (back, second)] = decided(letter_command(LETTER), drop)

    assert (first.status, second.status, second.code, back) == (
        "accepted",
        "refused",
        "conflict",
        [],
    )
    assert "was replayed before" in second.detail


def test_a_repeated_command_is_not_answered_again():
    driver = MemoryDriver([PROCESSOR])
    driver.feed(letter_command(LETTER))

    assert driver.feed(letter_command(LETTER)) == []


def test_a_dry_run_says_what_would_go_back_and_leaves_the_letter_open():
    same = letter_command(LETTER).letter_id
    dry, real = letter_command(LETTER, dry_run=True), letter_command(LETTER, 1, letter_id=same)

    [(none, would), (back, _)] = decided(dry, real)

    assert (none, back) == ([], [REQUEST])
    assert (would.status, would.facts) == ("accepted", ("training.requests.v1: ensemble",))


@pytest.mark.parametrize(
    "record",
    [
        config_command(),
        backtest_request(),
        JobCommand(job_id="job-1", event_time_ms=1, command="cancel"),
        TuningRequest(request_id="job-2", event_time_ms=1, spec=TuningSpec(strategy_name="x")),
    ],
    ids=lambda record: type(record).__name__,
)
def test_commands_on_configs_and_jobs_go_back(record):
    [(back, outcome)] = decided(letter_command(dead_letter(record)))

    assert (back, outcome.code) == ([record], "done")


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (letter_command(LETTER), "the letter that it was about once more"),
        (status(), "only the process that made them may write"),
    ],
    ids=["letters", "status"],
)
def test_what_nobody_sends_twice_is_refused_with_the_reason(record, why):
    [(back, outcome)] = decided(letter_command(dead_letter(record)))

    assert (back, outcome.code) == ([], "invalid")
    assert why in outcome.detail
    assert "symbol chain" not in outcome.detail


@pytest.mark.parametrize("record", [raw_bar(), bar()], ids=lambda record: type(record).__name__)
def test_a_symbol_chain_is_refused_with_what_mends_it(record):
    [(back, outcome)] = decided(letter_command(dead_letter(record)))

    assert (back, outcome.code) == ([], "invalid")
    assert "ingest's gap repair" in outcome.detail


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"", "holds no bytes"),
        (b'{"not": "a request"', "would be refused again: record: Invalid JSON"),
        (b"{}", "would be refused again: request_id: Field required"),
    ],
)
def test_what_its_readers_would_refuse_again_stays_a_letter(payload, expected):
    encoded = base64.b64encode(payload).decode()

    [(back, outcome)] = decided(letter_command(dead_letter(REQUEST, payload_base64=encoded)))

    assert (back, outcome.code) == ([], "invalid")
    assert expected in outcome.detail


@pytest.mark.parametrize("letter", [None, dead_letter(REQUEST, payload_base64="not base64!")])
def test_a_command_without_a_readable_letter_is_refused(letter):
    [(back, outcome)] = decided(letter_command(LETTER, letter=letter))

    assert (back, outcome.code) == ([], "invalid")


def test_a_letter_of_an_unknown_topic_is_refused():
    [(back, outcome)] = decided(letter_command(LETTER.model_copy(update={"topic": "nope.v1"})))

    assert (back, outcome.code) == ([], "invalid")


def test_dropping_needs_a_reason_and_sends_nothing_back():
    silent = letter_command(LETTER, action="drop", letter=None, reason=" ")
    reasoned = letter_command(LETTER, 1, action="drop", letter=None, reason="understood")

    [(_, refused), (back, dropped)] = decided(silent, reasoned)

    assert (refused.code, "needs a reason" in refused.detail) == ("invalid", True)
    assert (dropped.status, back) == ("accepted", [])


def test_what_can_be_replayed_has_a_reader_that_writes_dead_letters():
    read = {topic for worker in WORKERS for topic in worker.reads}
    read |= {topic for chain in CHAINS for topic in chain.reads}

    assert set(REPLAYABLE) <= read


def test_every_command_that_is_not_about_a_letter_can_be_replayed():
    commands = {topic for topic in TOPICS if issubclass(topic.record, Command)}

    assert commands - {LETTER_COMMANDS} <= set(REPLAYABLE)
