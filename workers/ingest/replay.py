"""Recorded bars through the same pipeline: the first part as history, the rest as if live.

One timeframe and one cut for all files, at 60 % of the span that all of them cover. At the cut
ingest holds until a model serves and inference has loaded it, so that every later bar meets one.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

import structlog

from schemas.clock import ClockTick
from schemas.market import HistoryReady
from schemas.models import ModelServing
from schemas.record import Record
from schemas.status import WorkerStatus
from schemas.topics import MODELS_SERVING, WORKER_STATUS
from streams.runtime.publisher import Publisher
from streams.runtime.reader import tail
from streams.runtime.settings import KafkaSettings
from streams.runtime.wall_clock import wall_ms
from workers.bars.recording import Recording, merged, recording_of
from workers.ingest.outbox import history_is_ready, newest_closes
from workers.settings import Settings

TICK_S = 0.25
STATUS_S = 1.0
LONGEST_PAUSE_S = 0.5  # between looks at whether to stop
UNPACED_SPEED = 1_000.0  # told on clock ticks while nothing can be measured yet

log = structlog.get_logger()


class Player:
    """Plays a recording into ``put``; ``wait`` sleeps, or returns True when it should stop.

    Args:
        recording: What is played.
        strategy: Whose history is announced at the cut.
        put: Takes each record.
        wait: Of some seconds; True ends the play.
        speed: Recorded seconds in a second; None plays as fast as it goes.
    """

    def __init__(
        self,
        recording: Recording,
        strategy: str,
        put: Callable[[Record], None],
        wait: Callable[[float], bool],
        speed: float | None = None,
    ) -> None:
        self._recording, self._strategy = recording, strategy
        self._put, self._wait, self._speed = put, wait, speed
        self._played = 0
        self._now_ms = 0
        self._tick_due_s = self._status_due_s = 0.0
        self._anchor = (time.monotonic(), 0)
        self._measured_speed = UNPACED_SPEED

    def play(self, closes: dict[str, int], hold: Callable[[], bool], *, announced: bool) -> bool:
        """Play what has not been played; returns False when it was stopped.

        Args:
            closes: By symbol, the close up to which it has been played before.
            hold: Waits at the cut for a model; False when it was stopped.
            announced: Whether the history has been announced before.
        """
        recording, cut_ms = self._recording, self._recording.cut_ms
        self._played = sum(
            int((file.open_time_ms + file.timeframe_ms <= closes.get(file.symbol, -1)).sum())
            for file in recording.files
        )
        held = any(close_ms > cut_ms for close_ms in closes.values())  # a run before was released
        for bar in merged(recording, closes):
            if bar.event_time_ms > cut_ms and not held:
                held = True
                if not self._at_cut(hold, announced=announced):
                    return False
            if self._speed is not None and held and self._pace(bar.event_time_ms):
                return False
            if self._wait(0.0):
                return False
            self._put(bar)
            self._played += 1
            self._mark(bar.event_time_ms, live=held)
        if not held and not self._at_cut(hold, announced=announced):
            return False
        self._now_ms = max(self._now_ms, *(file.to_ms for file in recording.files))
        self.tick()
        self.say("running", f"done: all {recording.bars} recorded bars are played", 1.0)
        return True

    def tick(self) -> None:
        """Publish recorded time."""
        speed = self._speed or self._measured_speed
        self._put(ClockTick(event_time_ms=self._now_ms, speed=speed))

    def say(self, state: str, detail: str, done: float | None = None) -> None:
        """Publish a status; wall clock."""
        fields = {"process": "ingest", "state": state, "detail": detail, "done": done}
        now_ms = wall_ms()
        self._put(WorkerStatus.model_validate({**fields, "event_time_ms": now_ms}))

    def _at_cut(self, hold: Callable[[], bool], *, announced: bool) -> bool:
        files, cut_ms = self._recording.files, self._recording.cut_ms
        self._now_ms = max(self._now_ms, cut_ms)
        self.tick()
        if not announced:
            self._put(
                HistoryReady(
                    strategy=self._strategy,
                    source="replay/" + ",".join(file.path.name for file in files),
                    symbols=tuple(file.symbol for file in files),
                    timeframe_ms=self._recording.timeframe_ms,
                    from_ms=min(file.from_ms for file in files),
                    to_ms=cut_ms,
                    event_time_ms=cut_ms,
                )
            )
        self.say("holding", "history is complete; waiting for a model to serve", self._share())
        released = hold()
        self._anchor = (time.monotonic(), self._now_ms)
        return released

    def _pace(self, close_ms: int) -> bool:
        began_s, began_ms = self._anchor
        assert self._speed is not None  # noqa: S101 - the caller asked
        due_s = began_s + (close_ms - began_ms) / 1000.0 / self._speed
        while (left_s := due_s - time.monotonic()) > 0:
            if self._wait(min(left_s, LONGEST_PAUSE_S)):
                return True
        return False

    def _mark(self, close_ms: int, *, live: bool) -> None:
        self._now_ms, now_s = close_ms, time.monotonic()
        if now_s >= self._tick_due_s:
            began_s, began_ms = self._anchor
            if live and now_s > began_s and close_ms > began_ms:
                self._measured_speed = (close_ms - began_ms) / 1000.0 / (now_s - began_s)
            self._tick_due_s = now_s + TICK_S
            self.tick()
        if now_s >= self._status_due_s:
            self._status_due_s = now_s + STATUS_S
            part = "live" if live else "history"
            state = "running" if live else "starting"
            self.say(state, f"replay, {part}: {self._played} bars", self._share())

    def _share(self) -> float:
        return min(1.0, self._played / self._recording.bars)


def run_replay(settings: Settings, kafka: KafkaSettings) -> None:
    """Play the settings' files until SIGTERM; stays up after the last bar."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    recording = recording_of(settings.replay_files)
    publisher = Publisher(kafka, f"ingest-{kafka.instance}")
    symbols = [file.symbol for file in recording.files]
    closes = newest_closes(kafka, symbols, recording.timeframe_ms)
    announced = history_is_ready(kafka, settings.strategy)

    def hold() -> bool:
        publisher.flush()
        return model_serves(kafka, settings.strategy, stop)

    player = Player(
        recording, settings.strategy, publisher.publish, stop.wait, settings.replay_speed
    )
    if player.play(closes, hold, announced=announced):
        publisher.flush()
        log.info("replay.done", bars=recording.bars)
        while not stop.wait(1.0):
            player.tick()  # recorded time stands still; it is told so that nothing looks gone
    player.say("stopping", "")
    publisher.flush()


def model_serves(kafka: KafkaSettings, strategy: str, stop: threading.Event) -> bool:
    """Wait until a model serves and inference has loaded it; False when stopped first."""
    serving: str | None = None
    loaded: frozenset[str] = frozenset()
    for message in tail(kafka, (MODELS_SERVING, WORKER_STATUS), stop=stop):
        record = message.record
        if isinstance(record, ModelServing) and record.strategy == strategy:
            serving = record.model.model_version
        elif isinstance(record, WorkerStatus) and record.process == "inference":
            loaded = frozenset(model.version for model in record.models) or loaded
        if serving is not None and serving in loaded:
            return True
    return False
