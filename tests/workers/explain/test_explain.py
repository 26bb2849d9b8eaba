"""Explain: parts that add up, drivers in order, one sentence; at once or when asked, once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.dead_letter import DeadLetter
from schemas.explanations import Explanation
from schemas.models import ModelRegistered
from schemas.predictions import ClassProbabilities, Prediction, PredictionRequest
from schemas.record import Record
from schemas.timeframes import HOUR_MS, MINUTE_MS
from streams.runtime.memory_driver import MemoryDriver
from tests.build import FEATURE_SET, close_time, features, prediction
from tests.fakes.small_models import NAMES, WINDOW, selecting, small_model
from workers.explain.allowance import LIMIT_S, SHARE, NeutralAllowance
from workers.explain.attribution import (
    attribute_trees,
    explain,
    explained_class,
    load_explainable,
)
from workers.explain.history import BARS_AHEAD, BARS_BEHIND, ExplainHistory
from workers.explain.processor import ExplainableModels, ExplainState, explain_processor
from workers.explain.words import feature_words
from workers.explain.worker import behind_text
from workers.models.artifact import ArtifactError, model_folder, read_model
from workers.models.forest import margins
from workers.serving.slots import MODELS_IN_MEMORY


def explainable(*models):
    loaded = ExplainableModels(wait_for=lambda _: None)
    for model in models:
        loaded.put(load_explainable(model))
    return loaded


def feature(minute):
    drawn = np.random.default_rng(minute).normal(size=len(NAMES)).tolist()
    return features(minute, **dict(zip(NAMES, drawn, strict=True)))


def predicted(model, minute, chances=(0.1, 0.2, 0.7)):
    return prediction(
        minute, chances, model_version=model.model_version, feature_set_id=FEATURE_SET
    )


def request(minute, **fields):
    defaults: dict[str, Any] = {
        "request_id": "r1",
        "symbol": "BTCUSDT",
        "timeframe_ms": MINUTE_MS,
        "bar_time_ms": close_time(minute),
        "event_time_ms": close_time(minute),
        "deadline_ms": 1,
        "reply_to": "gateway-0",
        "explain": True,
    }
    return PredictionRequest(**(defaults | fields))


def window(seed=0):
    return np.random.default_rng(seed).normal(size=(WINDOW, len(NAMES)))


@pytest.mark.parametrize("chances", [(0.7, 0.2, 0.1), (0.1, 0.8, 0.1), (0.1, 0.2, 0.7)])
def test_parts_add_up_to_the_whole(tmp_path, chances):
    model = small_model(tmp_path)

    found = explain(load_explainable(model), predicted(model, 0, chances), window())

    assert abs(found.additivity_gap["xgboost"]) < 1e-5
    assert abs(found.additivity_gap["lstm"]) < 1e-2
    drivers = [*found.positive, *found.negative]
    assert sum(abs(d.contribution) for d in drivers) <= 1.0 + 1e-9


@pytest.mark.parametrize("who", ["universal", "bear_specialist", "blend"])
def test_the_forest_that_answered_is_explained_and_a_blend_by_its_shares(tmp_path, who):
    model = load_explainable(small_model(tmp_path, selection=selecting("blend")))
    made = predicted(model.registered, 0).model_copy(update={"answered_by": who})

    row, values, margin = attribute_trees(model, made, window())

    shares = {who: 1.0} if who != "blend" else {"universal": 0.4, "bull_specialist": 0.6}
    assert model.shares(made) == pytest.approx(shares)
    own = {name: margins(each.forest, row[None])[0, 2] for name, each in model.forests.items()}
    assert margin == pytest.approx(sum(share * own[name] for name, share in shares.items()))  # type: ignore[index]
    assert values.sum() == pytest.approx(margin, abs=1e-5)
    told = explain(model, made.model_copy(update={"why": "for a test"}), window())
    assert told.additivity_gap["xgboost"] == pytest.approx(0.0, abs=1e-5)
    assert (told.answered_by, told.why, told.shares) == (who, "for a test", model.shares(made))
    speakers = {"bear_specialist": "by the bear specialist, ", "blend": "by the blend, "}
    assert speakers.get(who, "%, mostly for") in told.sentence


def test_the_forest_of_the_symbol_is_explained_on_its_own_features(tmp_path):
    model = load_explainable(small_model(tmp_path, own={"BTCUSDT": NAMES[:2]}))
    made = predicted(model.registered, 0)

    row, values, margin = attribute_trees(model, made, window())

    own = model.own_forests["BTCUSDT"].forest
    assert np.isnan(row[2:4]).all()
    assert margin == pytest.approx(float(margins(own, row[None])[0, 2]))
    assert values.sum() == pytest.approx(margin, abs=1e-5)
    drivers = explain(model, made, window())
    assert all(each.value is not None for each in (*drivers.positive, *drivers.negative))
    other = made.model_copy(update={"symbol": "ETHUSDT"})
    shared = float(margins(model.forests["universal"].forest, row_of(other))[0, 2])
    assert attribute_trees(model, other, window())[2] == pytest.approx(shared)


def row_of(made):
    regime = made.regime
    return np.array([[*window()[-1], regime.bull, regime.bear, regime.sideways]])


@pytest.mark.filterwarnings("ignore")
def test_tree_values_equal_shap_on_the_registered_model(tmp_path):
    import shap
    import xgboost

    model = small_model(tmp_path)
    loaded, made = load_explainable(model), predicted(model, 0)
    _, contents = read_model(model)
    regime = made.regime
    row = np.array([[*window()[-1], regime.bull, regime.bear, regime.sideways]])
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(contents["forest"]))
    expected = shap.TreeExplainer(booster).shap_values(row)[0, :, 2]

    found = explain(loaded, made, window())

    by_name = dict(zip(loaded.names, expected, strict=True))
    for driver in (*found.positive, *found.negative):
        assert driver.xgboost_margin == pytest.approx(by_name[driver.feature], abs=1e-5)


def test_drivers_are_sorted_by_strength_and_carry_their_values(tmp_path):
    model = small_model(tmp_path)

    found = explain(load_explainable(model), predicted(model, 0), window())

    positive = [d.contribution for d in found.positive]
    negative = [d.contribution for d in found.negative]
    assert positive == sorted(positive, reverse=True)
    assert negative == sorted(negative)
    assert min(positive, default=1.0) > 0.0 > max(negative, default=-1.0)
    values = dict(zip(NAMES, window()[-1], strict=True))
    for driver in (*found.positive, *found.negative):
        if driver.feature in values:
            assert driver.value == values[driver.feature]


def test_one_sentence_names_direction_chance_and_strongest_drivers(tmp_path):
    model = small_model(tmp_path)

    found = explain(load_explainable(model), predicted(model, 0), window())

    assert found.sentence.startswith("Buy at 70%")
    assert found.sentence.count(".") >= 1
    assert found.sentence.endswith(".")
    assert feature_words(found.positive[0].feature) in found.sentence


def test_a_tie_is_explained_as_neutral():
    tied = ClassProbabilities(sell=0.4, neutral=0.2, buy=0.4)

    assert explained_class(prediction(0).model_copy(update={"probabilities": tied})) == "neutral"


def test_every_prediction_is_explained_and_again_when_asked(tmp_path):
    model = small_model(tmp_path)
    driver = MemoryDriver([explain_processor(explainable(model))])
    for m in range(WINDOW + 1):
        driver.feed(feature(m))

    directional = driver.feed(predicted(model, WINDOW - 1))
    neutral = driver.feed(predicted(model, WINDOW, (0.1, 0.8, 0.1)))
    asked = driver.feed(request(WINDOW))

    assert [type(e) for e in directional] == [Explanation]
    assert asked == neutral
    (on_request,) = asked
    assert isinstance(on_request, Explanation)
    assert on_request.explained_class == "neutral"
    assert on_request.event_time_ms == close_time(WINDOW)


class Slow(ExplainableModels):
    """Takes half a second of a clock for each explanation, and notes in which order they came."""

    def __init__(self, *models: ModelRegistered) -> None:
        super().__init__(wait_for=lambda _: None)
        for model in models:
            self.put(load_explainable(model))
        self.now_s = 0.0
        self.order: list[str] = []
        self.behind: list[int] = []
        self.allowance = NeutralAllowance(self.behind.append, lambda: self.now_s)

    def explain(self, prediction: Prediction) -> Explanation:
        self.now_s += 0.5
        self.order.append(prediction.prediction_id)
        return super().explain(prediction)


def run_batch(slow: Slow, records: Sequence[Record]) -> list[Record]:
    """Return the outputs of one poll of one market."""
    processor = explain_processor(slow, slow.allowance)
    assert processor.step_batch is not None
    states = {processor.key_of(records[0]): processor.initial}
    _, outputs = processor.step_batch(states, records)
    return [output for of_record in outputs for output in of_record]


def one_poll(model: ModelRegistered, last: int) -> list[Record]:
    """Return features of some bars, then a neutral prediction of each but the last, a buy."""
    neutral = [predicted(model, m, (0.1, 0.8, 0.1)) for m in range(WINDOW - 1, last)]
    return [*(feature(m) for m in range(last + 1)), *neutral, predicted(model, last)]


def test_directional_ones_come_first_and_neutral_ones_as_far_as_their_time_goes(tmp_path):
    model = small_model(tmp_path)
    slow, last = Slow(model), WINDOW + 5
    records = one_poll(model, last)

    outputs = run_batch(slow, records)

    newest_first = [predicted(model, m).prediction_id for m in (last, last - 1, last - 2)]
    assert slow.order == newest_first
    assert len(outputs) == 3
    assert slow.behind == [WINDOW + 5 - (WINDOW - 1) - 2]


def test_when_a_neutral_one_is_explained_does_not_change_what_is_said_of_it(tmp_path):
    model = small_model(tmp_path)
    slow, last = Slow(model), WINDOW + 5
    in_one_poll = run_batch(slow, one_poll(model, last))
    driver = MemoryDriver([explain_processor(explainable(model))])

    one_by_one = [e.encode() for r in one_poll(model, last) for e in driver.feed(r)]

    assert {e.encode() for e in in_one_poll} < set(one_by_one)


def test_a_neutral_one_that_was_passed_over_is_explained_when_asked(tmp_path):
    model = small_model(tmp_path)
    slow, last = Slow(model), WINDOW + 5
    passed_over = WINDOW - 1
    records = [*one_poll(model, last), request(passed_over)]

    outputs = run_batch(slow, records)

    assert predicted(model, passed_over).prediction_id in slow.order[:2]
    assert len({e.encode() for e in outputs}) == len(outputs) == 4


def test_the_time_of_neutral_ones_comes_back_and_the_process_says_so(tmp_path):
    model = small_model(tmp_path)
    slow, last = Slow(model), WINDOW + 5
    run_batch(slow, one_poll(model, last))

    slow.now_s += LIMIT_S / SHARE
    slow.allowance.refill()
    outputs = run_batch(slow, one_poll(model, WINDOW))

    assert slow.behind[-1] == 0
    assert len(outputs) == 2
    assert behind_text(0) == ""
    assert "was 5 neutral predictions behind" in behind_text(5)


@given(costs=st.lists(st.floats(0.0, 3.0), max_size=40), pause=st.floats(0.0, 20.0))
def test_neutral_ones_never_take_more_than_their_share_and_one_explanation(costs, pause):
    now = [0.0]
    allowance = NeutralAllowance(clock=lambda: now[0])
    spent: list[float] = []

    def explain_for(cost: float) -> None:
        spent.append(cost)
        now[0] += cost

    for cost in costs:
        allowance.spend([cost], explain_for)
        now[0] += pause

    assert sum(spent[:-1]) <= LIMIT_S + SHARE * now[0] + max(spent, default=0.0)


def test_a_prediction_that_comes_before_its_features_is_explained_with_them(tmp_path):
    model = small_model(tmp_path)
    inputs = [feature(m) for m in range(WINDOW)]
    made = predicted(model, WINDOW - 1)

    usual = MemoryDriver([explain_processor(explainable(model))])
    expected = [e for record in [*inputs, made] for e in usual.feed(record)]
    swapped = MemoryDriver([explain_processor(explainable(model))])
    found = [e for record in [*inputs[:-1], made, inputs[-1]] for e in swapped.feed(record)]

    assert found == expected
    assert len(found) == 1


def test_redelivery_explains_once(tmp_path):
    model = small_model(tmp_path)
    driver = MemoryDriver([explain_processor(explainable(model))])
    records = [*(feature(m) for m in range(WINDOW)), predicted(model, WINDOW - 1)]

    found = [e for record in records for _ in range(2) for e in driver.feed(record)]

    assert len(found) == 1


def test_a_restart_reads_back_what_explanations_need(tmp_path):
    model = small_model(tmp_path)
    records = [feature(m) for m in range(WINDOW + 1)]
    made = predicted(model, WINDOW - 1, (0.1, 0.8, 0.1))
    first = MemoryDriver([explain_processor(explainable(model))])
    for record in [*records[:WINDOW], made]:
        first.feed(record)
    stored = next(iter(first.states.values()))

    fresh = explain_processor(explainable(model))
    second = MemoryDriver([fresh])
    assert fresh.refill is not None
    state = fresh.refill(ExplainState.decode(stored.encode()), [*records[:WINDOW], made])
    second.states["explain", ("BTCUSDT", MINUTE_MS)] = state
    second.feed(records[WINDOW])

    assert len(second.feed(predicted(model, WINDOW))) == 1
    assert len(second.feed(request(WINDOW - 1))) == 1


def test_the_first_features_leave_a_state_so_that_a_restart_reads_them_back():
    driver = MemoryDriver([explain_processor(explainable())])

    driver.feed(feature(0))

    state = driver.states["explain", ("BTCUSDT", MINUTE_MS)]
    assert isinstance(state, ExplainState)
    assert state.seen


def letter(driver, record):
    (output,) = driver.feed(record)
    assert isinstance(output, DeadLetter)
    return output.cause


def test_features_out_of_reach_are_a_dead_letter_that_says_what_is_missing(tmp_path):
    model = small_model(tmp_path)
    driver = MemoryDriver([explain_processor(explainable(model))])
    for m in range(3, WINDOW):
        driver.feed(feature(m))

    cause = letter(driver, predicted(model, WINDOW - 1))

    assert f"3 of {WINDOW} bars" in cause
    assert driver.feed(feature(WINDOW)) == []


def test_a_question_out_of_reach_or_for_an_unknown_model_says_so(tmp_path):
    model = small_model(tmp_path)
    driver = MemoryDriver([explain_processor(explainable())])
    for m in range(WINDOW):
        driver.feed(feature(m))

    assert "no prediction of the bar" in letter(driver, request(1))
    assert f"model {model.model_version}" in letter(driver, predicted(model, WINDOW - 1))


def test_overrides_are_not_explained():
    driver = MemoryDriver([explain_processor(explainable())])

    assert driver.feed(request(1, model_override="m1")) == []


def test_a_prediction_waits_for_its_model(tmp_path):
    model = small_model(tmp_path)
    late = ExplainableModels(wait_for=lambda _: late.put(load_explainable(model)))
    driver = MemoryDriver([explain_processor(late)])
    for m in range(WINDOW):
        driver.feed(feature(m))

    (explanation,) = driver.feed(predicted(model, WINDOW - 1))

    assert isinstance(explanation, Explanation)
    assert explanation.model_version == model.model_version


def test_only_the_last_models_stay_in_memory(tmp_path):
    models = [small_model(tmp_path, seed=seed) for seed in range(MODELS_IN_MEMORY + 1)]

    in_memory = explainable(*models).models

    assert list(in_memory) == [m.model_version for m in models[1:]]


def test_models_of_one_timeframe_push_none_of_another_out_of_memory(tmp_path):
    hours = small_model(tmp_path, timeframe_ms=HOUR_MS)
    minutes = [small_model(tmp_path, seed=seed) for seed in range(MODELS_IN_MEMORY + 1)]

    in_memory = explainable(hours, *minutes).models

    assert list(in_memory) == [m.model_version for m in (hours, *minutes[1:])]


def test_rows_follow_the_order_of_the_newest_features():
    history = ExplainHistory()

    history.add(features(0, rsi_14=1.0, adx_14=2.0))
    history.add(features(1, adx_14=4.0, rsi_14=3.0))

    assert history.features.names == ("adx_14", "rsi_14")
    assert [row.tolist() for row in history.rows.values()] == [[2.0, 1.0], [4.0, 3.0]]


def test_history_is_pruned_behind_the_newest_prediction():
    history = ExplainHistory()
    for m in range(5):
        history.add(feature(m))

    history.add(prediction(BARS_BEHIND + 2))

    assert list(history.rows) == [close_time(m) for m in range(2, 5)]


def test_before_the_first_model_rows_are_kept_no_further_than_behind_a_prediction(tmp_path):
    hours = small_model(tmp_path, timeframe_ms=HOUR_MS)
    loaded, history = explainable(hours), ExplainHistory()

    for m in range(BARS_BEHIND + 2):
        history.add(feature(m), loaded.bars_ahead(MINUTE_MS))

    assert list(history.rows) == [close_time(m) for m in range(2, BARS_BEHIND + 2)]
    assert loaded.bars_ahead(HOUR_MS) == BARS_AHEAD


def test_an_altered_model_is_refused(tmp_path):
    model = small_model(tmp_path)
    (model_folder(model.uri) / "forest.json").write_text("{}")

    with pytest.raises(ArtifactError, match="altered"):
        load_explainable(model)
