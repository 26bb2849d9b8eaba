"""Gates: figures, thresholds and verdicts; two of them qualify, the others are reported."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.certificates import ModelCertificate
from schemas.gates import ComparedMetric, ForecastScore, ModelComparison
from schemas.models import ModelMetrics
from schemas.policies import GatesPolicy, RegistrationPolicy
from workers.training.gates import (
    GateFacts,
    Requirement,
    gate_report,
    gate_reports,
    qualifying_gates,
)

ORDER = ["data", "features", "boosted", "lstm", "ensemble", "promotion"]
GOOD_TRADES = {
    "sharpe_ratio": 1.2,
    "profit_factor": 1.6,
    "max_drawdown": 0.1,
    "total_trades": 60.0,
    "win_rate": 0.5,
    "deflated_sharpe_ratio": 0.97,
}


def score(forecast, log_loss):
    return ForecastScore(
        forecast=forecast, log_loss=log_loss, brier=0.6, accuracy=0.4, macro_f1=0.3
    )


CERTIFIED = ModelCertificate(seed=7, checks=(), left_out={})


def facts(trading=GOOD_TRADES, chance=0.001, missing=0.0):
    metrics = ModelMetrics(
        rows=100,
        folds=3,
        log_loss=1.03,
        prior_log_loss=1.05,
        edge_p_value=chance,
        brier=0.6,
        accuracy=0.4,
        macro_f1=0.3,
        calibration_error=0.01,
    )
    return GateFacts(
        data={"missing_share": missing, "zero_volume_share": 0.0},
        features={
            "usable_share": 0.9,
            "null_share": 0.0,
            "rarest_class_share": 0.2,
            "label_lead_bars": 15.0,
            "holdout_gap_bars": 16.0,
            "symbols_left_out": 0.0,
        },
        scores=[score("xgboost", 1.04), score("lstm", 1.06), score("class_prior", 1.05)],
        metrics=metrics,
        trading=trading,
        trials=4,
        qualifying=qualifying_gates(metrics, CERTIFIED, GatesPolicy()),
    )


def by_name(report):
    return {figure.name: figure for figure in report.figures}


def test_the_gates_stand_in_order_and_each_member_is_held_to_the_class_shares():
    reports = gate_reports(facts(), None)

    assert [report.name for report in reports] == ORDER
    passed = {report.name: report.passed for report in reports}
    assert passed == dict.fromkeys(ORDER, True) | {"lstm": False}
    loss = by_name(reports[3])["log_loss"]
    assert (loss.value, loss.threshold, loss.rule, loss.verdict) == (1.06, 1.05, "below", "failed")
    assert by_name(reports[4])["trials"].verdict == "shown"
    assert "compared with no champion" in reports[5].detail


def test_a_registration_threshold_that_is_missed_is_said_and_decides_nothing():
    poor = dict.fromkeys(GOOD_TRADES, None) | {"max_drawdown": 0.9, "total_trades": 3.0}

    reports = {report.name: report for report in gate_reports(facts(poor), None)}

    figures = by_name(reports["ensemble"])
    assert all(figures[name].verdict == "failed" for name in GOOD_TRADES)
    assert all(name in reports["ensemble"].detail for name in GOOD_TRADES)
    assert reports["ensemble"].passed
    assert reports["promotion"].passed


@pytest.mark.parametrize("p_value", [None, 0.01])
def test_an_edge_that_may_be_chance_fails_the_ensemble_and_the_promotion(p_value):
    chance = facts(chance=p_value)

    reports = {report.name: report.passed for report in gate_reports(chance, None)}

    assert chance.qualifying == {
        "log_loss_below_prior": True,
        "edge_beyond_chance": False,
        "blind_to_the_future": True,
    }
    assert not reports["ensemble"]
    assert not reports["promotion"]


def test_bars_that_are_missing_fail_the_first_gate_and_no_other():
    failed = [r.name for r in gate_reports(facts(missing=0.06), None) if not r.passed]

    assert failed == ["data", "lstm"]


def test_a_profit_factor_without_a_loss_passes_and_without_a_trade_fails():
    unbeaten = gate_reports(facts(GOOD_TRADES | {"profit_factor": None}), None)[4]
    idle = gate_reports(facts(GOOD_TRADES | {"profit_factor": None, "win_rate": None}), None)[4]

    assert by_name(unbeaten)["profit_factor"].verdict == "passed"
    assert by_name(idle)["profit_factor"].verdict == "failed"


@pytest.mark.parametrize("verdict", ["promote", "keep", "manual_review"])
def test_the_last_gate_follows_the_comparison(verdict):
    metric = ComparedMetric(
        metric="total_profit",
        weight="high",
        required=True,
        rule="above",
        threshold=0.0,
        champion=0.1,
        challenger=0.2,
        passed=True,
    )
    comparison = ModelComparison(
        champion="m0", rows=9, metrics=(metric,), difference=0.0, verdict=verdict, reasons=("why",)
    )

    last = gate_reports(facts(), comparison)[-1]

    assert last.passed == (verdict == "promote")
    assert last.detail == f"qualified; {verdict} beside m0"


def test_what_is_undefined_fails_a_threshold_and_is_shown_without_one():
    policy = {"win_rate": Requirement("at_least", 0.4)}

    report = gate_report("ensemble", {"win_rate": None, "bars": None}, policy)

    assert [figure.verdict for figure in report.figures] == ["failed", "shown"]
    assert not report.passed


def test_the_policy_of_the_config_says_the_thresholds_and_the_level_of_the_edge():
    policy = GatesPolicy(
        edge_level=0.2, registration=RegistrationPolicy(max_drawdown_pct=5.0, min_win_rate=62.5)
    )
    chance = replace(facts(chance=0.1), policy=policy)

    figures = by_name(gate_reports(chance, None)[4])

    assert qualifying_gates(chance.metrics, CERTIFIED, policy)["edge_beyond_chance"]
    assert not qualifying_gates(chance.metrics, CERTIFIED, GatesPolicy())["edge_beyond_chance"]
    assert figures["edge_p_value"].verdict == "passed"
    found = {n: (figures[n].value, figures[n].threshold) for n in ("max_drawdown", "win_rate")}
    assert found == {"max_drawdown": (0.1, 0.05), "win_rate": (0.5, 0.625)}
