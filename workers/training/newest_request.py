"""Ready histories, their newest closes, and the training that a change of the features asks for."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import structlog

from schemas.features import FeatureVector
from schemas.ids import derived_id
from schemas.market import HistoryReady
from schemas.models import ModelChanged, ModelRegistered
from schemas.timeframes import timeframe_name
from schemas.topics import FEATURE_VECTORS, HISTORY, MODEL_COMMANDS, MODELS_CHANGES
from schemas.versions import ModelCommand
from streams.features.catalog import FEATURE_NAMES, FEATURE_SET_ID
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from streams.runtime.wall_clock import wall_ms
from workers.training.queue import BY, read_market_time

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


def serving_models(kafka: KafkaSettings, strategy: str) -> dict[int, ModelRegistered]:
    """Return the model of a strategy that serves each timeframe, by its length."""
    with Reader(kafka, (MODELS_CHANGES,)) as reader:
        records = [message.record for message in reader.read_to_end()]
    changes = [r for r in records if isinstance(r, ModelChanged) and r.strategy == strategy]
    return {change.model.timeframe_ms: change.model for change in changes}


def ask_after_feature_change(
    kafka: KafkaSettings, strategy: str, lengths_ms: Collection[int]
) -> None:
    """Ask for a model of each timeframe whose own was trained on another feature set.

    Promotion takes it once, and within the limits of retraining. One that no longer runs is not
    asked for: ``lengths_ms`` are those of the settings.
    """
    outdated = {
        timeframe_ms: model
        for timeframe_ms, model in serving_models(kafka, strategy).items()
        if model.feature_set_id != FEATURE_SET_ID
    }
    if not outdated:
        return
    ready = ready_histories(kafka, strategy, lengths_ms)
    histories = [history for timeframe_ms, history in ready.items() if timeframe_ms in outdated]
    market_ms = read_market_time(kafka) or 0
    publisher = Publisher(kafka, f"training-{kafka.instance}-request")
    for history, closes in zip(histories, newest_closes(kafka, histories), strict=True):
        command = _retrain(outdated[history.timeframe_ms], closes, market_ms)
        publisher.publish(command)
        log.info(
            "training.requested",
            command_id=command.command_id,
            timeframe=timeframe_name(command.timeframe_ms),
            cause=command.reason,
            forced=command.force,
        )
    publisher.flush()


def _retrain(model: ModelRegistered, closes: dict[str, int], market_ms: int) -> ModelCommand:
    """Return the command to train again because of the features of the model that serves.

    It passes over the limits where that model lacks a feature: nothing predicts until the next.
    """
    missing = sorted(set(model.feature_names) - set(FEATURE_NAMES))
    lacks = f", and without {', '.join(missing)} it cannot predict" if missing else ""
    reason = f"{model.model_version} was trained on features {model.feature_set_id}"
    line = (model.strategy, model.timeframe_ms)
    return ModelCommand(
        # A set that comes back after another one is asked for again: another model serves by then.
        command_id=derived_id(MODEL_COMMANDS.name, *line, FEATURE_SET_ID, model.model_version),
        event_time_ms=wall_ms(),
        by=BY,
        reason=f"{reason}, now they are {FEATURE_SET_ID}{lacks}"[:1_000],
        strategy=model.strategy,
        timeframe_ms=model.timeframe_ms,
        action="retrain",
        cause="features",
        force=bool(missing),
        market_ms=max(market_ms, *closes.values()),
        closes=closes,
    )
