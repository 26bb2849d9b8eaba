"""The queue of trainings: who goes first, what a failed one tells promotion, when that looks again.

Promotion and challenges have no clock. Once in an hour of market time they are asked to look at
what is due or late; they write nothing where nothing is. A challenge that is moot is cancelled.
"""

from __future__ import annotations

import threading
from typing import Any

import structlog

from schemas.challenges import ChallengeCommand
from schemas.clock import ClockTick
from schemas.ids import derived_id
from schemas.market import HistoryReady
from schemas.record import Record
from schemas.timeframes import HOUR_MS
from schemas.topics import (
    CHALLENGE_COMMANDS,
    CHALLENGE_EVENTS,
    CLOCK_TICKS,
    HISTORY,
    MODEL_COMMANDS,
    MODEL_STAGES,
    TRAINING_CANCELLED,
)
from schemas.training import TrainingRequest
from schemas.versions import ModelCommand
from streams.runtime.publisher import Publisher
from streams.runtime.reader import BeforeEnd, Reader
from streams.runtime.settings import Aborted, Fatal, KafkaSettings
from streams.runtime.wall_clock import wall_ms
from workers.training.cancelled import CancelledTrainings
from workers.training.moot import MootChallenges

REVIEW_EVERY_MS = HOUR_MS  # market time
AGED_MS = 6 * HOUR_MS  # market time: then nothing goes before a request any more
BY = "training"
LAST_TICKS = 20  # offsets: the newest tick, and the markers of transactions behind it

log = structlog.get_logger()


def base_first(later: TrainingRequest, earlier: TrainingRequest) -> bool:
    """Return whether a request goes before one that came earlier: the base bar before others.

    One that has aged keeps its place.
    """
    aged = later.event_time_ms - earlier.event_time_ms >= AGED_MS
    return later.base_ms is None and earlier.base_ms is not None and not aged


def ended(kafka: KafkaSettings, request: TrainingRequest, cause: str) -> ModelCommand:
    """Return what tells promotion that a training has ended without a model."""
    market_ms = read_market_time(kafka)
    return ModelCommand(
        command_id=derived_id(MODEL_COMMANDS.name, request.request_id, "fail"),
        event_time_ms=wall_ms(),
        by=BY,
        reason=cause[:1_000],
        strategy=request.strategy,
        timeframe_ms=request.timeframe_ms,
        action="fail",
        market_ms=request.event_time_ms if market_ms is None else market_ms,
        training_id=request.request_id,
    )


class Reviews:
    """Which strategies and timeframes there are, and the market hour of the last reviews."""

    def __init__(self) -> None:
        self._lines: set[tuple[str, int]] = set()
        self._hour = -1

    def take(self, record: Record) -> list[ModelCommand | ChallengeCommand]:
        """Take a history or a tick; return the reviews that are due."""
        if isinstance(record, HistoryReady):
            self._lines.add((record.strategy, record.timeframe_ms))
        if not isinstance(record, ClockTick) or not self._lines:
            return []
        hour = record.event_time_ms // REVIEW_EVERY_MS
        if hour <= self._hour:
            return []
        self._hour = hour
        market_ms = record.event_time_ms
        return [each for line in sorted(self._lines) for each in self._reviews(*line, market_ms)]

    def _reviews(
        self, strategy: str, timeframe_ms: int, market_ms: int
    ) -> tuple[ModelCommand, ChallengeCommand]:
        about = (strategy, timeframe_ms, self._hour, "review")
        told: dict[str, Any] = {
            "event_time_ms": wall_ms(),
            "by": BY,
            "strategy": strategy,
            "timeframe_ms": timeframe_ms,
            "action": "review",
            "market_ms": market_ms,
        }
        return (
            ModelCommand(command_id=derived_id(MODEL_COMMANDS.name, *about), **told),
            ChallengeCommand(command_id=derived_id(CHALLENGE_COMMANDS.name, *about), **told),
        )


def follow(kafka: KafkaSettings, cancelled: CancelledTrainings, stop: threading.Event) -> None:
    """Note cancellations, ask for reviews, and end moot challenges until ``stop`` is set."""
    reviews, moot = Reviews(), MootChallenges()
    try:
        publisher = Publisher(kafka, f"training-{kafka.instance}-review")
        with Reader(kafka, (CLOCK_TICKS,), BeforeEnd(LAST_TICKS)) as ticks:
            newest = ticks.positions
        topics = (TRAINING_CANCELLED, HISTORY, CLOCK_TICKS, MODEL_STAGES, CHALLENGE_EVENTS)
        with Reader(kafka, topics, newest, follow=True) as reader:
            while not stop.is_set():
                records = [message.record for message in reader.take_readable()]
                cancelled.take(records)
                commands: list[ModelCommand | ChallengeCommand] = []
                for record in records:
                    moot.take(record)
                    commands += reviews.take(record)
                if reader.caught_up:  # before, a version may not be told where it stands now
                    commands += moot.to_cancel(wall_ms(), BY)
                for command in commands:
                    publisher.publish(command)
    except (Aborted, Fatal) as error:
        if not stop.is_set():
            log.error(
                "read.failed",
                topic=TRAINING_CANCELLED.name,
                cause=str(error),
                remedy="trainings go on, but none is cancelled, given up or begun by schedule "
                "until the process is restarted",
            )


def read_market_time(kafka: KafkaSettings) -> int | None:
    """Return the newest tick of the market's clock; None before the first."""
    with Reader(kafka, (CLOCK_TICKS,), BeforeEnd(LAST_TICKS)) as reader:
        records = [message.record for message in reader.read_to_end()]
    return max((r.event_time_ms for r in records if isinstance(r, ClockTick)), default=None)
