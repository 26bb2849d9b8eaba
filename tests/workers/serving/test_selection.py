"""Who answers: the config's matrix weighs the specialists, and the universal model stands in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.configs import ConfigEffective
from schemas.predictions import Prediction, PredictionReply
from schemas.specialists import SPECIALISTS, ModelSelection, SpecialistPolicy
from streams.runtime.memory_driver import MemoryDriver, replay
from tests.build import config_effective
from tests.fakes.small_models import WINDOW, change_to, selecting, small_model
from tests.workers.serving.test_processor import bars, processor, request, serve
from workers.models.artifact import ArtifactError, Manifest, read_model
from workers.models.calibration import CalibrationLookup, CalibrationTables, ProbabilityTable
from workers.models.ensemble import (
    answer_shares,
    calibrate,
    mix,
    pool,
    specialist_weights,
)
from workers.serving.selection import OTHER_POLICY
from workers.serving.slots import Slots, _check_parity, load_ensemble

DEFAULT = SpecialistPolicy()
OTHER = SpecialistPolicy(matrix=((0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)))
SAMPLE = np.array([[0.6, 0.2, 0.2]])

chance = st.floats(0.0, 1.0)
distribution = st.tuples(*[st.floats(0.01, 1.0)] * 3).map(
    lambda row: tuple(float(each) for each in np.array(row) / sum(row))
)


def test_the_documents_regimes_give_the_documents_weights():
    weights = specialist_weights(SAMPLE, np.array([0.865]), DEFAULT)

    np.testing.assert_allclose(weights, [[0.6, 0.1, 0.3]], atol=1e-15)


def test_weights_even_out_with_entropy_only_where_the_config_says_so():
    rows = np.array([[0.0, 1.0, 0.0], [0.6, 0.2, 0.2], [1 / 3, 1 / 3, 1 / 3]])
    entropies = np.array([0.0, 0.5, 1.0])

    shrunk = specialist_weights(rows, entropies, SpecialistPolicy(shrink=True))

    expected = [[0.0, 0.5, 0.5], [0.3 + 1 / 6, 0.05 + 1 / 6, 0.15 + 1 / 6], [1 / 3] * 3]
    np.testing.assert_allclose(shrunk, expected, atol=1e-15)


def test_the_share_of_who_may_not_answer_is_the_universal_models():
    weights = np.array([[0.6, 0.1, 0.3], [0.1, 0.1, 0.8]])

    argmax = answer_shares("argmax", weights, {"bull_specialist"})
    blend = answer_shares("blend", weights, {"bull_specialist"})

    np.testing.assert_allclose(argmax, [[0, 1, 0, 0], [1, 0, 0, 0]])
    np.testing.assert_allclose(blend, [[0.4, 0.6, 0, 0], [0.9, 0.1, 0, 0]])


@given(
    distribution,
    chance,
    st.builds(
        SpecialistPolicy,
        matrix=st.tuples(distribution, distribution, distribution),
        shrink=st.booleans(),
    ),
    st.sets(st.sampled_from(SPECIALISTS)),
    st.sampled_from(["universal", "argmax", "blend"]),
)
def test_weights_and_shares_sum_to_one_and_none_is_of_an_unqualified_specialist(
    regimes, entropy, policy, qualified, rule
):
    weights = specialist_weights(np.array([regimes]), np.array([entropy]), policy)
    shares = answer_shares(rule, weights, qualified)

    assert weights.sum() == pytest.approx(1.0)
    assert 0.0 <= weights.min() <= weights.max() <= 1.0
    assert shares.sum() == pytest.approx(1.0)
    outside = [place for place, name in enumerate(SPECIALISTS, 1) if name not in qualified]
    assert not shares[:, outside].any()
    if rule == "universal" or not qualified:
        assert shares[0, 0] == pytest.approx(1.0)


@pytest.mark.parametrize("row", [(0.5, 0.5, 0.1), (1.5, -0.5, 0.0), (0.0, 0.0, 0.0)])
def test_a_matrix_whose_rows_are_no_distributions_is_refused(row):
    with pytest.raises(ValueError, match=r"matrix: row 1|less than or equal|greater than"):
        SpecialistPolicy(matrix=((1.0, 0.0, 0.0), row, (0.0, 0.0, 1.0)))


def last(model, *configs: ConfigEffective) -> Prediction:
    made = replay([processor(serve(model))], [*configs, *bars(range(WINDOW))])[-1]
    assert isinstance(made, Prediction)
    return made


def test_the_heaviest_specialist_answers_with_its_forest_and_its_temperature(tmp_path):
    model = small_model(tmp_path, selection=selecting("argmax"))
    ensemble = load_ensemble(model)

    made = last(model)
    universal = last(small_model(tmp_path / "universal"))

    assert made.strategy_weights == {
        "bull_specialist": pytest.approx(0.6),
        "bear_specialist": pytest.approx(0.1),
        "sideways_specialist": pytest.approx(0.3),
    }
    assert made.answered_by == "bull_specialist"
    assert made.why == "argmax: bull_specialist has the highest weight, 60%"
    assert made.members["lstm"] == universal.members["lstm"]
    assert made.members["xgboost"] != universal.members["xgboost"]
    members = {name: np.array([[p.sell, p.neutral, p.buy]]) for name, p in made.members.items()}
    pooled = pool(members, ensemble.manifest.member_weights)
    expected = calibrate(pooled, np.array(ensemble.manifest.class_prior), 1.5)
    final = made.probabilities
    np.testing.assert_allclose([[final.sell, final.neutral, final.buy]], expected, atol=1e-12)


@pytest.mark.parametrize(
    ("regime", "why"),
    [
        (
            (0.1, 0.8, 0.1),
            "sideways_specialist has the highest weight, 50%, but is missing: 12 rows",
        ),
        (
            (0.0, 1.0, 0.0),
            "bear_specialist has the highest weight, 50%, but is unqualified: no better",
        ),
    ],
)
def test_a_specialist_that_may_not_answer_leaves_it_to_the_universal_model(tmp_path, regime, why):
    model = small_model(tmp_path, selection=selecting("argmax"))
    bull, bear, sideways = regime
    records = [
        record.model_copy(update={"bull": bull, "bear": bear, "sideways": sideways})
        if hasattr(record, "bull")
        else record
        for record in bars(range(WINDOW))
    ]

    made = replay([processor(serve(model))], records)[-1]

    assert isinstance(made, Prediction)
    assert (made.answered_by, made.why) == ("universal", f"argmax: {why}")


def test_bounds_are_those_learned_on_the_answers_of_who_answers(tmp_path):
    universal, selected = (bounds(low) for low in (0.3, 0.4))
    model = small_model(tmp_path, selection=selecting("blend"))
    loaded, slots = load_ensemble(model), Slots()
    with_tables = replace(loaded, calibration=universal, selection_calibration=selected)
    slots.put(change_to(model), with_tables)
    asked = [
        request(WINDOW - 1, request_id=name, model_override="ensemble", answerer=name)
        for name in ("universal", "bull_specialist")
    ]

    records = replay([processor(slots)], [*bars(range(WINDOW)), *asked])
    other = config_effective(0, specialists=OTHER)
    fallen_back = replay([processor(slots)], [other, *bars(range(WINDOW))])[-1]

    made = [r for r in records if isinstance(r, Prediction)]
    replies = [r.prediction for r in records if isinstance(r, PredictionReply)]
    spans = [each.confidence_interval for each in (*made, *replies, fallen_back)]  # type: ignore[union-attr]
    assert spans == [(0.4, 0.6), (0.3, 0.6), None, (0.3, 0.6)]


def bounds(low: float) -> CalibrationLookup:
    flat = ProbabilityTable(edges=(), low=(low,), high=(0.6,))
    return CalibrationLookup(CalibrationTables(sell=flat, neutral=flat, buy=flat, returns=None))


def test_a_blend_is_the_weighted_mixture_of_calibrated_answers(tmp_path):
    model = small_model(tmp_path, selection=selecting("blend"))
    slots = serve(model)
    asked = [
        request(WINDOW - 1, request_id=name, model_override="ensemble", answerer=name)
        for name in ("universal", "bull_specialist")
    ]

    blended, *replies = [
        record
        for record in replay([processor(slots)], [*bars(range(WINDOW)), *asked])
        if isinstance(record, Prediction | PredictionReply)
    ]

    assert isinstance(blended, Prediction)
    parts = [row(reply.prediction.probabilities) for reply in replies]  # type: ignore[union-attr]
    np.testing.assert_allclose(
        row(blended.probabilities), 0.4 * parts[0] + 0.6 * parts[1], atol=1e-12
    )
    assert blended.answered_by == "blend"
    assert blended.why == "blend: universal 40%, bull_specialist 60%"


def row(chances):
    return np.array([chances.sell, chances.neutral, chances.buy])


def test_what_a_question_names_answers_whatever_the_selection_is(tmp_path):
    slots = serve(small_model(tmp_path, selection=selecting("universal")))
    named = [
        request(WINDOW - 1, request_id=name, model_override="ensemble", answerer=name)
        for name in ("universal", *SPECIALISTS)
    ]

    own, *replies = replay([processor(slots)], [*bars(range(WINDOW)), *named])

    assert isinstance(own, Prediction)
    universal, bull, bear, sideways = replies
    made = [universal.prediction, bull.prediction, bear.prediction]  # type: ignore[attr-defined]
    assert [p.answered_by for p in made] == ["universal", "bull_specialist", "bear_specialist"]
    assert [p.qualified for p in made] == [True, True, False]
    assert len({own.prediction_id, *(p.prediction_id for p in made)}) == 4
    assert made[0].probabilities == own.probabilities
    assert isinstance(sideways, PredictionReply)
    assert sideways.status == "unknown_model"
    assert "sideways_specialist of model" in sideways.detail
    assert sideways.detail.endswith("is missing: 12 rows")


def test_the_effective_config_weighs_from_its_first_bar_on(tmp_path):
    model = small_model(tmp_path, selection=selecting("argmax"))
    first = config_effective(WINDOW + 1, specialists=OTHER)
    back = config_effective(WINDOW + 3, config_id="v2-0a1b2c3d", specialists=DEFAULT)
    driver = MemoryDriver([processor(serve(model))])

    made = [
        out for record in [first, back, *bars(range(WINDOW + 5))] for out in driver.feed(record)
    ]

    told = [(p.answered_by, p.why) for p in made if isinstance(p, Prediction)]
    weights = [p.strategy_weights["bear_specialist"] for p in made if isinstance(p, Prediction)]
    assert weights == pytest.approx([0.1, 0.1, 0.6, 0.6, 0.1, 0.1])
    assert [who for who, _ in told] == [
        *["bull_specialist"] * 2,
        *["universal"] * 2,
        *["bull_specialist"] * 2,
    ]
    assert {why for who, why in told if who == "universal"} == {OTHER_POLICY}
    (state,) = driver.states.values()
    assert state.policies == ()  # type: ignore[attr-defined]


def test_the_config_of_another_strategy_weighs_nothing(tmp_path):
    config = config_effective(0, strategy="other", specialists=OTHER)

    made = last(small_model(tmp_path, selection=selecting("argmax")), config)

    assert made.answered_by == "bull_specialist"


def test_a_manifest_of_an_older_release_is_answered_by_the_universal_model(tmp_path):
    manifest, _ = read_model(small_model(tmp_path))
    older = manifest.model_dump(mode="json", exclude={"selection"})
    older["strategy_matrix"] = [[1.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]]
    for case in older["parity"]:
        del case["specialists"]

    again = Manifest.model_validate(older, strict=False)

    assert again.selection == ModelSelection()
    assert again.selection.rule == "universal"


def test_a_specialist_that_answers_otherwise_than_in_training_is_refused(tmp_path):
    loaded = load_ensemble(small_model(tmp_path, selection=selecting("argmax")))
    swapped = replace(
        loaded,
        specialists={
            **loaded.specialists,
            "bull_specialist": loaded.specialists["bear_specialist"],
        },
    )

    with pytest.raises(ArtifactError, match="bull_specialist differs from training by"):
        _check_parity(swapped, loaded.manifest.parity[0])


def test_a_manifest_names_the_files_of_its_specialists(tmp_path):
    manifest, _ = read_model(small_model(tmp_path, selection=selecting("argmax")))
    fewer = tuple(file for file in manifest.files if file.role != "forest_bull")

    with pytest.raises(ValueError, match="are not those of the files"):
        Manifest(**(dict(manifest) | {"files": fewer}))


def test_parts_are_mixed_by_their_shares():
    shares = np.array([[0.25, 0.75, 0.0, 0.0]])
    parts = {
        "universal": np.array([[0.2, 0.3, 0.5]]),
        "bull_specialist": np.array([[0.6, 0.3, 0.1]]),
    }

    np.testing.assert_allclose(mix(shares, parts), [[0.5, 0.3, 0.2]])


def test_status_lists_the_specialists(tmp_path):
    status = load_ensemble(small_model(tmp_path, selection=selecting("blend"))).status()

    assert status.selection == "blend"
    assert [(each.name, each.qualified) for each in status.specialists] == [
        ("bull_specialist", True),
        ("bear_specialist", False),
    ]
