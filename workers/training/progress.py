"""Publishes the progress of a training run, a few times a second at most."""

from __future__ import annotations

import time

import structlog

from schemas.timeframes import timeframe_name
from schemas.training import TrainingProgress, TrainingRequest, TrainingStage
from streams.runtime.publisher import Publisher
from streams.runtime.settings import KafkaSettings
from streams.runtime.wall_clock import wall_ms

log = structlog.get_logger()

PUBLISH_EVERY_S = 0.25

# Rough shares of a run's time, so that one progress bar can show the whole run.
Stages = tuple[tuple[TrainingStage, float], ...]
STAGES: Stages = (
    ("dataset", 0.0),
    ("folds", 0.3),
    ("regimes", 0.78),
    ("boosted", 0.82),
    ("lstm", 0.84),  # fitted beside all of it: the rest of that
    ("calibration", 0.97),
    ("done", 1.0),
)
# Where the networks are fitted before the rest, not beside it.
STAGES_IN_TURN: Stages = (
    ("dataset", 0.0),
    ("lstm", 0.15),
    ("folds", 0.5),
    ("regimes", 0.86),
    ("boosted", 0.9),
    ("calibration", 0.92),
    ("done", 1.0),
)


def trains_side_by_side(request: TrainingRequest) -> bool:
    """Return whether the networks of a request are fitted beside the rest: of the first of all."""
    return request.reason == "bootstrap" and request.base_ms is None


class TrainingProgressPublisher:
    """Publishes the progress of one request."""

    def __init__(self, request: TrainingRequest, kafka: KafkaSettings) -> None:
        self._request = request
        self._stages = STAGES if trains_side_by_side(request) else STAGES_IN_TURN
        self._publisher = Publisher(kafka, f"training-{kafka.instance}-progress")
        self._last = ("", 0.0)
        self._began_s = time.monotonic()

    def publish(self, stage: TrainingStage, done: float, note: str) -> None:
        """Publish unless the stage was published just now; ``done`` is the share of the stage."""
        last_stage, at = self._last
        if last_stage != stage:
            self._log_stage(stage, note)
        if last_stage == stage and done < 1.0 and time.monotonic() - at < PUBLISH_EVERY_S:
            return
        self._last = (stage, time.monotonic())
        self._publisher.publish(
            TrainingProgress(
                request_id=self._request.request_id,
                strategy=self._request.strategy,
                event_time_ms=wall_ms(),
                stage=stage,
                done=overall_share(stage, done, self._stages),
                note=note,
                timeframe_ms=self._request.timeframe_ms,
            )
        )
        self._publisher.flush()

    def _log_stage(self, stage: TrainingStage, note: str) -> None:
        now_s = time.monotonic()
        log.info(
            "training.stage",
            request_id=self._request.request_id,
            timeframe=timeframe_name(self._request.timeframe_ms),
            stage=stage,
            note=note,
            since_start_s=round(now_s - self._began_s, 1),
        )


def overall_share(stage: TrainingStage, done: float, stages: Stages = STAGES) -> float:
    """Return the share of the whole run at a share of one stage; 0 for a failed run."""
    names = [name for name, _ in stages]
    if stage not in names:
        return 0.0
    place = names.index(stage)
    begins = stages[place][1]
    ends = stages[min(place + 1, len(stages) - 1)][1]
    return begins + (ends - begins) * min(max(done, 0.0), 1.0)
