"""Compiled forest: the same probabilities as xgboost, or a clear refusal."""

from __future__ import annotations

import numpy as np
import orjson
import pytest

from workers.models.booster import BoosterError, read_booster
from workers.models.forest import compile_forest, margins, probabilities, warm_up

RNG = np.random.default_rng(7)
FEATURES = 6


def rows(count, missing=0.1):
    made = RNG.normal(size=(count, FEATURES)).astype(np.float32)
    made[RNG.random(made.shape) < missing] = np.nan
    return made


def trained(rounds=12, missing=0.1, **parameters):
    """An xgboost booster and its JSON, fitted to noise with some structure."""
    import xgboost

    x = rows(600, missing)
    y = (np.nan_to_num(x[:, 0]) > 0.3).astype(int) + (np.nan_to_num(x[:, 1]) > 0.5)
    settings = {
        "objective": "multi:softprob",
        "num_class": 3,
        "nthread": 1,
        "max_depth": 4,
        "seed": 3,
    } | parameters
    booster = xgboost.train(settings, xgboost.DMatrix(x, y), rounds)
    booster.set_param({"nthread": 1})
    return booster, bytes(booster.save_raw("json"))


@pytest.mark.parametrize(
    "parameters",
    [
        {"max_depth": 6},
        {"max_depth": 1},
        {"max_depth": 0, "grow_policy": "lossguide", "max_leaves": 40},
        {"num_parallel_tree": 3, "subsample": 0.7},
        {"base_score": 0.5},
        {"gamma": 5.0, "tree_method": "exact"},  # pruned nodes stay in the file
    ],
    ids=str,
)
@pytest.mark.parametrize("count", [1, 7, 8, 130])
def test_margins_equal_xgboost_to_the_last_bit(parameters, count):
    booster, model = trained(**parameters)
    x = rows(count, missing=0.3)

    found = margins(compile_forest(read_booster(model)), x)

    np.testing.assert_array_equal(found, booster.inplace_predict(x, predict_type="margin"))


def test_probabilities_equal_xgboost_and_sum_to_one():
    booster, model = trained()
    x = rows(300)

    found = probabilities(compile_forest(read_booster(model)), x)

    assert np.abs(found - booster.inplace_predict(x)).max() <= 1e-6
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=0, atol=1e-12)


def test_a_row_alone_answers_as_in_a_batch():
    forest = compile_forest(read_booster(trained()[1]))
    x = rows(70)

    alone = np.vstack([margins(forest, x[i : i + 1]) for i in range(len(x))])

    np.testing.assert_array_equal(alone, margins(forest, x))


@pytest.mark.parametrize("method", ["hist", "exact"])
def test_missing_goes_where_it_went_in_training_even_when_nothing_else_splits(method):
    import xgboost

    x = np.ones((400, FEATURES), dtype=np.float32)
    x[::3, 2] = np.nan
    y = np.isnan(x[:, 2]).astype(int)
    settings = {"objective": "multi:softprob", "num_class": 3, "tree_method": method, "nthread": 1}
    booster = xgboost.train(settings, xgboost.DMatrix(x, y), 3)

    found = margins(compile_forest(read_booster(bytes(booster.save_raw("json")))), x[:6])

    np.testing.assert_array_equal(found, booster.inplace_predict(x[:6], predict_type="margin"))
    assert found[0, 1] > found[1, 1]


def test_a_booster_stopped_early_serves_its_best_iteration():
    import xgboost

    x, y = rows(400), RNG.integers(0, 3, 400)
    held_out = xgboost.DMatrix(rows(200), RNG.integers(0, 3, 200))
    booster = xgboost.train(
        {"objective": "multi:softprob", "num_class": 3, "nthread": 1, "eta": 0.5},
        xgboost.DMatrix(x, y),
        50,
        evals=[(held_out, "held")],
        early_stopping_rounds=4,
        verbose_eval=False,
    )
    best = (0, booster.best_iteration + 1)

    forest = compile_forest(read_booster(bytes(booster.save_raw("json"))))

    assert booster.num_boosted_rounds() > best[1]
    expected = booster.inplace_predict(x, iteration_range=best, predict_type="margin")
    np.testing.assert_array_equal(margins(forest, x), expected)


def test_a_booster_without_rounds_gives_the_base_score():
    booster, model = trained(rounds=0)
    x = rows(3)

    found = margins(compile_forest(read_booster(model)), x)

    np.testing.assert_array_equal(found, booster.inplace_predict(x, predict_type="margin"))


def test_float64_rows_are_rounded_as_xgboost_rounds_them():
    booster, model = trained()
    x = RNG.normal(size=(50, FEATURES))

    found = margins(compile_forest(read_booster(model)), x)

    np.testing.assert_array_equal(found, booster.inplace_predict(x, predict_type="margin"))


def test_other_objectives_are_refused_by_name():
    import xgboost

    booster = xgboost.train(
        {"objective": "binary:logistic"}, xgboost.DMatrix(rows(50), RNG.integers(0, 2, 50)), 2
    )

    with pytest.raises(BoosterError, match="binary:logistic, expected gbtree with multi:softprob"):
        read_booster(bytes(booster.save_raw("json")))


def test_other_boosters_are_refused_by_name():
    with pytest.raises(BoosterError, match="dart"):
        read_booster(trained(booster="dart")[1])


def test_categorical_splits_are_refused():
    import xgboost

    x = RNG.integers(0, 4, size=(300, 2)).astype(np.float32)
    categorical = xgboost.DMatrix(
        x, (x[:, 0] == 2).astype(int), feature_types=["c", "q"], enable_categorical=True
    )
    booster = xgboost.train({"objective": "multi:softprob", "num_class": 3}, categorical, 2)

    with pytest.raises(BoosterError, match="categorical splits"):
        read_booster(bytes(booster.save_raw("json")))


def test_vector_leaves_are_refused():
    with pytest.raises(BoosterError, match="vector leaves"):
        read_booster(trained(multi_strategy="multi_output_tree", tree_method="hist")[1])


@pytest.mark.parametrize("blob", [b"", b"{", b"[]", b"{}", bytes(range(40))])
def test_a_file_that_is_no_json_model_is_refused_with_the_way_to_save_one(blob):
    with pytest.raises(BoosterError, match=r"save_raw\('json'\)"):
        read_booster(blob)


def test_a_binary_model_is_refused_with_the_way_to_save_json():
    with pytest.raises(BoosterError, match=r"save_raw\('json'\)"):
        read_booster(bytes(trained()[0].save_raw("ubj")))


def test_a_base_score_of_the_wrong_length_is_refused():
    model = orjson.loads(trained()[1])
    model["learner"]["learner_model_param"]["base_score"] = "[1E-1,2E-1]"

    with pytest.raises(BoosterError, match="2 values, expected 1 or 3"):
        read_booster(orjson.dumps(model))


def test_rows_of_the_wrong_width_are_refused():
    forest = compile_forest(read_booster(trained()[1]))

    with pytest.raises(ValueError, match=r"\(2, 5\), expected \(N, 6\)"):
        margins(forest, np.zeros((2, 5)))


def test_warming_up_needs_no_model():
    warm_up()
