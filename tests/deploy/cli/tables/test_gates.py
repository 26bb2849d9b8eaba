"""The lines of a model's gates."""

from __future__ import annotations

from deploy.cli.tables.gates import report_lines
from schemas.certificates import CertificateCheck, ModelCertificate
from schemas.gates import ForecastScore, GateFigure, GateReport, Holdout, ModelComparison
from tests.build import START_MS, comparison, equity_curve, registered, reliability
from tests.fakes.small_models import selecting


def test_every_figure_stands_with_its_threshold_and_verdict():
    figures = (
        GateFigure(
            name="log_loss",
            value=1.05,
            threshold=1.04,
            rule="below",
            verdict="failed",
            required=True,
        ),
        GateFigure(name="win_rate", value=None, threshold=0.4, rule="at_least", verdict="failed"),
        GateFigure(name="rows", value=90.0, verdict="shown"),
    )
    score = ForecastScore(
        forecast="class_prior", log_loss=1.04, brier=None, accuracy=0.4, macro_f1=None
    )
    model = registered(
        reports=(
            GateReport(name="lstm", passed=False, figures=figures, detail="failed: log_loss"),
        ),
        scores=(score,),
        holdout=Holdout(from_ms=START_MS, to_ms=START_MS, rows=1_000, scores=(score,)),
        comparison=ModelComparison(
            champion="m0",
            rows=7,
            metrics=(),
            difference=None,
            verdict="manual_review",
            reasons=("7 rows are too few",),
        ),
    )

    text = "\n".join(report_lines(model, {}))

    assert "lstm: failed (failed: log_loss)" in text
    assert "1.05  < 1.04      failed\n" in text
    assert "n/a  >= 0.4      failed, informs" in text
    assert "holdout, 1,000 rows" in text
    assert "beside m0 on 7 rows: manual_review; gain in log-loss n/a (n/a)" in text
    assert "7 rows are too few" in text


def test_a_model_of_an_older_release_says_so():
    assert "an older release trained it: its gates are log_loss passed" in "\n".join(
        report_lines(registered(), {})
    )


def test_folds_certificate_answerers_reliability_and_equity_are_told():
    loss = {"log_loss": 1.0412, "calibration_error": 0.013}
    folds = [{"rows": 400, "ensemble": loss, "xgboost": loss, "class_prior": loss}]
    check = CertificateCheck(kind="labels", parts=3, cuts=2, values=900)
    model = registered(
        reliability=reliability(),
        equity=equity_curve(),
        certificate=ModelCertificate(seed=1, checks=(check,), left_out={"folds": "bootstrap"}),
        selection=selecting("blend"),
        comparison=comparison(challenger_rule="blend", universal_difference=0.002),
    )

    text = "\n".join(report_lines(model, {"folds": folds}))

    assert "folds: log-loss and ECE of ensemble, xgboost" in text
    assert "400 rows     1.0412     0.0130     1.0412     0.0130" in text
    assert "certificate: nothing moved with the future (labels 900 values)" in text
    assert "folds left out: bootstrap" in text
    assert "who answers: blend (for a test)" in text
    assert "bear_specialist       n/a beside universal n/a: no better" in text
    assert "46.0%    45.0%  40.0%..50.0%          480" in text
    assert "1 became 1.0300 by 2 trades after costs, at the lowest 0.9800" in text
    assert "blend beside None; of the universal models alone +0.00200" in text
