"""Ingest of recorded bars: the first part is published as history, the rest as if live.

All files share one timeframe and one cut, at 60 % of their common span. At the cut ingest waits
until models serve and inference has loaded them, so that every later bar gets a prediction.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection

import structlog

from schemas.bounds import MAX_VALUE
from schemas.clock import ClockTick
from schemas.market import HistoryReady
from schemas.models import ModelServing
from schemas.record import Record
from schemas.status import WorkerStatus, process_name
from schemas.timeframes import timeframe_name
from schemas.topics import MODELS_SERVING, TRAINING_PROGRESS, WORKER_STATUS
from schemas.training import TrainingProgress
from streams.runtime.heartbeat import heartbeat
from streams.runtime.reader import tail
from streams.runtime.settings import KafkaSettings
from streams.runtime.status import State
from workers.bars.recording import Recording, merged, read_recording
from workers.ingest.resume import announced_timeframes, newest_closes
from workers.ingest.status import IngestPublisher, ingest_status
from workers.process import event_on_signals
from workers.settings import Settings

TICK_S = 0.25
STATUS_S = 1.0
LONGEST_PAUSE_S = 0.5  # until the next check for a stop
UNMEASURED_SPEED = 1_000.0  # on clock ticks, until the speed has been measured

log = structlog.get_logger()


class Player:
    """Plays a recording.

    Args:
        recording: The bars.
        strategy: Named in the announcement of the history.
        put: Takes each record.
        wait: Waits some seconds; returns True when the player must stop.
        speed: Recorded seconds per second; None: as fast as possible.
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
        self._measured_speed = UNMEASURED_SPEED
        self._lacking = ""  # timeframes that came too late, for people

    def play(
        self,
        closes: dict[str, int],
        hold: Callable[[], bool],
        announced: Collection[int] = (),
    ) -> bool:
        """Play the bars that have not been played before; returns False when stopped.

        Args:
            closes: By symbol, the close of the last bar that was played before.
            hold: Waits at the cut for a model; returns False when stopped.
            announced: Timeframes in ms whose history has been announced before.
        """
        recording, cut_ms = self._recording, self._recording.cut_ms
        self._played = sum(
            int((file.open_time_ms + file.timeframe_ms <= closes.get(file.symbol, -1)).sum())
            for file in recording.files
        )
        live = any(close_ms > cut_ms for close_ms in closes.values())  # an earlier run passed it
        if live:
            self._say_lacking(announced)
        for bar in merged(recording, closes):
            if bar.event_time_ms > cut_ms and not live:
                live = True
                if not self._at_cut(hold, announced):
                    return False
            if self._speed is not None and live and self._sleep_until_due(bar.event_time_ms):
                return False
            if self._wait(0.0):
                return False
            self._put(bar)
            self._played += 1
            self._report(bar.event_time_ms, live=live)
        if not live and not self._at_cut(hold, announced):
            return False
        self._now_ms = max(self._now_ms, *(file.to_ms for file in recording.files))
        self.tick()
        done = f"done: all {recording.bars} recorded bars are played{self._lacking}"
        self._put(ingest_status("running", done, 1.0, self._ended()))
        return True

    def _say_lacking(self, announced: Collection[int]) -> None:
        """Say which timeframes get no model: an earlier run passed the cut without them."""
        lengths = (each for each in self._recording.higher_ms if each not in announced)
        names = ", ".join(map(timeframe_name, lengths))
        if names:
            self._lacking = f"; no history of {names}: the cut was passed without"
            log.warning(
                "history.short",
                timeframe=names,
                cause="an earlier run of this replay passed the cut without",
                remedy="play the files into a new home, or leave these out of "
                "REGIMEFLOW_TIMEFRAMES",
            )

    def tick(self) -> None:
        """Publish recorded time."""
        speed = min(self._speed or self._measured_speed, MAX_VALUE)
        self._put(ClockTick(event_time_ms=self._now_ms, speed=speed))

    def _at_cut(self, hold: Callable[[], bool], announced: Collection[int]) -> bool:
        recording, cut_ms = self._recording, self._recording.cut_ms
        self._now_ms = max(self._now_ms, cut_ms)
        self.tick()
        for timeframe_ms in (recording.timeframe_ms, *recording.higher_ms):
            if timeframe_ms not in announced:
                self._announce(timeframe_ms)
        waiting = "history is complete; waiting for a model to serve"
        self._put(ingest_status("holding", waiting, self._share(), self._ended()))
        released = hold()
        self._anchor = (time.monotonic(), self._now_ms)
        return released

    def _announce(self, timeframe_ms: int) -> None:
        files, base_ms = self._recording.files, self._recording.timeframe_ms
        to_ms, closes = self._recording.history_of(timeframe_ms)
        symbols = tuple(file.symbol for file in files)
        self._put(
            HistoryReady(
                strategy=self._strategy,
                source="replay/" + ",".join(file.path.name for file in files),
                symbols=symbols,
                timeframe_ms=timeframe_ms,
                from_ms=min(file.from_ms for file in files),
                to_ms=to_ms,
                event_time_ms=self._recording.cut_ms,
                closes=closes,
                base_ms=None if timeframe_ms == base_ms else base_ms,
            )
        )
        log.info(
            "history.announced",
            symbols=symbols,
            timeframe=timeframe_name(timeframe_ms),
            to_ms=to_ms,
        )

    def _sleep_until_due(self, close_ms: int) -> bool:
        began_s, began_ms = self._anchor
        assert self._speed is not None  # noqa: S101 - the caller checked
        due_s = began_s + (close_ms - began_ms) / 1000.0 / self._speed
        while (left_s := due_s - time.monotonic()) > 0:
            if self._wait(min(left_s, LONGEST_PAUSE_S)):
                return True
        return False

    def _report(self, close_ms: int, *, live: bool) -> None:
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
            detail = f"replay, {part}: {self._played} bars{self._lacking}"
            state: State = "running" if live else "starting"
            self._put(ingest_status(state, detail, self._share(), self._ended()))

    def _ended(self) -> dict[str, int]:
        """Return the last close of each symbol whose recording ended while others go on."""
        ends = {file.symbol: file.to_ms for file in self._recording.files}
        return {symbol: end_ms for symbol, end_ms in ends.items() if end_ms < self._now_ms}

    def _share(self) -> float:
        return min(1.0, self._played / self._recording.bars)


def run_replay(settings: Settings, kafka: KafkaSettings) -> None:
    """Play the settings' files; after the last bar, wait for SIGTERM."""
    stop = event_on_signals()
    recording = read_recording(settings.replay_files, settings.lengths_ms)
    publisher = IngestPublisher(kafka)
    symbols = [file.symbol for file in recording.files]
    closes = newest_closes(kafka, symbols, recording.timeframe_ms)
    log.info(
        "replay.started",
        files=[file.path.name for file in recording.files],
        bars=recording.bars,
        cut_ms=recording.cut_ms,
        resumed=sorted(closes),
    )
    announced = announced_timeframes(kafka, settings.strategy)

    def hold() -> bool:
        publisher.flush()
        timeframes = (recording.timeframe_ms, *recording.higher_ms)
        return wait_for_models(kafka, settings.strategy, timeframes, stop)

    def wait(seconds: float) -> bool:
        heartbeat.beat()
        return stop.wait(seconds)

    player = Player(recording, settings.strategy, publisher.publish, wait, settings.replay_speed)
    if player.play(closes, hold, announced):
        publisher.flush()
        log.info("replay.done", bars=recording.bars)
        while not wait(1.0):
            player.tick()  # recorded time stands still; the ticks show that ingest is alive
    publisher.publish(ingest_status("stopping"))
    publisher.close()


class ModelsAwaited:
    """Which timeframes still wait for a model that is trained and loaded.

    A higher timeframe whose training has failed is waited for no longer; the base one always is.
    """

    def __init__(self, strategy: str, timeframes_ms: Collection[int]) -> None:
        self._strategy, self._timeframes_ms = strategy, timeframes_ms
        self._base_ms = min(timeframes_ms)
        self._serving: dict[int, str] = {}
        self._failed: set[int] = set()
        self._loaded: frozenset[str] = frozenset()

    def take(self, record: Record) -> bool:
        """Take a record of the topics; return whether nothing is waited for."""
        if isinstance(record, ModelServing) and record.strategy == self._strategy:
            self._serving[record.model.timeframe_ms] = record.model.model_version
        elif isinstance(record, TrainingProgress) and record.strategy == self._strategy:
            self._failed.discard(record.timeframe_ms or self._base_ms)
            if record.stage == "failed":
                self._failed.add(record.timeframe_ms or self._base_ms)
        elif isinstance(record, WorkerStatus) and process_name(record.process) == "inference":
            self._loaded = frozenset(m.version for m in record.models) or self._loaded
        return all(map(self._settled, self._timeframes_ms))

    def _settled(self, timeframe_ms: int) -> bool:
        failed = timeframe_ms in self._failed and timeframe_ms != self._base_ms
        return failed or self._serving.get(timeframe_ms) in self._loaded


def wait_for_models(
    kafka: KafkaSettings, strategy: str, timeframes_ms: Collection[int], stop: threading.Event
) -> bool:
    """Wait for the models of some timeframes; return False when stopped first.

    So the bars behind the cut get the same predictions, however fast they come.
    """
    awaited = ModelsAwaited(strategy, timeframes_ms)
    topics = (MODELS_SERVING, TRAINING_PROGRESS, WORKER_STATUS)
    return any(awaited.take(message.record) for message in tail(kafka, topics, stop=stop))
