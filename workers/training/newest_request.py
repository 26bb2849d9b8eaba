"""Requests for models up to the newest bar, because the features have changed; newest closes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import structlog

from schemas.features import FeatureVector
from schemas.market import HistoryReady
from schemas.models import ModelChanged, ModelRegistered
from schemas.timeframes import timeframe_name
from schemas.topics import FEATURE_VECTORS, HISTORY, MODELS_CHANGES, TRAINING_REQUESTS
from schemas.training import TrainingRequest
from streams.features.catalog import FEATURE_SET_ID
from streams.promotion.retraining import champion_reference, request_id
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings

log = structlog.get_logger()


def ready_histories(
    kafka: KafkaSettings, strategy: str, lengths_ms: Collection[int]
) -> dict[int, HistoryReady]:
    """Return the newest history of each timeframe that runs, by its length.

    Args:
        kafka: The broker.
        strategy: Whose histories.
        lengths_ms: Timeframes of the settings. The base bar comes first and always runs, also
            where it is that of a recording.
    """
    with Reader(kafka, (HISTORY,)) as reader:
        records = [message.record for message in reader.read_to_end()]
    ready = [r for r in records if isinstance(r, HistoryReady) and r.strategy == strategy]
    by_timeframe = {history.timeframe_ms: history for history in ready}
    bases = [history.timeframe_ms for history in ready if history.base_ms is None][-1:]
    running = by_timeframe.keys() & {*bases, *lengths_ms}
    order = sorted(running, key=lambda timeframe_ms: (timeframe_ms not in bases, timeframe_ms))
    return {timeframe_ms: by_timeframe[timeframe_ms] for timeframe_ms in order}


def newest_closes(kafka: KafkaSettings, histories: Sequence[HistoryReady]) -> list[dict[str, int]]:
    """Return of each history by symbol its newest close.

    A symbol that has ended, or is a bar behind, does not hold back the others.
    """
    closes = {
        (symbol, history.timeframe_ms): history.closes.get(symbol, history.to_ms)
        for history in histories
        for symbol in history.symbols
    }
    with Reader(kafka, (FEATURE_VECTORS,)) as reader:
        for message in reader.read_to_end():
            vector = message.record
            if not isinstance(vector, FeatureVector):
                continue
            if (vector.symbol, vector.timeframe_ms) in closes:
                closes[vector.symbol, vector.timeframe_ms] = vector.event_time_ms
    return [
        {symbol: closes[symbol, history.timeframe_ms] for symbol in history.symbols}
        for history in histories
    ]


def newest_requests(
    kafka: KafkaSettings, histories: Sequence[HistoryReady], causes: Mapping[int, str]
) -> list[TrainingRequest]:
    """Return the requests for models of this feature set, up to the newest bar of every symbol.

    Args:
        kafka: The broker.
        histories: One for each model.
        causes: By timeframe, what asks once.
    """
    serving = serving_models(kafka, histories[0].strategy) if histories else {}
    return [
        _request(history, closes, causes[history.timeframe_ms]).model_copy(
            update={"champion": champion_reference(serving.get(history.timeframe_ms))},
        )
        for history, closes in zip(histories, newest_closes(kafka, histories), strict=True)
    ]


def serving_models(kafka: KafkaSettings, strategy: str) -> dict[int, ModelRegistered]:
    """Return the model of a strategy that serves each timeframe, by its length."""
    with Reader(kafka, (MODELS_CHANGES,)) as reader:
        records = [message.record for message in reader.read_to_end()]
    changes = [r for r in records if isinstance(r, ModelChanged) and r.strategy == strategy]
    return {change.model.timeframe_ms: change.model for change in changes}


def _request(history: HistoryReady, closes: dict[str, int], cause: str) -> TrainingRequest:
    to_ms = max(closes.values())
    return TrainingRequest(
        request_id=request_id(history, cause, "features"),
        strategy=history.strategy,
        event_time_ms=to_ms,
        symbols=history.symbols,
        timeframe_ms=history.timeframe_ms,
        from_ms=history.from_ms,
        to_ms=to_ms,
        reason="features",
        closes=closes,
        base_ms=history.base_ms,
    )


def ask_after_feature_change(
    kafka: KafkaSettings, strategy: str, lengths_ms: Collection[int]
) -> None:
    """Ask once for a model of each timeframe whose own was trained on another feature set.

    One that no longer runs is not asked for: ``lengths_ms`` are those of the settings.
    """
    serving = serving_models(kafka, strategy)
    # A set that comes back after another one is asked for again: another model serves by then.
    causes = {
        timeframe_ms: f"{FEATURE_SET_ID} after {model.model_version}"
        for timeframe_ms, model in serving.items()
        if model.feature_set_id != FEATURE_SET_ID
    }
    if not causes:
        return
    ready = ready_histories(kafka, strategy, lengths_ms)
    histories = [history for timeframe_ms, history in ready.items() if timeframe_ms in causes]
    with Reader(kafka, (TRAINING_REQUESTS,)) as reader:
        records = [message.record for message in reader.read_to_end()]
    asked = {r.request_id for r in records if isinstance(r, TrainingRequest)}
    publisher = Publisher(kafka, f"training-{kafka.instance}-request")
    for request in newest_requests(kafka, histories, causes):
        if request.request_id in asked:
            continue
        publisher.publish(request)
        log.info(
            "training.requested",
            request_id=request.request_id,
            timeframe=timeframe_name(request.timeframe_ms),
            cause="the features have changed since the serving model was trained",
            model_version=serving[request.timeframe_ms].model_version,
        )
    publisher.flush()
