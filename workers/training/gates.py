"""The six gates of a training, each a report: figures, thresholds, verdicts.

``log_loss_below_prior``, ``edge_beyond_chance`` and ``blind_to_the_future`` alone decide whether a
model is qualified, and so whether its signals may be graded above C. The other thresholds are
reported beside the values that were found: a required figure fails its own gate, and no other, and
a registration threshold is only said. The ACTIVE config's ``gates`` says the level of the edge and
the thresholds of registration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from schemas.certificates import ModelCertificate
from schemas.gates import (
    ForecastScore,
    GateFigure,
    GateName,
    GateReport,
    ModelComparison,
    Rule,
    holds,
)
from schemas.models import ModelMetrics
from schemas.policies import REGISTRATION, GatesPolicy, thresholds

Figures = Mapping[str, float | None]


@dataclass(frozen=True)
class Requirement:
    """How one figure must lie.

    Attributes:
        rule: The comparison with the threshold.
        threshold: In the unit of the figure.
        required: The gate fails with it; otherwise it informs.
    """

    rule: Rule
    threshold: float
    required: bool = True

    def holds(self, value: float | None) -> bool:
        """Return whether a value lies as required; one that is undefined does not."""
        return holds(self.rule, value, self.threshold)


DATA: Mapping[str, Requirement] = {
    "missing_share": Requirement("at_most", 0.05),
    "zero_volume_share": Requirement("at_most", 0.5),
}
FEATURES: Mapping[str, Requirement] = {
    "usable_share": Requirement("at_least", 0.5),
    "null_share": Requirement("at_most", 0.2),
    "rarest_class_share": Requirement("at_least", 0.01),
    "label_lead_bars": Requirement("at_least", 1.0),
    "holdout_gap_bars": Requirement("above", 0.0),
    "symbols_left_out": Requirement("at_most", 0.0, required=False),
}


def registration(policy: GatesPolicy) -> dict[str, Requirement]:
    """Return by figure what a model should reach before it is registered; it informs."""
    wanted = thresholds(policy.registration, REGISTRATION)
    return {
        row.figure: Requirement(row.rule, wanted[key], required=False)
        for key, row in REGISTRATION.items()
    } | {
        "deflated_sharpe_ratio": Requirement(
            "at_least", policy.min_deflated_sharpe_ratio, required=False
        )
    }


def qualifying_gates(
    metrics: ModelMetrics, certificate: ModelCertificate, policy: GatesPolicy
) -> dict[str, bool]:
    """Return the gates that qualify: better than the shares, beyond chance, no leak.

    Many trainings follow each other: of labels without an edge hardly one should pass.
    """
    loss, prior = metrics.log_loss, metrics.prior_log_loss
    chance = metrics.edge_p_value
    return {
        "log_loss_below_prior": loss is not None and prior is not None and loss < prior,
        "edge_beyond_chance": chance is not None and chance < policy.edge_level,
        "blind_to_the_future": not certificate.violations,
    }


def gate_report(
    name: GateName, figures: Figures, policy: Mapping[str, Requirement], detail: str = ""
) -> GateReport:
    """Return the report of one gate; a figure without a requirement is shown."""
    rows = tuple(_figure(each, value, policy.get(each)) for each, value in figures.items())
    passed = all(row.verdict != "failed" for row in rows if row.required)
    return GateReport(name=name, passed=passed, figures=rows, detail=detail or _detail(rows))


def _figure(name: str, value: float | None, requirement: Requirement | None) -> GateFigure:
    if requirement is None:
        return GateFigure(name=name, value=value, verdict="shown")
    return GateFigure(
        name=name,
        value=value,
        threshold=requirement.threshold,
        rule=requirement.rule,
        verdict="passed" if requirement.holds(value) else "failed",
        required=requirement.required,
    )


def _detail(rows: Sequence[GateFigure]) -> str:
    failed = [row for row in rows if row.verdict == "failed"]
    names = ", ".join(row.name for row in failed)
    if not any(row.required for row in failed):
        return f"short of, which decides nothing: {names}" if failed else "nothing failed"
    return f"failed: {names}"


@dataclass(frozen=True)
class GateFacts:
    """What the gates look at.

    Attributes:
        data, features: Figures of the first two gates.
        scores: Of the pool, the members and the baselines, out of sample.
        metrics: Of the pool, out of sample.
        trading: What the calls came to that it would have served.
        trials: Models tried for the strategy, this one included.
        qualifying: The gates that qualify, by name.
        policy: By which they are judged.
    """

    data: Figures
    features: Figures
    scores: Sequence[ForecastScore]
    metrics: ModelMetrics
    trading: Figures
    trials: int
    qualifying: Mapping[str, bool]
    policy: GatesPolicy = field(default_factory=GatesPolicy)


def gate_reports(facts: GateFacts, comparison: ModelComparison | None) -> tuple[GateReport, ...]:
    """Return the reports of all gates, in order."""
    before = (
        gate_report("data", facts.data, DATA),
        gate_report("features", facts.features, FEATURES),
        _member("boosted", "xgboost", facts.scores),
        _member("lstm", "lstm", facts.scores),
        _ensemble(facts),
    )
    return (*before, _promotion(before, facts.qualifying, comparison))


def _member(gate: GateName, forecast: str, scores: Sequence[ForecastScore]) -> GateReport:
    """Return the gate of one member: its own log-loss against that of the class shares."""
    losses = {score.forecast: score.log_loss for score in scores}
    prior = losses.get("class_prior")
    mine = next((score for score in scores if score.forecast == forecast), None)
    figures: dict[str, float | None] = {"log_loss": mine.log_loss if mine else None}
    if mine:
        figures |= {"brier": mine.brier, "accuracy": mine.accuracy, "macro_f1": mine.macro_f1}
    for baseline in ("naive_last_label", "historical_volatility"):
        figures[f"{baseline}_log_loss"] = losses.get(baseline)
    policy = {} if prior is None else {"log_loss": Requirement("below", prior)}
    return gate_report(gate, figures, policy)


def _ensemble(facts: GateFacts) -> GateReport:
    metrics = facts.metrics
    edge, resolution = metrics.log_loss_edge_interval, metrics.log_loss_resolution_interval
    policy = registration(facts.policy)
    policy["edge_p_value"] = Requirement("below", facts.policy.edge_level)
    if metrics.prior_log_loss is not None:
        policy["log_loss"] = Requirement("below", metrics.prior_log_loss)
    losses = {score.forecast: score.log_loss for score in facts.scores}
    figures = {
        "log_loss": metrics.log_loss,
        **({"selection_log_loss": losses["selection"]} if "selection" in losses else {}),
        "edge_low": edge[0] if edge else None,
        "resolution_low": resolution[0] if resolution else None,
        "edge_p_value": metrics.edge_p_value,
        "calibration_error": metrics.calibration_error,
        "net_return_per_signal": metrics.net_return_per_signal,
        **facts.trading,
        "trials": float(facts.trials),
    }
    report = gate_report("ensemble", figures, policy)
    if figures["profit_factor"] is None and (figures["win_rate"] or 0.0) > 0.0:
        return _without_loss(report)
    return report


def _without_loss(report: GateReport) -> GateReport:
    """Return a report whose profit factor is undefined because no trade lost: that passes."""
    rows = tuple(
        row.model_copy(update={"verdict": "passed"}) if row.name == "profit_factor" else row
        for row in report.figures
    )
    return report.model_copy(update={"figures": rows, "detail": _detail(rows)})


def _promotion(
    before: Sequence[GateReport],
    qualifying: Mapping[str, bool],
    comparison: ModelComparison | None,
) -> GateReport:
    figures: dict[str, float | None] = {
        "gates_passed": float(sum(report.passed for report in before)),
        **{name: float(passed) for name, passed in qualifying.items()},
    }
    policy = {name: Requirement("at_least", 1.0) for name in qualifying}
    words = "qualified" if all(qualifying.values()) else "unqualified"
    if comparison is None:
        return gate_report("promotion", figures, policy, f"{words}; compared with no champion")
    figures["better_than_champion"] = float(comparison.verdict == "promote")
    policy["better_than_champion"] = Requirement("at_least", 1.0)
    said = f"{words}; {comparison.verdict} beside {comparison.champion}"
    return gate_report("promotion", figures, policy, said)
