"""Answers of ``/predict`` on their way to ``predictions.answers.v1``; no request waits for them.

    [gateway] --> bounded queue --> background task --> predictions.answers.v1

While the broker is away the queue keeps what it holds. What it cannot take is lost, is counted, and
is a reason on ``/health``.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Literal

import structlog

from gateway.errors import Unavailable
from gateway.kafka.bus import Bus
from schemas.answers import PredictionAnswer
from schemas.timeframes import MINUTE_MS

MAX_WAITING = 4_096  # some 8 MB
SENT_TOGETHER = 50  # more would hold up requests for milliseconds
GATHER_S = 0.01  # one by one, an answer costs the processor ten times as much
RETRY_S = 0.5
DRAIN_WITHIN_S = 2.0
QUIET_MS = MINUTE_MS  # without a loss: then the next one is logged again

log = structlog.get_logger()

Count = Callable[[Literal["recorded", "lost"], int], object]


class AnswerLog:
    """The answers of this replica that are not on their topic.

    Attributes:
        lost: How many never will be, since the start.
        lost_ms: Wall clock of the last loss; 0 before the first.
    """

    def __init__(self, bus: Bus, wall_ms: Callable[[], int], count: Count) -> None:
        self.lost = self.lost_ms = 0
        self._bus = bus
        self._wall_ms = wall_ms
        self._count = count
        self._queue: asyncio.Queue[PredictionAnswer] = asyncio.Queue(MAX_WAITING)
        self._in_flight = 0

    @property
    def waiting(self) -> int:
        """How many answers may still come to their topic."""
        return self._queue.qsize() + self._in_flight

    def put(self, answer: PredictionAnswer) -> None:
        """Take an answer and return at once; a full queue loses it."""
        try:
            self._queue.put_nowait(answer)
        except asyncio.QueueFull:
            self._lose(1, f"{self._queue.maxsize} answers already wait for the message broker")

    async def publish(self) -> None:
        """Publish what is put, in its order, until cancelled."""
        while True:
            answers = [await self._queue.get()]
            self._in_flight = 1
            if self._queue.qsize() < SENT_TOGETHER:
                await asyncio.sleep(GATHER_S)
            while len(answers) < SENT_TOGETHER and not self._queue.empty():
                answers.append(self._queue.get_nowait())
            self._in_flight = len(answers)
            causes = await self._causes_of_loss(answers)
            self._in_flight = 0
            self._count("recorded", len(answers) - len(causes))
            if causes:
                self._lose(len(causes), causes[0])
            for _ in answers:
                self._queue.task_done()

    async def drain(self) -> None:
        """Wait until all is published, ``DRAIN_WITHIN_S`` at most; what is left is lost."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_WITHIN_S):
                await self._queue.join()
        if self.waiting:
            self._lose(self.waiting, f"the gateway ended and {self.waiting} were not published")

    async def _causes_of_loss(self, answers: Sequence[PredictionAnswer]) -> list[str]:
        """Publish answers once the broker is there; return the cause of each that it refused."""
        traced = [(answer, answer.correlation_id) for answer in answers]
        while True:
            try:
                return await self._bus.publish_all(traced)
            except Unavailable:  # nothing was sent
                await asyncio.sleep(RETRY_S)
            except Exception as error:  # noqa: BLE001 - without this task every later answer would be lost
                return [repr(error)] * len(answers)

    def _lose(self, count: int, cause: str) -> None:
        now_ms = self._wall_ms()
        quiet = now_ms - self.lost_ms > QUIET_MS
        self.lost, self.lost_ms = self.lost + count, now_ms
        self._count("lost", count)
        if quiet:
            log.warning(
                "answers.lost",
                lost=self.lost,
                cause=cause,
                remedy="none: requests are answered all the same; regimeflow_answers_total counts "
                "what is not on predictions.answers.v1",
            )
