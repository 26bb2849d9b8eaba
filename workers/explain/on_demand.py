"""Answers requests for all values of an explanation, for interactions and about overrides.

    predictions.requests.v1  -->  [explain]  -->  predictions.replies.v1

It runs beside the chain, and nothing is kept: the answer follows from features and model. Several
processes share the symbols and each sees every request. One answers where it holds the prediction.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import structlog

from schemas.explanations import Attribution, Explanation
from schemas.predictions import Prediction, PredictionReply, PredictionRequest
from schemas.topics import PREDICTION_REQUESTS
from streams.processor import RecordRejected
from streams.runtime.batch import in_one_line
from streams.runtime.publisher import Publisher
from streams.runtime.reader import tail
from streams.runtime.settings import KafkaSettings
from workers.explain.attribution import CLASSES, attribute_trees, explained_class
from workers.explain.interactions import InteractionExplainer, strongest_pairs
from workers.explain.processor import ExplainableModels
from workers.models.artifact import ArtifactError

SAME_WITHIN = 1e-3  # log-odds: rows of the interactions and our values, both single precision

log = structlog.get_logger()

Publish = Callable[[PredictionReply], None]


class OnDemand:
    """Answers one request at a time; interactions in a thread of their own, which may be slow.

    Args:
        explainable: Models and histories, which the chain fills.
        publish: Sends a reply.
        wall_ms: For the deadlines of requests.
    """

    def __init__(
        self, explainable: ExplainableModels, publish: Publish, wall_ms: Callable[[], int]
    ) -> None:
        self._explainable, self._publish, self._wall_ms = explainable, publish, wall_ms
        self._interactions = InteractionExplainer()
        self._slow = ThreadPoolExecutor(1, thread_name_prefix="interactions")

    def close(self) -> None:
        """Drop what waits."""
        self._slow.shutdown(wait=False, cancel_futures=True)

    def take(self, request: PredictionRequest) -> None:
        """Answer a request for an attribution or about an override; others are passed over."""
        if request.attribution == "values" or request.prediction is not None:
            self._answer(request)
        elif request.attribution == "interactions":
            self._slow.submit(self._answer, request)

    def _answer(self, request: PredictionRequest) -> None:
        if self._wall_ms() > request.deadline_ms:
            return
        logged = self._explainable.predicted(request)
        if logged is None:
            return
        try:
            answer = self._answered(request, logged)
        except (RecordRejected, ArtifactError) as cause:
            self._publish(_reply(request, detail=str(cause)))
        except Exception as bug:
            log.exception("request.failed", request=request.request_id, remedy="report it")
            self._publish(_reply(request, detail=in_one_line(bug)))
        else:
            self._publish(_reply(request, answer))

    def _answered(
        self, request: PredictionRequest, logged: Prediction
    ) -> Attribution | Explanation:
        if request.prediction is not None:
            return self._explainable.explain(request.prediction)
        return self._attribution(logged, with_pairs=request.attribution == "interactions")

    def _attribution(self, prediction: Prediction, *, with_pairs: bool) -> Attribution:
        model, window = self._explainable.inputs(prediction)
        shown = explained_class(prediction)
        row, values, output = attribute_trees(model, prediction, window)
        pairs, shares = None, model.shares(prediction)
        if with_pairs:
            target = CLASSES.index(shown)
            matrix = self._interactions.matrix(model, row, target, shares, prediction.symbol)
            differ = float(np.abs(matrix.sum(axis=1) - values[:-1]).max())
            if differ > SAME_WITHIN:
                raise ArtifactError(
                    f"interactions of model {model.version} differ from its values by {differ:.3g}"
                )
            pairs = strongest_pairs(matrix, model.names)
        return Attribution(
            prediction_id=prediction.prediction_id,
            model_version=prediction.model_version,
            explained_class=shown,
            feature_names=model.names,
            shap_values=tuple(values[:-1].tolist()),
            base_value=float(values[-1]),
            model_output=output,
            interactions=pairs,
            shares=shares,
        )


def _reply(
    request: PredictionRequest, answer: Attribution | Explanation | None = None, detail: str = ""
) -> PredictionReply:
    return PredictionReply(
        request_id=request.request_id,
        reply_to=request.reply_to,
        event_time_ms=request.event_time_ms,
        status="failed" if answer is None else "ok",
        detail=detail,
        attribution=answer if isinstance(answer, Attribution) else None,
        explanation=answer if isinstance(answer, Explanation) else None,
    )


def follow_requests(
    explainable: ExplainableModels,
    kafka: KafkaSettings,
    wall_ms: Callable[[], int],
    stop: threading.Event,
) -> None:
    """Answer what is asked from now on, until ``stop`` is set; raises ``Fatal``."""
    publisher = Publisher(kafka, f"explain-{kafka.instance}-replies")
    on_demand = OnDemand(explainable, publisher.publish, wall_ms)
    try:
        for received in tail(kafka, (PREDICTION_REQUESTS,), stop=stop, start="end"):
            if isinstance(received.record, PredictionRequest):
                on_demand.take(received.record)
    finally:
        on_demand.close()
        publisher.flush()
