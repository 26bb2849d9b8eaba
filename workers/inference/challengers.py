"""Follows ``challenges.events.v1``: loads each challenger while its challenge is active.

One that cannot be loaded is tried again. Until it can, no bar is compared, and the status says so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

import structlog

from schemas.challenges import Challenge, ChallengeEvent
from schemas.models import ModelRegistered
from schemas.record import Record
from schemas.timeframes import timeframe_name
from schemas.topics import CHALLENGE_EVENTS
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from workers.models.artifact import ArtifactError
from workers.serving.shadows import Shadows
from workers.serving.slots import LoadedEnsemble

RETRY_EVERY_S = 5.0  # its files may have been restored

log = structlog.get_logger()

LoadChallenger = Callable[[ModelRegistered], LoadedEnsemble]  # raises ``ArtifactError``


class Challengers:
    """The challengers of active challenges, loaded or waiting for their files.

    ``falls_short`` takes what is not compared for now; an empty text: all is.
    """

    def __init__(
        self,
        shadows: Shadows,
        load: LoadChallenger,
        falls_short: Callable[[str], None] = lambda _of: None,
    ) -> None:
        self._shadows = shadows
        self._load, self._falls_short = load, falls_short
        self._waiting: dict[str, tuple[Challenge, ModelRegistered]] = {}  # by challenge
        self._refused: dict[str, str] = {}  # by challenge, why
        self._retry_at_s = 0.0

    def take(self, records: Iterable[Record]) -> None:
        """Take notice of what has happened to challenges, in order."""
        for record in records:
            if not isinstance(record, ChallengeEvent):
                continue
            challenge = record.challenge
            if challenge.status != "active":
                self._waiting.pop(challenge.challenge_id, None)
                self._shadows.end(challenge)
                self._accept(challenge.challenge_id)
            elif record.model is not None and challenge.basis == "log_loss":
                self._waiting[challenge.challenge_id] = (challenge, record.model)

    def load(self) -> None:
        """Load the challengers that wait; those that were refused now and then."""
        again = time.monotonic() >= self._retry_at_s
        for name, (challenge, model) in tuple(self._waiting.items()):
            if name in self._refused and not again:
                continue
            try:
                loaded = self._load(model)
            except ArtifactError as refused:
                self._refuse(name, challenge, refused)
                continue
            self._shadows.put(challenge, loaded)
            del self._waiting[name]
            self._accept(name)
            log.info(
                "challenger.loaded",
                challenge_id=name,
                model_version=model.model_version,
                timeframe=timeframe_name(challenge.timeframe_ms),
                first_bar_ms=challenge.from_ms,
            )

    def _refuse(self, name: str, challenge: Challenge, refused: ArtifactError) -> None:
        self._retry_at_s = time.monotonic() + RETRY_EVERY_S
        if name not in self._refused:
            self._refused[name] = f"{name} compares no bar: {refused}"
            self._falls_short(self._refused[name])
            log.error(
                "challenger.refused",
                challenge_id=name,
                model_version=challenge.challenger,
                cause=str(refused),
                remedy="restore its folder; until then no bar is compared, or cancel the challenge",
            )

    def _accept(self, name: str) -> None:
        if self._refused.pop(name, None) is not None:
            self._falls_short(next(iter(self._refused.values()), ""))


def follow_challenges(
    challengers: Challengers, kafka: KafkaSettings, stop: threading.Event
) -> None:
    """Load challengers until ``stop`` is set; of past challenges only those that go on."""
    with Reader(kafka, (CHALLENGE_EVENTS,), follow=True) as reader:
        challengers.take(message.record for message in reader.read_to_end())
        while not stop.is_set():
            challengers.load()
            challengers.take(message.record for message in reader.take_readable())
