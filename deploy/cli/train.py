"""``regimeflow train``: ask the training process for a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.cli.console import Json, fail, kafka, load_settings, show
from deploy.time_text import span_text

if TYPE_CHECKING:
    from schemas.training import TrainingRequest
    from streams.runtime.settings import KafkaSettings


def train(*, as_json: Json = False) -> None:
    """Ask for a model of this home's market, trained on all of its history.

    The model is judged and promoted as every other. The same call at the same bar asks once.
    """
    from streams.runtime.publisher import Publisher

    with kafka() as settings:
        request = manual_request(settings, load_settings().strategy)
        publisher = Publisher(settings, "operator")
        publisher.publish(request)
        publisher.flush()
    span = span_text(request.from_ms, request.to_ms)
    lines = [
        f"asked for a model of {', '.join(request.symbols)}, {span}; `regimeflow status` shows it"
    ]
    show(request.model_dump(mode="json"), lines, as_json=as_json)


def manual_request(kafka: KafkaSettings, strategy: str) -> TrainingRequest:
    """Return the request for a model up to the newest bar of every symbol.

    Exit code 1 when no history is ready yet.
    """
    from schemas.features import FeatureVector
    from schemas.ids import derived_id
    from schemas.market import HistoryReady
    from schemas.topics import FEATURE_VECTORS, HISTORY, TRAINING_REQUESTS
    from schemas.training import TrainingRequest
    from streams.runtime.reader import Reader

    with Reader(kafka, (HISTORY,)) as reader:
        records = [message.record for message in reader.read_to_end()]
    ready = [r for r in records if isinstance(r, HistoryReady) and r.strategy == strategy]
    if not ready:
        raise fail(
            f"no history of {strategy} is ready yet; `regimeflow status` shows how far it is"
        )
    history, newest = ready[-1], dict[str, int]()
    with Reader(kafka, (FEATURE_VECTORS,)) as reader:
        for message in reader.read_to_end():
            if isinstance(message.record, FeatureVector):
                newest[message.record.symbol] = message.record.event_time_ms
    to_ms = min(newest.get(symbol, history.to_ms) for symbol in history.symbols)
    return TrainingRequest(
        request_id=derived_id(TRAINING_REQUESTS.name, strategy, to_ms, "manual"),
        strategy=strategy,
        event_time_ms=to_ms,
        symbols=history.symbols,
        timeframe_ms=history.timeframe_ms,
        from_ms=history.from_ms,
        to_ms=to_ms,
        reason="manual",
    )
