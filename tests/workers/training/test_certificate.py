"""The certificate: every part is compared, a part that moves costs the qualification."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.certificates import CertificateCheck, ModelCertificate
from streams.features.catalog import FEATURE_NAMES
from tests.fakes.training_markets import SMALL, market
from tests.workers.training.test_train import REQUEST, quiet
from workers.training import certificate, regime_evidence
from workers.training.certificate import NOT_AUDITED, draw_bars, feature_parts
from workers.training.prefix_invariance import Stamped, check_stage, cut_off, draw_cuts
from workers.training.split import WalkForward
from workers.training.table import build_table
from workers.training.train import TrainedModel, register, train
from workers.training.worker import certificate_violations

PLAN = replace(SMALL, walk=WalkForward(blocks=2), smallest_fold=50)


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    asked = REQUEST.model_copy(update={"reason": "manual"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(regime_evidence, "SIMULATED_BARS", 6_000)
        return train(asked, market(edge=0.5, bars=900), PLAN, quiet)


def test_no_part_of_an_honest_bundle_moves_and_each_kind_is_compared(trained):
    checks = {check.kind: check for check in trained.certificate.checks}

    assert trained.certificate.violations == ()
    assert list(checks) == ["features", "labels", "filters", "scalers", "folds"]
    assert checks["features"].parts == len(FEATURE_NAMES)
    assert checks["filters"].parts == 2
    assert all(check.values > 0 and check.moved == {} for check in checks.values())
    assert checks["folds"].parts == 5
    assert trained.gates["blind_to_the_future"]


def test_the_certificate_is_stored_in_the_report_and_on_the_registration(trained, tmp_path):
    model = register(trained, REQUEST, tmp_path, 0)

    report = json.loads(trained.contents["report.json"])
    written = ModelCertificate.decode(json.dumps(report["certificate"]).encode())
    assert written == trained.certificate
    assert model.certificate == trained.certificate
    assert certificate_violations(model) == ()


def test_a_bundle_whose_certificate_is_violated_is_not_qualified_and_says_why(trained, tmp_path):
    seen = CertificateCheck(kind="labels", parts=4, cuts=3, values=900, moved={"class": 12})
    better = {"log_loss": 0.9, "prior_log_loss": 1.0, "edge_p_value": 0.001}
    good = replace(trained, metrics=trained.metrics.model_copy(update=better))
    leaky = replace(good, certificate=ModelCertificate(seed=7, checks=(seen,)))

    model = register(leaky, REQUEST, tmp_path, 0)

    assert register(good, REQUEST, tmp_path, 0).qualified
    assert not model.qualified
    assert [name for name, passed in model.gates.items() if not passed] == ["blind_to_the_future"]
    assert certificate_violations(model) == (
        "class (labels) moved 12 times when only its future was changed",
    )


def test_a_check_that_compared_nothing_certifies_nothing():
    nothing = CertificateCheck(kind="scalers", parts=0, cuts=3, values=0)

    assert ModelCertificate(seed=0, checks=(nothing,)).violations == (
        "no value of its scalers was compared, expected at least one",
    )


def test_the_first_model_is_not_audited_and_its_certificate_says_so(trained, monkeypatch):
    def refit(*_):
        raise AssertionError("the first signal waits for this fit")

    monkeypatch.setattr(certificate, "refit_first_fold", refit)

    table = build_table(market(edge=0.5, bars=400), SMALL.labels, SMALL.lstm.window)
    first = certificate.certify(table, trained.fitted, SMALL, None)

    assert first.left_out == {"folds": NOT_AUDITED}
    assert first.violations == ()


def test_every_feature_has_values_that_the_cuts_can_see():
    parts = feature_parts({"drawn": draw_bars(certificate.DRAWN_BARS, np.random.default_rng(0))})

    second_half = {name: part.values[len(part.values) // 2 :] for name, part in parts.items()}
    assert [name for name, values in second_half.items() if np.isnan(values).any()] == []


@given(lag=st.integers(-5, 5), seed=st.integers(0, 100))
@settings(max_examples=30)
def test_a_value_moves_exactly_if_it_reads_a_later_bar(lag, seed):
    rng = np.random.default_rng(seed)
    bars = {"drawn": draw_bars(60, rng)}

    def stage(log):
        (one,) = log.values()
        which = np.clip(np.arange(len(one.times)) - lag, 0, len(one.times) - 1)
        return {"close": Stamped(one.times, one.close[which])}

    check = check_stage("features", stage, bars, draw_cuts(bars, 3, rng), rng)

    assert bool(check.moved) == (lag < 0)


def test_a_part_that_is_missing_on_the_shorter_log_has_moved():
    bars = {"drawn": draw_bars(60, np.random.default_rng(0))}

    def stage(log):
        (one,) = log.values()
        return {"late": Stamped(one.times[:1], one.close[:1])} if len(one.times) == 60 else {}

    cut = int(bars["drawn"].times[30])
    check = check_stage("features", stage, bars, [cut], np.random.default_rng(0))

    assert check.moved == {"late": 1}
    assert len(cut_off(bars, cut)["drawn"].times) == 31
