"""Dead letters: commands in; records that go back to their topics, outcomes, audit entries out.

    letters.commands.v1  -->  [letters]  -->  the topics of commands and requests,
    commands.outcomes.v1, operators.audit.v1

A letter is settled once: replayed or dropped. The state of a letter knows that, so of two commands
that come together one wins. What is replayed is read first; what its readers would refuse again
stays a letter.
"""

from __future__ import annotations

import base64
import binascii

from pydantic import ValidationError

from schemas.dead_letter import LetterState
from schemas.letters import LetterCommand
from schemas.record import Record, Topic
from schemas.topics import (
    BACKTEST_REQUESTS,
    CHALLENGE_COMMANDS,
    COMMAND_OUTCOMES,
    CONFIG_COMMANDS,
    HISTORY,
    JOB_COMMANDS,
    JOURNAL_COMMANDS,
    LETTER_COMMANDS,
    MODEL_COMMANDS,
    MODELS_REGISTERED,
    OPERATOR_AUDIT,
    PREDICTION_REQUESTS,
    TOPICS,
    TRAINING_REQUESTS,
    TUNING_REQUESTS,
)
from streams.commands import CommandedState, Ruling, is_repeated, is_stale, settle, stale
from streams.processor import Outputs, Processor

# Commands, requests and inputs of promotion: a repeated one changes no other record.
REPLAYABLE: tuple[Topic, ...] = (
    HISTORY,
    MODELS_REGISTERED,
    TRAINING_REQUESTS,
    PREDICTION_REQUESTS,
    MODEL_COMMANDS,
    CONFIG_COMMANDS,
    CHALLENGE_COMMANDS,
    JOURNAL_COMMANDS,
    BACKTEST_REQUESTS,
    TUNING_REQUESTS,
    JOB_COMMANDS,
)
_TOPICS = {topic.name: topic for topic in TOPICS}


class LetterRefused(ValueError):
    """The letter cannot be replayed; the message says why and what to do."""


class SettledLetter(CommandedState):
    """What was done about one letter."""

    state: LetterState = "open"


def step(state: SettledLetter, command: LetterCommand) -> tuple[SettledLetter, Outputs]:
    """Decide one command."""
    if is_repeated(state, command):
        return state, ()
    if is_stale(state, command):
        ruling = stale(state, command, command.letter_id)
    elif state.state != "open":
        detail = f"{command.letter_id} was {state.state} before; expected an open letter"
        ruling = Ruling("conflict", detail, command.letter_id, before=state.state)
    elif command.action == "replay":
        ruling = _replay(command)
    else:
        ruling = _drop(command)
    return settle(state, command, ("dlq", command.action), ruling)


def _replay(command: LetterCommand) -> Ruling:
    try:
        record = original_record(command)
    except LetterRefused as refused:
        return Ruling("invalid", str(refused), command.letter_id, before="open")
    return Ruling(
        "done",
        f"{command.letter_id} is replayed",
        command.letter_id,
        {"state": "replayed"},
        (record,),
        before="open",
        after="replayed",
    )


def _drop(command: LetterCommand) -> Ruling:
    if not command.reason.strip():
        detail = "dropping needs a reason; it is kept for ever"
        return Ruling("invalid", detail, command.letter_id, before="open")
    return Ruling(
        "done",
        f"{command.letter_id} is dropped",
        command.letter_id,
        {"state": "dropped"},
        before="open",
        after="dropped",
    )


def original_record(command: LetterCommand) -> Record:
    """Return the record that was refused.

    Raises:
        LetterRefused: Its topic takes no record twice, or the letter holds no such record.
    """
    name, letter = command.letter_id, command.letter
    if letter is None or not letter.payload_base64:
        raise LetterRefused(f"{name} holds no bytes to replay; drop it")
    topic = _TOPICS.get(letter.topic)
    if topic not in REPLAYABLE:
        commands = ", ".join(row.name for row in REPLAYABLE)
        raise LetterRefused(
            f"{name} came from {letter.topic}{_why_not(topic)}. Drop the letter once it is "
            f"understood; only {commands} can be replayed"
        )
    try:
        return topic.record.decode(base64.b64decode(letter.payload_base64, validate=True))
    except binascii.Error:
        raise LetterRefused(f"{name} does not hold base64; drop it") from None
    except ValidationError as invalid:
        fault = invalid.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, fault["loc"])) or "record"
        raise LetterRefused(
            f"{name} would be refused again: {place}: {fault['msg']}. Replay it once its readers "
            "take it, or drop it"
        ) from None


def _why_not(topic: Topic | None) -> str:
    if topic is None:
        return ", which is no topic"
    if topic == LETTER_COMMANDS:
        return ": replay or drop the letter that it was about once more"
    if topic.key == "symbol":
        return (
            ", a symbol chain: its records count in their order, so ingest's gap repair mends it "
            "from the exchange"
        )
    return ", whose records only the process that made them may write"


PROCESSOR = Processor(
    name="letters",
    reads=(LETTER_COMMANDS,),
    writes=(*REPLAYABLE, COMMAND_OUTCOMES, OPERATOR_AUDIT),
    initial=SettledLetter(),
    step=step,
    state_key=("letter_id",),
)
