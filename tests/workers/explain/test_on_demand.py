"""On demand: all values add up to the margin, pairs are those of shap, failures are told."""

from __future__ import annotations

import threading
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from schemas.explanations import Attribution
from schemas.predictions import Prediction, PredictionReply, PredictionRequest
from schemas.topics import PREDICTION_REPLIES
from streams.runtime.codec import Received
from streams.runtime.memory_driver import MemoryDriver
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from tests.build import close_time
from tests.fakes.small_models import WINDOW, selecting, small_model
from tests.workers.explain.test_explain import explainable, feature, predicted, request, window
from workers.explain.attribution import attribute_trees, load_explainable
from workers.explain.interactions import PAIRS_SHOWN, InteractionExplainer, strongest_pairs
from workers.explain.on_demand import OnDemand, follow_requests
from workers.explain.processor import ExplainableModels, explain_processor
from workers.models.artifact import model_folder, read_model
from workers.models.forest import margins

BUY = 2


def filled(model: Any, last: int = WINDOW) -> ExplainableModels:
    """Return a process that has seen bars and a buy of the last one."""
    loaded: ExplainableModels = explainable(model)
    driver = MemoryDriver([explain_processor(loaded)])
    for m in range(last + 1):
        driver.feed(feature(m))
    driver.feed(predicted(model, last))
    return loaded


def answers(
    loaded: ExplainableModels, *requests: PredictionRequest, now_ms: int = 0
) -> list[PredictionReply]:
    """Return the replies to some requests, in order."""
    replies: list[PredictionReply] = []
    arrived = threading.Semaphore(0)

    def publish(reply: PredictionReply) -> None:
        replies.append(reply)
        arrived.release()

    on_demand = OnDemand(loaded, publish, lambda: now_ms)
    for each in requests:
        on_demand.take(each)
        if each.attribution == "interactions":
            assert arrived.acquire(timeout=60.0)
    on_demand.close()
    return replies


def attribution_of(loaded: ExplainableModels, kind: str = "values") -> Attribution:
    (reply,) = answers(loaded, request(WINDOW, explain=False, attribution=kind))
    assert reply.status == "ok", reply.detail
    assert reply.attribution is not None
    return reply.attribution


def library_row(model: Any, prediction: Prediction) -> Any:
    """Return xgboost's model and the row of a prediction."""
    import xgboost

    loaded = load_explainable(model)
    row, _, _ = attribute_trees(loaded, prediction, window())
    _, contents = read_model(model)
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(contents["forest"]))
    return booster, row


def test_all_values_add_up_to_the_margin_of_the_forest(tmp_path):
    model = small_model(tmp_path)
    loaded = filled(model)

    made = attribution_of(loaded)

    ours = load_explainable(model)
    history = loaded.history(("BTCUSDT", predicted(model, WINDOW).timeframe_ms))
    prediction = history.prediction(close_time(WINDOW))
    seen = history.window(ours, prediction)
    row, _, _ = attribute_trees(ours, prediction, seen)
    assert made.model_output == margins(ours.forests["universal"].forest, row[None])[0, BUY]
    assert made.base_value + sum(made.shap_values) == pytest.approx(made.model_output, abs=1e-5)
    assert made.feature_names == ours.names
    assert made.interactions is None


def test_the_answer_to_an_override_is_explained_by_the_part_that_it_names(tmp_path):
    model = small_model(tmp_path, selection=selecting("universal"))
    loaded = filled(model)
    override = predicted(model, WINDOW).model_copy(
        update={"prediction_id": "override", "answered_by": "bear_specialist", "why": "named"}
    )

    (reply,) = answers(loaded, request(WINDOW, prediction=override))

    assert (reply.status, reply.attribution) == ("ok", None)
    assert reply.explanation == loaded.explain(override)
    assert reply.explanation.answered_by == "bear_specialist"
    assert reply.explanation.shares == {"bear_specialist": 1.0}
    driver = MemoryDriver([explain_processor(loaded)])
    assert driver.feed(request(WINDOW, prediction=override)) == []  # the chain leaves it alone


@pytest.mark.filterwarnings("ignore")
def test_all_values_and_the_base_equal_those_of_shap_and_the_output_that_of_xgboost(tmp_path):
    import shap
    import xgboost

    model = small_model(tmp_path)
    prediction = predicted(model, 0)
    booster, row = library_row(model, prediction)

    _, values, output = attribute_trees(load_explainable(model), prediction, window())

    explainer = shap.TreeExplainer(booster)
    np.testing.assert_allclose(values[:-1], explainer.shap_values(row[None])[0, :, BUY], atol=1e-5)
    assert values[-1] == pytest.approx(explainer.expected_value[BUY], abs=1e-5)
    margin = booster.predict(xgboost.DMatrix(row[None]), output_margin=True)[0, BUY]
    assert output == pytest.approx(margin, abs=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_interactions_are_the_strongest_pairs_and_their_rows_sum_to_the_values(tmp_path):
    model = small_model(tmp_path)
    loaded = load_explainable(model)
    row, values, _ = attribute_trees(loaded, predicted(model, 0), window())

    matrix = InteractionExplainer().matrix(loaded, row, BUY, {"universal": 1.0})
    pairs = strongest_pairs(matrix, loaded.names)

    np.testing.assert_allclose(matrix.sum(axis=1), values[:-1], atol=1e-4)
    expected = {
        frozenset((loaded.names[i], loaded.names[j])): matrix[i, j] * 2
        for i in range(len(loaded.names))
        for j in range(i)
        if matrix[i, j]
    }
    strongest = sorted(expected.values(), key=abs, reverse=True)[:PAIRS_SHOWN]
    assert strongest
    assert [pair.value for pair in pairs] == pytest.approx(strongest, abs=1e-6)
    for pair in pairs:
        assert pair.value == pytest.approx(expected[frozenset(pair.features)], abs=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_interactions_come_with_the_same_values(tmp_path):
    loaded = filled(small_model(tmp_path))

    made = attribution_of(loaded, "interactions")

    assert made.interactions
    assert made.model_copy(update={"interactions": None}) == attribution_of(loaded)


def test_pairs_of_no_effect_are_left_out():
    matrix = np.array([[1.0, 0.25, 0.0], [0.25, 2.0, -0.5], [0.0, -0.5, 3.0]])

    pairs = strongest_pairs(matrix, ("a", "b", "c"))

    assert [(pair.features, pair.value) for pair in pairs] == [
        (("b", "c"), -1.0),
        (("a", "b"), 0.5),
    ]


def test_what_another_process_holds_is_left_to_it_and_so_are_other_questions(tmp_path):
    loaded = filled(small_model(tmp_path))

    assert answers(loaded, request(WINDOW, symbol="ETHUSDT", attribution="values")) == []
    assert answers(loaded, request(WINDOW + 1, attribution="values")) == []
    assert answers(loaded, request(WINDOW)) == []


def test_nobody_waits_for_an_answer_after_its_deadline(tmp_path):
    loaded = filled(small_model(tmp_path))

    assert answers(loaded, request(WINDOW, attribution="values"), now_ms=2) == []


def test_a_model_or_features_out_of_reach_are_told(tmp_path):
    model = small_model(tmp_path)
    loaded = filled(model)
    (history,) = loaded.histories.values()
    del history.rows[close_time(WINDOW - 1)]
    asked = request(WINDOW, attribution="values")

    (short,) = answers(loaded, asked)
    loaded.models.clear()
    (unloaded,) = answers(loaded, asked)

    assert (short.status, short.attribution) == ("failed", None)
    assert f"1 of {WINDOW} bars" in short.detail
    assert f"model {model.model_version}" in unloaded.detail


def test_interactions_of_an_altered_model_are_refused(tmp_path):
    model = small_model(tmp_path)
    loaded = filled(model)
    (model_folder(model.uri) / "forest.json").write_text("{}")

    (reply,) = answers(loaded, request(WINDOW, attribution="interactions"))

    assert reply.status == "failed"
    assert "altered" in reply.detail


@pytest.mark.kafka
def test_a_request_on_its_topic_is_answered_on_the_topic_of_replies(pipeline_topics, tmp_path):
    kafka, stop = KafkaSettings(pipeline_topics), threading.Event()
    loaded = filled(small_model(tmp_path))
    follower = threading.Thread(target=follow_requests, args=(loaded, kafka, lambda: 0, stop))
    publisher = Publisher(kafka, "gateway")
    asked = request(WINDOW, explain=False, attribution="values", request_id=str(uuid4()))
    mine: list[PredictionReply] = []

    follower.start()
    with Reader(kafka, (PREDICTION_REPLIES,), "end") as reader:
        for _ in range(60):  # it answers what comes after it has begun to read
            publisher.publish(asked)
            arrived = [m.record for m in reader.take(timeout_s=1.0) if isinstance(m, Received)]
            mine = [r for r in arrived if isinstance(r, PredictionReply)]
            if mine:
                break
    stop.set()
    follower.join()

    assert mine[0].request_id == asked.request_id
    assert mine[0].attribution == attribution_of(loaded)
