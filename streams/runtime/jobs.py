"""Long jobs, exactly once: a request in, its result and its offset in one transaction."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, InvalidStateError, wait
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from schemas.dead_letter import DeadLetter, DeadLetterKind
from schemas.record import Record, Topic
from schemas.topics import topic_of
from streams.processor import RecordRejected
from streams.runtime.batch import in_one_line
from streams.runtime.client import Transactions
from streams.runtime.codec import (
    Outgoing,
    Partition,
    Received,
    Stamp,
    Stored,
    Unreadable,
    dead_letter,
    letter_message,
    outgoing,
    received,
)
from streams.runtime.consumer import Member
from streams.runtime.dead_letters import log_dead_letter
from streams.runtime.settings import Aborted, Fatal, KafkaSettings

POLL_S = 0.2
MOST_WAITING = 1_000  # requests fetched while one runs

JobFuture = Future[Sequence[Record]]
Job = Callable[[Received], JobFuture]
GoesBefore = Callable[[Any, Any], bool]
OnFailure = Callable[[Any, str], Sequence[Record]]

log = structlog.get_logger()


@dataclass(frozen=True)
class JobRules:
    """What a topic of requests does beyond running them in their order.

    Attributes:
        goes_before: ``(later, earlier)``: whether a request that waits goes before one that came
            earlier. That one is written again at the end of the topic. None: never.
        on_failure: ``(request, cause)``: what is published with the dead letter of a request.
    """

    goes_before: GoesBefore | None = None
    on_failure: OnFailure = lambda _request, _cause: ()


def run_jobs(
    name: str,
    topic: Topic,
    job: Job,
    kafka: KafkaSettings,
    *,
    stop: threading.Event,
    rules: JobRules = JobRules(),
    idle_s: float | None = None,
) -> None:
    """Run one job per record of a topic, one after the other, until ``stop`` is set.

    Polling goes on while a job runs, so the group keeps this member however long it takes. When
    ``stop`` is set or the partition goes to another member, the job is cancelled and not
    committed: the next owner runs it again.

    Args:
        name: Consumer group, and consumer on dead letters.
        topic: Requests.
        job: Starts the work in a child process or thread, and returns the future of the records
            to publish. ``RecordRejected`` refuses the request; any other exception is a bug.
        kafka: The cluster.
        stop: Set to return.
        rules: Who goes first, and what a failure tells.
        idle_s: Return after so long without a job, too.

    Raises:
        Aborted, Fatal: End the process and start it again.
    """
    run = _JobRun(name, topic, kafka, rules)
    try:
        busy_s = time.monotonic()
        while not stop.is_set() and (idle_s is None or time.monotonic() - busy_s < idle_s):
            for message in run.next():
                run.finish(message, job, stop)
                busy_s = time.monotonic()
    finally:
        run.close()


def in_thread(work: Callable[[JobFuture], Sequence[Record]]) -> JobFuture:
    """Run the work of one job in a thread; its argument is its future, to check for a cancel."""
    future: JobFuture = Future()

    def run() -> None:
        with contextlib.suppress(InvalidStateError):  # cancelled: another member runs it
            try:
                future.set_result(work(future))
            except Exception as failed:  # noqa: BLE001 - handed to the driver of jobs as it is
                future.set_exception(failed)

    threading.Thread(target=run, daemon=True).start()
    return future


Outcome = tuple[list[Outgoing], DeadLetter | None]  # what to write, and the letter in it


class _JobRun:
    """One member of the group of a job's topic."""

    def __init__(self, name: str, topic: Topic, kafka: KafkaSettings, rules: JobRules) -> None:
        self._name, self._topic, self._git_commit = name, topic, kafka.git_commit
        self._rules = rules
        self._next: dict[Partition, int] = {}  # next offset to run, of each partition we own
        self._waiting: deque[Stored] = deque()  # fetched while another ran
        self._paused = False
        self._transactions = Transactions(kafka, f"{name}-{kafka.instance}")
        self._member = Member(
            kafka,
            name,
            [topic.name],
            self._next.update,
            self._revoked,
            # A request then runs twice; its records have the ids that they had.
            drop_pending=partial(self._transactions.drop_pending, ()),
        )

    def close(self) -> None:
        self._member.close()

    def _revoked(self, sources: Collection[Partition]) -> None:
        for source in sources:
            self._next.pop(source, None)
        # A partition that comes back is read from the offset of its last owner.
        self._waiting = deque(m for m in self._waiting if m.source not in sources)

    def next(self) -> list[Stored]:
        """Return the next request in a list; an empty one when none has arrived."""
        if not self._waiting:
            if self._paused:
                self._member.resume(self._next)
                self._paused = False
            self._fetch(POLL_S)
        message = self._waiting.popleft() if self._waiting else None
        return [message] if message is not None and self._owns(message) else []

    def _fetch(self, timeout_s: float, limit: int = 1) -> None:
        # Not paused at once: the client fetches a resumed partition only after a second.
        if len(self._waiting) >= MOST_WAITING:
            self._member.pause(self._next)
            self._paused = True
        stored, _ = self._member.poll(limit, timeout_s)
        self._waiting.extend(stored)

    def _owns(self, message: Stored) -> bool:
        return message.offset >= self._next.get(message.source, message.offset + 1)

    def finish(self, message: Stored, job: Job, stop: threading.Event) -> None:
        """Run one request and commit its records, unless this member has lost it."""
        decoded = received(self._topic, message)
        if isinstance(decoded, Unreadable):
            self._commit(message, *self._refusal(decoded, "undecodable", decoded.cause))
            return
        began_s = time.monotonic()
        request: Any = decoded.record
        job_log = log.bind(
            consumer=self._name, request=request.request_id, trace_id=decoded.trace_id
        )
        if self._others_first(request):
            stamp = Stamp(decoded.trace_id, self._git_commit)
            self._commit(message, [outgoing(self._topic, request, stamp)], None)
            job_log.info("job.postponed")
            return
        job_log.info("job.begun")
        future = job(decoded)
        while not future.done():
            if stop.is_set() or not self._owns(message):
                future.cancel()
                job_log.info("job.left", cause="stopping, or its partition moved; it runs again")
                return
            self._fetch(0.0)
            wait((future,), POLL_S)  # not in the poll: a short job would wait for it
        self._commit(message, *self._outcome(decoded, future))
        job_log.info("job.ended", seconds=round(time.monotonic() - began_s, 2))

    def _others_first(self, request: Record) -> bool:
        """Return whether a request that has arrived later goes before this one."""
        goes_before = self._rules.goes_before
        if goes_before is None:
            return False
        self._fetch(0.0, MOST_WAITING)
        waiting = [received(self._topic, message) for message in self._waiting]
        return any(
            goes_before(later.record, request) for later in waiting if isinstance(later, Received)
        )

    def _outcome(self, request: Received, future: Future[Sequence[Record]]) -> Outcome:
        failed = future.exception()
        if failed is None:
            stamp = Stamp(request.trace_id, self._git_commit)
            return [outgoing(topic_of(record), record, stamp) for record in future.result()], None
        if isinstance(failed, RecordRejected):
            return self._failure(request, failed.kind, str(failed))
        if isinstance(failed, Fatal) or not isinstance(failed, Exception):
            raise failed  # no fault of the request: the next start runs it again
        cause = in_one_line(failed)
        return self._failure(request, "bug", cause)

    def _failure(self, request: Received, kind: DeadLetterKind, cause: str) -> Outcome:
        messages, letter = self._refusal(request, kind, cause)
        stamp = Stamp(request.trace_id, self._git_commit)
        told = self._rules.on_failure(request.record, cause)
        return [*messages, *(outgoing(topic_of(r), r, stamp) for r in told)], letter

    def _refusal(self, message: Received | Unreadable, kind: DeadLetterKind, cause: str) -> Outcome:
        letter = dead_letter(message.stored, self._name, kind, cause, message.trace_id)
        stamp = Stamp(message.trace_id, self._git_commit)
        return [letter_message(letter, message.stored.key, stamp)], letter

    def _commit(
        self, message: Stored, results: Sequence[Outgoing], letter: DeadLetter | None
    ) -> None:
        offsets = {message.source: message.offset + 1}
        for last in (False, False, True):
            if not self._owns(message):
                return
            try:
                self._transactions.commit(results, offsets, self._member.group_metadata())
            except Aborted as aborted:
                if last:
                    raise
                log.warning(
                    "transaction.aborted",
                    consumer=self._name,
                    place=f"{message.partition}@{message.offset}",
                    cause=str(aborted),
                    remedy="none: nothing of it counts, and it is written again",
                )
                self._fetch(POLL_S)  # a rebalance is seen here
            else:
                break
        self._next.update(offsets)
        if letter is not None:
            log_dead_letter(letter)  # only now it lies in its topic
