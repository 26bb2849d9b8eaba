"""TreeSHAP: equals brute force, xgboost and shap, and adds up to the margin."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from workers.models.booster import read_booster, stump
from workers.models.forest import compile_forest, margins
from workers.models.treeshap import compile_explainer, shap_values, warm_up

RNG = np.random.default_rng(11)


def rows(count, features, missing=0.2):
    made = RNG.normal(size=(count, features)).astype(np.float32)
    made[RNG.random(made.shape) < missing] = np.nan
    return made


def trained(features, rounds=6, **parameters):
    """An xgboost booster and ours, fitted to noise: trees grow as deep as they may."""
    import xgboost

    settings = {
        "objective": "multi:softprob",
        "num_class": 3,
        "nthread": 1,
        "min_child_weight": 0.0,
    } | parameters
    matrix = xgboost.DMatrix(rows(700, features), RNG.integers(0, 3, 700))
    booster = xgboost.train(settings, matrix, rounds)
    return booster, read_booster(bytes(booster.save_raw("json")))


def contributions(booster, x):
    """What xgboost itself says, in the order of ours: (rows, classes, features + 1)."""
    import xgboost

    return booster.predict(xgboost.DMatrix(x), pred_contribs=True)


def brute_force(booster, row):
    """Shapley values by their definition over all coalitions, shape (classes, features)."""

    def expectation(tree, node, known):
        at = booster.offsets[tree] + node
        left = int(booster.left[at])
        if left == 0:
            return float(booster.value[at])
        x = row[booster.feature[at]]
        if int(booster.feature[at]) in known:
            goes_left = booster.default_left[at] if np.isnan(x) else x < booster.value[at]
            return expectation(tree, left + (not goes_left), known)
        cover = booster.cover[at - node + left : at - node + left + 2] / booster.cover[at]
        return sum(c * expectation(tree, left + side, known) for side, c in enumerate(cover))

    phi = np.zeros((booster.classes, booster.features))
    for tree, target in enumerate(booster.targets):
        for feature in range(booster.features):
            others = [j for j in range(booster.features) if j != feature]
            for size in range(len(others) + 1):
                weight = 1 / (booster.features * math.comb(booster.features - 1, size))
                for known in itertools.combinations(others, size):
                    gain = expectation(tree, 0, {*known, feature}) - expectation(tree, 0, {*known})
                    phi[target, feature] += weight * gain
    return phi


def test_values_equal_the_definition_of_shapley():
    _, booster = trained(features=5, rounds=2, max_depth=5)
    x = rows(6, 5)

    found = shap_values(compile_explainer(booster), x)

    for i in range(len(x)):
        expected = brute_force(booster, x[i])
        np.testing.assert_allclose(found[i, :, :-1], expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    ("features", "parameters"),
    [
        (60, {"max_depth": 6}),
        (3, {"max_depth": 8}),  # every path asks the same features again and again
        (1, {"max_depth": 3}),
        (40, {"max_depth": 16, "grow_policy": "lossguide", "max_leaves": 60}),
        (20, {"max_depth": 10, "num_parallel_tree": 2, "subsample": 0.5}),
    ],
    ids=str,
)
def test_values_equal_xgboost_and_add_up_to_the_margin(features, parameters):
    booster, ours = trained(features, **parameters)
    x = rows(40, features)

    found = shap_values(compile_explainer(ours), x)

    np.testing.assert_allclose(found, contributions(booster, x), rtol=0, atol=1e-5)
    assert np.abs(found.sum(axis=2) - margins(compile_forest(ours), x)).max() <= 1e-5


def test_paths_over_more_features_than_one_group_of_points_covers_stay_exact():
    booster, ours = trained(40, max_depth=16, grow_policy="lossguide", max_leaves=60)

    explainer = compile_explainer(ours)

    assert len(explainer.tables) > 1
    x = rows(5, 40)
    found = shap_values(explainer, x)
    np.testing.assert_allclose(found, contributions(booster, x), rtol=0, atol=1e-5)


@pytest.mark.filterwarnings("ignore")  # shap's own imports warn
def test_values_equal_the_shap_library():
    import shap

    booster, ours = trained(12, max_depth=5)
    x = rows(20, 12)

    found = shap_values(compile_explainer(ours), x)

    explainer = shap.TreeExplainer(booster)
    expected = explainer.shap_values(x).transpose(0, 2, 1)  # shap puts the classes last
    np.testing.assert_allclose(found[:, :, :-1], expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(found[0, :, -1], explainer.expected_value, rtol=0, atol=1e-5)


def test_a_row_alone_is_explained_as_in_a_batch():
    explainer = compile_explainer(trained(10)[1])
    x = rows(30, 10)

    alone = np.vstack([shap_values(explainer, x[i : i + 1]) for i in range(30)])

    np.testing.assert_array_equal(alone, shap_values(explainer, x))


def test_a_stump_credits_its_one_feature_with_half_the_span():
    explainer = compile_explainer(stump())  # leaves -1 and +1, half of the cover each

    found = shap_values(explainer, np.array([[-1.0], [1.0], [np.nan]]))

    np.testing.assert_allclose(found[:, 0], [[-1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]], atol=1e-6)
    assert not found[:, 1:].any()


def test_a_feature_that_no_tree_asks_gets_exactly_nothing():
    booster = trained(8, rounds=1, max_depth=1)[1]
    unused = set(range(8)) - set(booster.feature[booster.left != 0].tolist())

    found = shap_values(compile_explainer(booster), rows(10, 8))

    assert unused
    assert not found[:, :, sorted(unused)].any()


def test_a_booster_without_rounds_leaves_everything_to_the_base():
    booster = trained(4, rounds=0)[1]

    found = shap_values(compile_explainer(booster), rows(2, 4))

    assert not found[:, :, :-1].any()
    np.testing.assert_allclose(found[0, :, -1], booster.base_score)


def test_rows_of_the_wrong_width_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 5\), expected \(N, 1\)"):
        shap_values(compile_explainer(stump()), np.zeros((2, 5)))


def test_warming_up_needs_no_model():
    warm_up()
