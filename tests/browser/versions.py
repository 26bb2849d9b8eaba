"""Versions of a model with all that can be known of one, and the drift of the one that serves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.certificates import CertificateCheck, ModelCertificate
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
from schemas.timeframes import HOUR_MS
from tests.browser.played import MODEL, SYMBOLS
from tests.build import (
    START_MS,
    close_time,
    comparison,
    drift_report,
    feature_drift,
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
            forecast=name, log_loss=loss, brier=0.6 * loss, accuracy=1.4 - loss, macro_f1=0.4
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
    yield from processor.register(version("5637c545b85d7ee4", 1, comparison=kept))
    yield from processor.register(version("cffcb7ecb2823d2c", 2, comparison=compared()))
    for symbol in SYMBOLS:
        yield feature_drift(119, symbol=symbol, model_version=MODEL)
        yield drift_report(119, symbol=symbol, model_version=MODEL, features_ms=close_time(119))
