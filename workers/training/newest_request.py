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
    kafka: KafkaSettings,
    strategy: str,
    reason: Literal["manual", "features"],
    cause: str | None = None,
) -> TrainingRequest | None:
    """Return the request for a model up to the newest bar of every symbol.

    A symbol that has ended, or is a bar behind, does not hold back the others. None when no history
    is ready yet.

    Args:
        kafka: The broker.
        strategy: Whose history.
        reason: Why a model is asked for.
        cause: It asks once; None: the newest bar does.
    """
    with Reader(kafka, (HISTORY,)) as reader:
        records = [message.record for message in reader.read_to_end()]
    ready = [r for r in records if isinstance(r, HistoryReady) and r.strategy == strategy]
    if not ready:
        return None
    history = ready[-1]
    closes = {symbol: history.closes.get(symbol, history.to_ms) for symbol in history.symbols}
    with Reader(kafka, (FEATURE_VECTORS,)) as reader:
        for message in reader.read_to_end():
            vector = message.record
            if isinstance(vector, FeatureVector) and vector.symbol in closes:
                closes[vector.symbol] = vector.event_time_ms
    to_ms = max(closes.values())
    asked_once_by = to_ms if cause is None else cause
    return TrainingRequest(
        request_id=derived_id(TRAINING_REQUESTS.name, strategy, asked_once_by, reason),
        strategy=strategy,
        event_time_ms=to_ms,
        symbols=history.symbols,
        timeframe_ms=history.timeframe_ms,
        from_ms=history.from_ms,
        to_ms=to_ms,
        reason=reason,
        closes=closes,
    )


def ask_after_feature_change(kafka: KafkaSettings, strategy: str) -> None:
    """Ask once for a model where the one that serves was trained on another feature set."""
    with Reader(kafka, (MODELS_CHANGES, TRAINING_REQUESTS)) as reader:
        records = [message.record for message in reader.read_to_end()]
    changes = [r for r in records if isinstance(r, ModelChanged) and r.strategy == strategy]
    if not changes or changes[-1].model.feature_set_id == FEATURE_SET_ID:
        return
    version = changes[-1].model.model_version
    # A set that comes back after another one is asked for again: another model serves by then.
    request = newest_request(kafka, strategy, "features", f"{FEATURE_SET_ID} after {version}")
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
        model_version=version,
    )
