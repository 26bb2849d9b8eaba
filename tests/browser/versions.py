"""Versions of a model with all that can be known of one, and the drift of the one that serves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np

from schemas.certificates import CertificateCheck, ModelCertificate
from schemas.diagnostics import ConfidenceBin, ModelEquity
from schemas.gates import (
    ComparedMetric,
    Forecast,
    ForecastScore,
    GateFigure,
    GateName,
    GateReport,
    Holdout,
    ModelComparison,
)
from schemas.models import ModelRegistered
from schemas.record import Record
from schemas.specialists import ModelSelection, SelectionTest, Specialist, SpecialistName
from schemas.timeframes import DAY_MS, HOUR_MS
from schemas.training import TrainingBudget
from tests.browser.played import MODEL, SYMBOLS
from tests.build import (
    START_MS,
    close_time,
    comparison,
    drift_report,
    feature_drift,
    model_command,
    registered,
)
from tests.fakes.command_processor import CommandProcessor

LOSSES: dict[Forecast, float] = {
    "ensemble": 0.9345,
    "xgboost": 0.9371,
    "lstm": 0.9468,
    "class_prior": 0.9837,
    "naive_last_label": 1.4312,
    "historical_volatility": 0.9702,
}
GATES: dict[GateName, str] = {
    "data": "40,004 bars of 4 markets, 3 missing",
    "features": "97 features, no row without a label that it needs",
    "boosted": "better than the class shares on every fold",
    "lstm": "better than the class shares on every fold",
    "ensemble": "the edge is not chance; costs eat what it earns",
    "promotion": "too few trades to judge the challenger by them",
}


def scores() -> tuple[ForecastScore, ...]:
    """Return a score of the ensemble, its members and the baselines."""
    return tuple(
        ForecastScore(
            forecast=name,
            log_loss=loss,
            brier=0.6 * loss,
            accuracy=1.4 - loss,
            macro_f1=0.4,
            calibration_error=0.0212,
        )
        for name, loss in LOSSES.items()
    )


def report(name: GateName, *, passed: bool = True) -> GateReport:
    """Return a gate with a figure that decides, one that does not, and one that is shown."""
    figures = (
        GateFigure(
            name="log_loss",
            value=0.9345,
            threshold=0.9837,
            rule="below",
            verdict="passed",
            required=True,
        ),
        GateFigure(
            name="sharpe_ratio", value=-0.4, threshold=1.0, rule="at_least", verdict="failed"
        ),
        GateFigure(name="rows", value=14_796.0, verdict="shown"),
    )
    return GateReport(name=name, passed=passed, figures=figures, detail=GATES[name])


def compared() -> ModelComparison:
    """Return a comparison that a person must decide."""
    rows: list[tuple[str, Any, float, float, float, bool]] = [
        ("total_profit", "high", 0.0, 0.012, 0.019, True),
        ("sharpe_ratio", "high", 0.5, 0.41, 0.62, True),
        ("total_trades", "low", 10.0, 14.0, 7.0, False),
    ]
    return comparison(
        MODEL,
        rows=1_480,
        from_ms=START_MS - 24 * HOUR_MS,
        to_ms=START_MS,
        metrics=tuple(
            ComparedMetric(
                metric=name,
                weight=weight,
                required=True,
                rule="at_least",
                threshold=threshold,
                champion=champion,
                challenger=challenger,
                passed=passed,
            )
            for name, weight, threshold, champion, challenger, passed in rows
        ),
        difference=0.0041,
        difference_interval=(-0.0012, 0.0093),
        verdict="manual_review",
        reasons=("total_trades: found 7, expected at least 10, so profit says little",),
    )


def equity() -> ModelEquity:
    """Return one unit that trades twice a day: it gains, falls back and recovers."""
    random = np.random.default_rng(11)
    steps = random.normal(0.0009, 0.006, 118)
    steps[60:80] -= 0.006
    curve = np.concatenate(([1.0], np.cumprod(1.0 + steps))).round(6)
    times = START_MS - 60 * DAY_MS + 12 * HOUR_MS * np.arange(len(curve))
    return ModelEquity(
        times_ms=tuple(times.tolist()), equity=tuple(curve.tolist()), trades=len(steps)
    )


def reliability() -> tuple[ConfidenceBin, ...]:
    """Return ranges of confidence: honest ones, one that promised too much, and a rare one."""
    rows = [
        (1_120, 0.371, 0.382, (0.354, 0.41)),
        (7_904, 0.452, 0.447, (0.431, 0.463)),
        (4_310, 0.544, 0.529, (0.504, 0.554)),
        (1_326, 0.637, 0.578, (0.531, 0.625)),
        (136, 0.718, 0.684, None),
    ]
    return tuple(
        ConfidenceBin(rows=count, confidence=promised, hit_rate=rate, interval=span)
        for count, promised, rate, span in rows
    )


def selection() -> ModelSelection:
    """Return two specialists that are fitted, of which one may answer, and a missing one."""
    losses = [("bull_specialist", 0.9288, 0.9341, True), ("bear_specialist", 0.962, 0.9589, False)]
    fitted = [
        Specialist(
            name=cast(SpecialistName, name),
            effective_rows=4_180.0,
            temperature=1.2,
            log_loss=own,
            universal_log_loss=universal,
            qualified=qualified,
            reason=f"{'' if qualified else 'not '}better than the class prior beyond chance",
        )
        for name, own, universal, qualified in losses
    ]
    reason = "312 effective rows, expected 500 at least"
    missing = Specialist(name="sideways_specialist", effective_rows=312.0, reason=reason)
    test = SelectionTest(
        rule="blend",
        rows=14_796,
        log_loss=0.9331,
        universal_log_loss=0.9345,
        difference=0.0014,
        interval=(-0.0003, 0.0031),
        level=0.975,
        beats=False,
    )
    return ModelSelection(
        reason="no rule of the specialists beats it out of sample",
        specialists=(*fitted, missing),
        tests=(test,),
    )


def version(name: str, hour: int, **fields: Any) -> ModelRegistered:
    """Return a version with all its reports, registered at an hour."""
    checks = [("features", 97), ("labels", 1), ("filters", 4), ("scalers", 97)]
    return registered(
        model_version=name,
        request_id=f"training-{hour}",
        symbols=SYMBOLS,
        event_time_ms=START_MS + hour * HOUR_MS,
        reports=tuple(report(gate, passed=gate != "promotion") for gate in GATES),
        scores=scores(),
        equity=equity(),
        reliability=reliability(),
        selection=selection(),
        holdout=Holdout(
            from_ms=START_MS - 24 * HOUR_MS, to_ms=START_MS, rows=1_480, scores=scores()
        ),
        certificate=ModelCertificate(
            seed=7,
            checks=tuple(
                CertificateCheck(kind=kind, parts=parts, cuts=4, values=4_000 * parts)
                for kind, parts in checks
            ),
        ),
        **fields,
    )


def records(processor: CommandProcessor) -> Iterator[Record]:
    """Yield a version that serves, one that was kept out, and one that a person must decide."""
    kept = comparison(MODEL, verdict="keep", difference=-0.004, reasons=("log-loss is higher",))
    yield from processor.register(version(MODEL, 0))
    asked = model_command("retrain", 30)
    yield from (made for made in processor.decide(asked) if isinstance(made, TrainingBudget))
    yield from processor.register(version("5637c545b85d7ee4", 1, comparison=kept))
    yield from processor.register(version("cffcb7ecb2823d2c", 2, comparison=compared()))
    for symbol in SYMBOLS:
        yield feature_drift(119, symbol=symbol, model_version=MODEL)
        yield drift_report(119, symbol=symbol, model_version=MODEL, features_ms=close_time(119))
