"""The back-test process: one request at a time, its progress published, its result published once.

    backtest.requests.v1, jobs.commands.v1, market.bars.v1
        -->  [backtest]  -->  jobs.progress.v1, jobs.results.v1

A request under way when the process ends is run again by the next one under the same id: its
result and its offset are written in one transaction.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

import structlog

from schemas.jobs import BacktestRequest, JobCommand, JobResult
from schemas.market import Bar
from schemas.record import Record, Topic
from schemas.research import OptimizeSpec
from schemas.topics import BACKTEST_REQUESTS, BARS, JOB_COMMANDS
from streams.runtime.codec import Received
from streams.runtime.jobs import JobFuture, in_thread, run_jobs
from streams.runtime.publisher import Publisher
from streams.runtime.reader import tail
from streams.runtime.settings import Aborted, Fatal, KafkaSettings
from streams.runtime.status import StatusPublisher
from streams.runtime.wall_clock import wall_ms
from workers.backtest.compute import Compute, ComputeResult
from workers.bars.bar_store import BarStore
from workers.jobs.progress import JobProgressPublisher
from workers.jobs.results import within_bounds
from workers.process import event_on_signals, fatal
from workers.settings import Settings
from workers.watched_threads import WatchedThreads

log = structlog.get_logger()

CAUGHT_UP_WITHIN_S = 300.0  # tens of millions of bars are read in less


def run(settings: Settings, kafka: KafkaSettings) -> int:
    """Run until SIGTERM; return the exit code."""
    stop = event_on_signals()
    status = StatusPublisher(kafka, "backtest")
    bench = BacktestJobs(settings, kafka, stop)
    try:
        bench.start()
        status.report("running")
        idle_s = settings.job_idle_s
        run_jobs("backtest", BACKTEST_REQUESTS, bench.job, kafka, stop=stop, idle_s=idle_s)
        bench.raise_fatal()
    except (Aborted, Fatal) as error:
        return fatal(error)
    else:
        status.report("stopping")
        return 0
    finally:
        stop.set()
        bench.close()
        status.close()


class BacktestJobs:
    """The jobs of one process: follows bars and commands, computes in a child, reports."""

    def __init__(self, settings: Settings, kafka: KafkaSettings, stop: threading.Event) -> None:
        self._kafka, self._stop = kafka, stop
        self._results = settings.results
        self.bars = BarStore(len(settings.universe))
        self.compute = Compute(settings.strategy_packages)
        self._cancelled: dict[str, int] = {}  # job to the time of its newest cancellation
        self._running = ""
        self._threads = WatchedThreads(stop)
        self._telling = Publisher(kafka, f"backtest-{kafka.instance}-progress")
        self._followers = [
            TopicFollower(JOB_COMMANDS, self._command),
            TopicFollower(BARS, self._bar),
        ]

    def start(self) -> None:
        """Begin to follow the topics."""
        for follower in self._followers:
            self._threads.start(follower.topic.name, partial(self._follow, follower))

    def close(self) -> None:
        """End the child and the threads; ``stop`` is set."""
        self.compute.close()
        self._threads.join()

    def raise_fatal(self) -> None:
        """Raise what ended a thread."""
        self._threads.raise_fatal()

    def _follow(self, follower: TopicFollower) -> None:
        read = follower.read.set
        for message in tail(self._kafka, (follower.topic,), stop=self._stop, caught_up=read):
            follower.take(message.record)

    def _bar(self, record: Record) -> None:
        assert isinstance(record, Bar)  # noqa: S101 - the only record there
        self.bars.put(record)

    def _command(self, record: Record) -> None:
        assert isinstance(record, JobCommand)  # noqa: S101 - the only record there
        if record.command == "cancel":
            newest_ms = self._cancelled.get(record.job_id, 0)
            self._cancelled[record.job_id] = max(newest_ms, record.event_time_ms)
            if record.job_id == self._running:
                self.compute.stop_job()

    def is_cancelled(self, request: BacktestRequest) -> bool:
        """Whether the request, not a later one of the same id, is to be stopped."""
        return self._cancelled.get(request.request_id, -1) >= request.event_time_ms

    def job(self, received: Received) -> JobFuture:
        """Start one request; its future holds the one result."""
        request = received.record
        assert isinstance(request, BacktestRequest)  # noqa: S101 - the only record there
        future = in_thread(lambda _: (self._result(request, received.trace_id),))
        future.add_done_callback(lambda f: self.compute.stop_job() if f.cancelled() else None)
        return future

    def _result(self, request: BacktestRequest, trace_id: str) -> JobResult:
        started_s = time.monotonic()
        telling = JobProgressPublisher(request.request_id, self._telling)
        spec = request.spec
        total = spec.trials if isinstance(spec, OptimizeSpec) else None
        telling.tell("init", 0, total, None)
        self._running = request.request_id
        try:
            outcome = self._outcome(request, telling)
        finally:
            self._running = ""
        parts = outcome.result or {}
        stopped = self.is_cancelled(request) and parts.get("partial", True)
        if stopped:
            telling.tell("partial", telling.trial, telling.total, telling.best, "cancelled")
        result = JobResult(
            job_id=request.request_id,
            kind=spec.kind,
            event_time_ms=wall_ms(),
            status="cancelled" if stopped else "failed" if outcome.result is None else "done",
            error=outcome.error,
            fault=outcome.fault,
            trials=int(parts.get("trials") or telling.trial),
            seconds=round(time.monotonic() - started_s, 3),
            spec=spec.model_dump(mode="json"),
            result=outcome.result,
            git_commit=self._kafka.git_commit,
            trace_id=trace_id,
        )
        return within_bounds(result, self._results)

    def _outcome(self, request: BacktestRequest, telling: JobProgressPublisher) -> ComputeResult:
        for follower in self._followers:
            if not follower.read.wait(CAUGHT_UP_WITHIN_S):
                raise Fatal(f"{follower.topic.name} was not read in {CAUGHT_UP_WITHIN_S:.0f} s")
        if self.is_cancelled(request):
            return ComputeResult(None)
        try:
            bars = self.bars.of(request.spec)
        except ValueError as unknown:
            return ComputeResult(None, str(unknown), "request")
        stopped = partial(self.is_cancelled, request)
        return self.compute.run(request.spec, bars, telling.progress, stopped)


class TopicFollower:
    """A topic that is followed, and whether it has been read to its end."""

    def __init__(self, topic: Topic, take: Callable[[Record], None]) -> None:
        self.topic, self.take, self.read = topic, take, threading.Event()
