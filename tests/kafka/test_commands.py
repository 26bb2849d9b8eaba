"""Commands over a real broker: a killed processor leaves one outcome and one effect of each."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.commands import CommandOutcome
from schemas.configs import ConfigChanged
from schemas.ids import derived_id
from schemas.topics import (
    CHALLENGE_COMMANDS,
    CHALLENGE_EVENTS,
    COMMAND_OUTCOMES,
    CONFIG_ACTIVE,
    CONFIG_CHANGES,
    CONFIG_COMMANDS,
    JOURNAL_COMMANDS,
    JOURNAL_ENTRIES,
    OPERATOR_AUDIT,
    TRADE_RESULTS,
    topic_of,
)
from streams.challenges.processor import PROCESSOR as CHALLENGES
from streams.configs.processor import PROCESSOR as CONFIGS
from streams.journal.processor import PROCESSOR as JOURNAL
from streams.runtime.memory_driver import replay
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from tests.build import (
    challenge_command,
    challenge_trade,
    close_time,
    config_command,
    journal_command,
    registered,
)
from tests.fakes.running_chains import wait_for

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).resolve().parents[2]
STRATEGIES = ("one", "two", "three")
FACTS = (
    *(CONFIG_CHANGES, CONFIG_ACTIVE, CHALLENGE_EVENTS, JOURNAL_ENTRIES, TRADE_RESULTS),
    *(COMMAND_OUTCOMES, OPERATOR_AUDIT),
)
CORRECTIONS = 6  # of each trade, the last ones refused because it has been corrected meanwhile
OF_A_CHALLENGE = 10  # commands: its creation, trades, its cancellation
KILLS = 3
COMMANDS = 90  # of each strategy


@contextlib.contextmanager
def running(bootstrap: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.bench.command_chain", bootstrap]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def read(kafka, *topics):
    with Reader(kafka, topics) as reader:
        return [message.record for message in reader.read_to_end()]


def outcomes(kafka):
    return [r for r in read(kafka, COMMAND_OUTCOMES) if isinstance(r, CommandOutcome)]


def wait_for_more(kafka, seen):
    wait_for(lambda: len(outcomes(kafka)) > seen)


def command(strategy, number):
    action = ("create", "activate", "create", "deprecate")[number % 4]
    content = {"decision": {"max_entropy": (number // 2 % 20) / 20}}
    return config_command(
        action,
        number,
        command_id=f"{strategy}-{number}",
        strategy=strategy,
        content=content,
        number=number // 2 % 20 + 1,
    )


def trade_command(strategy, number):
    trade, revision = divmod(number, CORRECTIONS)
    return journal_command(
        "correct" if revision else "add",
        number,
        command_id=f"{strategy}-trade-{number}",
        strategy=strategy,
        trade_id=f"{strategy}-{trade}",
        exit=str(100 + revision) if revision % 2 else None,
        expected_revision=min(revision, 3) if revision else None,
    )


def challenge_asked(strategy, number):
    challenge, part = divmod(number, OF_A_CHALLENGE)
    fields = {"strategy": strategy, "command_id": f"{strategy}-challenge-{number}"}
    if part == 0:
        models = {
            role: registered(strategy=strategy, model_version=version)
            for role, version in (("champion", "a"), ("challenger", "b"))
        }
        return challenge_command("create", number, basis="trades", **models, **fields)
    digest = derived_id(CHALLENGE_EVENTS.name, strategy, challenge + 1).replace("-", "")
    fields["challenge_id"] = f"challenge-{digest[:12]}"
    if part == OF_A_CHALLENGE - 1:
        return challenge_command("cancel", number, **fields)
    trade = challenge_trade(
        part // 2,  # each twice, under another command
        opened_ms=close_time(number - number % 2),
        closed_ms=close_time(number - number % 2),
    )
    return challenge_command("trade", number, trade=trade, **fields)


def by_key(records):
    keys = defaultdict(list)
    for record in records:
        topic = topic_of(record)
        named = getattr(record, "trade_id", None) or getattr(record, "strategy", None)
        named = named or record.subject.partition("/")[0]
        keys[topic.name, named].append(record.encode())
    return keys


def test_a_killed_processor_leaves_one_outcome_and_one_effect_of_each_command(pipeline_topics):
    kafka = KafkaSettings(pipeline_topics)
    publisher = Publisher(kafka, "test")
    share = COMMANDS // (KILLS + 1) + 1
    sent = 0
    for _ in range(KILLS + 1):
        with running(pipeline_topics) as process:
            for number in range(sent, min(sent + share, COMMANDS)):
                for strategy in STRATEGIES:
                    for asked in (
                        command(strategy, number),
                        trade_command(strategy, number),
                        challenge_asked(strategy, number),
                    ):
                        publisher.publish(asked)
                        publisher.publish(asked)  # a client that asks twice
            publisher.flush()
            sent = min(sent + share, COMMANDS)
            wait_for_more(kafka, len(outcomes(kafka)))
            process.send_signal(signal.SIGKILL)
            process.wait()
    with running(pipeline_topics):
        wait_for(lambda: len(outcomes(kafka)) >= 3 * COMMANDS * len(STRATEGIES))

    commands = read(kafka, CONFIG_COMMANDS, CHALLENGE_COMMANDS, JOURNAL_COMMANDS)
    assert len(commands) == 6 * COMMANDS * len(STRATEGIES)
    answered = [outcome.command_id for outcome in outcomes(kafka)]
    assert sorted(answered) == sorted({each.command_id for each in commands})
    made = [r for r in replay([CONFIGS, CHALLENGES, JOURNAL], commands) if topic_of(r) in FACTS]
    assert by_key(read(kafka, *FACTS)) == by_key(made)
    changes = [r for r in made if isinstance(r, ConfigChanged)]
    for strategy in STRATEGIES:
        last = {c.config_id: c.status for c in changes if c.strategy == strategy}
        assert list(last.values()).count("ACTIVE") == 1
