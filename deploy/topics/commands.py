"""Commands that operators publish beside the gateway, and how each is decided."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

from schemas.commands import Command, CommandOutcome
from schemas.topics import COMMAND_OUTCOMES
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings

OUTCOME_WITHIN_S = 15.0


def send_commands(
    kafka: KafkaSettings,
    commands: Sequence[tuple[Command, str | None]],
    within_s: float = OUTCOME_WITHIN_S,
) -> dict[str, CommandOutcome]:
    """Publish commands with their trace ids, and return the outcomes that come in time, by id.

    Raises:
        Fatal: The cluster did not take the commands, or does not answer.
    """
    with Reader(kafka, (COMMAND_OUTCOMES,), "end") as reader:
        publisher = Publisher(kafka, "operator")
        for command, trace_id in commands:
            publisher.publish(command, trace_id)
        publisher.flush()
        return _await_outcomes(reader, {command.command_id for command, _ in commands}, within_s)


def _await_outcomes(
    reader: Reader, wanted: Collection[str], within_s: float
) -> dict[str, CommandOutcome]:
    outcomes: dict[str, CommandOutcome] = {}
    deadline_s = time.monotonic() + within_s
    while len(outcomes) < len(wanted) and time.monotonic() < deadline_s:
        for message in reader.take_readable():
            outcome = message.record
            if isinstance(outcome, CommandOutcome) and outcome.command_id in wanted:
                outcomes[outcome.command_id] = outcome
    return outcomes
