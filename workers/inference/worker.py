"""The inference process: loads models as they change and predicts every bar close.

Challengers are loaded beside them.
"""

from __future__ import annotations

from functools import partial

import structlog

from schemas.models import ModelChanged, ModelRegistered
from schemas.status import LoadedModel
from schemas.timeframes import timeframe_name
from streams.runtime.settings import KafkaSettings
from streams.runtime.wall_clock import wall_ms
from workers.inference.challengers import Challengers, follow_challenges
from workers.model_watch import ModelWatch, run_with_models
from workers.models import forest, lstm
from workers.serving.processor import inference_processor
from workers.serving.shadows import Shadows
from workers.serving.slots import (
    LoadedEnsemble,
    Slots,
    device_concern,
    feature_concern,
    load_ensemble,
)
from workers.settings import Settings

log = structlog.get_logger()


def run(_settings: Settings, kafka: KafkaSettings) -> int:
    """Run until SIGTERM; return the exit code."""
    forest.warm_up()
    lstm.warm_up()
    slots = Slots(on_switch=_log_switch)

    def concern(model: ModelRegistered) -> str:
        loaded = slots.in_memory(model)
        return feature_concern(model) or (device_concern(loaded) if loaded else "")

    watch = ModelWatch(kafka, "inference", partial(apply_change, slots), concern, slots.way)
    wait_for_model = watch.readiness.wait_for
    shadows = Shadows()
    load = partial(load_challenger, slots)
    challengers = Challengers(shadows, load, watch.status.falls_short)
    processor = inference_processor(slots, wall_ms, wait_for_model, shadows)
    beside = partial(follow_challenges, challengers, kafka, watch.stop)
    return run_with_models(processor, watch, kafka, beside)


def load_challenger(slots: Slots, model: ModelRegistered) -> LoadedEnsemble:
    """Return a challenger, loaded unless it is in memory; raises ``ArtifactError``."""
    return slots.in_memory(model) or load_ensemble(model, slots.way.give_way)


def apply_change(slots: Slots, change: ModelChanged) -> LoadedModel:
    """Load a model, unless it is in memory, and let it serve from its bar on.

    Raises:
        ArtifactError: A file is missing or altered, or the kernels answer otherwise.
    """
    loaded = slots.in_memory(change.model) or load_ensemble(change.model, slots.way.give_way)
    slots.put(change, loaded)
    return loaded.status()


def _log_switch(model: LoadedEnsemble, event_time_ms: int) -> None:
    log.info(
        "model.switched",
        model_version=model.version,
        timeframe=timeframe_name(model.timeframe_ms),
        first_bar_ms=event_time_ms,
        qualified=model.registered.qualified,
    )
