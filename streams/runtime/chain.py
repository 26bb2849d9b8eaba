"""Driver 2: chains of processors on Kafka, exactly once.

    begin -> consume a batch -> decode -> fold -> outputs, states, dead letters, offsets -> commit

Crash-only: what cannot be retried raises ``Fatal``, and the next start settles it. No transaction
is open while the consumer is polled, so a rebalance never meets one.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from streams.processor import Processor
from streams.runtime.batch import (
    Batch,
    BatchContext,
    Merge,
    Message,
    external_topics,
    keep_states,
    offsets_after,
    process_batch,
    to_hold_back,
)
from streams.runtime.client import Transactions, partition_counts
from streams.runtime.codec import Outgoing, Partition, Received, misplaced, received
from streams.runtime.consumer import Member
from streams.runtime.dead_letters import log_dead_letter
from streams.runtime.garbage import collect_seldom
from streams.runtime.metrics import ProcessMetrics, process_metrics
from streams.runtime.restore import (
    Refolded,
    States,
    changelog_ends,
    ends_note,
    require_states,
    restore,
)
from streams.runtime.settings import (
    EXIT_FATAL,
    EXIT_REFUSED,
    Aborted,
    Fatal,
    KafkaSettings,
    StateLost,
)
from streams.runtime.status import Report, StatusPublisher

ABORTS_IN_A_ROW = 5  # then something is wrong that only a fresh start can mend
DRAIN_WITHIN_S = 25.0
LAG_EVERY_S = 1.0
CLOSE_WITHIN_S = 5.0  # of a process that has already failed

log = structlog.get_logger()


# A transaction ends with a marker, which takes an offset and is no record. The client reports the
# end of a partition only after the next fetch has waited in vain: 250 ms too late.
END_MARKER = 1


@dataclass(frozen=True)
class Limits:
    """How much one transaction may hold, and how long an idle poll waits."""

    records: int = 500
    idle_s: float = 0.2


def run_chain(
    name: str,
    processors: Sequence[Processor],
    kafka: KafkaSettings,
    *,
    stop: threading.Event,
    report: Report | None = None,
    limits: Limits | None = None,
) -> None:
    """Run a chain in the calling thread until ``stop`` is set; the batch in hand is committed.

    Args:
        name: Consumer group, and with the instance the transactional id.
        processors: Fused, in flow order; topics between them are written but not consumed.
        kafka: The cluster, and which instance of the group this is.
        stop: Set to drain and return.
        report: Called with ``(state, detail)`` on each change, such as restoring or degraded.
        limits: Of one transaction.

    Raises:
        Fatal: End the process and start it again.
    """
    run = _ChainRun(name, tuple(processors), kafka, report or (lambda *_: None), limits or Limits())
    try:
        while not stop.is_set():
            run.turn()
        run.report("stopping", "")
    finally:
        run.close()


def run_until_signalled(
    name: str,
    processors: Sequence[Processor],
    kafka: KafkaSettings,
    status: StatusPublisher | None = None,
) -> int:
    """Run a chain as the main thing of a process until SIGTERM or SIGINT; return the exit code.

    ``status`` is of a process that reports more than its state.
    """
    collect_seldom()
    stop = threading.Event()

    def drain(*_: object) -> None:
        stop.set()
        _end_within(DRAIN_WITHIN_S)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, drain)
    status = status or StatusPublisher(kafka, name)
    try:
        run_chain(name, processors, kafka, stop=stop, report=status.report)
    except StateLost as lost:
        log.error("process.refused", consumer=name, cause=str(lost), remedy="do what it says")
        _end_within(CLOSE_WITHIN_S)
        return EXIT_REFUSED
    except Fatal as fatal:
        log.critical(
            "process.fatal",
            consumer=name,
            cause=str(fatal),
            remedy="none: it is started again and resumes from its last commit",
        )
        _end_within(CLOSE_WITHIN_S)
        return EXIT_FATAL
    finally:
        status.close()
    return 0


def _end_within(seconds: float) -> None:
    """End the process after that time, whatever it waits for: nothing committed can be lost."""
    limit = threading.Timer(seconds, os._exit, (EXIT_FATAL,))
    limit.daemon = True
    limit.start()


class _ChainRun:
    """A chain as one member of its group: which partitions it owns, their states and positions."""

    def __init__(
        self,
        name: str,
        chain: tuple[Processor, ...],
        kafka: KafkaSettings,
        report: Report,
        limits: Limits,
    ) -> None:
        _check_chain(chain)
        self.report = report
        self._name, self._chain, self._kafka, self._limits = name, chain, kafka, limits
        self._changelogs = {processor.name: processor.changelog for processor in chain}
        self._topics = {topic.name: topic for topic in external_topics(chain)}
        self._merge = Merge(tuple(self._topics.values()))
        self._metrics: ProcessMetrics = process_metrics()
        self._states: dict[int, States] = {}
        self._anew: dict[int, Refolded] = {}  # at the start, and not in the changelogs yet
        self._ends: dict[Partition, int] = {}  # least ends of the changelogs, for the notes
        self._context = BatchContext(chain, name, self._states, kafka.git_commit)
        self._committed: dict[Partition, int] = {}  # next offset to fold; -1: from the beginning
        self._fetched: dict[Partition, int] = {}  # next offset to take into the merge
        self._paused: set[Partition] = set()
        self._aborts = 0
        self._ready = self._degraded = False
        self._lag_due = 0.0
        self.report("starting", "")
        _check_topics(partition_counts(kafka, self._all_topics()), self._topics)
        self._transactions = Transactions(kafka, f"{name}-{kafka.instance}")
        self._member = Member(
            kafka,
            name,
            list(self._topics),
            self._assigned,
            self._revoked,
            drop_pending=partial(self._transactions.drop_pending, self._written_topics()),
        )

    def close(self) -> None:
        self._member.close()

    def turn(self) -> None:
        """Take in what has arrived; if that completes a batch, commit it."""
        self._take_in()
        messages = self._merge.take(self._limits.records)
        if messages:
            self._transact(messages)
        self._hold_back()
        self._observe_lag()

    def _take_in(self) -> None:
        wait_s = 0.0 if len(self._merge) else self._limits.idle_s
        stored, ends = self._member.poll(self._limits.records, wait_s)
        for message in stored:
            # A rebalance inside this very poll may have taken the partition away, or brought it
            # back at another offset: only the record expected next and those after it count.
            expected = self._fetched.get(message.source)
            if expected is None or message.offset < expected:
                continue
            self._fetched[message.source] = message.offset + 1
            decoded = received(self._topics[message.topic], message)
            if isinstance(decoded, Received):
                decoded = misplaced(self._topics[message.topic], decoded) or decoded
            self._merge.add(decoded)
        for source, offset in ends.items():  # past what a transaction leaves at its end
            if source in self._fetched:
                self._fetched[source] = max(self._fetched[source], offset)
        for source, offset in self._fetched.items():
            end = self._member.end(source)
            self._merge.expect(source, more=end < 0 or end > offset + END_MARKER)

    def _transact(self, messages: Sequence[Message]) -> None:
        self._observe_ages(messages)
        batch, offsets = Batch(), offsets_after(messages)
        for number, refolded in self._anew.items():
            keep_states(batch, self._context, number, refolded)
        outgoing: Iterable[Outgoing] = process_batch(batch, self._context, messages)
        if not all(self._ends.values()):
            outgoing = list(outgoing)  # the first states count too; later a transaction's may not
        # The offsets are sent before all entries are known: the notes may lag by a transaction.
        notes = {number: ends_note(self._least_ends(batch), number) for _, number in offsets}
        try:
            self._transactions.commit(outgoing, offsets, self._member.group_metadata(), notes)
        except Aborted as aborted:
            self._rewind(str(aborted))
            return
        self._aborts = 0
        self._anew.clear()
        self._committed.update(offsets)
        for partition, states in batch.states.items():
            self._states[partition].update(states)
        self._ends = self._least_ends(batch)
        self._account(messages, batch)

    def _least_ends(self, batch: Batch) -> dict[Partition, int]:
        """Return where the changelogs end at least once a batch's states are written."""
        ends = dict(self._ends)
        for partition, states in batch.states.items():
            for name, _ in states:
                ends[self._changelogs[name], partition] += 1
        return ends

    def _rewind(self, cause: str) -> None:
        self._metrics.transactions.labels(self._name, "aborted").inc()
        log.warning(
            "transaction.aborted",
            consumer=self._name,
            cause=cause,
            in_a_row=self._aborts + 1,
            remedy="none: nothing of it counts, and its records are read again",
        )
        self._aborts += 1
        if self._aborts >= ABORTS_IN_A_ROW:
            raise Fatal(f"{self._aborts} transactions aborted in a row, the last: {cause}")
        for source, offset in self._committed.items():
            self._merge.close(source)
            self._merge.open(source)
            self._fetched[source] = offset
        self._member.rewind(self._committed)

    def _assigned(self, offsets: Mapping[Partition, int]) -> None:
        began = time.monotonic()
        log.info("partitions.assigned", consumer=self._name, partitions=_named(offsets))
        numbers = {number for _, number in offsets} - self._states.keys()
        if numbers:
            self.report("restoring", f"partitions {sorted(numbers)}")
            ends = changelog_ends(self._kafka, self._chain, numbers)
            notes = self._member.notes
            require_states(self._name, ends, offsets, notes)
            states, anew = restore(self._name, self._kafka, self._chain, ends, offsets, notes=notes)
            self._states.update(states)
            self._anew.update(anew)
            self._ends.update(ends)
            log.info(
                "state.restored",
                consumer=self._name,
                partitions=sorted(numbers),
                keys=sum(len(self._states[number]) for number in numbers),
                seconds=round(time.monotonic() - began, 2),
            )
        for source, offset in offsets.items():
            self._committed[source] = self._fetched[source] = offset
            self._merge.open(source)
        if numbers or not self._ready:
            self._ready = True
            self._metrics.restore.labels(self._name).set(time.monotonic() - began)
            self.report("running", f"partitions {sorted(self._states)}")

    def _revoked(self, sources: Collection[Partition]) -> None:
        for source in sources:
            self._merge.close(source)
            self._committed.pop(source, None)
            self._fetched.pop(source, None)
            self._paused.discard(source)
        for number in {number for _, number in sources}:
            self._states.pop(number, None)
            self._anew.pop(number, None)
        log.info("partitions.revoked", consumer=self._name, partitions=_named(sources))

    def _hold_back(self) -> None:
        """Pause partitions that wait for another topic, and resume them once they are folded."""
        if len(self._topics) == 1:
            return
        hold = to_hold_back(self._paused, self._merge, self._limits.records)
        if hold != self._paused:
            self._member.resume(self._paused - hold)
            self._member.pause(hold - self._paused)
            self._paused = hold

    def _account(self, messages: Sequence[Message], batch: Batch) -> None:
        oldest_ms = min(message.stored.append_time_ms for message in messages)
        self._metrics.latency.labels(self._name).observe(max(time.time() - oldest_ms / 1000, 0.0))
        for topic, count in Counter(message.stored.topic for message in messages).items():
            self._metrics.records_in.labels(self._name, topic).inc(count)
        for topic, count in Counter(message.topic for message in batch.messages).items():
            self._metrics.records_out.labels(self._name, topic).inc(count)
        for letter in batch.letters:
            self._metrics.rejected.labels(self._name, letter.topic, letter.kind).inc()
            log_dead_letter(letter)
            if letter.kind == "bug" and not self._degraded:
                self._degraded = True  # until a restart: someone should look
                self.report("degraded", f"{letter.topic}: {letter.cause}")
        self._metrics.transactions.labels(self._name, "committed").inc()

    def _observe_ages(self, messages: Sequence[Message]) -> None:
        """Note how old the oldest record of each topic is as it is used."""
        oldest_ms: dict[str, int] = {}
        for message in messages:
            topic, appended_ms = message.stored.topic, message.stored.append_time_ms
            oldest_ms[topic] = min(appended_ms, oldest_ms.get(topic, appended_ms))
        now_s = time.time()
        for topic, appended_ms in oldest_ms.items():
            age_s = max(now_s - appended_ms / 1000, 0.0)
            self._metrics.age.labels(self._name, topic).observe(age_s)

    def _observe_lag(self) -> None:
        if time.monotonic() < self._lag_due:
            return
        self._lag_due = time.monotonic() + LAG_EVERY_S
        waiting = self._merge.waiting()
        for source, position in self._committed.items():
            end = self._member.end(source)
            # The client learns an end together with the records before it. Once they are folded,
            # only a transaction's marker can lie before the end.
            folded = source not in waiting and end <= self._fetched[source] + END_MARKER
            behind = 0 if folded else end - max(position, 0)
            self._metrics.lag.labels(self._name, source[0], source[1]).set(max(behind, 0))

    def _all_topics(self) -> list[str]:
        read = {topic.name for processor in self._chain for topic in processor.reads}
        return sorted({*read, *self._written_topics()})

    def _written_topics(self) -> list[str]:
        written = {topic.name for processor in self._chain for topic in processor.writes}
        changelogs = {processor.changelog for processor in self._chain}
        letters = {topic.dead_letters for processor in self._chain for topic in processor.reads}
        return sorted(written | changelogs | letters)


def _named(sources: Collection[Partition]) -> list[str]:
    return sorted(f"{topic}/{number}" for topic, number in sources)


def _check_chain(chain: Sequence[Processor]) -> None:
    if len(chain) > 1 and any(processor.step_batch for processor in chain):
        names = [processor.name for processor in chain]
        raise Fatal(f"chain {names}: a processor with step_batch runs alone")


def _check_topics(counts: Mapping[str, int], consumed: Collection[str]) -> None:
    """Refuse topics of unequal partition counts: a state lies in the partition of its inputs."""
    if len({counts[name] for name in consumed}) > 1:
        consumed_counts = {name: counts[name] for name in consumed}
        raise Fatal(f"topics of one chain need equal partition counts, found {consumed_counts}")
