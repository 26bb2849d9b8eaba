"""Inference: every complete bar predicted once, alike in any batch, by the model of its time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from schemas.features import FeatureVector
from schemas.predictions import Prediction, PredictionReply, PredictionRequest
from schemas.record import Record
from schemas.timeframes import HOUR_MS, MINUTE_MS
from streams.features.catalog import FEATURE_NAMES, FEATURE_SET_ID
from streams.processor import StateKey
from streams.runtime.memory_driver import MemoryDriver, replay
from streams.signals.processor import graded
from tests.build import START_MS, close_time, features, regimes, registered
from tests.fakes.small_models import NAMES, WINDOW, change_to, small_model
from workers.models.calibration import (
    CalibrationLookup,
    CalibrationTables,
    ProbabilityTable,
    ReturnTable,
)
from workers.models.ensemble import calibrate, pool
from workers.serving.pairing import PairedBar, PairingState
from workers.serving.predict import model_inputs, predict
from workers.serving.processor import inference_processor
from workers.serving.slots import Slots, feature_concern, load_ensemble

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
DEADLINE_MS = 1_000


def nothing_to_wait_for(version, serves):
    assert version
    assert serves() in {True, False}


def bars(minutes, symbols=SYMBOLS[:1], missing=()):
    """Return both halves of each bar; at a missing (minute, symbol) one feature is null."""
    records = []
    for m in minutes:
        for s, symbol in enumerate(symbols):
            drawn = np.random.default_rng((m, s)).normal(size=len(NAMES))
            values = dict(zip(NAMES, drawn.tolist(), strict=True))
            values["realised_volatility_60"] = abs(values["realised_volatility_60"]) / 1000
            if (m, symbol) in missing:
                values["rsi_14"] = None
            records += [
                features(m, symbol, **values),
                regimes(m, symbol=symbol, parameters_version=None),
            ]
    return records


def serve(model, minute=0, slots=None):
    slots = slots or Slots()
    slots.put(change_to(model, minute), load_ensemble(model))
    return slots


def processor(slots, clock=lambda: 0, wait_for=nothing_to_wait_for):
    return inference_processor(slots, clock, wait_for)


def predictions(steps, records) -> list[Prediction]:
    """Replay records; nothing but predictions may come out."""
    outputs = replay([steps], records)
    made = [record for record in outputs if isinstance(record, Prediction)]
    assert len(made) == len(outputs)
    return made


def request(minute, **fields):
    defaults: dict[str, Any] = {
        "request_id": "r1",
        "symbol": "BTCUSDT",
        "timeframe_ms": MINUTE_MS,
        "bar_time_ms": close_time(minute),
        "event_time_ms": close_time(minute),
        "deadline_ms": DEADLINE_MS,
        "reply_to": "gateway-0",
    }
    return PredictionRequest(**(defaults | fields))


def test_every_bar_with_a_whole_window_is_predicted(tmp_path):
    model = small_model(tmp_path)

    made = predictions(processor(serve(model)), bars(range(WINDOW + 3)))

    assert [p.event_time_ms for p in made] == [close_time(m) for m in range(WINDOW - 1, WINDOW + 3)]
    assert {p.model_version for p in made} == {model.model_version}
    assert all(p.members.keys() == {"xgboost", "lstm"} for p in made)
    assert len({p.prediction_id for p in made}) == len(made)


def one_step_tables() -> CalibrationTables:
    step = ReturnTable(edges=(), low=(-0.002,), mean=(0.0,), high=(0.001,))
    flat = ProbabilityTable(edges=(), low=(0.3,), high=(0.6,))
    return CalibrationTables(sell=flat, neutral=flat, buy=flat, returns=step)


def test_a_model_with_tables_bounds_its_predictions_and_one_without_says_null(tmp_path):
    tables = one_step_tables()
    model = small_model(tmp_path)
    loaded, slots = load_ensemble(model), Slots()
    slots.put(change_to(model), replace(loaded, calibration=CalibrationLookup(tables)))

    with_tables = predictions(processor(slots), bars(range(WINDOW)))[-1]
    without = predictions(processor(serve(model)), bars(range(WINDOW)))[-1]

    assert with_tables.confidence_interval == (0.3, 0.6)
    assert with_tables.expected_return is not None
    assert with_tables.expected_return.short.high == 0.002
    assert Prediction.decode(with_tables.encode()) == with_tables
    nulls = {"confidence_interval": None, "expected_return": None}
    assert with_tables.model_copy(update=nulls) == without


def test_a_model_vouches_for_no_symbol_that_it_was_not_trained_on(tmp_path):
    tables = one_step_tables()
    loaded, slots = load_ensemble(small_model(tmp_path)), Slots()
    change = change_to(loaded.registered)
    slots.put(change, replace(loaded, calibration=CalibrationLookup(tables)))

    made = predictions(processor(slots), bars(range(WINDOW), SYMBOLS[:2]))[-2:]

    known, other = sorted(made, key=lambda p: p.symbol)
    assert (known.symbol, known.qualified, known.distrusted) == ("BTCUSDT", True, None)
    assert (other.symbol, other.qualified) == ("ETHUSDT", False)
    assert other.distrusted == f"model {other.model_version} was not trained on ETHUSDT"
    assert (other.expected_return, other.confidence_interval) == (None, None)
    assert graded(other).risk_notes[0] == f"unqualified: {other.distrusted}"


def test_a_null_feature_stops_predictions_until_it_has_left_the_window(tmp_path):
    records = bars(range(3 * WINDOW), missing={(WINDOW, "BTCUSDT")})

    made = predictions(processor(serve(small_model(tmp_path))), records)

    silent = set(range(3 * WINDOW)) - {(p.event_time_ms - START_MS) // MINUTE_MS - 1 for p in made}
    assert silent == {*range(WINDOW - 1), *range(WINDOW, 2 * WINDOW)}


def test_the_answer_is_the_calibrated_pool_of_both_members(tmp_path):
    slots = serve(small_model(tmp_path))
    manifest = slots.all()[0].manifest

    made = predictions(processor(slots), bars(range(WINDOW)))[-1]

    members = {name: np.array([[p.sell, p.neutral, p.buy]]) for name, p in made.members.items()}
    expected = calibrate(
        pool(members, manifest.member_weights), np.array(manifest.class_prior), manifest.temperature
    )
    final = made.probabilities
    np.testing.assert_allclose([[final.sell, final.neutral, final.buy]], expected, atol=1e-12)
    assert made.threshold >= 0.0012


@pytest.mark.parametrize("size", [1, 7, 36])
def test_a_row_does_not_depend_on_its_batch(tmp_path, size):
    steps = processor(serve(small_model(tmp_path)))
    records = bars(range(WINDOW + 6), SYMBOLS)
    states: dict[StateKey, Record] = {}
    found: list[Record] = []

    for start in range(0, len(records), size):
        batch = records[start : start + size]
        keys = {steps.key_of(r) for r in batch}
        changed, outputs = steps.step_batch({k: states.get(k, steps.initial) for k in keys}, batch)
        states.update(changed)
        found += [p for made in outputs for p in made]

    assert found == replay([steps], records)


def test_symbols_do_not_disturb_each_other(tmp_path):
    steps = processor(serve(small_model(tmp_path)))
    together = bars(range(WINDOW + 2), SYMBOLS, missing={(WINDOW, "ETHUSDT")})

    made = predictions(steps, together)

    for symbol in SYMBOLS:
        alone = replay([steps], [r for r in together if r.symbol == symbol])
        assert [p for p in made if p.symbol == symbol] == alone


def test_redelivered_records_change_nothing(tmp_path):
    steps = processor(serve(small_model(tmp_path)))
    records = bars(range(WINDOW + 2))

    assert replay([steps], [r for r in records for _ in range(2)]) == replay([steps], records)


def test_a_model_change_takes_effect_at_its_bar_exactly(tmp_path):
    old, new = small_model(tmp_path, seed=1), small_model(tmp_path, seed=2)
    slots = serve(new, WINDOW + 2, serve(old))

    made = predictions(processor(slots), bars(range(WINDOW + 4)))

    assert [p.model_version for p in made] == [old.model_version] * 3 + [new.model_version] * 2


def test_without_a_model_nothing_is_predicted_and_no_bar_is_lost_to_the_window(tmp_path):
    slots = Slots()
    driver = MemoryDriver([processor(slots)])
    early = [made for record in bars(range(WINDOW)) for made in driver.feed(record)]

    serve(small_model(tmp_path), slots=slots)

    (late,) = (made for record in bars([WINDOW]) for made in driver.feed(record))
    assert early == []
    assert isinstance(late, Prediction)
    assert late.event_time_ms == close_time(WINDOW)


def test_a_bar_waits_for_the_model_that_its_posterior_names(tmp_path):
    model, slots, waited_for = small_model(tmp_path), Slots(), []

    def load_at_last(version, _serves):
        waited_for.append(version)
        serve(model, slots=slots)

    *window, last = bars(range(WINDOW))
    named = last.model_copy(update={"parameters_version": model.model_version})

    made = predictions(processor(slots, wait_for=load_at_last), [*window, named])

    assert waited_for == [model.model_version]
    assert [p.model_version for p in made] == [model.model_version]


def test_a_model_serves_as_long_as_its_features_exist(tmp_path):
    slots = serve(small_model(tmp_path))
    records = bars(range(WINDOW + 3))
    half = len(records) // 2
    grown = [
        record.model_copy(
            update={"feature_set_id": "grown", "values": {"new": None, **record.values}}
        )
        if isinstance(record, FeatureVector)
        else record
        for record in records[half:]
    ]

    before = predictions(processor(slots), records)
    after = predictions(processor(slots), [*records[:half], *grown])

    assert after[-1].feature_set_id == "grown"
    assert [p.probabilities for p in after] == [p.probabilities for p in before]
    assert len(before) > 1


@pytest.mark.parametrize("from_minute", [0, 3, WINDOW + 1])
def test_features_are_found_by_their_names_whatever_order_a_batch_has_them_in(
    tmp_path, from_minute
):
    slots = serve(small_model(tmp_path))
    records = bars(range(WINDOW + 3))
    turned = [
        record.model_copy(update={"values": dict(reversed(record.values.items()))})
        if isinstance(record, FeatureVector) and record.event_time_ms >= close_time(from_minute)
        else record
        for record in records
    ]

    before = predictions(processor(slots), records)
    after = predictions(processor(slots), turned)

    assert [p.probabilities for p in after] == [p.probabilities for p in before]
    assert len(before) > 1


def test_vectors_without_a_models_features_make_no_prediction_and_no_letter(tmp_path):
    slots = serve(small_model(tmp_path))
    record = features(0, rsi_14=1.0, adx_14=2.0).model_copy(update={"feature_set_id": "new-set"})

    made = list(replay([processor(slots)], [regimes(0, parameters_version=None), record]))

    assert made == []


def test_a_change_of_the_features_is_a_concern_that_names_what_is_missing():
    same = registered(feature_set_id=FEATURE_SET_ID)
    grown = registered(feature_set_id="old", feature_names=FEATURE_NAMES[:3])
    lacking = registered(feature_set_id="old", feature_names=(*FEATURE_NAMES[:3], "gone_14"))

    assert feature_concern(same) == ""
    assert "it serves with those that it knows" in feature_concern(grown)
    assert "cannot predict: gone_14 are no longer made" in feature_concern(lacking)


def replies(slots, asked, clock=lambda: 0) -> list[PredictionReply]:
    driver = MemoryDriver([processor(slots, clock)])
    for record in bars(range(WINDOW + 1)):
        driver.feed(record)
    outputs = driver.feed(asked)
    answers = [record for record in outputs if isinstance(record, PredictionReply)]
    assert len(answers) == len(outputs)
    return answers


def test_an_override_is_answered_by_the_model_it_names(tmp_path):
    old, new = small_model(tmp_path, seed=1), small_model(tmp_path, seed=2)
    slots = serve(new, 1, serve(old))

    (reply,) = replies(slots, request(WINDOW, model_override=old.model_version))

    assert (reply.status, reply.request_id, reply.reply_to) == ("ok", "r1", "gateway-0")
    assert reply.prediction is not None
    assert reply.prediction.model_version == old.model_version
    assert reply.prediction.event_time_ms == close_time(WINDOW)


@pytest.mark.parametrize(
    ("minute", "override", "status"),
    [(WINDOW, "nobody", "unknown_model"), (WINDOW - 1, "ensemble", "unknown_bar")],
)
def test_an_override_that_cannot_be_answered_says_why(tmp_path, minute, override, status):
    slots = serve(small_model(tmp_path))

    (reply,) = replies(slots, request(minute, model_override=override))

    assert reply.status == status
    assert reply.detail
    assert reply.prediction is None


@pytest.mark.parametrize("by_name", [True, False])
def test_an_override_of_another_timeframe_is_refused_with_both(tmp_path, by_name):
    hours = small_model(tmp_path, timeframe_ms=HOUR_MS)
    name = "ensemble" if by_name else hours.model_version

    (reply,) = replies(serve(hours), request(WINDOW, model_override=name))

    assert reply.status == "unknown_model"
    assert reply.detail == f"{name} predicts bars of 1h, the request is about a bar of 1m"


def test_bars_of_a_timeframe_without_a_model_get_no_prediction_and_disturb_no_other(tmp_path):
    minutes, hours = small_model(tmp_path), small_model(tmp_path, timeframe_ms=HOUR_MS)
    both = [
        record.model_copy(update={"timeframe_ms": timeframe_ms})
        for record in bars(range(WINDOW))
        for timeframe_ms in (MINUTE_MS, HOUR_MS)
    ]

    alone = predictions(processor(serve(minutes)), both)
    together = predictions(processor(serve(hours, 0, serve(minutes))), both)

    assert {(p.timeframe_ms, p.model_version) for p in alone} == {
        (MINUTE_MS, minutes.model_version)
    }
    assert {(p.timeframe_ms, p.model_version) for p in together} == {
        (MINUTE_MS, minutes.model_version),
        (HOUR_MS, hours.model_version),
    }
    assert len({p.prediction_id for p in together}) == len(together)


def test_an_override_nobody_waits_for_any_more_is_not_computed(tmp_path):
    slots = serve(small_model(tmp_path))

    (reply,) = replies(
        slots, request(WINDOW, model_override="ensemble"), clock=lambda: DEADLINE_MS + 1
    )

    assert reply.status == "expired"


def test_a_question_for_an_explanation_is_not_ours(tmp_path):
    assert replies(serve(small_model(tmp_path)), request(WINDOW, explain=True)) == []


def test_many_rows_at_once_equal_one_by_one(tmp_path):
    model = load_ensemble(small_model(tmp_path))
    driver = MemoryDriver([processor(Slots())])
    pairs: list[PairedBar] = []
    for record in bars(range(WINDOW + 20)):
        driver.feed(record)
        state = next(iter(driver.states.values()))
        assert isinstance(state, PairingState)
        pair = state.pair
        if pair is not None and len(pair.window.times) >= WINDOW and pair not in pairs:
            pairs.append(pair)
    inputs = [model_inputs(model, [pair.window]) for pair in pairs]

    together = predict(model, pairs, model_inputs(model, [pair.window for pair in pairs]))

    alone = [predict(model, [p], one)[0] for p, one in zip(pairs, inputs, strict=True)]
    assert together == alone
    assert all(isinstance(p, Prediction) for p in together)


def test_an_absent_member_leaves_its_weight_to_the_other():
    only = np.array([[0.2, 0.3, 0.5]])

    np.testing.assert_allclose(pool({"lstm": only}, {"xgboost": 0.55, "lstm": 0.45}), only)


def without_validation_once_more(record: Record) -> None:
    """A record that a step built unchecked is what validation would have made of it."""
    again = type(record).decode(record.encode())
    assert list(dict(again)) == list(dict(record))
    assert again == record


@pytest.mark.parametrize("seed", range(3))
def test_any_cut_of_a_log_into_batches_gives_the_same_bytes(tmp_path, seed):
    slots = serve(small_model(tmp_path))
    log = bars(range(WINDOW + 6), SYMBOLS, missing={(WINDOW + 1, "ETHUSDT")})
    inference = processor(slots)
    expected = [record.encode() for record in predictions(inference, log)]
    rng = np.random.default_rng(seed)
    states: dict[StateKey, Any] = {}
    made: list[Record] = []
    while log:
        size = int(rng.integers(1, 40))
        batch, log = log[:size], log[size:]
        keys = {inference.key_of(record) for record in batch}
        before = {key: states.get(key, inference.initial) for key in keys}
        assert inference.step_batch is not None
        changed, outputs = inference.step_batch(before, batch)
        states |= changed
        made += [record for records in outputs for record in records]

    assert [record.encode() for record in made] == expected
    for record in made:
        without_validation_once_more(record)


def test_a_state_replayed_from_an_older_one_leaves_the_newer_one_as_it_was():
    records = bars(range(WINDOW + 3))
    inference = processor(Slots())
    states = [inference.initial]
    key = inference.key_of(records[0])
    assert inference.step_batch is not None
    for record in records:
        changed, _ = inference.step_batch({key: states[-1]}, [record])
        states.append(changed[key])
    newest = states[-1]
    assert isinstance(newest, PairingState)
    kept = newest.pair.window.rows.copy()

    other = bars([WINDOW + 2], ["BTCUSDT"], missing={(WINDOW + 2, "BTCUSDT")})
    again, _ = inference.step_batch({key: states[-3]}, other)

    np.testing.assert_array_equal(newest.pair.window.rows, kept)
    assert np.isnan(again[key].pair.window.rows[-1]).any()
