"""The training report: shap's importance of the features, drawn from the model's folder alone."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from schemas.certificates import CertificateCheck, ModelCertificate
from schemas.gates import ComparedMetric, ForecastScore, GateFigure, GateReport, Holdout
from schemas.models import ModelRegistered
from tests.build import comparison, equity_curve, registered, reliability
from tests.fakes.small_models import NAMES, small_model
from workers.models.artifact import REGISTERED, model_folder, read_model
from workers.models.booster import read_booster
from workers.models.treeshap import compile_explainer, shap_values
from workers.training.report import (
    CLASSES,
    PAGE,
    PLOT,
    REGIME_INPUTS,
    ROWS,
    importance,
    tree_values,
    write_report,
)
from workers.training.report_calibration import calibration_section

PNG = b"\x89PNG"
ALL_NAMES = (*NAMES, *REGIME_INPUTS)


@pytest.fixture
def folder(tmp_path):
    """A registered model's folder with rows of its training."""
    model = small_model(tmp_path)
    path = model_folder(model.uri)
    (path / REGISTERED).write_bytes(model.encode())
    rows = np.random.default_rng(1).normal(size=(50, len(ALL_NAMES)))
    rows[3, 0] = np.nan
    np.save(path / ROWS, rows, allow_pickle=False)
    return path


@pytest.mark.filterwarnings("ignore")
def test_the_report_shows_the_plot_and_its_numbers_and_loads_nothing(folder):
    page = write_report(folder)

    text = page.read_text()
    assert page == folder / PAGE
    assert (folder / PLOT).read_bytes().startswith(PNG)
    assert 'src="data:image/png;base64,' in text
    assert re.search(r'(src|href)="https?:', text) is None
    rows = re.findall(r"<tr><td>(\w+)</td>", text)
    assert sorted(rows) == sorted(ALL_NAMES)
    assert f"<th>{'</th><th>'.join(CLASSES)}</th>" in text


@pytest.mark.filterwarnings("ignore")
def test_the_report_has_gates_members_folds_comparison_certificate_and_drawings(folder):
    figure = GateFigure(
        name="log_loss", value=1.05, threshold=1.04, rule="below", verdict="failed", required=True
    )
    score = ForecastScore(
        forecast="ensemble", log_loss=1.01, brier=0.6, accuracy=0.5, macro_f1=None
    )
    moved = CertificateCheck(kind="labels", parts=3, cuts=2, values=900, moved={"buy": 4})
    compared = comparison(
        metrics=(
            ComparedMetric(
                metric="total_profit", weight="high", required=True, rule="above",
                threshold=0.0, champion=None, challenger=0.125, passed=True,
            ),
        ),
        difference_interval=(0.001, 0.02),
        challenger_rule="blend",
        champion_rule="universal",
        universal_difference=-0.002,
    )  # fmt: skip
    model = ModelRegistered.decode((folder / REGISTERED).read_bytes()).model_copy(
        update={
            "reports": (GateReport(name="lstm", passed=False, figures=(figure,), detail="<late>"),),
            "scores": (score,),
            "holdout": Holdout(from_ms=1, to_ms=2, rows=1_480, scores=(score,)),
            "comparison": compared,
            "certificate": ModelCertificate(seed=1, checks=(moved,)),
            "reliability": reliability(),
            "equity": equity_curve(),
        }
    )
    (folder / REGISTERED).write_bytes(model.encode())
    scores = {"log_loss": 1.02, "calibration_error": 0.03}
    fold = {"rows": 400, "from_ms": 1, "to_ms": 2, "ensemble": scores, "class_prior": scores}
    (folder / "report.json").write_text(json.dumps({"folds": [fold, fold]}))

    text = write_report(folder).read_text()

    assert "<details open><summary><b class='down'>failed</b> <b>lstm</b> &lt;late&gt;" in text
    assert "<td>1.05</td><td>&lt; 1.04</td><td>failed</td>" in text
    assert "The same on the 1,480 newest rows" in text
    assert "<td>400</td><td>1.0200, 0.0300</td>" in text
    assert "Gain in log-loss +0.01000 nats a row (95%: +0.00100 to +0.02000): blend beside" in text
    assert "of the universal models alone -0.00200." in text
    assert "<td>n/a</td><td>0.125</td><td>&gt; 0</td><td>high, required</td>" in text
    assert "buy (labels) moved 4 times when only its future was changed" in text
    assert text.count("<svg") == 5
    drawn = {path.stem for path in folder.glob("*.png")}
    assert drawn == {"importance", "reliability", "equity", "drawdown", "folds"}


def test_the_report_says_which_promises_of_grades_are_certified_and_why_others_are_not():
    promises = [
        {"grade": "B", "lower_edge": 0.65, "calls": 1_200, "blocks": 90, "hit_rate": 0.81,
         "p_value": 0.002, "certified": True, "reason": "ruled out"},
        {"grade": "A+", "lower_edge": 0.85, "calls": 0, "blocks": 0, "hit_rate": None,
         "p_value": None, "certified": False, "reason": "it has no calls"},
    ]  # fmt: skip
    metrics = registered().metrics.model_copy(
        update={
            "calibration_error_debiased": 0.011,
            "calibration_error_debiased_interval": (0.0, 0.024),
            "calibration_p_value": 0.31,
        }
    )

    text = calibration_section(metrics, promises, has_tables=True)
    short = calibration_section(registered().metrics, [], has_tables=False)

    assert "0.0110 is left (5-95 %: 0.0000 to 0.0240)" in text
    assert "off as far with a probability of 0.310" in text
    assert "<td>1,200</td><td>90</td><td>81.0%</td><td>0.002</td><td>yes: ruled out</td>" in text
    assert "<th scope='row'>A+</th><td>85%</td><td>0</td>" in text
    assert "<td>no: it has no calls</td>" in text
    assert "too few blocks of time" in short
    assert "do not carry" in short
    assert calibration_section(metrics, None, has_tables=True) == ""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ((0.0003, 0.0021), "by +0.0012 (95 %: +0.0003 to +0.0021) of its return and by -0.0100"),
        ((None, None), "by +0.0012 of its return and by -0.0100"),
    ],
)
def test_the_report_says_what_the_regimes_say_of_the_next_bar(folder, interval, expected):
    assert "next bar" not in write_report(folder).read_text()  # an older model was not asked
    low, high = interval
    nothing = {"mean": -0.01, "low": -0.02, "high": -0.001}
    summary = {"log_return": {"mean": 0.0012, "low": low, "high": high}, "log_range": nothing}
    record = {"next_bar": {"rows": 12_000, **summary}, "regimes_unclear": 0.031}
    (folder / "report.json").write_text(json.dumps(record))

    text = write_report(folder).read_text()

    assert expected in text
    assert "12,000 rows out of sample" in text
    assert "too unclear for a signal in 3.1% of the rows" in text


@pytest.mark.filterwarnings("ignore")
def test_the_importance_is_the_mean_size_of_the_exact_values(folder, tmp_path):
    model = small_model(tmp_path)
    _, contents = read_model(model)
    rows = np.load(folder / ROWS)
    ours = shap_values(compile_explainer(read_booster(contents["forest"])), rows)[:, :, :-1]

    made = importance(tree_values(contents["forest"], rows), ALL_NAMES)

    expected = np.abs(ours).mean(axis=0)  # class, feature
    for name, sizes in made.items():
        np.testing.assert_allclose(sizes, expected[:, ALL_NAMES.index(name)], atol=1e-5)
    totals = [sum(sizes) for sizes in made.values()]
    assert totals == sorted(totals, reverse=True)


@pytest.mark.filterwarnings("ignore")
def test_the_report_changes_no_file_that_the_model_is_checked_by(folder, tmp_path):
    write_report(folder)

    manifest, _ = read_model(small_model(tmp_path))

    assert manifest.version == folder.name


def test_a_folder_without_its_rows_says_which_file_is_missing(folder):
    (folder / ROWS).unlink()

    with pytest.raises(FileNotFoundError, match=ROWS):
        write_report(folder)
