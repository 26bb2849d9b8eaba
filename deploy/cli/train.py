"""``regimeflow train``: ask the training process for a model."""

from __future__ import annotations

from deploy.cli.console import Json, fail, kafka, load_settings, show
from deploy.time_text import span_text


def train(*, as_json: Json = False) -> None:
    """Ask for a model of this home's market, trained on all of its history.

    The model is judged and promoted as every other. The same call at the same bar asks once.
    """
    from streams.runtime.publisher import Publisher
    from workers.training.newest_request import newest_request

    strategy = load_settings().strategy
    with kafka() as settings:
        request = newest_request(settings, strategy, "manual")
        if request is None:
            raise fail(
                f"no history of {strategy} is ready yet; `regimeflow status` shows how far it is"
            )
        publisher = Publisher(settings, "operator")
        publisher.publish(request)
        publisher.flush()
    span = span_text(request.from_ms, request.to_ms)
    lines = [
        f"asked for a model of {', '.join(request.symbols)}, {span}; `regimeflow status` shows it"
    ]
    show(request.model_dump(mode="json"), lines, as_json=as_json)
