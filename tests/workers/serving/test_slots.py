"""Slots: a model serves from the bar it was named for, proved against training, or is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from schemas.timeframes import HOUR_MS, MINUTE_MS
from tests.build import close_time
from tests.fakes.small_models import NAMES, WINDOW, change_to, small_model
from workers.models.artifact import ArtifactError, model_folder, read_model
from workers.models.symbol_forests import decode_forests
from workers.serving.slots import MODELS_IN_MEMORY, Slots, _check_parity, load_ensemble
from workers.training.fit_boosted import boosted_probabilities
from workers.training.fit_lstm import lstm_probabilities


def serving(slots, minute):
    model = slots.for_bar(MINUTE_MS, close_time(minute))
    return None if model is None else model.version


def test_a_model_serves_from_its_bar_on_and_not_before(tmp_path):
    old, new = small_model(tmp_path, seed=1), small_model(tmp_path, seed=2)
    slots = Slots()

    slots.put(change_to(old, 10), load_ensemble(old))
    slots.put(change_to(new, 20), load_ensemble(new))

    assert [serving(slots, m) for m in (9, 10, 19, 20)] == [
        None,
        old.model_version,
        old.model_version,
        new.model_version,
    ]


def test_a_change_that_arrives_late_takes_its_place_in_time(tmp_path):
    old, new = small_model(tmp_path, seed=1), small_model(tmp_path, seed=2)
    slots = Slots()

    slots.put(change_to(new, 20), load_ensemble(new))
    slots.put(change_to(old, 10), load_ensemble(old))

    assert (serving(slots, 15), serving(slots, 25)) == (old.model_version, new.model_version)


def test_a_model_that_comes_back_serves_in_both_of_its_times(tmp_path):
    first, second = small_model(tmp_path, seed=1), small_model(tmp_path, seed=2)
    slots = Slots()

    for model, minute in ((first, 10), (second, 20), (first, 30), (first, 30)):
        slots.put(change_to(model, minute), load_ensemble(model))

    assert [serving(slots, m) for m in (15, 25, 35)] == [
        first.model_version,
        second.model_version,
        first.model_version,
    ]
    assert [m.version for m in slots.all()] == [first.model_version, second.model_version]


def test_a_model_that_has_been_replaced_is_in_memory_for_a_rollback(tmp_path):
    first, second, third = (small_model(tmp_path, seed=seed) for seed in (1, 2, 3))
    slots = Slots(capacity=2)
    loaded = load_ensemble(first)
    slots.put(change_to(first, 10), loaded)
    slots.put(change_to(second, 20), load_ensemble(second))

    assert slots.in_memory(first) is loaded
    slots.put(change_to(third, 30), load_ensemble(third))
    assert slots.in_memory(first) is None


def test_models_are_found_by_version_and_the_newest_by_strategy(tmp_path):
    old, new = small_model(tmp_path, seed=1), small_model(tmp_path, seed=2)
    slots = Slots()
    slots.put(change_to(old, 10), load_ensemble(old))
    slots.put(change_to(new, 20), load_ensemble(new))

    by_version, by_strategy = (
        slots.named(old.model_version, MINUTE_MS),
        slots.named("ensemble", MINUTE_MS),
    )
    assert by_version is not None
    assert by_version.version == old.model_version
    assert by_strategy is not None
    assert by_strategy.version == new.model_version
    assert slots.named("nobody", MINUTE_MS) is None


def test_only_the_last_models_stay_in_memory(tmp_path):
    models = [small_model(tmp_path, seed=seed) for seed in range(MODELS_IN_MEMORY + 2)]
    slots = Slots()

    for minute, model in enumerate(models):
        slots.put(change_to(model, minute), load_ensemble(model))

    assert serving(slots, 1) is None
    assert serving(slots, 2) == models[2].model_version


def test_who_was_away_answers_every_bar_of_a_row_of_rollbacks(tmp_path):
    models = [small_model(tmp_path, seed=seed) for seed in (1, 2)]
    loaded, slots = [load_ensemble(model) for model in models], Slots()

    for minute in range(3 * MODELS_IN_MEMORY):
        slots.put(change_to(models[minute % 2], minute), loaded[minute % 2])

    answers = [serving(slots, minute) for minute in range(3 * MODELS_IN_MEMORY)]
    assert answers == [models[m % 2].model_version for m in range(3 * MODELS_IN_MEMORY)]


def test_the_model_that_serves_stays_while_many_changes_are_to_come(tmp_path):
    models = [small_model(tmp_path, seed=seed) for seed in (1, 2)]
    loaded, slots = [load_ensemble(model) for model in models], Slots()
    slots.put(change_to(models[0], 10), loaded[0])
    assert serving(slots, 20) == models[0].model_version

    for number in range(1, 2 * MODELS_IN_MEMORY):  # a promotion, its rollback, and so on at once
        change = change_to(models[number % 2], 25 + number)
        told = change.model_copy(update={"event_time_ms": close_time(21)})
        slots.put(told, loaded[number % 2])

    answers = [serving(slots, minute) for minute in range(22, 30)]
    assert answers == [models[max(0, m - 25) % 2].model_version for m in range(22, 30)]


def test_a_bar_is_served_by_a_model_of_its_own_timeframe(tmp_path):
    minutes, hours = small_model(tmp_path), small_model(tmp_path, timeframe_ms=HOUR_MS)
    slots = Slots()
    slots.put(change_to(hours, 10), load_ensemble(hours))

    assert serving(slots, 10) is None

    for minute in range(10, 10 + MODELS_IN_MEMORY + 1):
        slots.put(change_to(minutes, minute), load_ensemble(minutes))

    other = slots.for_bar(HOUR_MS, close_time(20))
    assert serving(slots, 20) == minutes.model_version
    assert other is not None
    assert other.version == hours.model_version
    assert slots.named(hours.model_version, MINUTE_MS) is None
    assert [m.timeframe_ms for m in slots.all()] == [MINUTE_MS, HOUR_MS]


def test_each_timeframe_tells_its_own_first_bar_of_a_model(tmp_path):
    minutes, hours = small_model(tmp_path), small_model(tmp_path, timeframe_ms=HOUR_MS)
    switched = []
    slots = Slots(on_switch=lambda model, bar_ms: switched.append((model.timeframe_ms, bar_ms)))
    slots.put(change_to(minutes, 20), load_ensemble(minutes))
    slots.put(change_to(hours, 10), load_ensemble(hours))

    for timeframe_ms in (MINUTE_MS, HOUR_MS, MINUTE_MS, HOUR_MS):
        slots.for_bar(timeframe_ms, close_time(30))

    assert switched == [(MINUTE_MS, close_time(30)), (HOUR_MS, close_time(30))]


def test_both_members_equal_the_training_libraries(tmp_path):
    model = small_model(tmp_path)
    _, contents = read_model(model)
    rng = np.random.default_rng(3)
    windows = rng.normal(size=(40, WINDOW, len(NAMES)))
    rows = np.hstack((windows[:, -1], rng.dirichlet(np.ones(3), size=40)))

    loaded = load_ensemble(model)
    answers = loaded.members(loaded.forest_rows(rows), loaded.network.prepare(windows))

    expected = boosted_probabilities(contents["forest"], rows)
    np.testing.assert_allclose(answers["xgboost"], expected, atol=1e-6)
    expected = lstm_probabilities(contents["lstm"], windows)
    np.testing.assert_allclose(answers["lstm"], expected, atol=1e-6)


def test_a_symbol_with_features_and_a_forest_of_its_own_is_answered_by_them(tmp_path):
    own = {"ETHUSDT": NAMES[:2]}
    model = small_model(tmp_path, own=own)
    _, contents = read_model(model)
    rng = np.random.default_rng(3)
    windows = rng.normal(size=(6, WINDOW, len(NAMES)))
    values = np.hstack((windows[:, -1], rng.dirichlet(np.ones(3), size=6)))
    symbols = ["BTCUSDT", "ETHUSDT"] * 3

    loaded = load_ensemble(model)
    rows = loaded.forest_rows(values, symbols)
    answers = loaded.members(rows, loaded.network.prepare(windows))["xgboost"]

    pooled = boosted_probabilities(contents["forest"], values)
    masked = values.copy()
    masked[:, 2:4] = np.nan
    alone = boosted_probabilities(decode_forests(contents["forests"])["ETHUSDT"], masked)
    np.testing.assert_allclose(answers[::2], pooled[::2], atol=1e-6)
    np.testing.assert_allclose(answers[1::2], alone[1::2], atol=1e-6)
    assert not np.allclose(alone[1::2], pooled[1::2])
    assert loaded.forest_rows(values, ["BTCUSDT"] * 6).values is values, "nothing to leave out"


@pytest.mark.parametrize("part", ["features", "answers"])
def test_a_bundle_whose_own_parts_are_not_those_of_its_training_is_refused(tmp_path, part):
    loaded = load_ensemble(small_model(tmp_path, own={"ETHUSDT": NAMES[:2]}))
    case = loaded.manifest.parity[0]
    if part == "features":
        changes = {"features": {"ETHUSDT": NAMES[2:]}}
        loaded = replace(loaded, manifest=loaded.manifest.model_copy(update=changes))
    else:
        case = case.model_copy(update={"symbols": {}})

    with pytest.raises(ArtifactError, match="the forest of ETHUSDT"):
        _check_parity(loaded, case)


def test_features_of_a_symbol_that_are_no_inputs_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"features of ETHUSDT are \['rsi_7'\], expected inputs"):
        small_model(tmp_path, own={"ETHUSDT": ("rsi_7",)})
    with pytest.raises(ValueError, match="features of ETHUSDT are none"):
        small_model(tmp_path, own={"ETHUSDT": ()})


def test_a_model_that_answers_otherwise_than_in_training_is_refused(tmp_path):
    model = small_model(tmp_path)
    manifest, _ = read_model(model)
    case = manifest.parity[0]
    wrong = manifest.model_copy(update={"parity": (case.model_copy(update={"forest": case.lstm}),)})
    (model_folder(model.uri) / "manifest.json").write_bytes(wrong.encode())

    with pytest.raises(ArtifactError, match="xgboost differs from training by"):
        load_ensemble(model.model_copy(update={"model_version": wrong.version}))


def test_status_counts_weights_and_says_where_it_runs(tmp_path):
    status = load_ensemble(small_model(tmp_path)).status()

    assert status.device.partition(":")[0] in {"cpu", "cuda"}
    assert status.parameters > 100
    assert status.load_seconds is not None
    assert status.load_seconds > 0.0
