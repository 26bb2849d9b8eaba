"""The request for a model up to the newest bar: by hand, or because the features have changed."""

from __future__ import annotations

from typing import Literal

import structlog

from schemas.features import FeatureVector
from schemas.ids import derived_id
from schemas.market import HistoryReady
from schemas.models import ModelChanged
from schemas.topics import FEATURE_VECTORS, HISTORY, MODELS_CHANGES, TRAINING_REQUESTS
from schemas.training import TrainingRequest
from streams.features.catalog import FEATURE_SET_ID
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings

log = structlog.get_logger()


def newest_request(
    kafka: KafkaSettings, strategy: str, reason: Literal["manual", "features"]
) -> TrainingRequest | None:
    """Return the request for a model up to the newest bar of every symbol.

    None when no history is ready yet. By hand, one bar asks once; of changed features, one set.
    """
    with Reader(kafka, (HISTORY,)) as reader:
        records = [message.record for message in reader.read_to_end()]
    ready = [r for r in records if isinstance(r, HistoryReady) and r.strategy == strategy]
    if not ready:
        return None
    history, newest = ready[-1], dict[str, int]()
    with Reader(kafka, (FEATURE_VECTORS,)) as reader:
        for message in reader.read_to_end():
            if isinstance(message.record, FeatureVector):
                newest[message.record.symbol] = message.record.event_time_ms
    to_ms = min(newest.get(symbol, history.to_ms) for symbol in history.symbols)
    asked_once_by = to_ms if reason == "manual" else FEATURE_SET_ID
    return TrainingRequest(
        request_id=derived_id(TRAINING_REQUESTS.name, strategy, asked_once_by, reason),
        strategy=strategy,
        event_time_ms=to_ms,
        symbols=history.symbols,
        timeframe_ms=history.timeframe_ms,
        from_ms=history.from_ms,
        to_ms=to_ms,
        reason=reason,
    )


def ask_after_feature_change(kafka: KafkaSettings, strategy: str) -> None:
    """Ask for a model, once, where the one that serves was trained on another feature set."""
    with Reader(kafka, (MODELS_CHANGES, TRAINING_REQUESTS)) as reader:
        records = [message.record for message in reader.read_to_end()]
    changes = [r for r in records if isinstance(r, ModelChanged) and r.strategy == strategy]
    if not changes or changes[-1].model.feature_set_id == FEATURE_SET_ID:
        return
    request = newest_request(kafka, strategy, "features")
    asked = {r.request_id for r in records if isinstance(r, TrainingRequest)}
    if request is None or request.request_id in asked:
        return
    publisher = Publisher(kafka, f"training-{kafka.instance}-request")
    publisher.publish(request)
    publisher.flush()
    log.info(
        "training.requested",
        request_id=request.request_id,
        cause="the features have changed since the serving model was trained",
        model_version=changes[-1].model.model_version,
    )
