"""Writing records outside a chain: ingest, status, tools."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.dead_letter import DeadLetter
from schemas.record import Record
from streams.runtime.client import Transactions, flush, produce, producer_of
from streams.runtime.codec import Outgoing, Stamp, letter_message, record_message
from streams.runtime.dead_letters import log_dead_letter
from streams.runtime.settings import Fatal, KafkaSettings


class Publisher:
    """Publishes records in order through an idempotent producer."""

    def __init__(self, kafka: KafkaSettings, name: str) -> None:
        self._git_commit = kafka.git_commit
        self._failure: object = None
        self._producer = producer_of(kafka, name)

    def publish(self, record: Record, trace_id: str | None = None) -> None:
        """Queue a record for its topic; without a trace id one is derived.

        Raises:
            Fatal: An earlier record could not be delivered.
        """
        self._send(record_message(record, trace_id, self._git_commit))

    def refuse(self, letter: DeadLetter) -> None:
        """Queue a dead letter for ``<its topic>.dlq``."""
        log_dead_letter(letter)
        key = None if letter.key is None else letter.key.encode()
        self._send(letter_message(letter, key, Stamp(letter.trace_id, self._git_commit)))

    def flush(self, within_s: float = 20.0) -> None:
        """Wait until everything published so far is acknowledged.

        Raises:
            Fatal: Something was not.
        """
        flush(self._producer, within_s)
        self._check()

    def _send(self, message: Outgoing) -> None:
        self._producer.poll(0)
        self._check()
        produce(self._producer, message, self._delivered)

    def _delivered(self, error: object, _: object) -> None:
        self._failure = self._failure or error

    def _check(self) -> None:
        if self._failure is not None:
            raise Fatal(f"a record was not delivered: {self._failure}")


class TransactionalPublisher:
    """Publishes groups of records, each group whole or not at all."""

    def __init__(self, kafka: KafkaSettings, name: str) -> None:
        self._git_commit = kafka.git_commit
        self._transactions = Transactions(kafka, name)

    def publish(self, records: Iterable[Record]) -> None:
        """Write records in one transaction; on return they are committed.

        Raises:
            Aborted: None of them was written; publish them again.
            Fatal: Unknown; look at what is on the topic after a restart.
        """
        messages = [record_message(record, None, self._git_commit) for record in records]
        self._transactions.commit(messages, {}, None)
